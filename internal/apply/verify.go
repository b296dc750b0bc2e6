package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// keepBaseline writes down what must be there afterwards, unless an earlier
// process of this run did.
func (r *repository) keepBaseline(ctx context.Context, stay map[string]oci.Descriptor) error {
	kept, err := r.Memory.Baseline(ctx, r.id, r.registry, r.name)
	if err != nil {
		return &fatalError{err}
	}
	if kept != nil {
		return nil
	}
	baseline, err := r.baseline(ctx, stay)
	if err != nil {
		return fmt.Errorf("what has to stay could not be read: %w", err)
	}
	if err := r.Memory.KeepBaseline(ctx, r.id, r.registry, r.name, baseline); err != nil {
		return &fatalError{err}
	}
	return nil
}

// baseline is what there is behind tags. What is missing now is not looked
// for later.
func (r *repository) baseline(ctx context.Context, tags map[string]oci.Descriptor) (journal.Baseline, error) {
	b := journal.Baseline{
		Tags: map[string]oci.Digest{}, Holds: map[oci.Digest][]oci.Digest{}, Blobs: map[oci.Digest][]oci.Digest{},
	}
	tops := map[oci.Digest]oci.Descriptor{}
	via := map[oci.Digest]string{}
	for name, at := range tags {
		b.Tags[name], tops[at.Digest], via[at.Digest] = at.Digest, at, name
	}
	if r.Verify == VerifyTags {
		return b, nil
	}
	found := newPresence(r)
	digests := slices.Sorted(maps.Keys(tops))
	var mu sync.Mutex
	err := r.each(ctx, len(digests), func(ctx context.Context, i int) error {
		holds, below, err := r.behind(ctx, tops[digests[i]], via[digests[i]])
		if err != nil {
			return err
		}
		if holds, err = found.manifests(ctx, holds); err != nil {
			return err
		}
		if below, err = found.blobs(ctx, below); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(holds) > 0 {
			b.Holds[digests[i]] = holds
		}
		if len(below) > 0 {
			b.Blobs[digests[i]] = below
		}
		return nil
	})
	return b, err
}

// behind lists the manifests below and attached to a manifest and, at the
// blobs level, the blobs of all of them. Where tags are deleted as components
// no manifest is, and only the blobs level is worth reading manifests for.
func (r *repository) behind(ctx context.Context, top oci.Descriptor, tag string) (holds, needed []oci.Digest, err error) {
	read := r.can.ComponentDelete != registry.SupportYes || r.Verify == VerifyBlobs
	seen := map[oci.Digest]bool{top.Digest: true}
	for queue := []oci.Descriptor{top}; len(queue) > 0; queue = queue[1:] {
		next := queue[0]
		if next.Digest != top.Digest {
			holds = append(holds, next.Digest)
		}
		children, err := r.children(ctx, next, tag, read)
		if err != nil {
			return nil, nil, err
		}
		if next.Digest == top.Digest {
			attached, err := r.referrers(ctx, top.Digest)
			if err != nil {
				return nil, nil, err
			}
			children = append(children, attached...)
		}
		for _, child := range children {
			if !seen[child.Digest] {
				seen[child.Digest] = true
				queue = append(queue, child)
			}
		}
		if r.Verify == VerifyBlobs && oci.KindOf(next.MediaType) == oci.KindImage {
			raw, err := r.fetch(ctx, next.Digest, tag)
			if err != nil && !errors.Is(err, registry.ErrNotFound) {
				return nil, nil, err
			}
			if m, decoded := oci.DecodeManifest(raw.MediaType, raw.Body); err == nil && decoded == nil {
				for _, blob := range m.Stored() {
					needed = append(needed, blob.Digest)
				}
			}
		}
		tag = ""
	}
	return holds, needed, nil
}

// referrers are the attachments that the registry itself knows of; those of
// the tag schemes are tags, and looked at as such.
func (r *repository) referrers(ctx context.Context, subject oci.Digest) ([]oci.Descriptor, error) {
	lister, ok := registry.As[registry.ReferrerLister](r.reader)
	if !ok || r.can.Referrers != registry.SupportYes {
		return nil, nil
	}
	var attached []oci.Descriptor
	for d, err := range lister.Referrers(ctx, r.name, subject) {
		if err != nil {
			return nil, err
		}
		attached = append(attached, d)
	}
	return attached, nil
}

// verify looks at everything that had to stay in every repository that the run
// touched.
func (e *executor) verify(ctx context.Context) ([]Verification, error) {
	state, err := e.Journal.Replay(ctx, e.id)
	if err != nil {
		return nil, err
	}
	var all []Verification
	for _, r := range e.split() {
		if !slices.ContainsFunc(r.steps, func(s plan.Step) bool { return state.Acted[s.Seq] }) {
			continue
		}
		var seen []Verification
		if e.Plan.Header.Kind == "remove" {
			seen, err = r.verifyKept(ctx)
		} else {
			seen, err = r.verifyRestored(ctx)
		}
		if err != nil {
			return all, err
		}
		for _, v := range seen {
			e.Events.Emit(event.Verified{Registry: v.Registry, Repository: v.Repository, Tag: v.Tag, OK: v.OK})
		}
		all = append(all, seen...)
	}
	slices.SortFunc(all, func(a, b Verification) int {
		return cmp.Or(strings.Compare(a.Registry, b.Registry), strings.Compare(a.Repository, b.Repository), strings.Compare(a.Tag, b.Tag))
	})
	return all, nil
}

func (r *repository) verifyKept(ctx context.Context) ([]Verification, error) {
	baseline, err := r.Memory.Baseline(ctx, r.id, r.registry, r.name)
	if err != nil || baseline == nil {
		return nil, err
	}
	return r.compare(ctx, *baseline)
}

// verifyRestored takes what was put back for what has to be there.
func (r *repository) verifyRestored(ctx context.Context) ([]Verification, error) {
	want := journal.Baseline{Tags: map[string]oci.Digest{}, Holds: map[oci.Digest][]oci.Digest{}}
	for _, s := range r.steps {
		r.mu.Lock()
		o := r.outcomes[s.Seq]
		r.mu.Unlock()
		if s.Action != plan.PutTag || !o.Status.Succeeded() {
			continue
		}
		want.Tags[s.Tag] = s.Digest
		holds, _, err := r.behind(ctx, oci.Descriptor{Digest: s.Digest, MediaType: s.MediaType}, "")
		if err != nil {
			return nil, err
		}
		want.Holds[s.Digest] = holds
	}
	return r.compare(ctx, want)
}

// compare looks at what a baseline says. A tag that somebody moved meanwhile
// is looked at where it points now.
func (r *repository) compare(ctx context.Context, baseline journal.Baseline) ([]Verification, error) {
	found := newPresence(r)
	names := slices.Sorted(maps.Keys(baseline.Tags))
	all := make([]Verification, len(names))
	err := r.each(ctx, len(names), func(ctx context.Context, i int) error {
		v := Verification{Registry: r.registry, Repository: r.name, Tag: names[i], Digest: baseline.Tags[names[i]]}
		v.Error = r.damage(ctx, found, baseline, v.Tag, v.Digest)
		v.OK = v.Error == ""
		all[i] = v
		return ctx.Err()
	})
	return all, err
}

// damage says what is wrong with one root that had to stay; "" for nothing.
func (r *repository) damage(ctx context.Context, found *presence, baseline journal.Baseline, tag string, digest oci.Digest) string {
	at, err := r.head(ctx, tag)
	switch {
	case err != nil:
		return fmt.Sprintf("could not be looked at: %v", err)
	case at.Digest == "":
		return "the tag is gone"
	}
	holds, needed := baseline.Holds[digest], baseline.Blobs[digest]
	if at.Digest != digest {
		holds, needed = nil, nil
		if r.Verify != VerifyTags {
			if holds, needed, err = r.behind(ctx, at, tag); err != nil {
				return fmt.Sprintf("moved to %s, which could not be read: %v", at.Digest, err)
			}
		}
	}
	for _, part := range []struct {
		kind string
		want []oci.Digest
		look func(context.Context, []oci.Digest) ([]oci.Digest, error)
	}{{"manifest", holds, found.manifests}, {"blob", needed, found.blobs}} {
		there, err := part.look(ctx, part.want)
		if err != nil {
			return fmt.Sprintf("a %s below it could not be looked at: %v", part.kind, err)
		}
		for _, want := range part.want {
			if !slices.Contains(there, want) {
				return fmt.Sprintf("%s %s below or attached to it is gone", part.kind, want)
			}
		}
	}
	return ""
}
