package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/maruel/natural"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// planView writes a plan for people: grouped by repository, newest first, a
// reason beside every verdict, totals at the end.
type planView struct {
	t        *terminal
	plan     *plan.Stored
	verdicts plan.Selection
	quiet    bool // totals and notices only
}

func (v planView) write(to io.Writer) error {
	w := bufio.NewWriter(to)
	if !v.quiet {
		for repo, err := range v.plan.Repositories() {
			if err != nil {
				return err
			}
			switch {
			case len(repo.Verdicts)+len(repo.Steps)+len(repo.Blocked) == 0:
			case v.plan.Header.Kind == "restore":
				v.restored(w, repo)
			default:
				v.repository(w, repo)
			}
		}
	}
	v.notices(w)
	v.totals(w)
	return w.Flush()
}

func (v planView) name(repo *plan.Repository) string {
	if len(v.plan.Header.Registries) > 1 || v.plan.Header.Kind == "restore" {
		return repo.Registry + "/" + repo.Repository
	}
	return repo.Repository
}

func (v planView) repository(w io.Writer, repo *plan.Repository) {
	rows := repo.Verdicts
	if v.verdicts == plan.RemoveOnly {
		rows = slices.DeleteFunc(rows, func(line plan.Verdict) bool { return line.Verdict != "remove" })
	}
	if len(rows) == 0 && len(repo.Blocked) == 0 && v.verdicts == plan.RemoveOnly {
		return
	}
	slices.SortStableFunc(rows, newestFirst)
	counts := []string{fmt.Sprintf("%d stay", repo.Keep)}
	if repo.Remove > 0 {
		counts = append(counts, v.t.paint.red(fmt.Sprintf("%d go", repo.Remove)))
	}
	if repo.Hold > 0 {
		counts = append(counts, v.t.paint.yellow(fmt.Sprintf("%d on hold", repo.Hold)))
	}
	fmt.Fprintf(w, "%s  %s\n", v.t.paint.bold(v.name(repo)), strings.Join(counts, v.t.paint.faint(" · ")))
	how := stepsByTag(repo.Steps)
	t := newTable(v.t, "  ", "tag", "age", "size", "", "why")
	for _, line := range rows {
		why := sentences(line, v.plan.Header.Now)
		if line.Verdict == "remove" {
			why += how.note(line)
		}
		t.row(tagName(line.Tag, line.Digest), age(v.plan.Header.Now, knownTime(line)), size(line.Size), v.verdict(line.Verdict), why)
	}
	t.write(w)
	for _, line := range repo.Blocked {
		v.wrapped(w, v.t.paint.yellow("blocked")+" "+blockedSentence(line), "  ", "    ")
	}
	if also := alsoGoes(repo.Steps); also != "" {
		v.wrapped(w, v.t.paint.faint("with them go "+also), "  ", "  ")
	}
	fmt.Fprintln(w)
}

func (v planView) verdict(verdict string) string {
	switch verdict {
	case "remove":
		return v.t.paint.red(verdict)
	case "hold":
		return v.t.paint.yellow(verdict)
	default:
		return v.t.paint.green(verdict)
	}
}

func tagName(tag string, digest oci.Digest) string {
	if tag == "" {
		return "(untagged) " + short(digest)
	}
	return tag
}

// knownTime is the time that the age was counted from, or the best there is to
// show where no age was needed. Zero when there is none.
func knownTime(line plan.Verdict) time.Time {
	best := func(times ...*time.Time) time.Time {
		for _, t := range times {
			if t != nil {
				return *t
			}
		}
		return time.Time{}
	}
	switch line.AgeFrom {
	case "pushed":
		return best(line.Pushed)
	case "created":
		return best(line.Created)
	case "seen":
		return best(line.Seen)
	default:
		return time.Time{}
	}
}

// newestFirst puts roots without an age last.
func newestFirst(a, b plan.Verdict) int {
	if order := knownTime(b).Compare(knownTime(a)); order != 0 {
		return order
	}
	switch {
	case a.Tag == b.Tag:
		return cmp.Compare(a.Digest, b.Digest)
	case natural.Less(b.Tag, a.Tag):
		return -1
	default:
		return 1
	}
}

// tagSteps is the step that each tag goes with.
type tagSteps map[string]plan.Step

func stepsByTag(steps []plan.Step) tagSteps {
	byTag := tagSteps{}
	for _, step := range steps {
		if step.Tag != "" {
			byTag[step.Tag] = step
		}
		for _, tag := range step.Takes {
			byTag[tag] = step
		}
	}
	return byTag
}

// note says what is special about the way a root goes.
func (t tagSteps) note(line plan.Verdict) string {
	step, found := t[line.Tag]
	switch {
	case !found:
		return ""
	case step.Quarantine != "":
		return fmt.Sprintf("; held in %s for %s", step.Quarantine, step.For)
	case step.Action == plan.OverwriteTag:
		return "; the tag is overwritten and that deleted, the image stays"
	case step.Action == plan.Untag && len(step.Siblings) > 0:
		return "; only this tag goes, the image stays as " + some(step.Siblings)
	case step.Action == plan.Untag:
		return "; only this tag goes, the image stays"
	default:
		return ""
	}
}

// alsoGoes counts what goes without being a root.
func alsoGoes(steps []plan.Step) string {
	children, attachments := 0, 0
	for _, step := range steps {
		switch step.Why {
		case "child":
			children++
		case "attachment":
			attachments++
		}
	}
	var parts []string
	if children > 0 {
		parts = append(parts, count(children, "platform image"))
	}
	if attachments > 0 {
		parts = append(parts, count(attachments, "attachment")+" (signatures and the like)")
	}
	return and(parts)
}

func (v planView) notices(w io.Writer) {
	for _, kind := range []string{"gap", "refusal", "warning"} {
		for _, notice := range v.plan.Notices {
			if notice.Type != kind {
				continue
			}
			label := v.t.paint.yellow(kind)
			if kind != "warning" {
				label = v.t.paint.red(kind)
			}
			line := label + " " + v.t.paint.bold(notice.Scope) + ": " + notice.Message
			if notice.Lift != "" {
				line += v.t.paint.faint(" (setting: " + notice.Lift + ")")
			}
			v.wrapped(w, line, "", "  ")
		}
	}
	told := len(v.plan.Notices)
	for _, info := range v.plan.Header.Registries {
		for _, warning := range info.Warnings {
			told++
			v.wrapped(w, v.t.paint.yellow("warning")+" "+v.t.paint.bold(info.Name)+": "+warning, "", "  ")
		}
	}
	if told > 0 {
		fmt.Fprintln(w)
	}
}

// wrapped writes one paragraph, broken at the width of the terminal.
func (v planView) wrapped(w io.Writer, s, first, further string) {
	if room := v.t.outWidth - max(len(first), len(further)); room >= leastColumn {
		s = text.WrapSoft(s, room)
	}
	for i, line := range strings.Split(s, "\n") {
		indent := further
		if i == 0 {
			indent = first
		}
		fmt.Fprintln(w, strings.TrimRight(indent+line, " "))
	}
}

func (v planView) totals(w io.Writer) {
	s := v.plan.Summary
	if v.plan.Header.Kind == "restore" {
		fmt.Fprintf(w, "%s to put back.\n", count(s.Steps, "step"))
		return
	}
	tags, repositories := v.removals()
	switch {
	case s.Roots == 0:
		fmt.Fprintf(w, "Nothing to decide about: %s, no tags.\n", count(s.Repositories, "repository|repositories"))
	case s.Remove == 0:
		fmt.Fprintf(w, "Nothing to remove: %s in %s.\n", v.stays(), count(s.Repositories, "repository|repositories"))
	default:
		v.wrapped(w, fmt.Sprintf("%s from %d of %s; %s.", v.t.paint.bold("To remove: "+count(tags, "tag")), repositories, count(s.Repositories, "repository|repositories"), v.stays()), "", "")
	}
	if s.Blocked > 0 {
		fmt.Fprintf(w, "%s blocked.\n", count(s.Blocked, "removal is|removals are"))
	}
	if s.Steps > 0 && s.BytesFreed > 0 && !v.components() {
		about := "at most "
		if s.BytesExact {
			about = ""
		}
		fmt.Fprintf(w, "Frees %s%s once the registry has collected its garbage.\n", about, exactSize(s.BytesFreed))
	}
	if v.plan.Header.Kind == app.Rehearsal {
		v.wrapped(w, v.t.paint.faint("A rehearsal as of "+v.plan.Header.Now.Format("2006-01-02 15:04 MST")+", without a registry: it cannot be applied."), "", "")
		return
	}
	v.wrapped(w, v.t.paint.faint(fmt.Sprintf("%s in %.1f s. Plan %s, good until %s.",
		count(s.Requests, "request"), s.Seconds, v.plan.Header.ID, v.plan.Header.Expires.Format("2006-01-02 15:04 MST"))), "", "")
}

// components says whether a registry deletes components: then the blobs behind
// them are not read, and what the deletion frees is told by reclaim.
func (v planView) components() bool {
	return slices.ContainsFunc(v.plan.Header.Registries, func(info registry.Info) bool {
		return info.Capabilities.ComponentDelete == registry.SupportYes
	})
}

func (v planView) stays() string {
	s := v.plan.Summary
	stays := count(s.Keep, "stays|stay")
	if s.Hold > 0 {
		stays += ", " + count(s.Hold, "is on hold|are on hold") + " because something is not known"
	}
	return stays
}

// removals counts the tags (and untagged images) that the steps remove and the
// repositories they are in.
func (v planView) removals() (roots, repositories int) {
	for _, at := range v.plan.Sections() {
		if at.Remove > 0 {
			repositories++
		}
	}
	return v.plan.Summary.Remove, repositories
}
