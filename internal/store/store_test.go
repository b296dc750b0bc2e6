package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/store"
)

var t0 = time.Date(2026, 3, 1, 10, 15, 0, 123456000, time.UTC)

func open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJournalReplaysWhatWasWritten(t *testing.T) {
	ctx, s := t.Context(), open(t)
	run := journal.Run{
		ID: "r1", PlanID: "p1", PlanHash: "abc", Kind: "remove", Registries: []string{"a.example", "b.example"},
		Tool: "regkeep 1", Started: t0, Status: journal.Running,
	}
	check(t, s.Begin(ctx, run, opener("plan text\n")))
	intend := func(seq int) {
		check(t, s.Intend(ctx, journal.Intent{Run: "r1", Seq: seq, Action: plan.Untag, At: t0}))
	}
	record := func(seq int, status journal.Status) journal.Outcome {
		o := journal.Outcome{Run: "r1", Seq: seq, Registry: "a.example", Repository: "app", Tag: "v1",
			Digest: oci.FromBytes([]byte("x")), Action: plan.Untag, Status: status, Error: "why", At: t0}
		check(t, s.Record(ctx, o))
		return o
	}
	intend(1)
	first := record(1, journal.Done)
	intend(2)
	record(2, journal.Failed)
	intend(2) // tried again by a resumed run, which was killed
	intend(3)

	state, err := s.Replay(ctx, "r1")
	check(t, err)
	if diff := cmp.Diff(first, state.Last[1]); diff != "" {
		t.Error(diff)
	}
	if _, final := state.Final(1); !final {
		t.Error("step 1 is done and must be left alone")
	}
	for _, seq := range []int{2, 3} {
		if _, open := state.Open[seq]; !open {
			t.Errorf("step %d has an intent and no outcome after it", seq)
		}
		if _, final := state.Final(seq); final {
			t.Errorf("step %d must be looked at", seq)
		}
	}

	got, err := s.Run(ctx, "r1")
	check(t, err)
	if diff := cmp.Diff(run, got); diff != "" {
		t.Error(diff)
	}
	if text := planText(t, s, "r1"); text != "plan text\n" {
		t.Errorf("plan text %q", text)
	}
	check(t, s.Finish(ctx, "r1", journal.Completed, t0.Add(time.Hour)))
	got, err = s.Run(ctx, "r1")
	check(t, err)
	if got.Status != journal.Completed || !got.Finished.Equal(t0.Add(time.Hour)) {
		t.Errorf("finished run: %+v", got)
	}
	counts, err := s.Removals(ctx, "a.example", 10)
	check(t, err)
	if diff := cmp.Diff([]int{1}, counts); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Run(ctx, "nope"); !errors.Is(err, store.ErrNoRun) {
		t.Errorf("unknown run: %v", err)
	}
	if err := s.Intend(ctx, journal.Intent{Run: "nope", Seq: 1}); err == nil {
		t.Error("an intent of a run that does not exist was taken")
	}
}

func TestArchiveGivesBackTheSameBytes(t *testing.T) {
	ctx, s := t.Context(), open(t)
	check(t, s.Begin(ctx, journal.Run{ID: "r1", Started: t0}, nil))
	body := []byte(`{"schemaVersion":2}`)
	entry := archive.Entry{
		Run: "r1", Seq: 3, Registry: "a.example", Repository: "app", Tags: []string{"v1", "v2"}, At: t0,
		Manifest: oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body},
	}
	check(t, s.Keep(ctx, entry, nil))
	check(t, s.Keep(ctx, entry, nil))
	for _, beside := range [][2]int{{1, 2}, {4, 9}} {
		if none, err := s.Entries(ctx, "r1", beside[0], beside[1]); err != nil || len(none) > 0 {
			t.Errorf("steps %v: %v, %v", beside, none, err)
		}
	}
	entries, err := s.Entries(ctx, "r1", 3, 3)
	check(t, err)
	if diff := cmp.Diff([]archive.Entry{entry}, entries); diff != "" {
		t.Error(diff)
	}
	raw, err := s.Manifest(ctx, entry.Manifest.Digest)
	check(t, err)
	if diff := cmp.Diff(entry.Manifest, raw); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Manifest(ctx, oci.FromBytes([]byte("other"))); !errors.Is(err, archive.ErrNotKept) {
		t.Errorf("what was never kept: %v", err)
	}
	entry.Manifest.Body = []byte("not these bytes")
	entry.Seq = 4
	if err := s.Keep(ctx, entry, nil); err == nil {
		t.Error("bytes were kept under a digest they do not have")
	}
}

func TestMemory(t *testing.T) {
	ctx, s := t.Context(), open(t)
	known, err := s.Capabilities(ctx, "a.example", "app")
	check(t, err)
	if known != (registry.Capabilities{}) {
		t.Errorf("nobody looked: %+v", known)
	}
	want := registry.Capabilities{TagDelete: registry.SupportNo, DigestDelete: registry.SupportYes}
	check(t, s.Learn(ctx, "a.example", "app", registry.Capabilities{TagDelete: registry.SupportYes}, t0))
	check(t, s.Learn(ctx, "a.example", "app", want, t0))
	known, err = s.Capabilities(ctx, "a.example", "app")
	check(t, err)
	if known != want {
		t.Errorf("learned %+v, want %+v", known, want)
	}

	check(t, s.Begin(ctx, journal.Run{ID: "r1", Started: t0}, nil))
	none, err := s.Baseline(ctx, "r1", "a.example", "app")
	check(t, err)
	if none != nil {
		t.Errorf("no baseline was kept: %+v", none)
	}
	digest := oci.FromBytes([]byte("x"))
	first := journal.Baseline{Tags: map[string]oci.Digest{"v1": digest}, Holds: map[oci.Digest][]oci.Digest{digest: {digest}}}
	check(t, s.KeepBaseline(ctx, "r1", "a.example", "app", first))
	check(t, s.KeepBaseline(ctx, "r1", "a.example", "app", journal.Baseline{}))
	got, err := s.Baseline(ctx, "r1", "a.example", "app")
	check(t, err)
	if diff := cmp.Diff(&first, got); diff != "" {
		t.Error("the first baseline of a run stays:", diff)
	}
}

func TestSeenKnowsWhatAppearedAfterTheFirstScan(t *testing.T) {
	ctx, s := t.Context(), open(t)
	old := store.Pointer{Tag: "v1", Digest: oci.FromBytes([]byte("1"))}
	fresh := store.Pointer{Tag: "v2", Digest: oci.FromBytes([]byte("2"))}
	moved := store.Pointer{Tag: "v1", Digest: fresh.Digest}
	at := func(hours int) time.Time { return t0.Add(time.Duration(hours) * time.Hour) }

	for i, scan := range []struct {
		why      string
		pointers []store.Pointer
		arrived  map[string]time.Time
	}{
		{"what the first scan finds may be old", []store.Pointer{old}, map[string]time.Time{}},
		{"a new tag", []store.Pointer{fresh, old}, map[string]time.Time{"v2": at(1)}},
		{"a moved tag, and one that is not new any more", []store.Pointer{moved, fresh}, map[string]time.Time{"v1": at(2), "v2": at(1)}},
		{"a tag that came back is as young as its return", []store.Pointer{old}, map[string]time.Time{"v1": at(3)}},
		{"what went is forgotten", []store.Pointer{old, fresh}, map[string]time.Time{"v1": at(3), "v2": at(4)}},
		{"nothing is left", nil, map[string]time.Time{}},
		{"nothing was known", []store.Pointer{old}, map[string]time.Time{"v1": at(6)}},
	} {
		arrived, err := record(ctx, s, "app", at(i), scan.pointers)
		check(t, err)
		if diff := cmp.Diff(scan.arrived, arrived); diff != "" {
			t.Errorf("%s: %s", scan.why, diff)
		}
	}
	if arrived, err := record(ctx, s, "other", at(9), []store.Pointer{old, fresh}); err != nil || len(arrived) > 0 {
		t.Errorf("another repository: %v, %v", arrived, err)
	}
}

func TestContentsAreBounded(t *testing.T) {
	ctx, s := t.Context(), open(t)
	s.BoundCache(10_000)
	var last oci.RawManifest
	for i := range 1000 {
		body := []byte(strings.Repeat("x", 100) + time.Duration(i).String())
		last = oci.RawManifest{MediaType: "m", Digest: oci.FromBytes(body), Body: body}
		check(t, s.KeepContents(ctx, time.Unix(7, 0), last))
		check(t, s.KeepContents(ctx, time.Unix(7, 0), last))
	}
	if size := s.CacheSize(t); size > 10_000 {
		t.Errorf("%d bytes are kept", size)
	}
	wrong := oci.RawManifest{Digest: oci.FromBytes([]byte("a")), Body: []byte("b")}
	check(t, s.KeepContents(ctx, time.Unix(7, 0), last, wrong))
	found, err := s.Contents(ctx, []oci.Digest{last.Digest, wrong.Digest})
	if raw := found[last.Digest]; err != nil || len(found) != 1 || string(raw.Body) != string(last.Body) || raw.MediaType != "m" {
		t.Errorf("the latest, and bytes under a digest that they do not have: %v %v", found, err)
	}
}

func TestLockIsExclusivePerRegistry(t *testing.T) {
	s := open(t)
	release, err := s.Lock("https://a.example:5000/")
	check(t, err)
	if _, err := s.Lock("https://a.example:5000/"); !errors.Is(err, journal.ErrHeld) {
		t.Errorf("second lock: %v", err)
	}
	other, err := s.Lock("https://b.example")
	check(t, err)
	check(t, other())
	check(t, release())
	again, err := s.Lock("https://a.example:5000/")
	check(t, err)
	check(t, again())
}

// A file that cannot be used is an error that says what to do, and stays as it
// is.
func TestUnusableFilesAreNeverReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  error
	}{
		"empty":        {func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) }, store.ErrDamaged},
		"cut header":   {func(t *testing.T, path string) { check(t, os.Truncate(path, 50)) }, store.ErrDamaged},
		"cut in pages": {func(t *testing.T, path string) { check(t, os.Truncate(path, 5000)) }, store.ErrDamaged},
		"cut at the end": {func(t *testing.T, path string) {
			info, err := os.Stat(path)
			check(t, err)
			check(t, os.Truncate(path, info.Size()-4096))
		}, store.ErrDamaged},
		"text": {func(t *testing.T, path string) { check(t, os.WriteFile(path, []byte("hello"), 0o600)) }, store.ErrForeign},
		"scribbled": {func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("Z", 3000)), 100)
			check(t, errors.Join(err, f.Close()))
		}, store.ErrDamaged},
		"other program": {func(t *testing.T, path string) { execute(t, path, "PRAGMA application_id = 7") }, store.ErrForeign},
		"newer": {func(t *testing.T, path string) {
			execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		}, store.ErrNewer},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			s, err := store.Open(path)
			check(t, err)
			check(t, s.Close())
			c.spoil(t, path)
			before, err := os.ReadFile(path)
			check(t, err)
			s, err = store.Open(path)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if strings.HasPrefix(name, "cut") && !strings.Contains(err.Error(), "cut off") {
				t.Errorf("does not say that it is cut off: %v", err)
			}
			after, readErr := os.ReadFile(path)
			check(t, readErr)
			if string(before) != string(after) {
				t.Error("the file was changed")
			}
		})
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	check(t, err)
	_, err = db.Exec(statement)
	check(t, errors.Join(err, db.Close()))
}

func TestAHeldFileSaysSo(t *testing.T) {
	s := open(t)
	db, err := sql.Open("sqlite", s.Path())
	check(t, err)
	defer db.Close()
	_, err = db.Exec("BEGIN EXCLUSIVE")
	check(t, err)
	s.WaitAtMost(t, 20*time.Millisecond)
	err = s.Intend(t.Context(), journal.Intent{Run: "r", Seq: 1})
	if !errors.Is(err, store.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestTwoProcessesOpenOneNewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "state.db")
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			s, err := store.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Begin(context.Background(), journal.Run{ID: time.Duration(i).String(), Started: t0}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s, err := store.Open(path)
	check(t, err)
	defer s.Close()
	runs, err := s.Runs(t.Context())
	check(t, err)
	if len(runs) != 4 {
		t.Errorf("%d runs of 4", len(runs))
	}
	left, err := filepath.Glob(path + ".new-*")
	check(t, err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
