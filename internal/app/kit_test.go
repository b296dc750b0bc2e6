package app

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/regkeep/regkeep/internal/plan"
)

// pushes says whether registries behind refusePushes take any.
var pushes = func() *atomic.Bool { var yes atomic.Bool; yes.Store(true); return &yes }()

func refusePushes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !pushes.Load() && (r.Method == http.MethodPut || r.Method == http.MethodPost || r.Method == http.MethodPatch) {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			http.Error(w, `{"errors":[{"code":"DENIED","message":"read-only"}]}`, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// keep puts a plan that was made in memory beside the state, so that it can be
// applied by its ID.
func (a *App) keep(p *plan.Plan) (*plan.Stored, error) {
	m, err := a.make()
	if err != nil {
		return nil, err
	}
	defer m.close()
	if err := plan.Write(m.packed, p, plan.All); err != nil {
		return nil, fmt.Errorf("keep the plan: %w", err)
	}
	text, err := m.keep(p.Header.ID)
	if err != nil {
		return nil, err
	}
	return plan.Open(text)
}
