package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/regkeep/regkeep/internal/apply"
	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
)

// Kind is what a command ended with, when it did not end well.
type Kind uint8

// Kinds of failure, each with an exit code of its own.
const (
	Failed      Kind = iota // nothing was done that the output does not list
	Usage                   // usage, configuration or policy error
	Refused                 // breaker, stale or foreign plan, evidence, another run
	Partial                 // some steps were not done, or the plan has gaps
	Damaged                 // verification failed
	Interrupted             // stopped by the user
)

// Failure is an error with its kind and, where there is one, the next thing to
// do.
type Failure struct {
	Kind Kind
	Err  error
	Next string // a sentence; may be empty
}

func (f *Failure) Error() string {
	text := f.Err.Error()
	if f.Next == "" || strings.Contains(text, f.Next) {
		return text
	}
	return strings.TrimSuffix(text, ".") + ". " + f.Next
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

func misuse(format string, args ...any) error {
	return &Failure{Kind: Usage, Err: fmt.Errorf(format, args...)}
}

func refused(format string, args ...any) error {
	return &Failure{Kind: Refused, Err: fmt.Errorf(format, args...)}
}

// KindOf tells what an error means for the exit code.
func KindOf(err error) Kind {
	var failure *Failure
	var problem *config.Problem
	var problems policy.Problems
	switch {
	case errors.As(err, &failure):
		return failure.Kind
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, &problem), errors.As(err, &problems):
		return Usage
	case errors.Is(err, apply.ErrStale), errors.Is(err, apply.ErrFuture), errors.Is(err, apply.ErrForeign),
		errors.Is(err, apply.ErrBusy), errors.Is(err, apply.ErrPlan):
		return Refused
	default:
		return Failed
	}
}

// advise adds what to do next to errors of registries that do not say it.
func advise(name string, err error) error {
	var answer *registry.Error
	if err == nil || !errors.As(err, &answer) || answer.Hint != "" {
		return err
	}
	next := ""
	switch {
	case errors.Is(err, registry.ErrDenied):
		next = fmt.Sprintf("Sign in with `docker login %s`, or set REGKEEP_USERNAME and REGKEEP_PASSWORD_FILE, or name the password in the configuration; the user needs the right to pull", name)
	case errors.Is(err, registry.ErrUnavailable) && answer.Status == 0:
		next = fmt.Sprintf("Check that %s is the right address and that it answers from here (proxy, firewall, plain HTTP against TLS: --plain-http)", name)
	case errors.Is(err, registry.ErrUnavailable):
		next = "The registry has trouble of its own; try again when it is well"
	case errors.Is(err, registry.ErrThrottled):
		next = "The registry limits requests; ask it less with --rate N/s or --concurrency N"
	}
	if next == "" {
		return err
	}
	return &Failure{Kind: KindOf(err), Err: err, Next: next}
}
