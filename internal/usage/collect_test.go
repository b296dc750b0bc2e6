package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

func asked(finders ...Finder) []Asked {
	var all []Asked
	for _, finder := range finders {
		all = append(all, Asked{Finder: finder})
	}
	return all
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
	evidence, err := Collect(t.Context(), asked(
		fakeFinder{name: "a", images: []string{"registry.example.com/team/app:1", "registry.example.com/team/app@" + digestText}},
		fakeFinder{name: "b", images: []string{"mirror.local:5000/team/app:1"}},
	), Options{Names: testNames(t), Now: collectNow})
	if err != nil {
		t.Fatal(err)
	}
	if !evidence.Known("registry.example.com") {
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
			evidence, err := Collect(t.Context(), asked(finder), Options{Names: testNames(t), Now: collectNow})
			if err != nil {
				t.Fatal(err)
			}
			if evidence.Known("registry.example.com") || !strings.Contains(evidence.Sources[0].Problem, name) {
				t.Errorf("%s: known %v, sources %+v", name, evidence.Known("registry.example.com"), evidence.Sources)
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
	if _, err := Collect(t.Context(), asked(both), opts); err != nil {
		t.Fatal(err)
	}
	one := fakeFinder{name: "s", images: []string{"registry.example.com/a:2"}}
	for after, want := range map[time.Duration]bool{6 * 24 * time.Hour: true, 8 * 24 * time.Hour: false} {
		opts.Now = collectNow.Add(after)
		evidence, err := Collect(t.Context(), asked(one), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := evidence.Tag("registry.example.com", "a", "1") != nil; got != want || !evidence.Known("registry.example.com") {
			t.Errorf("after %s: protected %v, want %v; known %v", after, got, want, evidence.Known("registry.example.com"))
		}
	}
}

func TestASourceThatFallsSilentIsSuspicious(t *testing.T) {
	memory := &fakeMemory{}
	opts := Options{Names: testNames(t), Now: collectNow, Memory: memory}
	silent := fakeFinder{name: "s"}
	evidence, err := Collect(t.Context(), asked(silent), opts)
	if err != nil || !evidence.Known("registry.example.com") {
		t.Fatalf("a source that never reported anything: %+v, %v", evidence, err)
	}
	if _, err := Collect(t.Context(), asked(fakeFinder{name: "s", images: []string{"registry.example.com/a:1"}}), opts); err != nil {
		t.Fatal(err)
	}
	opts.Now = collectNow.Add(time.Hour)
	evidence, err = Collect(t.Context(), asked(silent), opts)
	if err != nil || evidence.Known("registry.example.com") || !strings.Contains(evidence.Sources[0].Problem, "reports nothing in use now") {
		t.Errorf("evidence = %+v, %v", evidence, err)
	}
}

// The same use seen again is one witness, and not the day before's.
func TestWhatIsSeenAgainIsNotRemembered(t *testing.T) {
	memory := &fakeMemory{}
	opts := Options{Names: testNames(t), Now: collectNow, Memory: memory}
	finder := fakeFinder{name: "s", images: []string{"registry.example.com/a:1"}}
	for range 2 {
		if _, err := Collect(t.Context(), asked(finder), opts); err != nil {
			t.Fatal(err)
		}
		opts.Now = opts.Now.Add(24 * time.Hour)
	}
	evidence, err := Collect(t.Context(), asked(fakeFinder{name: "s", images: []string{"registry.example.com/b:1"}}), opts)
	if err != nil {
		t.Fatal(err)
	}
	yesterday := Witness{Source: "s", What: "pod shop/cart", Seen: collectNow.Add(24 * time.Hour), Remembered: true}
	if got := evidence.Tag("registry.example.com", "a", "1"); !slices.Contains(got, yesterday) {
		t.Errorf("witnesses of what is gone = %+v, want %+v", got, yesterday)
	}
	now := Witness{Source: "s", What: "pod shop/cart", Seen: opts.Now}
	if got := evidence.Tag("registry.example.com", "b", "1"); !slices.Equal(got, []Witness{now}) {
		t.Errorf("witnesses of what is there = %+v, want %+v", got, now)
	}
	uses := evidence.Uses()
	if len(uses) != 2 || uses[0].Image.String() != "registry.example.com/a:1" || uses[1].Image.String() != "registry.example.com/b:1" {
		t.Errorf("uses = %+v", uses)
	}
}

func TestASourceAnswersForTheRegistriesItCovers(t *testing.T) {
	sources := asked(fakeFinder{name: "a", err: errors.New("connection refused")}, fakeFinder{name: "b", images: []string{"docker.io/x:1"}})
	sources[0].Covers, sources[1].Covers = []string{"registry.example.com"}, []string{"docker.io"}
	evidence, err := Collect(t.Context(), sources, Options{Names: testNames(t), Now: collectNow})
	if err != nil {
		t.Fatal(err)
	}
	for registry, want := range map[string]bool{"registry.example.com": false, "docker.io": true, "prod-nexus": false} {
		if got := evidence.Known(registry); got != want {
			t.Errorf("known of %s: %v, want %v", registry, got, want)
		}
	}
	if got := evidence.Incomplete("registry.example.com"); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("incomplete = %+v", got)
	}
	if got := evidence.Incomplete("docker.io"); got != nil {
		t.Errorf("incomplete = %+v", got)
	}
}

func TestASourceThatLosesMostOfWhatItSawIsDoubted(t *testing.T) {
	for left, want := range map[int]bool{1: true, 2: false} {
		memory := &fakeMemory{}
		opts := Options{Names: testNames(t), Now: collectNow, Memory: memory}
		finder := fakeFinder{name: "s"}
		for i := range 20 {
			finder.images = append(finder.images, fmt.Sprintf("registry.example.com/a:%d", i))
		}
		if _, err := Collect(t.Context(), asked(finder), opts); err != nil {
			t.Fatal(err)
		}
		finder.images = finder.images[:left]
		evidence, err := Collect(t.Context(), asked(finder), opts)
		if err != nil || !evidence.Known("registry.example.com") || len(evidence.Sources[0].Doubts) > 0 != want {
			t.Errorf("%d of 20 left: %+v, %v; want doubts: %v", left, evidence.Sources, err, want)
		}
	}
}

func TestCollectFailsWithItsMemoryAndItsContext(t *testing.T) {
	broken := &fakeMemory{err: errors.New("disk full")}
	if _, err := Collect(t.Context(), nil, Options{Names: testNames(t), Memory: broken}); err == nil {
		t.Error("a memory that fails went unnoticed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(ctx, asked(fakeFinder{name: "s"}), Options{Names: testNames(t)}); err == nil {
		t.Error("a cancelled context went unnoticed")
	}
}
