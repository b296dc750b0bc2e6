// Package applytest is what the tests of apply and undo share: an oracle that
// plans removals by its own reading of a world, and a state in memory that
// fails as told.
//
// It promises to share no decision with the code under test. It knows nothing
// of policies: which tags go, the test says.
package applytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Remove says which tags go, by repository.
type Remove map[string][]string

// Plan plans the removal of root tags from a world, and says what must be gone
// afterwards.
func Plan(w *world.World, info registry.Info, remove Remove, created time.Time) (*plan.Plan, world.Expectation) {
	p := &plan.Plan{Header: plan.Header{
		Type: "plan", Version: plan.Version, Kind: "remove", ID: "plan-1", Created: created, Now: created,
		Expires: created.Add(24 * time.Hour), Registries: []registry.Info{info},
	}}
	expected := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}
	for _, name := range w.Names() {
		if len(remove[name]) == 0 {
			continue
		}
		o := newOracle(w.Repositories[name], remove[name])
		for _, s := range o.steps() {
			s.Type, s.Seq, s.Registry, s.Repository, s.Undo = "step", len(p.Steps)+1, info.Name, name, plan.UndoUntilGC
			p.Steps = append(p.Steps, s)
		}
		for tag := range o.removed {
			expected.Removed[world.Ref{Repository: name, Tag: tag}] = true
		}
		for digest := range o.doomed {
			expected.Doomed[world.Node{Repository: name, Digest: digest}] = true
		}
	}
	p.Summary = plan.Summary{Type: "summary", Steps: len(p.Steps), Hash: fmt.Sprintf("hash of %v", p.Steps)}
	return p, expected
}

// Roots lists the tags that are no attachments.
func Roots(r *world.Repository) []string {
	var roots []string
	for _, tag := range slices.Sorted(maps.Keys(r.Tags)) {
		if _, attached := attachedTo(r, tag); !attached {
			roots = append(roots, tag)
		}
	}
	return roots
}

func attachedTo(r *world.Repository, tag string) (oci.Digest, bool) {
	if subject, _, ok := oci.ParseAttachmentTag(tag); ok {
		return subject, true
	}
	if m := r.Manifests[r.Tags[tag]]; m != nil && m.Subject != "" {
		return m.Subject, true
	}
	return "", false
}

type oracle struct {
	repo     *world.Repository
	removed  map[string]bool // tags
	survives map[oci.Digest]bool
	doomed   map[oci.Digest]bool
}

func newOracle(r *world.Repository, remove []string) *oracle {
	o := &oracle{repo: r, removed: map[string]bool{}, survives: map[oci.Digest]bool{}, doomed: map[oci.Digest]bool{}}
	for _, tag := range remove {
		o.removed[tag] = true
	}
	reached := map[oci.Digest]bool{}
	for _, tag := range remove {
		o.reach(r.Tags[tag], reached)
	}
	for tag, digest := range r.Tags {
		subject, attached := attachedTo(r, tag)
		orphan := attached && r.Manifests[subject] == nil
		if !attached && !o.removed[tag] || orphan {
			o.reach(digest, o.survives)
		}
	}
	for digest := range r.Manifests { // what no removed root leads to is none of our business
		if !reached[digest] {
			o.reach(digest, o.survives)
		}
	}
	for digest := range reached {
		if !o.survives[digest] && r.Manifests[digest] != nil {
			o.doomed[digest] = true
		}
	}
	for tag := range r.Tags {
		if subject, attached := attachedTo(r, tag); attached && o.doomed[subject] {
			o.removed[tag] = true
		}
	}
	return o
}

// reach marks what a manifest leads to: children and attachments, at any depth.
func (o *oracle) reach(digest oci.Digest, marked map[oci.Digest]bool) {
	if marked[digest] || digest == "" {
		return
	}
	marked[digest] = true
	if m := o.repo.Manifests[digest]; m != nil {
		for _, child := range m.Children {
			o.reach(child.Digest, marked)
		}
	}
	for _, attachment := range o.attachments(digest) {
		o.reach(attachment, marked)
	}
}

func (o *oracle) attachments(subject oci.Digest) []oci.Digest {
	var all []oci.Digest
	for digest, m := range o.repo.Manifests {
		if m.Subject == subject {
			all = append(all, digest)
		}
	}
	for tag, digest := range o.repo.Tags {
		if of, _, ok := oci.ParseAttachmentTag(tag); ok && of == subject {
			all = append(all, digest)
		}
	}
	return all
}

func (o *oracle) tagsOn(digest oci.Digest, removed bool) []string {
	var tags []string
	for _, tag := range slices.Sorted(maps.Keys(o.repo.Tags)) {
		if o.repo.Tags[tag] == digest && o.removed[tag] == removed {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (o *oracle) steps() []plan.Step {
	var steps []plan.Step
	for _, tag := range slices.Sorted(maps.Keys(o.removed)) {
		digest := o.repo.Tags[tag]
		_, attachment := attachedTo(o.repo, tag)
		if !o.doomed[digest] && !attachment {
			steps = append(steps, plan.Step{Action: plan.Untag, Tag: tag, Digest: digest, Siblings: o.tagsOn(digest, false), Why: "root"})
		}
	}
	for _, digest := range o.order() {
		m := o.repo.Manifests[digest]
		s := plan.Step{Action: plan.DeleteManifest, Digest: digest, MediaType: m.MediaType, Takes: o.tagsOn(digest, true), Why: "child"}
		if m.Subject != "" || slices.ContainsFunc(s.Takes, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }) {
			s.Why = "attachment"
		} else if len(s.Takes) > 0 {
			s.Why = "root"
		}
		steps = append(steps, s)
	}
	for _, tag := range slices.Sorted(maps.Keys(o.removed)) {
		digest := o.repo.Tags[tag]
		if _, attachment := attachedTo(o.repo, tag); attachment && !o.doomed[digest] {
			steps = append(steps, plan.Step{Action: plan.Untag, Tag: tag, Digest: digest, Siblings: o.tagsOn(digest, false), Why: "attachment"})
		}
	}
	return steps
}

// order puts what lists before what is listed, and subjects before what is
// attached to them.
func (o *oracle) order() []oci.Digest {
	before := map[oci.Digest]int{}
	leads := func(digest oci.Digest) map[oci.Digest]bool {
		next := map[oci.Digest]bool{}
		for _, child := range o.repo.Manifests[digest].Children {
			next[child.Digest] = o.doomed[child.Digest]
		}
		for _, attachment := range o.attachments(digest) {
			next[attachment] = o.doomed[attachment]
		}
		return next
	}
	for digest := range o.doomed {
		for next, doomed := range leads(digest) {
			if doomed {
				before[next]++
			}
		}
	}
	var order []oci.Digest
	left := maps.Clone(o.doomed)
	for len(left) > 0 {
		var ready []oci.Digest
		for digest := range left {
			if before[digest] == 0 {
				ready = append(ready, digest)
			}
		}
		if len(ready) == 0 { // an attachment tag that leads back to what is attached to it
			ready = slices.Sorted(maps.Keys(left))[:1]
		}
		slices.Sort(ready)
		for _, digest := range ready {
			delete(left, digest)
			order = append(order, digest)
			for next, doomed := range leads(digest) {
				if doomed {
					before[next]--
				}
			}
		}
	}
	return order
}
