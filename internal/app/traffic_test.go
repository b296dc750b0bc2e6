package app

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// traffic counts the requests about blobs: "look", "read", "mount" (answered
// with yes) and "send" (any other part of an upload).
type traffic struct {
	mu     sync.Mutex
	counts map[string]int
}

type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (c *traffic) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answered{w, http.StatusOK}
		next.ServeHTTP(answer, r)
		what := ""
		switch upload := strings.Contains(r.URL.Path, "/blobs/uploads/"); {
		case upload && r.URL.Query().Has("mount") && answer.status == http.StatusCreated:
			what = "mount"
		case upload:
			what = "send"
		case strings.Contains(r.URL.Path, "/blobs/"):
			what = map[string]string{http.MethodHead: "look", http.MethodGet: "read"}[r.Method]
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if what != "" {
			c.counts[what]++
		}
	})
}

func (c *traffic) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = map[string]int{}
}

// observed is a household whose requests are counted.
func observed(t *testing.T) (*household, *traffic) {
	counts := &traffic{counts: map[string]int{}}
	return newHousehold(t, func(t testing.TB) *server.Server {
		return live.Distribution(t, server.Options{Wrap: counts.wrap})
	}, true), counts
}

// What is still in the registry is looked for, and neither sent nor read,
// although an archive has it too.
func TestAnUndoSendsNothingThatIsThere(t *testing.T) {
	h, counts := observed(t)
	h.policy = parsed(t, strings.ReplaceAll(strings.ReplaceAll(holdsTwoWeeks, "action: quarantine", ""), "for: 14d", ""))
	a := h.app(t)
	made := h.plan(t, a)
	result, err := a.Apply(t.Context(), ApplyRequest{Plan: made, Archive: "oci:" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	counts.forget()
	back, err := a.PlanUndo(t.Context(), UndoRequest{Run: result.RunID})
	if err != nil {
		t.Fatal(err)
	}
	h.apply(t, a, back)
	if c := counts.counts; c["send"]+c["mount"]+c["read"] > 0 || c["look"] == 0 {
		t.Errorf("%v", c)
	}
	h.returned(t)
}

// What has gone from its repository and is in quarantine in another one is
// mounted from there, each blob once.
func TestAnUndoMountsWhatQuarantineKeeps(t *testing.T) {
	h, counts := observed(t)
	a := h.app(t)
	run := h.apply(t, a, h.plan(t, a)).RunID
	gone, kept := map[oci.Digest]bool{}, h.read(t).Repositories["shop/cart"]
	for _, m := range h.before.Repositories["shop/cart"].Manifests {
		for _, blob := range append(m.Layers, m.Config) {
			gone[blob] = blob != ""
		}
	}
	for _, m := range kept.Manifests {
		for _, blob := range append(m.Layers, m.Config) {
			gone[blob] = false
		}
	}
	n := 0
	for blob, is := range gone {
		if !is {
			continue
		}
		n++
		request, err := http.NewRequest(http.MethodDelete, "http://"+h.host+"/v2/shop/cart/blobs/"+string(blob), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusAccepted {
			t.Fatal(answer, err)
		}
	}
	counts.forget()
	back, err := a.PlanUndo(t.Context(), UndoRequest{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	h.apply(t, a, back)
	if c := counts.counts; n == 0 || c["mount"] != n || c["send"] > 0 {
		t.Errorf("%v, and %d blobs were gone", c, n)
	}
	h.returned(t)
}
