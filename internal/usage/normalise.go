package usage

import (
	"errors"
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
	aliases  []prefix
	prefixes []prefix
}

// Registry is one registry that references may point at: its name in
// inventories and the addresses it is reached under (hosts or base URLs).
type Registry struct {
	Name      string
	Addresses []string
}

// NewNames makes Names for these registries. The longest alias that fits wins.
func NewNames(registries []Registry, aliases []Alias) (*Names, error) {
	names := &Names{}
	for _, alias := range aliases {
		if alias.From == "" || alias.To == "" {
			return nil, fmt.Errorf("alias %q to %q: both sides need a registry host", alias.From, alias.To)
		}
		names.aliases = append(names.aliases, prefix{parseAddress(alias.From), parseAddress(alias.To).name})
	}
	for _, registry := range registries {
		for _, written := range append([]string{registry.Name}, registry.Addresses...) {
			names.prefixes = append(names.prefixes, prefix{parseAddress(written), registry.Name})
		}
	}
	return names, nil
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

// Whole says that the reference does not tell which image of the repository is
// meant, so that it may be any.
func (i Image) Whole() bool { return i.Tag == "" && i.Digest == "" }

// String writes the image as it is read.
func (i Image) String() string {
	s := i.Registry + "/" + i.Repository
	switch {
	case i.Whole():
		return s + anyTag
	case i.Tag != "":
		s += ":" + i.Tag
	}
	if i.Digest != "" {
		s += "@" + string(i.Digest)
	}
	return s
}

// anyTag at the end of a reference stands for every image of the repository.
const anyTag = ":*"

// Parse normalises an image as a container engine would: docker.io and
// library/ where no registry is written, latest where neither tag nor digest
// is. Schemes that runtimes put in front (docker-pullable://, docker://) are
// taken off; hosts are compared without regard to case and default port. A
// reference that ends in :* is every image of its repository.
//
// One reference may be the same image of several known registries, where they
// have one address or an alias covers the name of another. What is no
// reference is an error unless it begins with a host that can be none of these.
func (n *Names) Parse(written string) ([]Image, error) {
	s := strings.TrimSpace(written)
	for _, scheme := range []string{"docker-pullable://", "docker://", "containers-storage:", "oci://", "https://", "http://"} {
		s = strings.TrimPrefix(s, scheme)
	}
	s, whole := strings.CutSuffix(s, anyTag)
	host, path, named := strings.Cut(s, "/")
	if named = named && (host == "localhost" || strings.ContainsAny(host, ".:")); !named {
		host, path = dockerHub, s
	}
	ref, err := oci.ParseReference(noHost + path)
	if err == nil && path == "" {
		err = errors.New("an empty reference names no image")
	}
	if err != nil {
		if named && path != "" && !n.mayBeKnown(host) {
			return []Image{{Registry: strings.ToLower(host), Repository: path}}, nil
		}
		return nil, errors.New(strings.ReplaceAll(err.Error(), noHost, host+"/"))
	}
	if whole && (ref.Tag != "" || ref.Digest != "") {
		return nil, fmt.Errorf("reference %q: what ends in %s has no tag and no digest beside it", s, anyTag)
	}
	if ref.Tag == "" && ref.Digest == "" && !whole {
		ref.Tag = "latest"
	}
	as := Image{Tag: ref.Tag, Digest: ref.Digest}
	full := parseAddress(host + "/" + ref.Repository).image()
	images := n.resolve(nil, full, as)
	for _, alias := range matching(n.aliases, full) {
		aliased := parseAddress(alias.to + alias.rest).image()
		if images = n.resolve(images, aliased, as); len(images) == 0 {
			full = aliased
		}
	}
	if len(images) == 0 {
		as.Registry, as.Repository, _ = strings.Cut(full.name, "/")
		images = append(images, as)
	}
	return images, nil
}

// InEvery writes the path as an image of every known registry, for references
// that do not tell which one they mean.
func (n *Names) InEvery(path string) []string {
	var images []string
	for _, p := range n.prefixes {
		if host, _, _ := strings.Cut(p.written.name, "/"); strings.ContainsAny(host, ".:") || host == "localhost" {
			images = append(images, p.written.name+"/"+path)
		}
	}
	return images
}

// noHost stands for the host while the rest of a reference is read, so that a
// host that is written oddly does not matter.
const noHost = "host.invalid/"

// resolve adds the image as it is called in every registry that is known under
// the longest prefix.
func (n *Names) resolve(images []Image, full address, as Image) []Image {
	for _, known := range matching(n.prefixes, full) {
		as.Registry, as.Known, as.Repository = known.to, true, strings.TrimPrefix(known.rest, "/")
		if as.Repository != "" && !slices.Contains(images, as) {
			images = append(images, as)
		}
	}
	return images
}

// mayBeKnown says whether a known registry or an alias has this host.
func (n *Names) mayBeKnown(host string) bool {
	written := parseAddress(host)
	return slices.ContainsFunc(slices.Concat(n.prefixes, n.aliases), func(p prefix) bool {
		known, _, _ := strings.Cut(p.written.folded, "/")
		return known == written.folded
	})
}

// prefix leads to another name: that of a registry, or what an alias stands
// for.
type prefix struct {
	written address
	to      string
}

// match is a prefix that a reference begins with, and what comes behind it.
type match struct{ to, rest string }

// matching finds the longest prefix that the reference begins with; all of
// them where several are alike.
func matching(prefixes []prefix, full address) []match {
	longest := -1
	var matches []match
	for _, p := range prefixes {
		rest, found := strings.CutPrefix(full.folded, p.written.folded)
		if length := len(p.written.folded); found && (rest == "" || rest[0] == '/') && length >= longest {
			if length > longest {
				longest, matches = length, nil
			}
			matches = append(matches, match{p.to, rest})
		}
	}
	return matches
}
