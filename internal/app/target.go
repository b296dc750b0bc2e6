package app

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/oci"
)

// Target is a registry and which of its repositories are meant.
type Target struct {
	// Name is what the user calls the registry: a configured name, or the
	// address as written.
	Name string
	// Configured: Name stands in the configuration.
	Configured bool
	// Pattern of repositories; "" for all.
	Pattern string
}

// Exact says whether the pattern is the name of one repository.
func (t Target) Exact() bool { return oci.ValidRepository(t.Pattern) }

// ParseTarget reads HOST[:PORT][/REPOSITORY-PATTERN], a base URL, or the name
// of a configured registry with or without a pattern.
func ParseTarget(file *config.File, written string) (Target, error) {
	if written == "" {
		return Target{}, misuse("the target is empty; write HOST[:PORT][/REPOSITORY-PATTERN]")
	}
	if strings.Contains(written, "://") {
		return baseURL(file, written)
	}
	name, pattern, slash := strings.Cut(written, "/")
	t := Target{Name: name, Pattern: pattern}
	if strings.HasSuffix(pattern, "/") && !strings.HasPrefix(pattern, "/") { // not /a regular expression/
		t.Pattern += "**"
	}
	if strings.Contains(name, "@") {
		return Target{}, misuse("target %q: sign in with `docker login`, REGKEEP_USERNAME or the configuration, never on the command line", afterAt(written))
	}
	if _, known := file.Registry(name); known {
		t.Configured = true
		return t, nil
	}
	if !isHost(name) {
		return Target{}, notAHost(file, name, slash)
	}
	if t.Pattern == "**" {
		t.Pattern = ""
	}
	return t, nil
}

func isHost(s string) bool {
	host, port, found := strings.Cut(s, ":")
	if strings.HasPrefix(s, "[") { // IPv6
		closing := strings.IndexByte(s, ']')
		return closing > 0 && net.ParseIP(s[1:closing]) != nil
	}
	if found && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	valid := strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") == "" && host != ""
	return valid && (found || host == "localhost" || strings.Contains(host, "."))
}

func notAHost(file *config.File, name string, slash bool) error {
	where := "no configuration file was found"
	var names []string
	for _, r := range file.Registries {
		names = append(names, r.Endpoint.Name)
	}
	switch {
	case len(names) > 0:
		where = file.Path + " has " + strings.Join(names, ", ")
	case file.Path != "":
		where = file.Path + " names no registry"
	}
	if slash {
		return misuse("%q is neither a host (no dot, no port) nor a configured registry (%s); write HOST[:PORT]/REPOSITORY-PATTERN", name, where)
	}
	return misuse("%q is neither a host (no dot, no port) nor a configured registry (%s); a host without a dot is written with its port, such as %s:5000", name, where, name)
}

func baseURL(file *config.File, written string) (Target, error) {
	parsed, err := url.Parse(written)
	switch {
	case err != nil || parsed.Host == "":
		return Target{}, misuse("target %q is not a URL with a host", afterAt(written))
	case parsed.User != nil:
		return Target{}, misuse("target %q: sign in with `docker login`, REGKEEP_USERNAME or the configuration, never on the command line", parsed.Redacted())
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return Target{}, misuse("target %q: a registry is reached by http or https, not %s", written, parsed.Scheme)
	case parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(parsed.Path, "*{[!"):
		return Target{}, misuse("target %q: a base URL has no pattern; write %s/REPOSITORY-PATTERN, or give the URL a name in the configuration", written, parsed.Host)
	}
	trimmed := strings.TrimSuffix(written, "/")
	for _, r := range file.Registries {
		if strings.TrimSuffix(r.Endpoint.Address, "/") == trimmed {
			return Target{Name: r.Endpoint.Name, Configured: true}, nil
		}
	}
	return Target{Name: trimmed}, nil
}

// afterAt hides what may be a password in front of a host.
func afterAt(written string) string {
	if at := strings.LastIndexByte(written, '@'); at >= 0 {
		return "…" + written[at:]
	}
	return written
}

// Reference is one image on the command line: a registry, a repository in it,
// and a tag or digest.
type Reference struct {
	Registry   Target // without pattern
	Repository string
	Tag        string
	Digest     oci.Digest
}

// String writes the reference as it is read.
func (r Reference) String() string {
	s := r.Registry.Name + "/" + r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + string(r.Digest)
	}
	return s
}

// ParseReference reads HOST/REPOSITORY:TAG or @DIGEST, where HOST may be a
// configured name or a URL.
func ParseReference(file *config.File, written string) (Reference, error) {
	scheme, rest, isURL := strings.Cut(written, "://")
	if !isURL {
		scheme, rest = "", written
	}
	name, path, _ := strings.Cut(rest, "/")
	if isURL {
		name, path = longestBase(file, scheme+"://", name, path)
	}
	target, err := ParseTarget(file, name)
	if err != nil {
		return Reference{}, err
	}
	parsed, err := oci.ParseReference("x.invalid/" + path)
	if err != nil || path == "" {
		return Reference{}, misuse("%q is not HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST", written)
	}
	if parsed.Tag == "" && parsed.Digest == "" {
		return Reference{}, misuse("%q names a repository; add the :TAG or @DIGEST that is meant", written)
	}
	target.Pattern = ""
	return Reference{Registry: target, Repository: parsed.Repository, Tag: parsed.Tag, Digest: parsed.Digest}, nil
}

// longestBase finds the configured base URL that the reference begins with, so
// that one behind a context path can be named; else the host is the base.
func longestBase(file *config.File, scheme, host, path string) (base, rest string) {
	base, rest = scheme+host, path
	bases := slices.Clone(file.Registries)
	slices.SortFunc(bases, func(a, b config.Registry) int { return len(b.Endpoint.Address) - len(a.Endpoint.Address) })
	for _, r := range bases {
		prefix := strings.TrimSuffix(r.Endpoint.Address, "/") + "/"
		if after, found := strings.CutPrefix(scheme+host+"/"+path, prefix); found {
			return r.Endpoint.Name, after
		}
	}
	return base, rest
}
