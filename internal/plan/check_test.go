package plan

import (
	"fmt"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

func digest(name string) oci.Digest { return oci.FromBytes([]byte(name)) }

// sketch is a repository of an index with two children, one of them tagged, an
// attachment and an image with two tags.
func sketch() (*inventory.Repository, *policy.Report) {
	repo := &inventory.Repository{Registry: "r", Name: "app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}
	add := func(name string, kind oci.Kind, subject string, children ...string) {
		m := &inventory.Manifest{Digest: digest(name), Kind: kind, Read: true}
		if subject != "" {
			m.Subject = digest(subject)
		}
		for _, child := range children {
			m.Children = append(m.Children, oci.Descriptor{MediaType: oci.MediaTypeImage, Digest: digest(child)})
		}
		repo.Manifests[m.Digest] = m
	}
	add("index", oci.KindIndex, "", "amd", "arm")
	add("amd", oci.KindImage, "")
	add("arm", oci.KindImage, "")
	add("sbom", oci.KindImage, "index")
	add("shared", oci.KindImage, "")
	report := &policy.Report{Repository: "app", Decisions: make([]policy.Decision, 0, 4)}
	for _, tag := range [][2]string{{"amd", "amd"}, {"kept", "shared"}, {"old", "shared"}, {"v1", "index"}} {
		repo.Tags = append(repo.Tags, inventory.Tag{Name: tag[0], Digest: digest(tag[1])})
	}
	for i := range repo.Tags {
		verdict := policy.Remove
		if name := repo.Tags[i].Name; name == "amd" || name == "kept" {
			verdict = policy.Keep
		}
		report.Decisions = append(report.Decisions, policy.Decision{
			Root: inventory.Root{Tag: &repo.Tags[i], Digest: repo.Tags[i].Digest}, Verdict: verdict,
		})
	}
	return repo, report
}

func drop(name string, takes ...string) Step {
	return Step{Action: DeleteManifest, Digest: digest(name), Takes: takes}
}

func untag(tag, at string) Step { return Step{Action: Untag, Tag: tag, Digest: digest(at)} }

// The last look at a plan knows nothing of how it was made, and finds every
// way in which it could break something that stays.
func TestTheLastLookFindsWhatWouldBreak(t *testing.T) {
	good := []Step{untag("old", "shared"), drop("index", "v1"), drop("arm"), drop("sbom")}
	repo, report := sketch()
	if problem := check(repo, report, good); problem != "" {
		t.Fatalf("a good plan: %s", problem)
	}
	for name, steps := range map[string][]Step{
		"a kept tag on the digest":         {drop("shared", "old")},
		"a kept tag taken along":           {drop("shared", "kept", "old")},
		"a kept tag removed":               {untag("kept", "shared")},
		"another tag's digest":             {untag("old", "index")},
		"a tagged child":                   {drop("index", "v1"), drop("amd")},
		"a child of an index that stays":   {drop("arm")},
		"the index without its tag":        {drop("index")},
		"the same twice":                   {drop("index", "v1"), drop("arm"), drop("arm")},
		"one tag twice":                    {untag("v1", "index"), drop("index", "v1")},
		"an attachment first":              {drop("sbom"), drop("index", "v1"), drop("arm")},
		"an attachment alone":              {drop("sbom")},
		"something that was never read":    {drop("unknown")},
		"an index whose child had a child": {drop("index", "v1"), drop("arm"), drop("sbom"), drop("shared", "old", "kept")},
	} {
		repo, report := sketch()
		if problem := check(repo, report, steps); problem == "" {
			t.Errorf("%s: nothing was found", name)
		}
	}
	for _, change := range []func(*inventory.Manifest){
		func(m *inventory.Manifest) { m.Problem = "not understood" },
		func(m *inventory.Manifest) { m.Read = false },
	} {
		repo, report := sketch()
		change(repo.Manifests[digest("arm")])
		if problem := check(repo, report, good); problem == "" {
			t.Errorf("an unreadable manifest: nothing was found")
		}
	}
	repo, report = sketch()
	repo.Manifests[digest("shared")].Mentions = []oci.Digest{digest("arm")}
	if problem := check(repo, report, good); problem == "" {
		t.Error("a manifest that something unreadable names: nothing was found")
	}
}

// Tags that name each other in a ring are ordered all the same.
func TestRingsOfAttachmentsHaveAnOrder(t *testing.T) {
	repo := &inventory.Repository{Name: "app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}
	const n = 5
	for i := range n {
		at, next := digest(fmt.Sprint(i)), digest(fmt.Sprint((i+1)%n))
		repo.Manifests[at] = &inventory.Manifest{Digest: at, Kind: oci.KindImage, Read: true}
		repo.Tags = append(repo.Tags, inventory.Tag{Name: oci.FallbackTag(next) + ".sig", Digest: at})
	}
	repo.Tags = append(repo.Tags, inventory.Tag{Name: "v1", Digest: digest("0")})
	report := &policy.Report{Decisions: []policy.Decision{{Root: inventory.Root{Tag: &repo.Tags[n], Digest: digest("0")}, Verdict: policy.Remove}}}
	g := newGraph(repo, report, false)
	g.fate(func(node) bool { return false })
	if order := g.order(); len(order) != n {
		t.Errorf("%d of %d in order", len(order), n)
	}
	// A ring that no removed root leads to stays, with what it lists.
	top, child := digest("top"), digest("child")
	for at, kind := range map[oci.Digest]oci.Kind{top: oci.KindIndex, digest("0"): oci.KindIndex, child: oci.KindImage} {
		repo.Manifests[at] = &inventory.Manifest{Digest: at, Kind: kind, Read: true}
		if kind == oci.KindIndex {
			repo.Manifests[at].Children = []oci.Descriptor{{MediaType: oci.MediaTypeImage, Digest: child}}
		}
	}
	repo.Tags[n].Digest, report.Decisions[0].Root.Digest = top, top
	g = newGraph(repo, report, false)
	g.fate(func(node) bool { return false })
	if doomed := g.doomed(); len(doomed) != 1 || doomed[0] != g.at(top) || !g.all[g.at(child)].survives {
		t.Errorf("doomed %v, want %d alone; %+v", doomed, g.at(top), g.all)
	}
}
