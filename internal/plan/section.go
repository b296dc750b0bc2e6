package plan

import "github.com/regkeep/regkeep/internal/policy"

// Section is what a plan holds of one repository, in numbers.
type Section struct {
	Registry, Repository string
	// Verdict lines by verdict.
	Keep, Remove, Hold int
	Steps, Blocked     int
	// Tags and Images are the root tags and the untagged roots that the steps
	// take away.
	Tags, Images int

	sum [stepSum]byte // of the lines of its steps, as they stand in the file
}

// stepSum is how many bytes of a SHA-256 are kept for the steps of a
// repository.
const stepSum = 16

func (s *Section) verdict(verdict string) {
	switch verdict {
	case policy.Keep.String():
		s.Keep++
	case policy.Remove.String():
		s.Remove++
	default:
		s.Hold++
	}
}

func (s *Section) step(step *Step) {
	s.Steps++
	if step.Why == whyAttachment {
		return
	}
	if s.Tags += len(step.Takes); step.Tag != "" {
		s.Tags++
	} else if step.Why == whyRoot && len(step.Takes) == 0 {
		s.Images++
	}
}

// dropSteps is called where a registry or the whole plan is refused.
func (s *Section) dropSteps() { s.Steps, s.Tags, s.Images = 0, 0, 0 }

// Outline is what there is to know of a plan without its lines.
type Outline struct {
	Header  Header
	Notices []Notice
	Summary Summary

	sections []*Section
}

// Sections are the repositories of the plan in their order.
func (o *Outline) Sections() []*Section { return o.sections }

// Total adds up the repositories that lose something: how many there are, and
// the root tags and untagged roots that go from them.
func (o *Outline) Total() (repositories, tags, images int) {
	for _, s := range o.sections {
		if s.Steps > 0 {
			repositories++
		}
		tags, images = tags+s.Tags, images+s.Images
	}
	return repositories, tags, images
}

// StepsIn says whether the plan changes anything in a registry.
func (o *Outline) StepsIn(registry string) bool {
	for _, s := range o.sections {
		if s.Registry == registry && s.Steps > 0 {
			return true
		}
	}
	return false
}

// count fills in the summary.
func (o *Outline) count() {
	s := &o.Summary
	s.Roots, s.Keep, s.Remove, s.Hold, s.Steps, s.Blocked = 0, 0, 0, 0, 0, 0
	for _, at := range o.sections {
		s.Keep, s.Remove, s.Hold = s.Keep+at.Keep, s.Remove+at.Remove, s.Hold+at.Hold
		s.Steps, s.Blocked = s.Steps+at.Steps, s.Blocked+at.Blocked
	}
	s.Roots = s.Keep + s.Remove + s.Hold
}
