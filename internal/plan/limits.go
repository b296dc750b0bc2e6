package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/policy"
)

// Automatic holds the breakers of a plan that nobody looks at.
type Automatic struct {
	// RegistryShare of its root tags is the most that a registry may lose; 0:
	// DefaultRegistryShare.
	RegistryShare float64
	// Recent are the removals of the last runs, at most ten; none: there were no
	// runs to compare with.
	Recent []int
}

const (
	// DefaultRegistryShare is the share of its root tags that a registry may
	// lose unattended.
	DefaultRegistryShare = 0.30
	// smallRepository has so few root tags that a share of them says nothing.
	smallRepository = 20
	// growth is how many times the largest of the last runs is suspicious.
	growth = 5
	// attended lifts what only stops plans that nobody looks at.
	attended = "save the plan, read it and apply it by name"
)

// warn passes on what the policy has to say about the repository.
func (p *part) warn(report *policy.Report, strict bool) {
	for _, w := range report.Warnings {
		message := w.Message
		if w.Scope != "" && w.Scope != p.repository {
			message = w.Scope + ": " + message
		}
		if strict {
			p.refuse(w.Code, message+" (--strict)", strictly(w.Lift))
			continue
		}
		p.notice("warning", w.Code, message, w.Lift)
	}
	for _, r := range report.Refusals {
		p.refuse(r.Code, r.Message, r.Lift)
	}
}

func strictly(lift string) string {
	if lift == "" {
		return "--strict"
	}
	return lift + ", --strict"
}

// limit applies the breakers of one repository.
func (p *part) limit(settings policy.Settings, opts Options) {
	told := slices.ContainsFunc(p.notices, func(n Notice) bool { return n.Type == "refusal" && n.Code == "max-removals" })
	if goes := p.removals + p.untagged; settings.MaxRemovals.Set && goes > settings.MaxRemovals.N && !told {
		p.refuse("max-removals", fmt.Sprintf("%d roots would go and the policy allows %d", goes, settings.MaxRemovals.N), "max_removals")
	}
	if p.rootTags <= smallRepository || float64(p.removals) <= settings.MaxShare*float64(p.rootTags) {
		return
	}
	message := fmt.Sprintf("%d of %d tags would go, more than %s", p.removals, p.rootTags, percent(settings.MaxShare))
	if opts.Automatic != nil {
		p.refuse("max-share", message, "max_share")
	} else {
		p.notice("warning", "max-share", message, "max_share")
	}
}

// limitWhole applies the breakers of registries and of the whole plan to what
// the others have left.
func (b *Builder) limitWhole() {
	if b.opts.Strict {
		b.strict()
	}
	share := DefaultRegistryShare
	if b.opts.Automatic != nil && b.opts.Automatic.RegistryShare > 0 {
		share = b.opts.Automatic.RegistryShare
	}
	byName := slices.SortedFunc(slices.Values(b.totals), func(x, y *total) int { return cmp.Compare(x.registry, y.registry) })
	goes := 0
	for _, of := range byName {
		if of.refused {
			continue
		}
		if float64(of.removals) > share*float64(of.rootTags) {
			n := Notice{Type: "warning", Code: "registry-share", Scope: of.registry}
			n.Message = fmt.Sprintf("%d of the %d tags of the registry would go, more than %s", of.removals, of.rootTags, percent(share))
			if b.opts.Automatic != nil {
				n.Type, n.Lift, of.refused = "refusal", attended, true
			}
			b.notices = append(b.notices, n)
		}
		if !of.refused {
			goes += of.removals + of.untagged
		}
	}
	if limit := b.opts.MaxRemovals; limit.Set && goes > limit.N {
		b.refuse(Notice{Code: "max-removals", Scope: "plan", Message: fmt.Sprintf("%d roots would go and %d are allowed", goes, limit.N), Lift: "--max-removals"})
		return
	}
	if b.opts.Automatic == nil || len(b.opts.Automatic.Recent) == 0 {
		return
	}
	if largest := max(1, slices.Max(b.opts.Automatic.Recent)); goes > growth*largest {
		b.refuse(Notice{Code: "growth", Scope: "plan", Message: fmt.Sprintf("%d roots would go, more than %d times the %d of the largest of the last runs", goes, growth, largest), Lift: attended})
	}
}

// strict refuses everything for a warning about the policy as a whole.
func (b *Builder) strict() {
	for i := range b.notices {
		if n := &b.notices[i]; n.Type == "warning" {
			n.Type, n.Message, n.Lift = "refusal", n.Message+" (--strict)", strictly(n.Lift)
			b.refuseAll()
		}
	}
}

// refuse leaves out every step for one reason.
func (b *Builder) refuse(n Notice) {
	n.Type = "refusal"
	b.notices = append(b.notices, n)
	b.refuseAll()
}

func (b *Builder) refuseAll() {
	for _, of := range b.totals {
		of.refused = true
	}
}

func percent(share float64) string { return fmt.Sprintf("%g %%", share*100) }
