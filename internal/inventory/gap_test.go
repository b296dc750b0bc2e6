package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// faulty scans a registry of three repositories through faults.
func faulty(t *testing.T, options memory.Options, opts inventory.Options, d inventory.Demand, faults ...fault.Fault) (map[string]*inventory.Repository, []inventory.Gap, error) {
	t.Helper()
	w := world.New(world.DefaultNow)
	for _, name := range []string{"a", "b", "c"} {
		repo := w.Repository(name)
		for i := range 3 {
			repo.Tag(fmt.Sprintf("v%d", i), repo.Image(world.Image{Created: days(i)}))
		}
	}
	r := memory.Load(w, options)
	script := fault.New(faults...)
	reader := script.Reader(r.Reader())
	s := inventory.NewScanner(reader, describe(t, r.Reader()), opts)
	repos := map[string]*inventory.Repository{}
	var failure error
	for repo, err := range s.Scan(context.Background(), d) {
		if err != nil {
			failure = err
			continue
		}
		repos[repo.Name] = repo
	}
	if unused := script.Unused(); len(unused) > 0 {
		t.Fatalf("nothing ran into %v", unused)
	}
	return repos, s.Gaps(), failure
}

func TestWhatCannotBeReadIsAGapOfItsRepository(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault fault.Fault
		code  string
	}{
		{"tags refused", fault.Fault{Op: call.Tags}, "tags"},
		{"tags cut off", fault.Fault{Op: call.Tags, Kind: fault.Truncate, After: 1}, "tags"},
		{"tags denied", fault.Fault{Op: call.Tags, Err: registry.ErrDenied}, "denied"},
		{"manifest refused", fault.Fault{Op: call.Manifest, Nth: 1}, "manifest"},
		{"manifest denied", fault.Fault{Op: call.Manifest, Nth: 1, Err: registry.ErrDenied}, "denied"},
		{"manifest malformed", fault.Fault{Op: call.Manifest, Nth: 1, Err: registry.ErrMalformed}, "manifest"},
		{"throttled", fault.Fault{Op: call.Manifest, Nth: 1, Err: registry.ErrThrottled}, "manifest"},
		{"config refused", fault.Fault{Op: call.Blob, Nth: 1}, "config"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.fault.Repository = "b"
			repos, gaps, err := faulty(t, memory.Options{}, inventory.Options{}, configs, test.fault)
			if err != nil || len(gaps) != 0 || len(repos) != 3 {
				t.Fatalf("error %v, registry gaps %v, %d repositories", err, gaps, len(repos))
			}
			if len(repos["a"].Gaps)+len(repos["c"].Gaps) != 0 {
				t.Errorf("gaps elsewhere: %v %v", repos["a"].Gaps, repos["c"].Gaps)
			}
			got := repos["b"].Gaps
			if len(got) == 0 || got[0].Code != test.code || got[0].Repository != "b" || got[0].Registry != "memory" || got[0].Message == "" {
				t.Errorf("gaps %+v, want one of code %s", got, test.code)
			}
		})
	}
}

// A config that is not there, or is nonsense, is the image's own trouble: its
// age is not known, and that is all.
func TestAMissingConfigIsNoGap(t *testing.T) {
	for _, kind := range []error{registry.ErrNotFound, registry.ErrMalformed} {
		repos, _, err := faulty(t, memory.Options{}, inventory.Options{}, configs, fault.Fault{Op: call.Blob, Repository: "b", Nth: 1, Err: kind})
		if err != nil || len(repos["b"].Gaps) != 0 {
			t.Fatalf("error %v, gaps %v", err, repos["b"].Gaps)
		}
		unknown := 0
		for _, m := range repos["b"].Manifests {
			if m.Created.IsZero() {
				unknown++
			}
		}
		if unknown != 1 {
			t.Errorf("%d images without age", unknown)
		}
	}
}

// The platform image whose config cannot be had might be the one built last.
func TestAnIndexIsAsUnknownAsItsImages(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	amd, arm := repo.Image(world.Image{Created: days(30)}), repo.Image(world.Image{Created: days(1), Platform: "linux/arm64"})
	repo.Tag("v1", repo.Index(world.Index{Children: []*world.Manifest{amd, arm}}))
	r := memory.Load(w, memory.Options{})
	script := fault.New(fault.Fault{Op: call.Blob, Reference: string(arm.Config), Err: registry.ErrNotFound})
	got := only(t, inventory.NewScanner(script.Reader(r.Reader()), describe(t, r.Reader()), inventory.Options{}), configs)
	if m := got.Manifests[got.Tags[0].Digest]; !m.Created.IsZero() || m.ConfigProblem == "" {
		t.Errorf("the index was created %s, problem %q", m.Created, m.ConfigProblem)
	}
}

// Labels of an index are those of all its platform images; what differs is named.
func TestLabelsOfAnIndex(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	image := func(platform string, labels map[string]string) *world.Manifest {
		return repo.Image(world.Image{Created: days(3), Platform: platform, Labels: labels})
	}
	repo.Tag("alike", repo.Index(world.Index{Children: []*world.Manifest{
		image("linux/amd64", map[string]string{"a": "1"}), image("linux/arm64", map[string]string{"a": "1"}),
	}}))
	repo.Tag("differ", repo.Index(world.Index{Children: []*world.Manifest{
		image("linux/amd64", map[string]string{"a": "1", "b": "1", "only": "here"}), image("linux/arm64", map[string]string{"a": "1", "b": "2"}), image("linux/s390x", map[string]string{"a": "1", "z": ""}),
	}}))
	text, scanned := save(t, w)
	saved, err := inventory.Load(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for again, err := range saved.Scan(t.Context(), configs) {
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []*inventory.Repository{scanned[0], again} {
			for _, tag := range got.Tags {
				m := got.Manifests[tag.Digest]
				disputed := map[string]string{"alike": "[]", "differ": "[b only z]"}[tag.Name]
				if fmt.Sprint(m.Labels) != "map[a:1]" || fmt.Sprint(m.Disputed) != disputed {
					t.Errorf("%s: labels %v, disputed %v, want %s", tag.Name, m.Labels, m.Disputed, disputed)
				}
			}
		}
	}
}

func TestADeniedRepositoryIsNotAskedOn(t *testing.T) {
	w := shared(200)
	r := memory.Load(w, memory.Options{})
	script := fault.New(fault.Fault{Op: call.Manifest, Err: registry.ErrDenied})
	s := inventory.NewScanner(script.Reader(r.Reader()), describe(t, r.Reader()), inventory.Options{Workers: 2})
	repo := only(t, s, configs)
	if len(repo.Gaps) == 0 || len(repo.Gaps) > 2 || repo.Gaps[0].Code != "denied" {
		t.Errorf("gaps %v", repo.Gaps)
	}
	for _, tag := range repo.Tags {
		if tag.Digest == "" && tag.Problem == "" {
			t.Errorf("tag %s is unresolved without a reason", tag.Name)
		}
	}
}

func TestTroubleEndsAfterAFewQuestions(t *testing.T) {
	r := memory.Load(shared(200), memory.Options{})
	script := fault.New(fault.Fault{Op: call.Manifest})
	s := inventory.NewScanner(script.Reader(r.Reader()), describe(t, r.Reader()), inventory.Options{Workers: 1})
	if repo := only(t, s, configs); len(repo.Gaps) > 6 {
		t.Errorf("%d failures before giving up", len(repo.Gaps))
	}
}

func TestTheCatalog(t *testing.T) {
	cut := fault.Fault{Op: call.Repositories, Kind: fault.Truncate, After: 2}
	repos, gaps, err := faulty(t, memory.Options{}, inventory.Options{}, names, cut)
	if err != nil || len(repos) != 2 || len(gaps) != 1 || gaps[0].Code != "catalog" || gaps[0].Repository != "" {
		t.Errorf("cut off: %d repositories, gaps %v, error %v", len(repos), gaps, err)
	}
	cut.Err = registry.ErrDenied
	if _, _, err = faulty(t, memory.Options{}, inventory.Options{}, names, cut); !errors.Is(err, registry.ErrDenied) {
		t.Errorf("denied: error %v", err)
	}
	_, _, err = faulty(t, memory.Options{}, inventory.Options{}, names, fault.Fault{Op: call.Repositories, Kind: fault.Shorten})
	if !errors.Is(err, inventory.ErrEmptyCatalog) {
		t.Errorf("empty: error %v", err)
	}
	_, _, err = faulty(t, memory.Options{}, inventory.Options{TrustEmpty: true}, names, fault.Fault{Op: call.Repositories, Kind: fault.Shorten})
	if err != nil {
		t.Errorf("empty and trusted: error %v", err)
	}
	repos, _, err = faulty(t, memory.Options{NoCatalog: true}, inventory.Options{Repositories: []string{"c", "a", "c", "missing"}}, names)
	if err != nil || len(repos) != 3 || len(repos["missing"].Gaps) != 1 || len(repos["c"].Gaps) != 0 {
		t.Errorf("named: %v, error %v", repos, err)
	}
	if _, _, err = faulty(t, memory.Options{NoCatalog: true}, inventory.Options{}, names); !errors.Is(err, registry.ErrUnsupported) {
		t.Errorf("no catalog: error %v", err)
	}
	repos, _, err = faulty(t, memory.Options{}, inventory.Options{Match: func(name string) bool { return name > "a" }}, names)
	if err != nil || len(repos) != 2 || repos["a"] != nil {
		t.Errorf("matched: %v, error %v", repos, err)
	}
}

func TestCancelledMeansAnErrorAndNotAnEnd(t *testing.T) {
	for _, op := range []call.Op{call.Repositories, call.Tags, call.Manifest, call.Blob} {
		r := memory.Load(shared(40), memory.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		s := scanner(t, r, inventory.Options{})
		r.Before(func(c call.Call) {
			if c.Op == op {
				cancel()
			}
		})
		var failure error
		for repo, err := range s.Scan(ctx, configs) {
			if failure = err; err == nil {
				t.Errorf("cancelled at %s: got %s", op, repo.Name)
			}
		}
		if !errors.Is(failure, context.Canceled) {
			t.Errorf("cancelled at %s: error %v", op, failure)
		}
		cancel()
	}
}

// A tag is deleted, or moves, between the listing and its manifest.
func TestTagsThatChangeWhileTheyAreRead(t *testing.T) {
	read := func(change func(*world.Repository)) *inventory.Repository {
		w := world.New(world.DefaultNow)
		repo := w.Repository("app")
		repo.Tag("stays", repo.Image(world.Image{Created: days(1)}))
		repo.Tag("moves", repo.Image(world.Image{Created: days(2)}))
		r := memory.Load(w, memory.Options{})
		s := scanner(t, r, inventory.Options{Workers: 1})
		done := false
		r.Before(func(c call.Call) {
			if c.Op == call.Manifest && !done {
				done = true
				r.Edit(func(w *world.World) { change(w.Repository("app")) })
			}
		})
		return only(t, s, graph)
	}
	names := func(repo *inventory.Repository) (names []string) {
		for _, tag := range repo.Tags {
			names = append(names, tag.Name)
		}
		return names
	}

	gone := read(func(r *world.Repository) { delete(r.Tags, "moves") })
	if len(gone.Gaps) != 0 || !slices.Equal(names(gone), []string{"stays"}) {
		t.Errorf("deleted meanwhile: tags %v, gaps %v", names(gone), gone.Gaps)
	}
	swapped := read(func(r *world.Repository) {
		delete(r.Tags, "moves")
		r.Tag("new", r.Image(world.Image{Created: days(0)}))
	})
	if len(swapped.Gaps) != 0 || !slices.Equal(names(swapped), []string{"new", "stays"}) || swapped.Manifests[swapped.Tags[0].Digest] == nil {
		t.Errorf("replaced meanwhile: tags %v, gaps %v", names(swapped), swapped.Gaps)
	}
	// Listed, and not there, and still listed: nobody knows what is going on.
	broken := read(func(r *world.Repository) { delete(r.Manifests, r.Tags["moves"]) })
	if len(broken.Gaps) != 1 || !strings.Contains(broken.Gaps[0].Message, "changed while reading") || broken.Tags[0].Problem == "" {
		t.Errorf("broken: tags %+v, gaps %v", broken.Tags, broken.Gaps)
	}
}

func TestManifestsThatNobodyUnderstandsAreKeptNotGaps(t *testing.T) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	image := repo.Image(world.Image{Created: days(1)})
	repo.Tag("unknown", repo.Foreign("application/vnd.example.thing", []byte(`{"things":["`+string(image.Digest)+`"]}`)))
	repo.Tag("nonsense", repo.Foreign(oci.MediaTypeIndex, []byte(`{"manifests":[{"digest":"sha256:nonsense","other":"`+string(image.Digest)+`"}]}`)))
	repo.Tag("schema1", repo.Foreign(oci.MediaTypeSignedSchema1, []byte(`{"schemaVersion":1,"fsLayers":[]}`)))
	lost := repo.Image(world.Image{Created: days(1)})
	repo.Tag("sparse", repo.Index(world.Index{Children: []*world.Manifest{image, lost}}))
	repo.Lose(lost)

	r := memory.Load(w, memory.Options{})
	got := only(t, scanner(t, r, inventory.Options{}), configs)
	if len(got.Gaps) != 0 {
		t.Fatalf("gaps %v", got.Gaps)
	}
	for _, tag := range got.Tags {
		m := got.Manifests[tag.Digest]
		switch tag.Name {
		case "unknown", "nonsense":
			if m.Problem == "" || m.Read || !slices.Equal(m.Mentions, []oci.Digest{image.Digest}) {
				t.Errorf("%s: %+v", tag.Name, m)
			}
		case "schema1":
			if m.Problem == "" || m.Kind != oci.KindSchema1 {
				t.Errorf("%s: %+v", tag.Name, m)
			}
		case "sparse":
			if m.Problem != "" || !got.Manifests[lost.Digest].Missing || world.At(m.Created) != days(1) {
				t.Errorf("%s: %+v", tag.Name, m)
			}
		}
	}
}
