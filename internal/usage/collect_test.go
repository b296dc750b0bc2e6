package usage

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type fakeFinder struct {
	name   string
	images []string
	err    error
	hang   bool
}

func (f fakeFinder) Name() string { return f.name }

func (f fakeFinder) Find(ctx context.Context, found func(image, what string)) error {
	for _, image := range f.images {
		found(image, "pod shop/cart")
	}
	if f.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

type fakeMemory struct {
	kept []Sighting
	err  error
}

func (m *fakeMemory) Recall(_ context.Context, since time.Time) ([]Sighting, error) {
	var recent []Sighting
	for _, s := range m.kept {
		if !s.Seen.Before(since) {
			recent = append(recent, s)
		}
	}
	return recent, m.err
}

func (m *fakeMemory) Remember(_ context.Context, sightings []Sighting) error {
	m.kept = append(m.kept, sightings...)
	return m.err
}

var collectNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestCollectMatchesByTagAndDigest(t *testing.T) {
	evidence, err := Collect(t.Context(), []Finder{
		fakeFinder{name: "a", images: []string{"registry.example.com/team/app:1", "registry.example.com/team/app@" + digestText}},
		fakeFinder{name: "b", images: []string{"mirror.local:5000/team/app:1"}},
	}, Options{Names: testNames(t), Now: collectNow})
	if err != nil {
		t.Fatal(err)
	}
	if !evidence.Known() {
		t.Errorf("complete sources are not known: %+v", evidence.Sources)
	}
	if got := evidence.Tag("registry.example.com", "team/app", "1"); len(got) != 2 {
		t.Errorf("witnesses of the tag = %+v", got)
	}
	if got := evidence.Digest("registry.example.com", "team/app", digestText); len(got) != 1 || got[0].What != "pod shop/cart" {
		t.Errorf("witnesses of the digest = %+v", got)
	}
}

func TestASourceThatFailsMakesEvidenceIncomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, finder := range map[string]fakeFinder{
			"connection refused": {name: "s", images: []string{"registry.example.com/a:1"}, err: errors.New("connection refused")},
			"within 1m0s":        {name: "s", hang: true},
			"UPPER":              {name: "s", images: []string{"registry.example.com/a:1", "UPPER/x:1"}},
		} {
			evidence, err := Collect(t.Context(), []Finder{finder}, Options{Names: testNames(t), Now: collectNow})
			if err != nil {
				t.Fatal(err)
			}
			if evidence.Known() || !strings.Contains(evidence.Sources[0].Problem, name) {
				t.Errorf("%s: known %v, sources %+v", name, evidence.Known(), evidence.Sources)
			}
			if len(finder.images) > 0 && evidence.Tag("registry.example.com", "a", "1") == nil {
				t.Errorf("%s: what was found before the failure is lost", name)
			}
		}
	})
}

// Incident enix/kube-image-keeper#540: an image expired while a pod used it,
// found at a node upgrade weeks later. What was seen stays protected.
func TestWhatWasSeenStaysProtectedForAWhile(t *testing.T) {
	memory := &fakeMemory{}
	opts := Options{Names: testNames(t), Now: collectNow, Memory: memory}
	both := fakeFinder{name: "s", images: []string{"registry.example.com/a:1", "registry.example.com/a:2"}}
	if _, err := Collect(t.Context(), []Finder{both}, opts); err != nil {
		t.Fatal(err)
	}
	one := fakeFinder{name: "s", images: []string{"registry.example.com/a:2"}}
	for after, want := range map[time.Duration]bool{6 * 24 * time.Hour: true, 8 * 24 * time.Hour: false} {
		opts.Now = collectNow.Add(after)
		evidence, err := Collect(t.Context(), []Finder{one}, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := evidence.Tag("registry.example.com", "a", "1") != nil; got != want || !evidence.Known() {
			t.Errorf("after %s: protected %v, want %v; known %v", after, got, want, evidence.Known())
		}
	}
}

func TestASourceThatFallsSilentIsSuspicious(t *testing.T) {
	memory := &fakeMemory{}
	opts := Options{Names: testNames(t), Now: collectNow, Memory: memory}
	silent := fakeFinder{name: "s"}
	evidence, err := Collect(t.Context(), []Finder{silent}, opts)
	if err != nil || !evidence.Known() {
		t.Fatalf("a source that never reported anything: %+v, %v", evidence, err)
	}
	if _, err := Collect(t.Context(), []Finder{fakeFinder{name: "s", images: []string{"registry.example.com/a:1"}}}, opts); err != nil {
		t.Fatal(err)
	}
	opts.Now = collectNow.Add(time.Hour)
	evidence, err = Collect(t.Context(), []Finder{silent}, opts)
	if err != nil || evidence.Known() || !strings.Contains(evidence.Sources[0].Problem, "reports nothing in use now") {
		t.Errorf("evidence = %+v, %v", evidence, err)
	}
}

func TestCollectFailsWithItsMemoryAndItsContext(t *testing.T) {
	broken := &fakeMemory{err: errors.New("disk full")}
	if _, err := Collect(t.Context(), nil, Options{Names: testNames(t), Memory: broken}); err == nil {
		t.Error("a memory that fails went unnoticed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(ctx, []Finder{fakeFinder{name: "s"}}, Options{Names: testNames(t)}); err == nil {
		t.Error("a cancelled context went unnoticed")
	}
}
