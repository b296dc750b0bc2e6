package policy

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

var now = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func days(n float64) time.Time { return now.Add(-time.Duration(n * 24 * float64(time.Hour))) }

func sha(name string) oci.Digest { return oci.FromBytes([]byte(name)) }

// world is a repository being put together for a test.
type world struct{ repo *inventory.Repository }

func newWorld() *world {
	return &world{&inventory.Repository{Registry: "r.example.com", Name: "team/app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}}
}

// image adds an image and its tags; the name stands for the digest.
func (w *world) image(name string, created time.Time, tags ...string) *inventory.Manifest {
	m := &inventory.Manifest{Digest: sha(name), MediaType: oci.MediaTypeImage, Kind: oci.KindImage, Read: true, Created: created, Bytes: 1000}
	w.repo.Manifests[m.Digest] = m
	for _, tag := range tags {
		w.tag(tag, m.Digest)
	}
	return m
}

func (w *world) index(name string, children ...*inventory.Manifest) *inventory.Manifest {
	m := &inventory.Manifest{Digest: sha(name), MediaType: oci.MediaTypeIndex, Kind: oci.KindIndex, Read: true}
	for _, child := range children {
		m.Children = append(m.Children, oci.Descriptor{MediaType: child.MediaType, Digest: child.Digest})
	}
	w.repo.Manifests[m.Digest] = m
	return m
}

func (w *world) tag(name string, digest oci.Digest) *inventory.Tag {
	at := 0
	for at < len(w.repo.Tags) && w.repo.Tags[at].Name < name {
		at++
	}
	w.repo.Tags = append(w.repo.Tags[:at], append([]inventory.Tag{{Name: name, Digest: digest}}, w.repo.Tags[at:]...)...)
	return &w.repo.Tags[at]
}

func (w *world) find(tag string) *inventory.Tag {
	for i := range w.repo.Tags {
		if w.repo.Tags[i].Name == tag {
			return &w.repo.Tags[i]
		}
	}
	return nil
}

func parse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// rules makes a policy file of one rule for all tags.
func oneRule(body string) string {
	return "version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - " + body + "\n"
}

// verdicts are "verdict code" by tag, or by the first digits of the digest.
func verdicts(report Report) map[string]string {
	got := map[string]string{}
	for _, d := range report.Decisions {
		name := d.Root.Name()
		if name == "" {
			name = "untagged"
		}
		got[name] = d.Verdict.String() + " " + string(d.Reasons[0].Code)
	}
	return got
}

func want(t *testing.T, report Report, expected map[string]string) {
	t.Helper()
	got := verdicts(report)
	for name, verdict := range expected {
		if got[name] != verdict {
			t.Errorf("%s: %q, want %q", name, got[name], verdict)
		}
	}
	if len(got) != len(expected) {
		t.Errorf("%d roots %v, want %d", len(got), got, len(expected))
	}
}

const request = `version: 1
policies:
  - repositories: ["**"]
    rules:
      - tags: ["**"]
        remove: [{older_than: 30d}]
        keep:   [{newest: 5}]
`

func TestTheRequest(t *testing.T) {
	w := newWorld()
	for i, tag := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		w.image(tag, days(float64(10*i+5)), tag)
	}
	w.image("old", days(400), "latest")
	report := parse(t, request).Evaluate(w.repo, nil, now)
	want(t, report, map[string]string{
		"a": "keep newest", "b": "keep newest", "c": "keep newest", "d": "keep newest", "e": "keep newest",
		"f": "remove older-than", "g": "remove older-than", "latest": "keep protected",
	})
	reason := report.Decisions[5].Reasons[0]
	if reason.Rule != "policies[0].rules[0].remove[0]" || reason.Line != 6 || reason.Facts["limit"] != "30d" {
		t.Errorf("reason %+v", reason)
	}
}

func TestFlagsAreTheFile(t *testing.T) {
	text, err := FromFlags(Flags{OlderThan: "30d", Keep: 5})
	if err != nil || string(text) != request {
		t.Errorf("%v\n%s", err, text)
	}
}
