package inventory

import (
	"context"
	"errors"
	"fmt"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// reading is one repository being read. One goroutine owns it; workers send
// its requests and hand the answers back, so there is nothing to lock. A
// digest is asked for once, and tags go first: what they bring by themselves
// need not be asked for again as somebody's child.
type reading struct {
	s    *Scanner
	jobs chan<- func()
	repo *Repository
	wish Want

	marks   map[oci.Digest]mark
	configs map[oci.Digest]*oci.Config // by digest; nil while on its way or not to be had
	deep    *descent                   // set while Deepen reads

	lent        bool // the tags and some manifests are those of an earlier reading
	recollected bool // and its configs were taken over

	blobs  map[oci.Digest]oci.Digest // digests of layers, so that images which share one share its text
	single map[oci.Platform][]oci.Platform

	recalled []bool // by index of the tag: whether its manifest is at hand unless it has moved; nil: none
	begun    []bool // by index of the tag: whether it was looked at while the tags were listed

	now       []ask   // served first, last in first out
	tags      []int32 // tags to resolve, then these, from the beginning
	later     []ask   // manifests by digest, once every tag is resolved
	resolving int     // tags on their way
	listing   bool    // there may be tags that are not known yet
	inFlight  int
	answers   chan answer

	vanished []int // tags that were listed and then not found
	failures int
	stopped  bool
}

// mark is what a reading has to do with a manifest.
type mark uint8

const (
	mine    mark = 1 << iota // made here; others were handed out and stay as they are
	asked                    // asked for by digest
	wanted                   // its config facts matter
	entered                  // it may go, or hangs on what may
)

func (r *reading) marked(digest oci.Digest, as mark) bool { return r.marks[digest]&as != 0 }

// mostFailures is how many requests of one repository may fail before it is
// left alone: the first failure already keeps everything in it, and a registry
// in trouble is not helped by more questions.
const mostFailures = 5

func (s *Scanner) reading(jobs chan<- func(), repo *Repository) *reading {
	return &reading{
		s: s, jobs: jobs, repo: repo, answers: make(chan answer, 64),
		marks: map[oci.Digest]mark{}, configs: map[oci.Digest]*oci.Config{},
		blobs: map[oci.Digest]oci.Digest{}, single: map[oci.Platform][]oci.Platform{},
	}
}

// run asks until nothing is left to ask. Its error is the context's.
func (r *reading) run(ctx context.Context) error {
	_, err := r.ask(ctx, nil)
	return err
}

// ask asks until nothing is left to ask, or until the list is whole of which
// parts come.
func (r *reading) ask(ctx context.Context, parts <-chan part) (*whole, error) {
	for {
		if ctx.Err() != nil || r.stopped {
			r.now, r.tags, r.later = nil, nil, nil
		}
		var send chan<- func()
		var job func()
		next, ok := r.next()
		if ok {
			if a, ready := r.s.ready(next); ready {
				r.pop(next)
				r.take(a)
				continue
			}
			tag := ""
			if next.op == askTag || next.op == askHead {
				tag = r.repo.Tags[next.tag].Name
			} else if next.op == askUnlisted {
				tag = r.wish.Tags[next.tag]
			}
			send, job = r.jobs, func() { r.answers <- r.s.answer(ctx, r.repo.Name, tag, next) }
		} else if r.inFlight == 0 && parts == nil {
			return nil, ctx.Err()
		}
		select {
		case send <- job:
			r.pop(next)
			r.inFlight++
		case a := <-r.answers:
			r.inFlight--
			if ctx.Err() == nil {
				r.take(a)
			}
		case p := <-parts:
			if p.whole != nil {
				return p.whole, ctx.Err()
			}
			r.begin(p)
		}
	}
}

// next is the ask to serve. A manifest that a tag has brought meanwhile is
// not asked for.
func (r *reading) next() (ask, bool) {
	if n := len(r.now); n > 0 {
		return r.now[n-1], true
	}
	if len(r.tags) > 0 {
		return r.tagAsk(int(r.tags[0])), true
	}
	for n := len(r.later); n > 0 && r.resolving == 0 && !r.listing; n = len(r.later) {
		q := r.later[n-1]
		if m := r.repo.Manifests[q.digest]; m == nil || !m.settled() {
			return q, true
		}
		r.later = r.later[:n-1]
	}
	return ask{}, false
}

func (r *reading) pop(q ask) {
	switch n := len(r.now); {
	case n > 0 && r.now[n-1] == q:
		r.now = r.now[:n-1]
	case len(r.tags) > 0 && r.tagAsk(int(r.tags[0])) == q:
		r.tags = r.tags[1:]
	default:
		r.later = r.later[:len(r.later)-1]
	}
}

// resolve asks what a tag points at.
func (r *reading) resolve(tag int) {
	r.resolving++
	r.tags = append(r.tags, int32(tag))
}

func (r *reading) tagAsk(tag int) ask {
	if r.s.info.Capabilities.PullsCounted == registry.SupportYes || r.atHand(tag) {
		return ask{op: askHead, tag: tag}
	}
	return ask{op: askTag, tag: tag}
}

func (r *reading) atHand(tag int) bool { return r.recalled != nil && r.recalled[tag] }

// need makes sure that a manifest is read.
func (r *reading) need(digest oci.Digest) { r.needs(digest, false) }

// needs is need for what a cache must not vouch for where look is set: whether
// it is there is what the question is about.
func (r *reading) needs(digest oci.Digest, look bool) {
	if m := r.repo.Manifests[digest]; r.marked(digest, asked) || m != nil && m.settled() {
		return
	}
	r.marks[digest] |= asked
	r.later = append(r.later, ask{op: askManifest, digest: digest, look: look})
}

// want makes sure that the config facts of an image are known, or those of all
// platform images of an index.
func (r *reading) want(digest oci.Digest) {
	if r.marked(digest, wanted) {
		return
	}
	r.marks[digest] |= wanted
	if m := r.repo.Manifests[digest]; m != nil && m.settled() {
		r.inquire(m)
	} else {
		r.need(digest)
	}
}

// inquire asks for the configs behind a manifest that was read.
func (r *reading) inquire(m *Manifest) {
	if m.facts || !m.Read {
		return
	}
	for _, child := range m.Children {
		if !child.Attestation() {
			r.want(child.Digest)
		}
	}
	if !m.hasConfig() {
		return
	}
	r.recall()
	if _, known := r.configs[m.Config.Digest]; !known {
		r.configs[m.Config.Digest] = nil
		r.now = append(r.now, ask{op: askConfig, digest: m.Config.Digest})
	}
}

func (r *reading) take(a answer) {
	switch a.op {
	case askTag, askHead:
		r.resolving--
		r.takeTag(a)
	case askManifest:
		r.takeManifest(a)
	case askConfig:
		r.takeConfig(a)
	case askReferrers:
		r.takeReferrers(a)
	case askUnlisted:
		r.takeUnlisted(a)
	}
}

func (r *reading) takeTag(a answer) {
	tag := &r.repo.Tags[a.tag]
	switch {
	case errors.Is(a.err, registry.ErrNotFound):
		r.vanished = append(r.vanished, a.tag)
	case a.err != nil:
		tag.Problem = a.err.Error()
		r.fail("manifest", a.err)
	case a.op == askHead && a.head == "":
		r.resolving++
		r.now = append(r.now, ask{op: askTag, tag: a.tag})
	case a.op == askHead:
		tag.Digest = a.head
		if m := r.repo.Manifests[a.head]; m != nil {
			tag.Digest = m.Digest // one string for all
		}
		if m := r.repo.Manifests[a.head]; r.atHand(a.tag) && !r.marked(a.head, asked) && (m == nil || !m.settled()) {
			r.marks[a.head] |= asked
			r.now = append(r.now, ask{op: askManifest, digest: tag.Digest})
		}
		r.need(a.head)
		r.pointed(tag)
	default:
		tag.Digest = r.brought(a.manifest)
		r.pointed(tag)
	}
}

func (r *reading) takeManifest(a answer) {
	if a.err == nil {
		r.brought(a.manifest)
		return
	}
	if errors.Is(a.err, registry.ErrNotFound) {
		tagged := false
		for i := range r.repo.Tags {
			if r.repo.Tags[i].Digest == a.digest {
				tagged, r.vanished = true, append(r.vanished, i)
			}
		}
		if !tagged {
			r.learn(&Manifest{Digest: a.digest, Missing: true})
		}
		return
	}
	r.learn(&Manifest{Digest: a.digest, Problem: a.err.Error()})
	r.fail("manifest", a.err)
}

func (r *reading) takeConfig(a answer) {
	switch {
	case a.err == nil:
		r.configs[a.digest] = new(a.config)
	case errors.Is(a.err, registry.ErrNotFound), errors.Is(a.err, registry.ErrMalformed):
		// The image is broken as it lies there; its facts stay unknown.
	default:
		r.fail("config", a.err)
	}
}

// brought takes a manifest apart that the registry sent, once: many tags may lead
// to it. It returns the digest, as learn does.
func (r *reading) brought(raw oci.RawManifest) oci.Digest {
	if known := r.repo.Manifests[raw.Digest]; known != nil && known.settled() {
		return known.Digest
	}
	return r.learn(decode(raw))
}

// learn takes a manifest in and asks for what hangs below it. It returns the
// digest, always the same string for the same digest.
func (r *reading) learn(m *Manifest) oci.Digest {
	if old := r.repo.Manifests[m.Digest]; old != nil {
		if old.settled() {
			return old.Digest
		}
		m.Digest, m.Created, m.Bytes = old.Digest, old.Created, old.Bytes
		m.Pushed, m.Pulled, m.Named = old.Pushed, old.Pulled, old.Named
		if m.MediaType == "" {
			m.MediaType, m.Kind = old.MediaType, old.Kind
		}
	}
	for i := range m.Layers {
		layer := &m.Layers[i]
		if same, known := r.blobs[layer.Digest]; known {
			layer.Digest = same
		} else {
			r.blobs[layer.Digest] = layer.Digest
		}
	}
	r.repo.Manifests[m.Digest] = m
	r.marks[m.Digest] |= mine
	for _, child := range m.Children {
		if oci.KindOf(child.MediaType) != oci.KindImage {
			r.need(child.Digest)
		}
	}
	if r.marked(m.Digest, wanted) {
		r.inquire(m)
	}
	if r.deep != nil {
		r.deep.learned(m)
	}
	return m.Digest
}

// fail records what could not be learned. Who is denied or fails too often is
// not asked again.
func (r *reading) fail(code string, err error) {
	if errors.Is(err, registry.ErrDenied) {
		code, r.stopped = "denied", true
	}
	if r.failures++; r.failures >= mostFailures {
		r.stopped = true
	}
	r.gap(code, "%v", err)
}

func (r *reading) gap(code, format string, arguments ...any) {
	r.repo.Gaps = append(r.repo.Gaps, Gap{
		Code: code, Registry: r.repo.Registry, Repository: r.repo.Name, Message: fmt.Sprintf(format, arguments...),
	})
}

// settled says that asking again would tell nothing more.
func (m *Manifest) settled() bool { return m.Read || m.Missing || m.Problem != "" }

// hasConfig says that the config can be expected to carry facts.
func (m *Manifest) hasConfig() bool {
	return m.Config != nil && (m.Config.MediaType == oci.MediaTypeConfig || m.Config.MediaType == oci.MediaTypeDockerConfig)
}
