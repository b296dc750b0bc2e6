package inventory

import "github.com/regkeep/regkeep/internal/oci"

// Demand says what a decision could depend on, so that nothing else is asked
// of the registry.
type Demand interface {
	// Want is called with the complete tag list of a repository at Depth Names,
	// from several goroutines at once. It must not keep repo.
	//
	// Where a list is long it is also called with the first tags, while the rest
	// is on its way. When it wants Graph for these, they are looked at; it should
	// want it for the whole list then, because what it does not want was asked for
	// in vain. Untagged should not depend on the tags.
	Want(repo *Repository) Want
}

// Want is how deep to look into one repository.
type Want struct {
	// Graph: something may go here, so resolve every tag and read every
	// manifest reachable from one. False: the tag list is enough.
	Graph bool
	// Config says for which tags the image config matters (created, labels,
	// platforms); "" stands for untagged roots. Nil: for none.
	Config func(tag string) bool
	// Untagged: list untagged manifests too, where the registry can.
	Untagged bool
	// Indexes: read every index, also in registries where the listing would
	// do, because it matters what lists what.
	Indexes bool
	// Digests and Tags are what something is known to use here. The manifests
	// are read also where no tag leads to them; a tag that the list of tags has
	// not got is looked up, and is a gap when it is there.
	Digests []oci.Digest
	Tags    []string
	// Orphans: look whether the subject of every attachment is there.
	Orphans bool
}
