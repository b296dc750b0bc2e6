package app

import (
	"net/http"
	"sync/atomic"
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
