package plan_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

// sample is a plan with a line of every type.
func sample(t failer) *plan.Plan {
	w, r := fresh()
	old(r, "stage", "build-1")
	old(r, "build-2")
	r.Cosign(w.Missing().Digest, "sig")
	b := newBench(w, memory.Options{NoTagDelete: true}).remove("build-1", "build-2")
	return b.plan(t)
}

func write(t *testing.T, p *plan.Plan, which plan.Selection) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := plan.Write(&out, p, which); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPlansComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t).bench().plan(t)
		text := encoded(t, p)
		back, err := plan.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(encoded(t, back), text); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestTheFormOfAPlan(t *testing.T) {
	p := sample(t)
	text := write(t, p, plan.All)
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	types := ""
	for i, line := range lines {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		types += fields["type"].(string) + " "
		for _, absent := range []string{"pushed", "pulled", "seen", "tag"} {
			if value, there := fields[absent]; there && (value == "" || value == nil || strings.HasPrefix(value.(string), "0001")) {
				t.Errorf("line %d writes %s although it is not known: %s", i+1, absent, line)
			}
		}
	}
	if want := "plan verdict verdict verdict step blocked warning warning summary "; types != want {
		t.Errorf("types %q, want %q", types, want)
	}
	sum := sha256.Sum256(text[:len(text)-len(lines[len(lines)-1])-1])
	if want := hex.EncodeToString(sum[:]); p.Summary.Hash != want {
		t.Errorf("hash %s, want %s", p.Summary.Hash, want)
	}
	short, err := plan.Read(bytes.NewReader(write(t, p, plan.RemoveOnly)))
	if err != nil || len(short.Verdicts) != 2 || short.Summary.Keep != 1 {
		t.Errorf("removals only: error %v, %d verdicts, summary %+v", err, len(short.Verdicts), short.Summary)
	}
}

// Whatever single byte is changed, added or taken away: the plan is refused,
// or says the same.
func TestAChangedPlanIsRefused(t *testing.T) {
	p := sample(t)
	text := write(t, p, plan.All)
	for i := range text {
		for _, changed := range [][]byte{
			bytes.Join([][]byte{text[:i], {text[i] ^ 1}, text[i+1:]}, nil),
			bytes.Join([][]byte{text[:i], text[i+1:]}, nil),
			text[:i],
		} {
			back, err := plan.Read(bytes.NewReader(changed))
			if err != nil {
				continue
			}
			if diff := cmp.Diff(p.Steps, back.Steps); diff != "" {
				t.Fatalf("byte %d: accepted with other steps: %s", i, diff)
			}
			if diff := cmp.Diff(p.Verdicts, back.Verdicts); diff != "" {
				t.Fatalf("byte %d: accepted with other verdicts: %s", i, diff)
			}
		}
	}
}

func TestWhatReadRefuses(t *testing.T) {
	text := string(write(t, sample(t), plan.All))
	lines := strings.SplitAfter(text, "\n")
	header, step := lines[0], ""
	for _, line := range lines {
		if strings.Contains(line, `"type":"step"`) {
			step = line
		}
	}
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", plan.ErrNotPlan},
		{"an image", "\x89PNG\r\n\x1a\n....", plan.ErrNotPlan},
		{"a policy", "version: 1\npolicies: []\n", plan.ErrNotPlan},
		{"other JSON", `{"type":"run","id":"x"}` + "\n", plan.ErrNotPlan},
		{"a newer plan", strings.Replace(text, `"version":1`, `"version":2`, 1), plan.ErrVersion},
		{"cut between lines", strings.Join(lines[:3], ""), plan.ErrTruncated},
		{"cut within a line", text[:len(header)+20], plan.ErrTruncated},
		{"a step taken out", strings.Replace(text, step, "", 1), plan.ErrTampered},
		{"a digest changed", strings.Replace(text, `"digest":"sha256:`, `"digest":"sha256:0`, 1), plan.ErrTampered},
		{"lines swapped", lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""), plan.ErrTampered},
		{"something after the end", text + step, plan.ErrTampered},
		{"two plans", text + text, plan.ErrTampered},
		{"a plan in a plan", header + header, plan.ErrSyntax},
		{"a broken line", header + "{\n", plan.ErrSyntax},
		{"a step of nothing", header + `{"type":"step","seq":1,"digest":"latest"}` + "\n", plan.ErrSyntax},
	} {
		p, err := plan.Read(strings.NewReader(test.text))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
		if p != nil {
			t.Errorf("%s: a plan came with the error", test.name)
		}
	}
	// The summary is outside the hash: a false one is found by counting.
	for _, field := range []string{`"steps":1`, `"blocked":1`} {
		if !strings.Contains(text, field) {
			t.Fatalf("no %s in the summary", field)
		}
		if _, err := plan.Read(strings.NewReader(strings.Replace(text, field, field+"0", 1))); !errors.Is(err, plan.ErrTampered) {
			t.Errorf("%s changed: error %v", field, err)
		}
	}
}

// Readers ignore what they do not know.
func TestNewFieldsAndTypesAreIgnored(t *testing.T) {
	var out bytes.Buffer
	w := plan.NewWriter(&out)
	for _, line := range []any{
		map[string]any{"type": "plan", "version": 1, "id": "x", "mood": "good"},
		map[string]any{"type": "horoscope", "digest": 7},
		map[string]any{"type": "step", "seq": 1, "action": "untag", "tag": "a", "digest": "sha256:" + strings.Repeat("0", 64), "colour": "red"},
	} {
		if err := w.Line(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(&plan.Summary{Steps: 1}); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Read(&out)
	if err != nil || p.Header.ID != "x" || len(p.Steps) != 1 {
		t.Errorf("error %v, plan %+v", err, p)
	}
}

func TestReadingFailsWhereTheFileFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	if _, err := plan.Read(io.MultiReader(bytes.NewReader(write(t, sample(t), plan.All)[:100]), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if err := plan.Write(failing{broken}, sample(t), plan.All); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }
