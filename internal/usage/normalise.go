package usage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

// Alias says that images whose name begins with From are the ones that regkeep
// knows under To: a mirror, a port, a Nexus connector. Both are HOST[:PORT]
// with an optional path and match whole path components.
type Alias struct{ From, To string }

// Names turns references as people and container engines write them into the
// registry and repository names that an inventory uses.
type Names struct {
	aliases  []Alias
	prefixes []prefix // longest first
}

type prefix struct{ written, registry string }

// Registry is one registry that references may point at: its name in
// inventories and the addresses it is reached under (hosts or base URLs).
type Registry struct {
	Name      string
	Addresses []string
}

// NewNames makes Names for these registries. The longest alias that fits wins.
func NewNames(registries []Registry, aliases []Alias) (*Names, error) {
	names := &Names{aliases: slices.Clone(aliases)}
	for _, alias := range aliases {
		if alias.From == "" || alias.To == "" {
			return nil, fmt.Errorf("alias %q to %q: both sides need a registry host", alias.From, alias.To)
		}
	}
	slices.SortFunc(names.aliases, func(a, b Alias) int { return len(b.From) - len(a.From) })
	for _, registry := range registries {
		for _, address := range append([]string{registry.Name}, registry.Addresses...) {
			written := bareAddress(address)
			names.prefixes = append(names.prefixes, prefix{written: written, registry: registry.Name})
		}
	}
	slices.SortFunc(names.prefixes, func(a, b prefix) int { return len(b.written) - len(a.written) })
	return names, nil
}

// bareAddress is HOST[:PORT][/PATH] without scheme and closing slash.
func bareAddress(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	return dockerHub(strings.TrimSuffix(address, "/"))
}

// dockerHub folds the names of Docker Hub into one
// (distribution/reference, "familiar names").
func dockerHub(name string) string {
	for _, host := range []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"} {
		if name == host || strings.HasPrefix(name, host+"/") {
			return "docker.io" + strings.TrimPrefix(name, host)
		}
	}
	return name
}

// Image is a normalised reference. Registry is the name that inventories use,
// or the host as written when the registry is not among the known ones.
type Image struct {
	Registry   string
	Known      bool // the registry is one that was given to NewNames
	Repository string
	Tag        string
	Digest     oci.Digest
}

// Parse normalises an image as a container engine would: docker.io and
// library/ where no registry is written, latest where neither tag nor digest
// is. Schemes that runtimes put in front (docker-pullable://, docker://) are
// taken off.
func (n *Names) Parse(written string) (Image, error) {
	s := strings.TrimSpace(written)
	for _, scheme := range []string{"docker-pullable://", "docker://", "containers-storage:", "https://", "http://"} {
		s = strings.TrimPrefix(s, scheme)
	}
	ref, err := oci.ParseReference(s)
	if err != nil {
		return Image{}, err
	}
	if ref.Registry == "" {
		ref.Registry = "docker.io"
	}
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = "latest"
	}
	full := dockerHub(ref.Registry + "/" + ref.Repository)
	if hub, found := strings.CutPrefix(full, "docker.io/"); found && !strings.Contains(hub, "/") {
		full = "docker.io/library/" + hub
	}
	for _, alias := range n.aliases {
		if rest, found := cutPath(full, bareAddress(alias.From)); found {
			full = bareAddress(alias.To) + rest
			break
		}
	}
	image := Image{Tag: ref.Tag, Digest: ref.Digest}
	for _, p := range n.prefixes {
		if rest, found := cutPath(full, p.written); found && rest != "" {
			image.Registry, image.Known, image.Repository = p.registry, true, strings.TrimPrefix(rest, "/")
			return image, nil
		}
	}
	image.Registry, image.Repository, _ = strings.Cut(full, "/")
	return image, nil
}

// cutPath removes a prefix that ends where a path component ends.
func cutPath(s, prefix string) (rest string, found bool) {
	rest, found = strings.CutPrefix(s, prefix)
	return rest, found && (rest == "" || rest[0] == '/')
}
