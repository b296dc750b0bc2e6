package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

const holdsTwoWeeks = `
version: 1
policies:
  - repositories: ["**"]
    rules:
      - tags: ["**"]
        action: quarantine
        for: 14d
        remove: [{older_than: 30d}]
        keep: [{newest: 1}]
`

// household is a registry, a policy, and a clock that the test moves.
type household struct {
	host   string
	state  string
	now    time.Time
	policy *policy.Policy
	world  *world.World
	before *world.State
}

func newHousehold(t *testing.T, start func(testing.TB) *server.Server, fallback bool) *household {
	t.Helper()
	h := &household{host: start(t).Host, state: filepath.Join(t.TempDir(), "state.db"), now: time.Now().UTC().Truncate(time.Second)}
	w := world.New(h.now)
	r := w.Repository("shop/cart")
	days := func(n int) string { return world.At(h.now.AddDate(0, 0, -n)) }
	for i, n := range []int{1, 40, 50} {
		m := r.Image(world.Image{Created: days(n)})
		r.Tag(fmt.Sprintf("v%d", 3-i), m)
		r.Cosign(m.Digest, "sig")
	}
	shared := r.Image(world.Image{Created: days(70)})
	index := r.Index(world.Index{Children: []*world.Manifest{shared, r.Image(world.Image{Created: days(70), Platform: "linux/arm64"})}})
	r.Tag("multi", index)
	r.Tag("multi-alias", index)
	r.Artifact(world.Artifact{Type: "application/vnd.example.sbom", Subject: index})
	if fallback {
		r.FallbackTags()
	}
	if err := w.Push(t.Context(), h.host); err != nil {
		t.Fatal(err)
	}
	h.world, h.policy = w, parsed(t, holdsTwoWeeks)
	h.before = h.read(t)
	return h
}

func parsed(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *household) read(t *testing.T) *world.State {
	t.Helper()
	state, err := world.Read(t.Context(), h.host, h.world.Digests())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (h *household) app(t *testing.T) *App {
	t.Helper()
	a, err := New(Options{State: h.state, Clock: func() time.Time { return h.now }, Getenv: func(name string) string {
		return map[string]string{"HOME": filepath.Dir(h.state)}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func (h *household) plan(t *testing.T, a *App, targets ...string) *plan.Stored {
	t.Helper()
	if len(targets) == 0 {
		targets = []string{h.host + "/shop/cart", h.host + "/quarantine/shop/cart"} // not every registry lists its repositories
	}
	wanted, err := a.Targets(targets)
	if err != nil {
		t.Fatal(err)
	}
	made, err := a.Plan(t.Context(), PlanRequest{Targets: wanted, Policy: h.policy})
	if err != nil && KindOf(err) != Partial {
		t.Fatal(err)
	}
	return made
}

func (h *household) apply(t *testing.T, a *App, made *plan.Stored) Result {
	t.Helper()
	var outcomes []journal.Outcome
	result, err := a.Apply(t.Context(), ApplyRequest{
		Plan: made, Verify: VerifyBlobs, Outcome: func(_ plan.Step, o journal.Outcome) { outcomes = append(outcomes, o) },
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, outcomes)
	}
	return result
}

// held are the tags of the holding repository.
func (h *household) held(t *testing.T) []string {
	t.Helper()
	state, err := world.Read(t.Context(), h.host, map[string][]oci.Digest{"quarantine/shop/cart": nil})
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for tag := range state.Repositories["quarantine/shop/cart"].Tags {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}

func (h *household) returned(t *testing.T) {
	t.Helper()
	for _, problem := range world.Check(h.before, h.read(t), world.Expectation{}) {
		t.Error(problem)
	}
}

var starters = map[string]struct {
	start    func(testing.TB) *server.Server
	fallback bool
}{
	"distribution": {func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) }, true},
	"olareg":       {live.Olareg, false},
}

// Quarantine and undo leave every pull as it was, digest by digest. In between
// nothing is to be pulled under the old name, a second plan finds nothing more,
// and the undo works after the state was lost too.
func TestQuarantineAndBack(t *testing.T) {
	for name, s := range starters {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t, s.start, s.fallback)
			a := h.app(t)
			made := h.plan(t, a, h.host+"/shop/cart")
			for repo, err := range made.Steps() {
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range repo.Steps {
					if step.Quarantine != "quarantine/shop/cart" || step.For != "14d" || step.Undo != plan.UndoFull {
						t.Errorf("step %+v", step)
					}
				}
			}
			run := h.apply(t, a, made).RunID
			after := h.read(t)
			for _, tag := range []string{"v1", "v2", "multi", "multi-alias"} {
				if after.Repositories["shop/cart"].Tags[tag] != "" {
					t.Errorf("%s is still there", tag)
				}
			}
			if n := len(h.held(t)); n == 0 || n%2 != 0 {
				t.Errorf("held: %q", h.held(t))
			}
			if again := h.plan(t, a); again.Summary.Steps > 0 || again.Summary.Remove > 0 {
				t.Errorf("a second plan at the same instant removes more: %+v", again.Summary)
			}

			h.now = h.now.Add(13 * 24 * time.Hour)
			if again := h.plan(t, a); again.Summary.Steps > 0 {
				t.Errorf("after 13 days: %+v", again.Summary)
			}
			back, err := a.PlanUndo(t.Context(), UndoRequest{Run: run})
			if err != nil {
				t.Fatal(err)
			}
			h.apply(t, a, back)
			h.returned(t)

			// Once more, with another state.
			h.now = h.now.Add(time.Hour)
			run = h.apply(t, a, h.plan(t, a, h.host+"/shop/cart")).RunID
			h.state = filepath.Join(t.TempDir(), "other.db")
			a = h.app(t)
			if back, err = a.PlanUndo(t.Context(), UndoRequest{Run: run, Archive: h.host + "/quarantine/shop/cart"}); err != nil {
				t.Fatal(err)
			}
			h.apply(t, a, back)
			h.returned(t)
		})
	}
}

// What nobody asked for goes after its time, whole, and with nothing else. The
// state may be lost meanwhile: the tags say how long they are there.
func TestQuarantineEnds(t *testing.T) {
	for name, s := range starters {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t, s.start, s.fallback)
			h.apply(t, h.app(t), h.plan(t, h.app(t), h.host+"/shop/cart"))
			kept := h.read(t)
			h.now = h.now.Add(14*24*time.Hour + time.Minute)
			h.state = filepath.Join(t.TempDir(), "other.db")
			a := h.app(t)
			h.policy = parsed(t, strings.ReplaceAll(holdsTwoWeeks, "30d", "10y")) // nothing else goes
			made := h.plan(t, a)
			h.apply(t, a, made)
			if left := h.held(t); len(left) > 0 {
				t.Errorf("left in quarantine: %q", left)
			}
			for _, problem := range world.Check(kept, h.read(t), world.Expectation{}) {
				t.Error(problem)
			}
		})
	}
}

// The registry's garbage collection does not touch what is in quarantine, and
// brings the bytes back once it has ended.
func TestQuarantineOutlivesGarbageCollection(t *testing.T) {
	storage := server.NewStorage()
	var sent atomic.Int64
	records := string(oci.FromBytes([]byte("{}"))) // their empty config
	counting := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/") && r.URL.Query().Get("digest") != records {
				sent.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}
	h := newHousehold(t, func(t testing.TB) *server.Server {
		return live.Distribution(t, server.Options{Storage: storage, Wrap: counting})
	}, true)
	a := h.app(t)
	sent.Store(0)
	run := h.apply(t, a, h.plan(t, a)).RunID
	if sent.Load() > 0 {
		t.Errorf("%d blobs were sent that the registry had", sent.Load())
	}
	live.Collect(t, storage, true)
	back, err := a.PlanUndo(t.Context(), UndoRequest{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	h.apply(t, a, back)
	h.returned(t)
}

// A registry that takes no pushes keeps its images: nothing goes that is not in
// quarantine, also where an archive has it, because that is another plan than
// the one that was agreed to.
func TestNothingGoesThatCannotBeHeld(t *testing.T) {
	h := newHousehold(t, func(t testing.TB) *server.Server {
		return live.Distribution(t, server.Options{Wrap: refusePushes})
	}, true)
	a := h.app(t)
	made := h.plan(t, a)
	pushes.Store(false)
	t.Cleanup(func() { pushes.Store(true) })
	for _, archived := range []string{"", "oci:" + t.TempDir()} {
		steps := 0
		_, err := a.Apply(context.Background(), ApplyRequest{Plan: made, Archive: archived, Outcome: func(s plan.Step, o journal.Outcome) {
			steps++
			if o.Status.Succeeded() || !strings.Contains(o.Error, "cannot be archived") {
				t.Errorf("%+v", o)
			}
			if !strings.Contains(o.Error, "Let the user push to "+s.Quarantine) {
				t.Errorf("it does not say what to do: %s", o.Error)
			}
		}})
		if KindOf(err) != Partial || steps == 0 {
			t.Errorf("archived at %q: %d steps, %v", archived, steps, err)
		}
		h.returned(t)
	}
}

func TestThePolicyIsAskedForTheTime(t *testing.T) {
	for text, want := range map[string]string{
		"action: quarantine": "write for: 14d beside it", "for: 14d": "write action: quarantine beside it",
		"action: quarantine, for: 0d": "has no length", "action: hide, for: 1d": "not one of remove, quarantine",
	} {
		_, err := policy.Parse("p.yaml", []byte(`{version: 1, policies: [{repositories: "**", rules: [{tags: "**", `+text+`, remove: [{older_than: 30d}]}]}]}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTagsOfHoldingRepositoriesSayWhatTheyAre(t *testing.T) {
	for name, want := range map[string]string{
		"20260301T100000Z-0000000a.1_shop-cart_v1": "", "20260301T100000Z-0000000a.12.for-14d.entry": "14d",
		"20260301T100000Z-0000000a.12.for-1w2d_a": "1w2d", "v1": "-", "20260301T100000Z-0000000a": "-", "20269901T100000Z-0000000a.1.entry": "-",
		"20260301T100000Z-0000000a.1": "-", "x20260301T100000Z-0000000a.1.entry": "-",
	} {
		got, ours := archive.ParseTag(name)
		if ours != (want != "-") || ours && got.For != want {
			t.Errorf("%s: %+v %v", name, got, ours)
		}
	}
}

// On Nexus the holding repository lies in the same Nexus repository, so no blob
// is sent. Its garbage collection leaves what is in quarantine; a pull there
// keeps it beyond its time.
func TestQuarantineOnNexus(t *testing.T) {
	for _, dialect := range nexustest.Dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			now := time.Now()
			days := func(n int) time.Time { return now.AddDate(0, 0, -n) }
			nexus := nexustest.New(nexustest.Options{Dialect: dialect})
			base, stop, err := nexus.Start("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			const repo, image = "docker-hosted", "team/app"
			for i := range 4 {
				nexus.Push(repo, image, fmt.Sprintf("v%d", i), nexustest.Image{}, days(40*i+10))
			}
			nexus.PushIndex(repo, image, "multi", []nexustest.Image{{Platform: oci.Platform{OS: "linux", Architecture: "amd64"}}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}, days(200))
			before := nexus.Tags(repo, image)
			gc := nexus.AddTask(nexustest.Task{Type: "repository.docker.gc", Name: "gc", Properties: map[string]string{"repositoryName": repo, "deployOffset": "0"}})
			h := &household{host: base, state: filepath.Join(t.TempDir(), "state.db"), now: now.UTC().Truncate(time.Second), policy: parsed(t, holdsTwoWeeks)}
			t.Setenv("REGKEEP_USERNAME", "admin")
			t.Setenv("REGKEEP_PASSWORD", "admin123")
			a := h.app(t)
			run := h.apply(t, a, h.plan(t, a, base)).RunID
			if got := nexus.Tags(repo, image); len(got) != 1 {
				t.Fatalf("left: %v", got)
			}
			if again := h.plan(t, a, base); again.Summary.Steps > 0 {
				t.Errorf("a second plan: %+v", again.Summary)
			}
			nexus.RunTask(gc)
			back, err := a.PlanUndo(t.Context(), UndoRequest{Run: run})
			if err != nil {
				t.Fatal(err)
			}
			h.apply(t, a, back)
			for tag, digest := range before {
				if err := nexus.Whole(repo, image, tag); err != nil || nexus.Tags(repo, image)[tag] != digest {
					t.Errorf("%s: %v", tag, err)
				}
			}
			const holding = "quarantine/" + image
			held := nexus.Tags(repo, holding)
			for tag := range held {
				if strings.HasSuffix(tag, "_v3") {
					nexus.SetLastDownloaded(repo, holding, tag, now.Add(48*time.Hour))
				} else {
					nexus.SetLastDownloaded(repo, holding, tag, time.Time{})
				}
			}
			h.now = h.now.Add(15 * 24 * time.Hour)
			h.policy = parsed(t, strings.ReplaceAll(holdsTwoWeeks, "30d", "10y"))
			h.apply(t, a, h.plan(t, a, base))
			left := slices.Sorted(maps.Keys(nexus.Tags(repo, holding)))
			if len(left) != 1 || !strings.HasSuffix(left[0], "_v3") {
				t.Errorf("left in quarantine: %q, of %d", left, len(held))
			}
		})
	}
}
