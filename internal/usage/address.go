package usage

import "strings"

// address is HOST[:PORT][/PATH] without scheme and closing slash.
type address struct {
	// name has the host in lower case and one name for Docker Hub.
	name string
	// folded is what names are compared by: without a default port, and with one
	// name for this machine.
	folded string
}

// dockerHub is what a reference without a host means
// (distribution/reference, "familiar names").
const dockerHub = "docker.io"

func parseAddress(written string) address {
	if _, rest, found := strings.Cut(written, "://"); found {
		written = rest
	}
	host, path, slash := strings.Cut(strings.TrimRight(written, "/"), "/")
	host = strings.ToLower(host)
	folded := strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	for _, hub := range []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", dockerHub} {
		if folded == hub {
			host, folded = dockerHub, dockerHub
		}
	}
	for _, loopback := range []string{"127.0.0.1", "[::1]"} {
		if port, found := strings.CutPrefix(folded, loopback); found && (port == "" || port[0] == ':') {
			folded = "localhost" + port
		}
	}
	if !slash {
		return address{host, folded}
	}
	return address{host + "/" + path, folded + "/" + path}
}

// image fills in library/ where a reference to Docker Hub has no namespace.
func (a address) image() address {
	if name, found := strings.CutPrefix(a.name, dockerHub+"/"); found && !strings.Contains(name, "/") {
		official := dockerHub + "/library/" + name
		return address{official, official}
	}
	return a
}
