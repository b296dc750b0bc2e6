package oci

import (
	"fmt"
	"regexp"
	"strings"
)

// Reference names one image: registry host, repository, and a tag or a digest
// or both. Registry is "" when the text named none.
type Reference struct {
	Registry   string
	Repository string
	Tag        string
	Digest     Digest
}

// RepositoryGrammar is the regular expression of repository names
// (distribution-spec, "Pulling manifests").
const RepositoryGrammar = `^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`

var repositoryPattern = regexp.MustCompile(RepositoryGrammar)

// ValidRepository says whether name follows the grammar of repository names.
func ValidRepository(name string) bool { return repositoryPattern.MatchString(name) }

// ValidTag says whether name follows the grammar of tags (distribution-spec,
// "Pulling manifests"): [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func ValidTag(name string) bool {
	if name == "" || len(name) > 128 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLetterOrDigit(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// ParseReference reads HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]. The first
// component is a host when it has a dot or a colon or is "localhost"; nothing
// is defaulted (no docker.io, no library/, no latest): see package usage for
// the normalisation of references written for a container engine.
func ParseReference(s string) (Reference, error) {
	var ref Reference
	rest := s
	if name, digest, found := strings.Cut(rest, "@"); found {
		parsed, err := ParseDigest(digest)
		if err != nil {
			return Reference{}, fmt.Errorf("reference %q: %w", clip(s), err)
		}
		ref.Digest, rest = parsed, name
	}
	if host, path, found := strings.Cut(rest, "/"); found && isHost(host) {
		ref.Registry, rest = host, path
	}
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, '/') {
		ref.Tag, rest = rest[colon+1:], rest[:colon]
		if !ValidTag(ref.Tag) {
			return Reference{}, fmt.Errorf("reference %q: %q is not a tag", clip(s), clip(ref.Tag))
		}
	}
	ref.Repository = rest
	if !ValidRepository(rest) {
		return Reference{}, fmt.Errorf("reference %q: %q is not a repository name", clip(s), clip(rest))
	}
	return ref, nil
}

func isHost(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:")
}

// String writes the reference as ParseReference reads it.
func (r Reference) String() string {
	var b strings.Builder
	if r.Registry != "" {
		b.WriteString(r.Registry + "/")
	}
	b.WriteString(r.Repository)
	if r.Tag != "" {
		b.WriteString(":" + r.Tag)
	}
	if r.Digest != "" {
		b.WriteString("@" + string(r.Digest))
	}
	return b.String()
}
