package app

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// A fact that bytes tell was learned when these were fetched, all else in the
// scan of which one is told.
func TestFactsSayWhenTheyWereLearned(t *testing.T) {
	h := newHousehold(t, func(t testing.TB) *server.Server { return live.Distribution(t, server.Options{}) }, true)
	rules := parsed(t, "version: 1\npolicies:\n  - repositories: [\"**\"]\n    rules:\n      - {tags: [\"v*\"], remove: [{older_than: 30d}], keep: [{tags: [v1]}]}\n")
	start := h.now
	learned := func() map[string]time.Duration {
		a := h.app(t)
		defer a.Close()
		ref, err := ParseReference(a.file, h.host+"/shop/cart:v2")
		if err != nil {
			t.Fatal(err)
		}
		x, err := a.Explain(t.Context(), ref, rules, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]time.Duration{}
		x.Explanation.Sources(func(s *policy.Source) { at[s.Fact] = s.At.Sub(start) })
		return at
	}
	for _, later := range []time.Duration{0, time.Hour} {
		h.now = start.Add(later)
		if at := learned(); at["tag"] != later || at["created"] != 0 || len(at) != 2 {
			t.Errorf("after %s: %v", later, at)
		}
	}
}
