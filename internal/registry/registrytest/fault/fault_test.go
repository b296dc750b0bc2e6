package fault_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

func load() (*memory.Registry, oci.Digest) {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	image := repo.Image(world.Image{Created: world.At(world.DefaultNow)})
	for _, tag := range []string{"a", "b", "c"} {
		repo.Tag(tag, image)
	}
	return memory.Load(w, memory.Options{Untagged: true}), image.Digest
}

func there(t *testing.T, r registry.Reader, tag string) bool {
	t.Helper()
	_, err := r.Head(t.Context(), "app", tag)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func untag(ctx context.Context, m mutate.Mutator, tag string) error {
	return m.Untag(ctx, mutate.Tag{Repository: "app", Name: tag})
}

// Every kind of failing write: what the caller hears, and what came of it.
func TestWritesGoWrongAsTold(t *testing.T) {
	for _, test := range []struct {
		kind fault.Kind
		err  error
		gone bool
	}{
		{fault.Refuse, registry.ErrUnavailable, false},
		{fault.LoseAnswer, registry.ErrUnavailable, true},
		{fault.Lie, nil, false},
		{fault.CrashBefore, fault.ErrCrash, false},
		{fault.CrashAfter, fault.ErrCrash, true},
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			m, _ := load()
			script := fault.New(fault.Fault{Op: call.Untag, Nth: 2, Kind: test.kind})
			crashed := false
			script.OnCrash = func() { crashed = true }
			mutator := script.Mutator(m.Mutator())
			if err := untag(t.Context(), mutator, "a"); err != nil {
				t.Fatalf("the first call failed: %v", err)
			}
			if err := untag(t.Context(), mutator, "b"); !errors.Is(err, test.err) {
				t.Errorf("the second call: %v, want %v", err, test.err)
			}
			if gone := !there(t, m.Reader(), "b"); gone != test.gone {
				t.Errorf("gone: %v, want %v", gone, test.gone)
			}
			err := untag(t.Context(), mutator, "c")
			if crashed != errors.Is(err, fault.ErrCrash) || crashed != there(t, m.Reader(), "c") {
				t.Errorf("the third call after crash=%v: %v", crashed, err)
			}
			if unused := script.Unused(); len(unused) > 0 {
				t.Errorf("unused: %v", unused)
			}
		})
	}
}

func TestACrashIsAPanicUnlessCaught(t *testing.T) {
	m, digest := load()
	script := fault.New(fault.Fault{Op: call.DeleteManifest, Kind: fault.CrashAfter})
	defer func() {
		if got := recover(); got != fault.ErrCrash {
			t.Errorf("recovered %v", got)
		}
		if there(t, m.Reader(), "a") {
			t.Error("the effect of the last call is missing")
		}
	}()
	_ = script.Mutator(m.Mutator()).DeleteManifest(t.Context(), "app", digest)
}

func TestDelayedForgetting(t *testing.T) {
	m, _ := load()
	script := fault.New(fault.Fault{Op: call.Untag, Nth: 1, Kind: fault.Delay, After: 2})
	reader, mutator := script.Reader(m.Reader()), script.Mutator(m.Mutator())
	ctx, cancel := context.WithCancel(t.Context())
	if err := untag(ctx, mutator, "a"); err != nil {
		t.Fatal(err)
	}
	cancel() // the caller does not wait for it
	for look, want := range []bool{true, true, false, false} {
		if got := there(t, reader, "a"); got != want {
			t.Errorf("look %d: there=%v, want %v", look+1, got, want)
		}
	}
}

func tags(ctx context.Context, r registry.Reader) (names []string, err error) {
	for tag, problem := range r.Tags(ctx, "app") {
		if problem != nil {
			return names, problem
		}
		names = append(names, tag.Name)
	}
	return names, nil
}

func TestListingsEndAsTold(t *testing.T) {
	m, _ := load()
	script := fault.New(
		fault.Fault{Op: call.Tags, Nth: 1, Kind: fault.Truncate, After: 2, Err: registry.ErrThrottled},
		fault.Fault{Op: call.Tags, Nth: 2, Kind: fault.Shorten, After: 1},
		fault.Fault{Op: call.Tags, Nth: 3, Kind: fault.Refuse, Err: registry.ErrDenied},
	)
	reader := script.Reader(m.Reader())
	for i, want := range []struct {
		count int
		err   error
	}{{2, registry.ErrThrottled}, {1, nil}, {0, registry.ErrDenied}, {3, nil}} {
		names, err := tags(t.Context(), reader)
		if len(names) != want.count || !errors.Is(err, want.err) {
			t.Errorf("listing %d: %v, %v; want %d and %v", i+1, names, err, want.count, want.err)
		}
	}
}

func TestHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := load()
		reader := fault.New(fault.Fault{Op: call.Head, Kind: fault.Hang}).Reader(m.Reader())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := reader.Head(ctx, "app", "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestFiltersAndOptionalInterfaces(t *testing.T) {
	m, digest := load()
	script := fault.New(
		fault.Fault{Op: call.Head, Reference: "b", Kind: fault.Refuse},
		fault.Fault{Op: call.Head, Repository: "other", Kind: fault.Refuse},
		fault.Fault{Op: call.Manifests, Kind: fault.Refuse},
		fault.Fault{Op: call.Referrers, Kind: fault.Refuse},
		fault.Fault{Op: call.Head, Reference: "c", Kind: fault.Shorten},
	)
	reader := script.Reader(m.Reader())
	if !there(t, reader, "a") {
		t.Error("a is not there")
	}
	if _, err := reader.Head(t.Context(), "app", "b"); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("b: %v", err)
	}
	if _, err := reader.Head(t.Context(), "app", "c"); err == nil || errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("a head that ends early should be a mistake of the script: %v", err)
	}
	lister, ok := registry.As[registry.ManifestLister](reader)
	if !ok {
		t.Fatal("the wrapper hides the listing of manifests")
	}
	for _, err := range lister.Manifests(t.Context(), "app") {
		if !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("manifests: %v", err)
		}
	}
	referrers, _ := registry.As[registry.ReferrerLister](reader)
	for _, err := range referrers.Referrers(t.Context(), "app", digest) {
		if !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("referrers: %v", err)
		}
	}
	plain := memory.Load(world.New(world.DefaultNow), memory.Options{})
	if _, ok := registry.As[registry.ManifestLister](script.Reader(plain.Reader())); ok {
		t.Error("the wrapper lists manifests of a registry that cannot")
	}
	if unused := script.Unused(); len(unused) != 1 || unused[0].Repository != "other" {
		t.Errorf("unused: %v", unused)
	}
}
