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
	for digest := range p.removed {
		if p.doomed[digest] && len(p.tagsOf(digest)) == 0 {
			p.untagged++
		}
	}
	for i := range p.repo.Tags {
		tag := &p.repo.Tags[i]
		if p.verdict(tag) != policy.Remove {
			continue
		}
		origin, stuck := p.stuck[tag.Digest]
		switch {
		case tag.Digest == "" || tag.Problem != "":
			p.block(tag, "unreadable", nil)
		case stuck:
			p.block(tag, "unreadable", []string{string(origin)})
		case p.attached(tag) && !p.doomed[tag.Digest]:
			p.block(tag, "attachment", digests(p.subjects[tag.Digest]))
		case p.components:
			p.tagStep(tag, DeleteComponent, whyRoot)
		case p.doomed[tag.Digest]:
			p.removals++ // its manifest takes it along
		default:
			p.untag(tag)
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

// untag removes a tag and leaves its manifest, if the registry can.
func (p *planner) untag(tag *inventory.Tag) {
	switch {
	case p.can.TagDelete != registry.SupportNo:
		p.tagStep(tag, Untag, whyRoot)
	case p.can.DigestDelete == registry.SupportNo:
		p.block(tag, "no-delete", nil)
	case !p.settings.Overwrite:
		p.block(tag, "no-tag-delete", p.inTheWay(tag))
	case p.can.DigestDelete != registry.SupportYes:
		p.block(tag, "no-digest-delete", p.inTheWay(tag))
	default:
		p.tagStep(tag, OverwriteTag, whyRoot)
	}
}

func (p *planner) tagStep(tag *inventory.Tag, action Action, why string) {
	undo := UndoFull // what it pointed at stays
	if !p.archived && (action == DeleteComponent || action == Untag && !p.survives[tag.Digest]) {
		undo = UndoUntilGC
	}
	if why == whyRoot {
		p.removals++
	}
	p.steps = append(p.steps, Step{
		Action: action, Tag: tag.Name, Digest: tag.Digest, MediaType: p.mediaType(tag.Digest),
		Siblings: p.staying(tag), Why: why, Undo: undo, Handle: tag.Handle,
	})
}

func (p *planner) mediaType(digest oci.Digest) string {
	if m := p.repo.Manifests[digest]; m != nil {
		return m.MediaType
	}
	return ""
}

// staying lists the other tags on the same digest that stay, sorted.
func (p *planner) staying(tag *inventory.Tag) []string {
	var names []string
	for _, i := range p.tagsOf(tag.Digest) {
		other := &p.repo.Tags[i]
		stays := p.verdict(other) != policy.Remove || other.Problem != ""
		if other.Name != tag.Name && stays && !p.doomed[other.Digest] {
			names = append(names, other.Name)
		}
	}
	return names
}

// inTheWay names what keeps the manifest of a tag: its other tags, else the
// indexes that list it, else what it hangs on.
func (p *planner) inTheWay(tag *inventory.Tag) []string {
	for _, names := range [][]string{
		p.staying(tag), digests(p.surviving(p.parents[tag.Digest])), digests(p.subjects[tag.Digest]),
	} {
		if len(names) > 0 {
			return names
		}
	}
	return []string{}
}

func (p *planner) surviving(list []oci.Digest) []oci.Digest {
	return slices.DeleteFunc(slices.Clone(list), func(d oci.Digest) bool { return !p.survives[d] })
}

func digests(list []oci.Digest) []string {
	names := []string{}
	for _, digest := range list {
		names = append(names, string(digest))
	}
	return names
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
	for _, digest := range order {
		var takes []string
		for _, i := range p.tagsOf(digest) {
			takes = append(takes, p.repo.Tags[i].Name)
		}
		undo := UndoUntilGC
		if p.archived {
			undo = UndoFull
		}
		p.steps = append(p.steps, Step{
			Action: DeleteManifest, Digest: digest, MediaType: p.mediaType(digest),
			Takes: takes, Why: p.why(digest), Undo: undo,
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
	for _, digest := range p.order() {
		for _, i := range p.tagsOf(digest) {
			if tag := &p.repo.Tags[i]; p.verdict(tag) != policy.Remove {
				p.tagStep(tag, DeleteComponent, whyAttachment)
			}
		}
	}
}
