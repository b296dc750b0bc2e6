package app

import (
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy/document"
	"github.com/regkeep/regkeep/internal/usage"
)

// caseUse is one image that a case says is in use. Tag or digest may be empty;
// both are where every image of the repository counts as used.
type caseUse struct {
	repository, tag string
	digest          oci.Digest
	place           *document.Value
}

// uses reads the list in_use. An empty one says that nobody uses anything,
// which is not the same as none.
func (f *caseFile) uses(v *document.Value) []caseUse {
	if v.Kind != document.List {
		f.problem(v, "in_use: expected a list of images such as [shop/cart:v1], found %s", v.Kind)
		return nil
	}
	all := []caseUse{}
	for _, item := range v.Items {
		var written string
		f.text(&written)(item)
		if written != "" {
			use := parseUse(written)
			use.place = item
			all = append(all, use)
		}
	}
	return all
}

// parseUse reads repository:tag, repository@word (or a digest) or a repository.
func parseUse(written string) caseUse {
	if name, word, found := strings.Cut(written, "@"); found {
		if digest, err := oci.ParseDigest(word); err == nil {
			return caseUse{repository: name, digest: digest}
		}
		return caseUse{repository: name, digest: wordDigest(word)}
	}
	name, tag, _ := strings.Cut(written, ":")
	return caseUse{repository: name, tag: tag}
}

// evidence is what the case says of use; nil where it says nothing, so that
// nothing is known.
func (c *policyCase) evidence(registry string) *usage.Evidence {
	if c.uses == nil {
		return nil
	}
	found := &usage.Evidence{Sources: []usage.Source{{Name: "case", Complete: true, References: len(c.uses)}}}
	for _, u := range c.uses {
		found.Add(registry, u.repository, u.tag, u.digest, usage.Witness{Source: "case", What: c.name, Seen: c.now})
	}
	return found
}
