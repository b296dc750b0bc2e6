package main

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// hanger lets requests hang whose path ends in a given way.
type hanger struct {
	mu     sync.Mutex
	suffix string
	hung   chan struct{} // closed once one hangs
	freed  chan struct{} // closed when none may hang any more
}

func (h *hanger) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		hangs := h.suffix != "" && strings.HasSuffix(r.URL.Path, h.suffix)
		freed := h.freed
		if hangs {
			h.suffix = ""
			close(h.hung)
		}
		h.mu.Unlock()
		if hangs {
			select {
			case <-freed:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func hangerOf(ts *testscript.TestScript, host string) *hanger {
	h := ts.Value("hangers").(map[string]*hanger)[host]
	if h == nil {
		ts.Fatalf("%s was not started as hanging", host)
	}
	return h
}

// hang: hang HOST SUFFIX lets the next request hang whose path ends so.
func hang(ts *testscript.TestScript, _ bool, args []string) {
	h := hangerOf(ts, args[0])
	h.mu.Lock()
	defer h.mu.Unlock()
	h.suffix, h.hung, h.freed = args[1], make(chan struct{}), make(chan struct{})
}

// hung: hung HOST waits until it does.
func hung(ts *testscript.TestScript, _ bool, args []string) { <-hangerOf(ts, args[0]).hung }

// unhang: unhang HOST lets it go on.
func unhang(ts *testscript.TestScript, _ bool, args []string) {
	close(hangerOf(ts, args[0]).freed)
}

// cutOff stops deletions by digest once the manifest has gone, and leaves its
// tags, as if the client had gone. A tag called stuck nobody may delete.
func cutOff(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/manifests/stuck"):
			http.Error(w, `{"errors":[{"code":"DENIED"}]}`, http.StatusForbidden)
		case r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/manifests/sha256:"):
			gone, leave := context.WithCancel(r.Context())
			leave()
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r.WithContext(gone))
			if answer.Code == http.StatusAccepted {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// statement: statement STATE SQL changes a state file behind regkeep's back.
func statement(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// truncate: truncate FILE BYTES cuts a file off.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// lock: lock STATE holds a state file until "lock STATE off" or the end of the
// script.
func lock(ts *testscript.TestScript, _ bool, args []string) {
	held := ts.Value("locks").(map[string]func())
	path := filepath.Clean(ts.MkAbs(args[0]))
	if len(args) > 1 {
		held[path]()
		return
	}
	db, err := sql.Open("sqlite", path)
	ts.Check(err)
	conn, err := db.Conn(context.Background())
	ts.Check(err)
	_, err = conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE")
	ts.Check(err)
	held[path] = sync.OnceFunc(func() {
		_ = conn.Close()
		ts.Check(db.Close())
	})
	ts.Defer(held[path])
}
