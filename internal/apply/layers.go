package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// layers cuts steps, in the order of the plan, into groups. The steps of one
// are independent of each other and may be carried out side by side; nothing of
// the next begins before the whole of it has ended. So tags go before
// manifests, what lists before what is listed, and subjects before attachments
// as far as the plan put them so; attachments also wait for their subject one
// by one (see follows).
func (r *repository) layers(open []plan.Step) [][]plan.Step {
	if r.header.Kind != "remove" {
		return restoring(open)
	}
	var all [][]plan.Step
	for len(open) > 0 {
		rank := rankOf(open[0])
		n := slices.IndexFunc(open, func(s plan.Step) bool { return rankOf(s) != rank })
		if n < 0 {
			n = len(open)
		}
		some := open[:n:n]
		open = open[n:]
		switch {
		case rank.action == plan.OverwriteTag:
			all = slices.AppendSeq(all, slices.Chunk(some, 1))
		case rank.action != plan.DeleteManifest:
			all = append(all, byOccurrence(some)...)
		case rank.leaf || len(some) == 1:
			all = append(all, some)
		default:
			all = append(all, r.byNesting(some)...)
		}
	}
	return all
}

// restoring cuts steps that put back in the order of the plan: manifests, their
// tags, attachments and theirs. Of manifests those come first that list nothing;
// what needs something that is still to come waits for it one by one (see
// waitsFor).
func restoring(open []plan.Step) [][]plan.Step {
	var all [][]plan.Step
	kind := func(s plan.Step) rank { return rank{action: s.Action, attached: s.Why == "attachment"} }
	for len(open) > 0 {
		first := kind(open[0])
		n := slices.IndexFunc(open, func(s plan.Step) bool { return kind(s) != first })
		if n < 0 {
			n = len(open)
		}
		var leaves, others []plan.Step
		for _, s := range open[:n] {
			if s.Action == plan.PutManifest && oci.KindOf(s.MediaType) == oci.KindImage {
				leaves = append(leaves, s)
			} else {
				others = append(others, s)
			}
		}
		for _, layer := range [][]plan.Step{leaves, others} {
			if len(layer) > 0 {
				all = append(all, layer)
			}
		}
		open = open[n:]
	}
	return all
}

// rank is what steps have in common that may share a layer.
type rank struct {
	action   plan.Action
	leaf     bool // lists nothing, or leaves the manifest alone
	attached bool
}

func rankOf(s plan.Step) rank {
	attached := s.Why == "attachment"
	for _, name := range append(slices.Clone(s.Takes), s.Tag) {
		if _, _, is := oci.ParseAttachmentTag(name); is {
			attached = true
		}
	}
	leaf := s.Action != plan.DeleteManifest || oci.KindOf(s.MediaType) == oci.KindImage
	return rank{action: s.Action, leaf: leaf, attached: attached}
}

// byOccurrence puts the second tag on a digest into a second layer, and so on:
// where a registry deletes a manifest along with its last tag, it must be clear
// which step that was.
func byOccurrence(steps []plan.Step) [][]plan.Step {
	var all [][]plan.Step
	seen := map[oci.Digest]int{}
	for _, s := range steps {
		n := seen[s.Digest]
		seen[s.Digest]++
		if n == len(all) {
			all = append(all, nil)
		}
		all[n] = append(all[n], s)
	}
	return all
}

// byNesting puts an index that another one lists into a later layer. Where it
// is not known what one of them lists, they go one by one.
func (r *repository) byNesting(steps []plan.Step) [][]plan.Step {
	parents := map[oci.Digest][]oci.Digest{}
	for _, s := range steps {
		children, read := r.read(s.Digest)
		if !read && !r.wasMissing(s.Digest) {
			return slices.Collect(slices.Chunk(steps, 1))
		}
		for _, child := range children {
			parents[child.Digest] = append(parents[child.Digest], s.Digest)
		}
	}
	// A digest covers what it lists, so there are no rings.
	among := map[oci.Digest]int{}
	for _, s := range steps {
		among[s.Digest] = -1
	}
	var depth func(digest oci.Digest) int
	depth = func(digest oci.Digest) int {
		if known := among[digest]; known >= 0 {
			return known
		}
		deep := 0
		for _, parent := range parents[digest] {
			deep = max(deep, depth(parent)+1)
		}
		among[digest] = deep
		return deep
	}
	var all [][]plan.Step
	for _, s := range steps {
		for len(all) <= depth(s.Digest) {
			all = append(all, nil)
		}
		all[depth(s.Digest)] = append(all[depth(s.Digest)], s)
	}
	return all
}

// archiveEarly keeps what must be read before the first step: attachments,
// since some registries delete them along with their subject (Harbor), and
// indexes, since only they say which of them is inside another.
func (r *repository) archiveEarly(ctx context.Context, open []plan.Step) error {
	var early []plan.Step
	indexes := 0
	for _, s := range open {
		rank := rankOf(s)
		switch {
		case s.Action != plan.DeleteManifest:
		case s.Why == "attachment":
			early = append(early, s)
		case !rank.leaf:
			indexes++
			early = append(early, s)
		}
	}
	if indexes == 1 { // in no other
		early = slices.DeleteFunc(early, func(s plan.Step) bool { return s.Why != "attachment" })
	}
	return r.each(ctx, len(early), func(ctx context.Context, i int) error { return r.archiveOne(ctx, early[i]) })
}

func (r *repository) archiveOne(ctx context.Context, s plan.Step) error {
	via := ""
	if len(s.Takes) > 0 {
		via = s.Takes[0]
	}
	raw, err := r.fetch(ctx, s.Digest, via)
	if errors.Is(err, registry.ErrNotFound) {
		r.noteMissing(s.Digest)
		return nil
	}
	if err == nil {
		if err = r.archive(ctx, s, raw); err == nil {
			r.noteKept(s, raw)
			r.noteList(s.Digest, listed(raw))
			return nil
		}
		if answer := (*registry.Error)(nil); !errors.As(err, &answer) {
			return &fatalError{err}
		}
	}
	if s.Why == "attachment" && r.supports().CascadeReferrers != registry.SupportNo {
		return fmt.Errorf("attachment %s cannot be archived before its subject goes: %w", s.Digest, err)
	}
	return nil // its own step tries again, and says so
}
