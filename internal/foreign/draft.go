package foreign

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/regkeep/regkeep/internal/policy"
)

// draft is a policy file being put together.
type draft struct {
	what     string
	policies []governing
	notes    []Note
	nearest  []string // what it would be if it could be said; a comment
}

// governing is one policy of the file.
type governing struct {
	comment      string
	repositories []string
	rules        []rule
}

// rule is one rule. Items are the inside of a flow mapping, such as
// "older_than: 30d".
type rule struct {
	comment      string
	tags         []string
	untagged     bool
	ageFrom      string
	remove, keep []item
}

type item struct{ text, comment string }

func (d *draft) note(kind Kind, where, format string, args ...any) {
	d.notes = append(d.notes, Note{Where: where, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// result puts the notes that a person must act upon first.
func (d *draft) result() (Result, error) {
	d.note(Stricter, "", "regkeep keeps the tag latest and the last image of every repository; write protect: [] and floor: 0 where that is not wanted")
	urgency := []Kind{Wider, Dropped}
	slices.SortStableFunc(d.notes, func(a, b Note) int {
		return cmp.Compare(uint(slices.Index(urgency, a.Kind)), uint(slices.Index(urgency, b.Kind)))
	})
	text := d.yaml()
	if _, err := policy.Parse("imported.yaml", text); err != nil {
		return Result{}, fmt.Errorf("the policy cannot be written down: %w", err)
	}
	return Result{Policy: text, Notes: d.notes}, nil
}

func (d *draft) yaml() []byte {
	var b bytes.Buffer
	comment(&b, "", "Imported from: "+d.what+".")
	for _, note := range d.notes {
		comment(&b, "", "- "+note.String())
	}
	if len(d.nearest) > 0 {
		comment(&b, "", "The nearest that can be said, which REMOVES MORE than the original:")
		for _, line := range d.nearest {
			b.WriteString("#   " + line + "\n")
		}
	}
	b.WriteString("version: 1\npolicies:\n")
	policies := d.policies
	if len(policies) == 0 {
		policies = []governing{{comment: "nothing could be imported: everything stays", repositories: []string{"**"}}}
	}
	for _, g := range policies {
		comment(&b, "  ", g.comment)
		fmt.Fprintf(&b, "  - repositories: %s\n    rules:\n", list(g.repositories))
		rules := g.rules
		if len(rules) == 0 {
			rules = []rule{{comment: "everything stays", tags: []string{"**"}}}
		}
		for _, r := range rules {
			r.write(&b)
		}
	}
	return b.Bytes()
}

func (r rule) write(b *bytes.Buffer) {
	comment(b, "      ", r.comment)
	lead := "      - "
	line := func(text string) {
		b.WriteString(lead + text + "\n")
		lead = "        "
	}
	if len(r.tags) > 0 {
		line("tags: " + list(r.tags))
	}
	if r.untagged {
		line("untagged: true")
	}
	if r.ageFrom != "" && len(r.remove) > 0 {
		line("age_from: " + r.ageFrom)
	}
	for _, part := range []struct {
		name  string
		items []item
	}{{"remove", r.remove}, {"keep", r.keep}} {
		// What never goes needs nothing that keeps it.
		if len(part.items) == 0 || len(r.remove) == 0 {
			continue
		}
		line(part.name + ":")
		for _, it := range part.items {
			comment(b, "          ", it.comment)
			line("  - {" + it.text + "}")
		}
	}
}

// comment writes a text of another tool as one or more comment lines: nothing
// in it can become YAML.
func comment(b *bytes.Buffer, indent, text string) {
	const width = 110
	column := 0
	for _, word := range strings.Fields(text) {
		word = strings.Map(func(r rune) rune {
			if !strconv.IsPrint(r) {
				return '?'
			}
			return r
		}, word)
		switch {
		case column == 0:
			b.WriteString(indent + "# ")
		case column+len(word) >= width:
			b.WriteString("\n" + indent + "#   ")
			column = 0
		default:
			b.WriteString(" ")
		}
		b.WriteString(word)
		column += len(word) + 1
	}
	if column > 0 {
		b.WriteString("\n")
	}
}

// quote writes a text as a YAML scalar.
func quote(s string) string {
	if strings.Contains(s, `\`) && !strings.Contains(s, "'") && strconv.Quote(strings.ReplaceAll(strings.ReplaceAll(s, `\`, ""), `"`, "")) == `"`+strings.ReplaceAll(strings.ReplaceAll(s, `\`, ""), `"`, "")+`"` {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}

func list(patterns []string) string {
	quoted := make([]string, len(patterns))
	for i, p := range patterns {
		quoted[i] = quote(p)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// both joins conditions that must all hold.
func both(conditions ...string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "all: [{" + strings.Join(conditions, "}, {") + "}]"
}

// anyTag holds for an image of which one tag matches.
func anyTag(patterns ...string) string { return "image_tags: {any: " + list(patterns) + "}" }

// isUntagged holds for an untagged manifest.
const isUntagged = `image_tags: {none: ["**"]}`
