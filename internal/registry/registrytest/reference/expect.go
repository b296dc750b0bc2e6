package reference

import (
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Options of what follows from verdicts.
type Options struct {
	Now time.Time
	// Grace protects untagged manifests and children that were pushed less than
	// this long ago; 0 for none.
	Grace time.Duration
	// NoUntag: single tags cannot be deleted, so a removed tag on a manifest
	// that survives stays (it is reported as blocked).
	NoUntag bool
	// RemoveOrphans: attachments whose subject is missing go.
	RemoveOrphans bool
	// ListsUntagged: the registry lists every manifest. Where it does not, what
	// no tag leads to is unseen and has no say.
	ListsUntagged bool
	// NoReferrers: there is no referrers API, so a referrer is seen only if a
	// tag leads to it.
	NoReferrers bool
	// ManifestTimes: the registry tells when manifests were pushed.
	ManifestTimes bool
}

// Expect says which tags and manifests should go, given the verdicts on the
// roots.
func Expect(w *world.World, verdicts Verdicts, options Options) world.Expectation {
	expected := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}, Unseen: map[world.Node]bool{}}
	for _, name := range w.Names() {
		seen := w.Repositories[name]
		if !options.ListsUntagged {
			seen = visible(seen, !options.NoReferrers)
		}
		for digest := range w.Repositories[name].Manifests {
			if seen.Manifests[digest] == nil {
				expected.Unseen[world.Node{Repository: name, Digest: digest}] = true
			}
		}
		f := newFate(seen, verdicts, options)
		f.all = w.Repositories[name]
		f.decide()
		for tag, digest := range f.repo.Tags {
			root := f.roots[tag]
			gone := f.doomed(digest)
			if root && verdicts[Root{name, tag, digest}] == Remove {
				gone = gone || !options.NoUntag
			}
			if gone {
				expected.Removed[world.Ref{Repository: name, Tag: tag}] = true
			}
		}
		for digest := range f.repo.Manifests {
			if f.doomed(digest) {
				expected.Doomed[world.Node{Repository: name, Digest: digest}] = true
			}
		}
	}
	return expected
}

// visible is the part of a repository that its tags lead to: by children, and by
// referrers where they are listed. What an attachment hangs on is not looked
// at for its own sake.
func visible(r *world.Repository, referrers bool) *world.Repository {
	seen := *r
	seen.Manifests = map[oci.Digest]*world.Manifest{}
	add := func(digest oci.Digest) (grown bool) {
		if m := r.Manifests[digest]; m != nil && seen.Manifests[digest] == nil {
			seen.Manifests[digest] = m
			return true
		}
		return false
	}
	for _, digest := range r.Tags {
		add(digest)
	}
	for grown := true; grown; {
		grown = false
		for digest, m := range r.Manifests {
			if seen.Manifests[digest] == nil {
				if referrers && seen.Manifests[m.Subject] != nil {
					grown = add(digest) || grown
				}
				continue
			}
			for _, child := range m.Children {
				grown = add(child.Digest) || grown
			}
		}
	}
	return &seen
}

// Freed is how many bytes of blobs only doomed manifests reach, each blob once
// over the whole registry.
func Freed(w *world.World, expected world.Expectation) int64 {
	kept, going := map[oci.Digest]bool{}, map[oci.Digest]bool{}
	for name, r := range w.Repositories {
		for digest, m := range r.Manifests {
			into := kept
			if expected.Doomed[world.Node{Repository: name, Digest: digest}] {
				into = going
			}
			for _, blob := range append([]oci.Digest{m.Config}, m.Layers...) {
				into[blob] = true
			}
		}
	}
	var bytes int64
	for blob := range going {
		if !kept[blob] {
			bytes += int64(len(w.Blobs[blob]))
		}
	}
	return bytes
}

// fate of the manifests of one repository.
type fate struct {
	repo     *world.Repository // what is seen of it
	all      *world.Repository
	verdicts Verdicts
	options  Options
	roots    map[string]bool             // tags that are roots
	subjects map[oci.Digest][]oci.Digest // of attachments, there or not
	reached  map[oci.Digest]bool         // from removed roots
	survives map[oci.Digest]bool
}

func newFate(r *world.Repository, verdicts Verdicts, options Options) *fate {
	f := &fate{
		repo: r, verdicts: verdicts, options: options, roots: map[string]bool{}, subjects: map[oci.Digest][]oci.Digest{},
		reached: map[oci.Digest]bool{}, survives: map[oci.Digest]bool{},
	}
	for digest, m := range r.Manifests {
		if m.Subject != "" {
			f.subjects[digest] = append(f.subjects[digest], m.Subject)
		}
	}
	for tag, digest := range r.Tags {
		if subject, _, ok := oci.ParseAttachmentTag(tag); ok {
			f.subjects[digest] = append(f.subjects[digest], subject)
		}
	}
	for _, root := range Roots(r) {
		if root.Tag != "" {
			f.roots[root.Tag] = true
		}
	}
	return f
}

func (f *fate) doomed(digest oci.Digest) bool { return f.reached[digest] && !f.survives[digest] }

func (f *fate) decide() {
	for _, root := range Roots(f.repo) {
		if f.verdicts[root] == Remove {
			f.reached[root.Digest] = true
		} else {
			f.survives[root.Digest] = true
		}
	}
	for digest, subjects := range f.subjects {
		for _, subject := range subjects {
			switch {
			case f.repo.Manifests[subject] != nil:
			case f.all.Manifests[subject] != nil:
				f.survives[digest] = true // its subject is unseen, so it stays
			case f.options.RemoveOrphans:
				f.reached[digest] = true
			default:
				f.survives[digest] = true // an orphan
			}
		}
	}
	f.spread(f.reached)
	for digest := range f.repo.Manifests {
		if !f.reached[digest] {
			f.survives[digest] = true
		}
	}
	f.spread(f.survives)
	for digest := range f.repo.Manifests {
		if f.doomed(digest) && f.inGrace(digest) {
			f.survives[digest] = true
		}
	}
	f.spread(f.survives)
}

// spread adds children and attachments until nothing is added any more.
func (f *fate) spread(set map[oci.Digest]bool) {
	for grown := true; grown; {
		grown = false
		add := func(digest oci.Digest) {
			if !set[digest] {
				set[digest] = true
				grown = true
			}
		}
		for digest, m := range f.repo.Manifests {
			if set[digest] {
				for _, child := range m.Children {
					add(child.Digest)
				}
			}
		}
		for attachment, subjects := range f.subjects {
			for _, subject := range subjects {
				if set[subject] && f.repo.Manifests[subject] != nil {
					add(attachment)
				}
			}
		}
	}
}

// inGrace: an untagged root or a child may belong to a push in flight unless
// it is known to be older. What a removed tag points at, and attachments, are
// not meant.
func (f *fate) inGrace(digest oci.Digest) bool {
	if f.options.Grace == 0 || len(f.subjects[digest]) > 0 {
		return false
	}
	for tag, at := range f.repo.Tags {
		if at == digest && f.verdicts[Root{f.repo.Name, tag, digest}] == Remove {
			return false
		}
	}
	at := f.arrived(digest)
	return at.IsZero() || f.options.Now.Sub(at) < f.options.Grace
}

// arrived is when a manifest was pushed, else when the latest index that lists
// it was built, else when it was built itself; zero if nothing tells.
func (f *fate) arrived(digest oci.Digest) time.Time {
	if f.options.ManifestTimes {
		if pushed := trusted(f.repo.Pushed[string(digest)], f.options.Now); !pushed.IsZero() {
			return pushed
		}
	}
	var built time.Time
	listed := false
	for _, m := range f.repo.Manifests {
		for _, child := range m.Children {
			if child.Digest == digest {
				listed = true
				built = latest(built, trusted(f.repo.Created(m), f.options.Now))
			}
		}
	}
	if !listed {
		built = trusted(f.repo.Created(f.repo.Manifests[digest]), f.options.Now)
	}
	return built
}
