package apply

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// picture is what is known of a repository while steps are carried out side by
// side in it. No request is made under its lock.
type picture struct {
	mu       sync.Mutex
	can      registry.Capabilities
	tags     map[string]oci.Descriptor // as last seen; without those that went
	surveyed time.Time                 // when the listing behind them began
	listTook time.Duration             // how long the last listing took; 0: there was only that of the survey
	lookedAt time.Time                 // when all tags were looked at last
	lookTook time.Duration             // how long that took
	bare     map[string]bool           // tags that the survey listed, and found nothing behind
	// guarded are digests that must stay, with the reason: something that stays
	// leads to them.
	guarded map[oci.Digest]guardian
	// lists are the children of indexes that were read, missing those that were
	// not there.
	lists   map[oci.Digest][]oci.Descriptor
	missing map[oci.Digest]bool
	// kept are manifests that were archived before their step.
	kept map[int]oci.RawManifest
	// ready are manifests from the cache that a step will ask for.
	ready map[oci.Digest]oci.RawManifest
	// gone are digests that this process saw go, due those that are still to be
	// deleted or put back, with the number of steps.
	gone map[oci.Digest]bool
	due  map[oci.Digest]int
	// stopped says why nothing more is tried here.
	stopped string
	// impatient: the registry said "accepted" and did nothing, so waiting for
	// it to catch up is over.
	impatient bool
	// spares: a tag was seen to go and leave its manifest.
	spares bool
	// overwrites: the placeholder way was seen to work here.
	overwrites bool
}

func newPicture() picture {
	return picture{
		guarded: map[oci.Digest]guardian{}, lists: map[oci.Digest][]oci.Descriptor{}, missing: map[oci.Digest]bool{},
		kept: map[int]oci.RawManifest{}, ready: map[oci.Digest]oci.RawManifest{}, gone: map[oci.Digest]bool{}, due: map[oci.Digest]int{},
	}
}

func (p *picture) supports() registry.Capabilities {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.can
}

// stop ends the work on the repository; the first reason stays.
func (p *picture) stop(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == "" {
		p.stopped = why
	}
}

// stopWhere is stop for what may have no reason.
func (p *picture) stopWhere(why string) {
	if why != "" {
		p.stop(why)
	}
}

func (p *picture) halted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *picture) guardianOf(digest oci.Digest) (guardian, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, guarded := p.guarded[digest]
	return g, guarded
}

// protect marks a digest; the first guardian stays.
func (p *picture) protect(digest oci.Digest, g guardian) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.guarded[digest]; !known {
		p.guarded[digest] = g
	}
}

// read is what a manifest lists, if it was read.
func (p *picture) read(digest oci.Digest) (children []oci.Descriptor, read bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	children, read = p.lists[digest]
	return children, read
}

func (p *picture) wasMissing(digest oci.Digest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missing[digest]
}

func (p *picture) noteList(digest oci.Digest, children []oci.Descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists[digest] = children
}

func (p *picture) noteMissing(digest oci.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing[digest] = true
}

func (p *picture) noteKept(s plan.Step, raw oci.RawManifest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[s.Seq] = raw
}

func (p *picture) keptBefore(seq int) (oci.RawManifest, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw, kept := p.kept[seq]
	return raw, kept
}

func (p *picture) noteRecalled(raw oci.RawManifest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready[raw.Digest] = raw
}

func (p *picture) recalled(digest oci.Digest) (raw oci.RawManifest, ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw, ready = p.ready[digest]
	return raw, ready
}

// used drops a manifest when the step that it was read for has ended.
func (p *picture) used(digest oci.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ready, digest)
}

// expect notes which digests the steps will delete or put back, finished that
// one of the steps has ended.
func (p *picture) expect(open []plan.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.due)
	for _, s := range open {
		if ofManifest(s) {
			p.due[s.Digest]++
		}
	}
}

func (p *picture) finished(s plan.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.kept, s.Seq)
	if ofManifest(s) {
		p.due[s.Digest]--
	}
}

func ofManifest(s plan.Step) bool {
	return s.Action == plan.DeleteManifest || s.Action == plan.PutManifest
}

func (p *picture) isDue(digest oci.Digest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.due[digest] > 0
}

// vanished drops a manifest that has gone, and the tags that went with it.
func (p *picture) vanished(digest oci.Digest, tags []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone[digest] = true
	for _, tag := range tags {
		if p.tags[tag].Digest == digest {
			delete(p.tags, tag)
		}
	}
}

func (p *picture) hasGone(digest oci.Digest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone[digest]
}

// untagged drops a tag that has gone.
func (p *picture) untagged(tag string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tags, tag)
}

// appeared adds a tag that is new.
func (p *picture) appeared(tag string, at oci.Descriptor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tags[tag] = at
}

// mayLinger says whether the survey listed one of the tags, and saw it point to
// this digest or to nothing.
func (p *picture) mayLinger(digest oci.Digest, tags []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(tags, func(tag string) bool { return p.bare[tag] || p.tags[tag].Digest == digest })
}

// seenTags are the tags as last seen, without those that went.
func (p *picture) seenTags() map[string]oci.Descriptor {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.tags)
}

func (p *picture) knows(tag string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.tags[tag]
	return known
}

// tagsOn lists the tags that point to a digest, as last seen, in no order.
func (p *picture) tagsOn(digest oci.Digest) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for name, at := range p.tags {
		if at.Digest == digest {
			names = append(names, name)
		}
	}
	return names
}

func (p *picture) setImpatient() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.impatient = true
}

func (p *picture) isImpatient() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.impatient
}

func (p *picture) sparedOne() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spares = true
}

// unproven says whether it is still to be seen that tags go and leave their
// manifests: what a registry does wrong there, it does to one image.
func (p *picture) unproven(s plan.Step) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.Action == plan.Untag && !p.spares && p.can.TagDelete != registry.SupportNo
}

// seen remembers what a registry was just seen to do, or not to do. which
// picks the capability.
func (r *repository) seen(ctx context.Context, which func(*registry.Capabilities) *registry.Support, support registry.Support) error {
	r.learning.Lock()
	defer r.learning.Unlock()
	r.picture.mu.Lock()
	known := *which(&r.can) == support
	*which(&r.can) = support
	r.picture.mu.Unlock()
	if known {
		return nil
	}
	return r.remember(ctx)
}

func tagDelete(c *registry.Capabilities) *registry.Support    { return &c.TagDelete }
func digestDelete(c *registry.Capabilities) *registry.Support { return &c.DigestDelete }
