package applytest

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Write is a point at which state is written.
type Write string

// Writes of a run.
const (
	Begin        Write = "begin"
	Intend       Write = "intend"
	Record       Write = "record"
	Finish       Write = "finish"
	Keep         Write = "keep"
	KeepBaseline Write = "keep-baseline"
	Learn        Write = "learn"
)

// Writes lists them.
var Writes = []Write{Begin, Intend, Record, Finish, Keep, KeepBaseline, Learn}

// Way is how a write goes wrong.
type Way string

// Ways of failing. After a crash nothing is written any more until Restart.
const (
	Lost        Way = "not written"
	Unheard     Way = "written, reported as failed"
	CrashBefore Way = "crash before"
	CrashAfter  Way = "crash after"
)

// Ways lists them.
var Ways = []Way{Lost, Unheard, CrashBefore, CrashAfter}

// Failure is the nth write of its kind going wrong.
type Failure struct {
	Write Write
	Nth   int
	Way   Way
}

// ErrDisk is what a failed write reports.
var ErrDisk = errors.New("no space left on the disk of the test")

// State is a journal, archive and memory without a file.
type State struct {
	mu        sync.Mutex
	failure   Failure
	hit       bool
	counts    map[Write]int
	dead      bool
	runs      map[string]*journal.Run
	entries   map[string][]journal.Entry
	baselines map[[3]string]journal.Baseline
	learned   map[[2]string]registry.Capabilities
	archived  map[string]map[int]archive.Entry
	locked    map[string]bool
}

// NewState is an empty state in which one write fails; the zero Failure is
// none.
func NewState(failure Failure) *State {
	return &State{
		failure: failure, counts: map[Write]int{}, runs: map[string]*journal.Run{}, entries: map[string][]journal.Entry{},
		baselines: map[[3]string]journal.Baseline{}, learned: map[[2]string]registry.Capabilities{},
		archived: map[string]map[int]archive.Entry{}, locked: map[string]bool{},
	}
}

// Die is the end of the process: nothing is written any more.
func (s *State) Die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

// Restart is the next process: it finds what was written, and no locks.
func (s *State) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.failure, s.locked = false, Failure{}, map[string]bool{}
}

// Fail has one write of the next process go wrong, counted from now.
func (s *State) Fail(failure Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.counts = failure, map[Write]int{}
}

// Hit says whether the failure happened.
func (s *State) Hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hit
}

func (s *State) write(w Write, effect func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return ErrDisk
	}
	s.counts[w]++
	if s.failure.Write != w || s.failure.Nth != s.counts[w] {
		effect()
		return nil
	}
	s.hit = true
	if s.failure.Way == Unheard || s.failure.Way == CrashAfter {
		effect()
	}
	s.dead = s.failure.Way == CrashBefore || s.failure.Way == CrashAfter
	return ErrDisk
}

// Begin implements apply.Journal.
func (s *State) Begin(_ context.Context, run journal.Run, _ func() (io.ReadCloser, error)) error {
	return s.write(Begin, func() { s.runs[run.ID] = &run })
}

// Intend implements apply.Journal.
func (s *State) Intend(_ context.Context, intent journal.Intent) error {
	return s.write(Intend, func() { s.entries[intent.Run] = append(s.entries[intent.Run], journal.Entry{Intent: &intent}) })
}

// Record implements apply.Journal.
func (s *State) Record(_ context.Context, o journal.Outcome) error {
	return s.write(Record, func() { s.entries[o.Run] = append(s.entries[o.Run], journal.Entry{Outcome: &o}) })
}

// Finish implements apply.Journal.
func (s *State) Finish(_ context.Context, run string, status journal.RunStatus, at time.Time) error {
	return s.write(Finish, func() { s.runs[run].Status, s.runs[run].Finished = status, at })
}

// Replay tells where a whole run stands.
func (s *State) Replay(_ context.Context, run string) (journal.State, error) {
	return journal.Replay(s.Entries(run)), nil
}

// Between implements apply.Journal.
func (s *State) Between(_ context.Context, run string, first, last int) (journal.State, error) {
	var some []journal.Entry
	for _, entry := range s.Entries(run) {
		seq := 0
		if entry.Intent != nil {
			seq = entry.Intent.Seq
		} else {
			seq = entry.Outcome.Seq
		}
		if first <= seq && seq <= last {
			some = append(some, entry)
		}
	}
	return journal.Replay(some), nil
}

// Entries is the journal of a run.
func (s *State) Entries(run string) []journal.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.entries[run])
}

// Runs lists the runs by their ID.
func (s *State) Runs() []journal.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var runs []journal.Run
	for _, run := range s.runs {
		runs = append(runs, *run)
	}
	return runs
}

// Lock implements apply.Locker.
func (s *State) Lock(registryName string) (func() error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked[registryName] {
		return nil, journal.ErrHeld
	}
	s.locked[registryName] = true
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.locked, registryName)
		return nil
	}, nil
}

// Capabilities implements apply.Memory.
func (s *State) Capabilities(_ context.Context, registryName, repository string) (registry.Capabilities, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.learned[[2]string{registryName, repository}], nil
}

// Learn implements apply.Memory.
func (s *State) Learn(_ context.Context, registryName, repository string, learned registry.Capabilities, _ time.Time) error {
	return s.write(Learn, func() { s.learned[[2]string{registryName, repository}] = learned })
}

// Baseline implements apply.Memory.
func (s *State) Baseline(_ context.Context, run, registryName, repository string) (*journal.Baseline, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	baseline, kept := s.baselines[[3]string{run, registryName, repository}]
	if !kept {
		return nil, nil
	}
	return &baseline, nil
}

// KeepBaseline implements apply.Memory.
func (s *State) KeepBaseline(_ context.Context, run, registryName, repository string, baseline journal.Baseline) error {
	return s.write(KeepBaseline, func() { s.baselines[[3]string{run, registryName, repository}] = baseline })
}

// Keep implements archive.Keeper.
func (s *State) Keep(_ context.Context, entry archive.Entry, _ archive.Source) error {
	return s.write(Keep, func() {
		if s.archived[entry.Run] == nil {
			s.archived[entry.Run] = map[int]archive.Entry{}
		}
		s.archived[entry.Run][entry.Seq] = entry
	})
}

// Archived lists what a run kept, by step.
func (s *State) Archived(run string) []archive.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []archive.Entry
	for _, entry := range s.archived[run] {
		all = append(all, entry)
	}
	slices.SortFunc(all, func(a, b archive.Entry) int { return a.Seq - b.Seq })
	return all
}

// Manifest implements archive.Manifests.
func (s *State) Manifest(_ context.Context, digest oci.Digest) (oci.RawManifest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, run := range s.archived {
		for _, entry := range run {
			if entry.Manifest.Digest == digest {
				return entry.Manifest, nil
			}
		}
	}
	return oci.RawManifest{}, archive.ErrNotKept
}

// Blob implements archive.Blobs: none are kept.
func (s *State) Blob(context.Context, oci.Digest) (io.ReadCloser, int64, error) {
	return nil, 0, archive.ErrNotKept
}
