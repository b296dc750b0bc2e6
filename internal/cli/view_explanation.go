package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// explanationView shows how one image came to its verdict.
type explanationView struct {
	p *program
	e *app.Explanation
}

// verdict is the plan's line about the image, which may be stricter than the
// policy's decision alone.
func (v explanationView) verdict() (plan.Verdict, bool) {
	root := v.e.Root
	at := slices.IndexFunc(v.e.Plan.Verdicts, func(line plan.Verdict) bool {
		return line.Tag == root.Name() && (line.Tag != "" || line.Digest == root.Digest)
	})
	if at < 0 {
		return plan.Verdict{}, false
	}
	return v.e.Plan.Verdicts[at], true
}

type explanationLine struct {
	Type       string              `json:"type"` // "explanation"
	Registry   string              `json:"registry"`
	Repository string              `json:"repository"`
	Tag        string              `json:"tag,omitempty"`
	Digest     string              `json:"digest,omitempty"`
	Now        time.Time           `json:"now"`
	Policy     string              `json:"policy,omitempty"`
	Line       int                 `json:"line,omitempty"`
	Rules      []policy.RuleChoice `json:"rules,omitempty"`
	Protect    []policy.Node       `json:"protect,omitempty"`
	Keep       []policy.Node       `json:"keep,omitempty"`
	Remove     []policy.Node       `json:"remove,omitempty"`
	Verdict    *plan.Verdict       `json:"verdict,omitempty"`
	Fate       []string            `json:"fate"`
}

func (v explanationView) write() error {
	line, found := v.verdict()
	x := v.e.Explanation
	if v.p.json() {
		out := explanationLine{
			Type: "explanation", Registry: v.e.Reference.Registry.Name, Repository: v.e.Reference.Repository, Tag: v.e.Root.Name(),
			Digest: string(v.e.Root.Digest), Now: v.e.Now, Policy: x.PolicyPath, Line: x.PolicyLine, Rules: x.Rules,
			Protect: x.Protect, Keep: x.Keep, Remove: x.Remove, Fate: v.fate(line),
		}
		if found {
			out.Verdict = &line
		}
		return json.NewEncoder(v.p.t.out).Encode(out)
	}
	paint := v.p.t.paint
	w := bufio.NewWriter(v.p.t.out)
	fmt.Fprintf(w, "%s\n", paint.bold(v.e.Reference.String()))
	if v.e.Reference.Digest == "" && v.e.Root.Digest != "" {
		fmt.Fprintf(w, "%s\n", paint.faint(string(v.e.Root.Digest)))
	}
	fmt.Fprintf(w, "\n%s", paint.bold(planView{t: v.p.t}.verdict(line.Verdict)))
	fmt.Fprintf(w, ": %s\n", sentences(line, v.e.Now))
	v.facts(w, line)
	if x.Policy < 0 {
		fmt.Fprintf(w, "\nNo policy is about this repository.\n")
	} else {
		fmt.Fprintf(w, "\n%s%s\n", x.PolicyPath, v.line(x.PolicyLine))
		for _, rule := range x.Rules {
			mark := paint.faint("passed over")
			if rule.Claimed {
				mark = paint.cyan("claims it")
			}
			fmt.Fprintf(w, "  %s%s %s: %s\n", rule.Path, v.line(rule.Line), mark, rule.Why)
		}
		v.section(w, "protect", x.Protect)
		v.section(w, "keep", x.Keep)
		v.section(w, "remove", x.Remove)
		v.sources(w)
	}
	if fate := v.fate(line); len(fate) > 0 {
		fmt.Fprintf(w, "\n%s\n", paint.bold("What happens"))
		for _, sentence := range fate {
			fmt.Fprintf(w, "  %s\n", sentence)
		}
	}
	for _, warning := range x.Warnings {
		fmt.Fprintf(w, "%s %s\n", paint.yellow("warning"), warning.Message)
	}
	return w.Flush()
}

func (v explanationView) line(n int) string {
	if n == 0 {
		return ""
	}
	return v.p.t.paint.faint(fmt.Sprintf(" (line %d)", n))
}

func (v explanationView) facts(w *bufio.Writer, line plan.Verdict) {
	for _, fact := range []struct {
		name string
		at   *time.Time
	}{{"created", line.Created}, {"pushed", line.Pushed}, {"pulled", line.Pulled}, {"first seen", line.Seen}} {
		if fact.at == nil {
			continue
		}
		used := ""
		if fact.name == line.AgeFrom || fact.name == "first seen" && line.AgeFrom == "seen" {
			used = v.p.t.paint.cyan("  its age is counted from here")
		}
		fmt.Fprintf(w, "  %-10s %s (%s ago)%s\n", fact.name, fact.at.UTC().Format("2006-01-02 15:04:05 MST"), age(v.e.Now, *fact.at), used)
	}
	if line.Size > 0 {
		fmt.Fprintf(w, "  %-10s %s\n", "size", exactSize(line.Size))
	}
}

// sources says once for each fact where and when it was learned.
func (v explanationView) sources(w *bufio.Writer) {
	type origin struct {
		fact, from string
		digest     oci.Digest
	}
	var told []policy.Source
	seen := map[origin]bool{}
	x := v.e.Explanation
	x.Sources(func(s *policy.Source) {
		if o := (origin{s.Fact, s.From, s.Digest}); !seen[o] {
			seen[o] = true
			told = append(told, *s)
		}
	})
	if len(told) == 0 {
		return
	}
	slices.SortStableFunc(told, func(a, b policy.Source) int { return strings.Compare(a.Fact, b.Fact) })
	fmt.Fprintf(w, "\n%s\n", v.p.t.paint.bold("Where the facts were learned"))
	for _, s := range told {
		from := s.From
		if s.Digest != "" {
			from += " " + short(s.Digest)
		}
		fmt.Fprintf(w, "  %-11s %s, %s\n", s.Fact, from, v.p.t.paint.faint("read "+s.At.UTC().Format("2006-01-02 15:04:05 MST")))
	}
}

func (v explanationView) section(w *bufio.Writer, title string, nodes []policy.Node) {
	if len(nodes) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", v.p.t.paint.bold(title))
	v.tree(w, nodes, "    ")
}

func (v explanationView) tree(w *bufio.Writer, nodes []policy.Node, indent string) {
	for _, node := range nodes {
		value := node.Value.String()
		switch node.Value {
		case policy.True:
			value = v.p.t.paint.green(value)
		case policy.Unknown:
			value = v.p.t.paint.yellow(value)
		default:
			value = v.p.t.paint.faint(value)
		}
		var because []string
		for _, part := range []string{node.Fact, node.Rank} {
			if part != "" {
				because = append(because, part)
			}
		}
		line := indent + node.Condition + "  " + value
		if len(because) > 0 {
			line += "  " + v.p.t.paint.faint(strings.Join(because, "; "))
		}
		fmt.Fprintln(w, line+v.line(node.Line))
		v.tree(w, node.Inside, indent+"  ")
	}
}

// fate says what happens to the manifest and what goes with it.
func (v explanationView) fate(line plan.Verdict) []string {
	fate := []string{}
	if line.Verdict != "remove" {
		return append(fate, "Nothing: it stays, with its platform images and attachments.")
	}
	children, attachments := 0, 0
	for _, step := range v.e.Plan.Steps {
		own := step.Digest == v.e.Root.Digest
		switch {
		case own && step.Action == plan.Untag && step.Tag == line.Tag:
			fate = append(fate, "The tag is removed; the manifest stays"+siblingsText(step.Siblings)+".")
		case own && step.Action == plan.OverwriteTag && step.Tag == line.Tag:
			fate = append(fate, "The tag is overwritten with a placeholder, which is then deleted; the manifest stays.")
		case own && step.Action == plan.DeleteComponent && step.Tag == line.Tag:
			fate = append(fate, "The tag is deleted as a component; the registry's garbage collection takes the manifest when nothing needs it.")
		case own && step.Action == plan.DeleteManifest:
			fate = append(fate, "The manifest is deleted"+takesText(step.Takes)+"; it can be put back: "+reversal(step.Undo)+".")
		case step.Why == "child":
			children++
		case step.Why == "attachment":
			attachments++
		}
	}
	for _, blocked := range v.e.Plan.Blocked {
		if blocked.Tag == line.Tag && blocked.Digest == line.Digest {
			fate = append(fate, "Blocked: "+blockedSentence(blocked)+".")
		}
	}
	if children+attachments > 0 {
		fate = append(fate, fmt.Sprintf("Over the whole repository the plan also deletes %s and %s.", count(children, "platform image"), count(attachments, "attachment")))
	}
	return fate
}

func siblingsText(siblings []string) string {
	if len(siblings) == 0 {
		return ""
	}
	return ", it is also " + some(siblings)
}

func takesText(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	if len(tags) == 1 {
		return " with its tag " + tags[0]
	}
	return " with its tags " + some(tags)
}

func reversal(undo plan.Reversal) string {
	switch undo {
	case plan.UndoFull:
		return "at any time, from the archive"
	case plan.UndoUntilGC:
		return "until the registry collects its garbage"
	default:
		return "not"
	}
}
