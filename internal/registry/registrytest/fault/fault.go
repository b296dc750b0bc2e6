// Package fault makes a registry fail as told: the nth call of a method is
// refused, loses its answer, is a lie, is forgotten late, or is the last thing
// that the process does.
//
// It promises that a fault happens exactly where the script says and nowhere
// else, and Unused names faults that nothing ran into, so that a table cannot
// pass by missing its target. It has no opinion on what ought to follow.
package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
)

// Kind is how a call goes wrong.
type Kind uint8

const (
	// Refuse: nothing happens and the error is reported.
	Refuse Kind = iota
	// LoseAnswer: it happens and the error is reported.
	LoseAnswer
	// Lie: success is reported (202) and nothing happens. Writes only.
	Lie
	// Delay: success is reported and it happens only after After more looks
	// (heads, manifests, listings of tags) at the registry. Writes only.
	Delay
	// CrashBefore: the process ends before it happens.
	CrashBefore
	// CrashAfter: the process ends when it has happened, before anybody hears.
	CrashAfter
	// Truncate: the listing ends with the error after After elements.
	Truncate
	// Shorten: the listing ends after After elements as if that were all.
	Shorten
	// Hang: nothing happens until the context is done.
	Hang
)

var kindNames = [...]string{
	"refused", "answer lost", "a lie", "forgotten late", "crash before", "crash after",
	"listing ends with an error", "listing ends early", "hangs",
}

func (k Kind) String() string { return kindNames[k] }

// Fault is one thing that goes wrong.
type Fault struct {
	Op  call.Op
	Nth int // from 1, counting the calls that the filters let through; 0 is every call
	// Repository and Reference narrow the calls down; "" is any.
	Repository string
	Reference  string
	Kind       Kind
	Err        error // nil is registry.ErrUnavailable
	After      int   // elements or looks, see Kind
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s #%d", f.Op, f.Nth)
	if f.Repository+f.Reference != "" {
		s += " of " + f.Repository + " " + f.Reference
	}
	s += ": " + f.Kind.String()
	if f.Err != nil {
		s += " (" + f.Err.Error() + ")"
	}
	return s
}

func (f Fault) err() error {
	kind := f.Err
	if kind == nil {
		kind = registry.ErrUnavailable
	}
	return &registry.Error{Kind: kind, Op: string(f.Op), Repository: f.Repository, Reference: f.Reference, Message: "a fault of the test"}
}

// impossible is the answer to a script that makes no sense, so that its test
// fails.
func (f Fault) impossible() error { return fmt.Errorf("fault: %q cannot happen to %s", f.Kind, f.Op) }

// ErrCrash is what a crash panics with, and the error of every call after one.
var ErrCrash = errors.New("the process has crashed")

// Script is a set of faults with the calls that were counted so far. Every
// reader and mutator that it wraps shares them. It is safe for concurrent use.
type Script struct {
	mu      sync.Mutex
	faults  []Fault
	seen    []int
	fired   []bool
	delayed []*delayed
	crashed bool
	// OnCrash is called in place of a panic. After it the registry cannot be
	// reached any more: every call fails with ErrCrash. Set it before use.
	OnCrash func()
}

type delayed struct {
	looks int
	do    func()
}

// New is a script of these faults.
func New(faults ...Fault) *Script {
	return &Script{faults: faults, seen: make([]int, len(faults)), fired: make([]bool, len(faults))}
}

// Unused lists the faults that no call ran into.
func (s *Script) Unused() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unused []Fault
	for i, f := range s.faults {
		if !s.fired[i] {
			unused = append(unused, f)
		}
	}
	return unused
}

// match counts a call and finds the fault that it runs into, if any.
func (s *Script) match(op call.Op, repository, reference string) (Fault, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.crashed {
		return Fault{}, false, ErrCrash
	}
	var found *Fault
	for i := range s.faults {
		f := &s.faults[i]
		if f.Op != op || f.Repository != "" && f.Repository != repository || f.Reference != "" && f.Reference != reference {
			continue
		}
		s.seen[i]++
		if (f.Nth == 0 || f.Nth == s.seen[i]) && found == nil {
			s.fired[i] = true
			found = f
		}
	}
	if found == nil {
		return Fault{}, false, nil
	}
	return *found, true, nil
}

// do runs one call with the fault that it runs into. effect is the call
// itself.
func (s *Script) do(ctx context.Context, op call.Op, repository, reference string, effect func(context.Context) error) error {
	f, hit, err := s.match(op, repository, reference)
	if err != nil {
		return err
	}
	if !hit {
		return effect(ctx)
	}
	if (f.Kind == Lie || f.Kind == Delay) && !slices.Contains(call.Writes, op) {
		return f.impossible()
	}
	switch f.Kind {
	case Refuse:
		return f.err()
	case LoseAnswer:
		if err := effect(ctx); err != nil {
			return err
		}
		return f.err()
	case Lie:
		return nil
	case Delay:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.delayed = append(s.delayed, &delayed{f.After, func() { _ = effect(context.WithoutCancel(ctx)) }})
		return nil
	case CrashBefore:
		return s.crash()
	case CrashAfter:
		if err := effect(ctx); err != nil {
			return err
		}
		return s.crash()
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	default:
		return f.impossible()
	}
}

func (s *Script) crash() error {
	s.mu.Lock()
	s.crashed = true
	s.mu.Unlock()
	if s.OnCrash == nil {
		panic(ErrCrash)
	}
	s.OnCrash()
	return ErrCrash
}

// look lets the registry forget what it was told to delete long enough ago.
func (s *Script) look() {
	s.mu.Lock()
	var due []func()
	rest := s.delayed[:0]
	for _, d := range s.delayed {
		if d.looks == 0 {
			due = append(due, d.do)
			continue
		}
		d.looks--
		rest = append(rest, d)
	}
	s.delayed = rest
	s.mu.Unlock()
	for _, do := range due {
		do()
	}
}

// WriteKinds are the ways in which a table lets every write go wrong.
var WriteKinds = []Kind{Refuse, LoseAnswer, Lie, Delay, CrashBefore, CrashAfter}

// Table lists the faults of every write point in ops at each of its first
// `most` calls, with every kind of WriteKinds.
func Table(most int, ops ...call.Op) []Fault {
	var table []Fault
	for _, op := range ops {
		for nth := 1; nth <= most; nth++ {
			for _, kind := range WriteKinds {
				table = append(table, Fault{Op: op, Nth: nth, Kind: kind, After: 2})
			}
		}
	}
	return table
}
