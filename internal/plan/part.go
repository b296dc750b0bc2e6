package plan

import (
	"slices"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// part is the plan of one repository, until the whole is put together.
type part struct {
	registry   string
	repository string

	steps   []Step
	blocked []Blocked
	notices []Notice

	rootTags int // tags that the policy decided about
	removals int // of these, how many the steps take away
	untagged int // untagged roots that go
	refused  bool
}

func (p *part) scope() string { return p.registry + "/" + p.repository }

func (p *part) notice(kind, code, message, lift string) {
	p.notices = append(p.notices, Notice{Type: kind, Code: code, Scope: p.scope(), Message: message, Lift: lift})
}

// refuse leaves the steps out and says what would let them in.
func (p *part) refuse(code, message, lift string) {
	p.refused = true
	p.notice("refusal", code, message, lift)
}

// hold drops every step: the repository could not be read whole.
func (p *part) hold() {
	p.steps, p.blocked, p.removals, p.untagged = nil, nil, 0, 0
}

// planner writes the steps of one repository.
type planner struct {
	*part
	*graph
	can      registry.Capabilities
	settings policy.Settings
	archived bool
}

// plan writes steps for everything that goes and blocked lines for removed
// tags that cannot.
func (p *planner) plan() {
	for i := range p.all {
		if v := &p.all[i]; v.removed && v.doomed && len(p.tags.of(node(i))) == 0 {
			p.untagged++
		}
	}
	for i := range p.repo.Tags {
		tag, at := &p.repo.Tags[i], p.nodes[i]
		if p.verdict(i) != policy.Remove {
			continue
		}
		origin, stuck := p.stuck[at]
		switch {
		case at == nowhere || tag.Problem != "":
			p.block(tag, "unreadable", nil)
		case stuck:
			p.block(tag, "unreadable", p.digests(origin))
		case p.attached(tag) && !p.all[at].doomed:
			p.block(tag, "attachment", p.digests(p.subjects.of(at)...))
		case p.components:
			p.tagStep(i, DeleteComponent, whyRoot)
		case p.all[at].doomed:
			p.removals++ // its manifest takes it along
		default:
			p.untag(i)
		}
	}
	if p.components {
		p.componentsOfAttachments()
	} else {
		p.deletions()
	}
}

// attached says that a removed root has turned out to hang on something.
func (p *planner) attached(tag *inventory.Tag) bool {
	_, attached := p.repo.AttachmentOf(tag)
	return attached
}

// untag removes the tag at a place and leaves its manifest, if the registry can.
func (p *planner) untag(place int) {
	switch tag := &p.repo.Tags[place]; {
	case p.can.TagDelete != registry.SupportNo:
		p.tagStep(place, Untag, whyRoot)
	case p.can.DigestDelete == registry.SupportNo:
		p.block(tag, "no-delete", nil)
	case !p.settings.Overwrite:
		p.block(tag, "no-tag-delete", p.inTheWay(place))
	case p.can.DigestDelete != registry.SupportYes:
		p.block(tag, "no-digest-delete", p.inTheWay(place))
	default:
		p.tagStep(place, OverwriteTag, whyRoot)
	}
}

func (p *planner) tagStep(place int, action Action, why string) {
	tag, at := &p.repo.Tags[place], p.nodes[place]
	undo := UndoFull // what it pointed at stays
	if !p.archived && (action == DeleteComponent || action == Untag && !p.all[at].survives) {
		undo = UndoUntilGC
	}
	if why == whyRoot {
		p.removals++
	}
	p.steps = append(p.steps, Step{
		Action: action, Tag: tag.Name, Digest: tag.Digest, MediaType: p.mediaType(at),
		Siblings: p.staying(place), Why: why, Undo: undo, Handle: tag.Handle,
	})
}

func (p *planner) mediaType(at node) string {
	if m := p.all[at].manifest; m != nil {
		return m.MediaType
	}
	return ""
}

// staying lists the other tags that stay on the digest of the one at a place,
// sorted.
func (p *planner) staying(place int) []string {
	at := p.nodes[place]
	if p.all[at].doomed {
		return nil
	}
	var names []string
	for _, i := range p.tags.of(at) {
		other := &p.repo.Tags[i]
		stays := p.verdict(int(i)) != policy.Remove || other.Problem != ""
		if other.Name != p.repo.Tags[place].Name && stays {
			names = append(names, other.Name)
		}
	}
	return names
}

// inTheWay names what keeps the manifest of a tag: its other tags, else the
// indexes that list it, else what it hangs on.
func (p *planner) inTheWay(place int) []string {
	at := p.nodes[place]
	for _, names := range [][]string{
		p.staying(place), p.digests(p.surviving(p.parents.of(at))...), p.digests(p.subjects.of(at)...),
	} {
		if len(names) > 0 {
			return names
		}
	}
	return []string{}
}

func (p *planner) surviving(list []node) []node {
	return slices.DeleteFunc(slices.Clone(list), func(at node) bool { return !p.all[at].survives })
}

func (p *planner) digests(list ...node) []string {
	digests := make([]string, len(list))
	for i, at := range list {
		digests[i] = string(p.all[at].digest)
	}
	return digests
}

func (p *planner) block(tag *inventory.Tag, code string, by []string) {
	if by == nil {
		by = []string{}
	}
	p.blocked = append(p.blocked, Blocked{Tag: tag.Name, Digest: tag.Digest, Code: code, By: by})
}

// deletions writes one step for each doomed manifest, with the tags that go
// along.
func (p *planner) deletions() {
	order := p.order()
	p.steps = slices.Grow(p.steps, len(order))
	undo := UndoUntilGC
	if p.archived {
		undo = UndoFull
	}
	for _, at := range order {
		var takes []string
		for _, i := range p.tags.of(at) {
			takes = append(takes, p.repo.Tags[i].Name)
		}
		p.steps = append(p.steps, Step{
			Action: DeleteManifest, Digest: p.all[at].digest, MediaType: p.mediaType(at),
			Takes: takes, Why: p.why(at), Undo: undo,
		})
	}
}

// componentsOfAttachments removes the tags of attachments whose subject has no
// tag left and is in no index. Where an index could not be looked into, they
// stay.
func (p *planner) componentsOfAttachments() {
	for _, m := range p.repo.Manifests {
		if m.Kind != oci.KindImage && !m.Read && !m.Missing {
			return
		}
	}
	for _, at := range p.order() {
		for _, i := range p.tags.of(at) {
			if p.verdict(int(i)) != policy.Remove {
				p.tagStep(int(i), DeleteComponent, whyAttachment)
			}
		}
	}
}
