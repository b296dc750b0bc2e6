package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/policy/document"
)

// mutate changes a policy as a slip of the hand does.
func mutate(t *rapid.T, text string) string {
	at := func(label string) int { return rapid.IntRange(0, len(text)).Draw(t, label) }
	lines := strings.Split(text, "\n")
	line := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
	switch rapid.IntRange(0, 9).Draw(t, "slip") {
	case 0: // a piece is lost
		from := at("from")
		return text[:from] + text[min(len(text), from+rapid.IntRange(1, 6).Draw(t, "length")):]
	case 1: // a character too much
		i := at("at")
		return text[:i] + rapid.SampledFrom([]string{"{", "}", "[", "]", "'", "\"", ":", ",", "-", "*", "&a", "!", "|", "#", "\t", "\x00", "é", "\xff", "\\", "/", "%", "---\n"}).Draw(t, "character") + text[i:]
	case 2: // a line is lost, doubled, or moved to the right
		lines = slices.Delete(lines, line, line+1)
	case 3:
		lines = slices.Insert(lines, line, lines[line])
	case 4:
		lines[line] = " " + lines[line]
	case 5: // letters are swapped
		if i := at("at"); i+1 < len(text) {
			return text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:]
		}
	case 6: // another word
		words := names(topKeys, settingKeys, policyKeys, ruleKeys, conditionKeys, nestingKeys, modifierKeys)
		return strings.Replace(text, rapid.SampledFrom(words).Draw(t, "word"), rapid.SampledFrom(words).Draw(t, "other"), 1)
	case 7: // another value
		old := rapid.SampledFrom([]string{"30d", "true", "1", "2", "[", "{", "\"**\"", "version: 1"}).Draw(t, "old")
		return strings.Replace(text, old, rapid.SampledFrom([]string{"30 d", "-1", "0", "1e9", "yes", "null", "~", "", "[]", "{}", "*x", "99999999999999999999", "30m", "/(/", "\"\""}).Draw(t, "new"), 1)
	case 8:
		return strings.ReplaceAll(text, "\n", "\r\n")
	default:
		return text[:at("end")]
	}
	return strings.Join(lines, "\n")
}

// Whatever is wrong, it is told with its place, and nothing panics. What is read
// all the same has a hash, and reads the same again.
func TestMistakesAreToldWithTheirPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genDraft(t).text()
		for range rapid.IntRange(1, 3).Draw(t, "slips") {
			text = mutate(t, text)
		}
		p, err := Parse("policy.yaml", []byte(text))
		if err == nil {
			if again, err := Parse("other.yaml", []byte(text)); err != nil || again.Hash() != p.Hash() {
				t.Errorf("read once and not again: %v\n%s", err, text)
			}
			return
		}
		problems := err.(Problems)
		if len(problems) == 0 {
			t.Fatalf("refused without a problem:\n%s", text)
		}
		lines := regexp.MustCompile("\r\n|\r|\n").Split(text, -1)
		for _, problem := range problems {
			if problem.Line < 1 || problem.Line > len(lines)+1 || problem.Column < 1 || problem.Message == "" || problem.File != "policy.yaml" {
				t.Errorf("%+v\n%s", problem, text)
			}
			if problem.Line <= len(lines) && problem.Column > len(lines[problem.Line-1])+2 {
				t.Errorf("%s: the line has %d characters\n%s", problem, len(lines[problem.Line-1]), text)
			}
		}
	})
}

// Where one letter of a key is wrong, the key is suggested.
func TestAMistypedKeyIsSuggested(t *testing.T) {
	for _, table := range [][]key{topKeys, settingKeys, policyKeys, ruleKeys, conditionKeys, nestingKeys, modifierKeys, semverKeys, imageTagsKeys} {
		known := names(table)
		for _, k := range table {
			if len(k.name) < 4 {
				continue
			}
			for _, typed := range []string{k.name[1:], k.name[:1] + k.name[2:], k.name + "s", strings.ToUpper(k.name), strings.ReplaceAll(k.name, "_", "-")} {
				if got := document.Suggest(typed, known); got != k.name && !slices.Contains(known, typed) {
					t.Errorf("%s: suggests %q, want %q", typed, got, k.name)
				}
			}
		}
	}
}

// The schema and the parser agree on what is wrong in structure. What only one
// of them can know is named here.
func TestSchemaAgreesWithTheParser(t *testing.T) {
	schema := compileSchema(t)
	beyond := []string{ // of the parser: what values mean, and what they mean to each other
		"no group", "with a group", "named group", "cannot stand under not", "needs a keep condition", "needs times to order by", "stands beside newest", "when:", "pattern ", "range ", "timezone", "units from large", "longer than 100 years",
		"has no length", "claims nothing", "needs newest", "needs a range", "without quotes", "not valid YAML", "there twice", "merge keys", "more than one document", "file is empty", "alias", "plain word", "months and years", "has no value: leave it out",
		"larger than anything", "a share from", "from 1 to", "from 0 to", "holds more than", "written in digits", "nested deeper", "must be a text",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := genDraft(t).text()
		for range rapid.IntRange(0, 2).Draw(t, "slips") {
			text = mutate(t, text)
		}
		refused := validate(schema, text)
		_, err := Parse("policy.yaml", []byte(text))
		switch {
		case err == nil && refused != nil:
			t.Errorf("the parser reads what the schema refuses: %v\n%s", refused, text)
		case err != nil && refused == nil:
			for _, problem := range err.(Problems) {
				if !slices.ContainsFunc(beyond, func(part string) bool { return strings.Contains(problem.Message, part) }) {
					t.Errorf("the schema accepts: %s\n%s", problem, text)
				}
			}
		}
	})
}
