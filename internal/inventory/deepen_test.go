package inventory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// layered is an index with two platforms and an attestation, an SBOM of one
// platform, a signature of that, and an image beside it that stays.
type layered struct {
	w                                              *world.World
	index, amd, arm, attestation, sbom, sig, other *world.Manifest
}

func newLayered() layered {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	l := layered{w: w}
	l.amd, l.arm = r.Image(world.Image{Created: days(40)}), r.Image(world.Image{Created: days(41), Platform: "linux/arm64"})
	l.attestation = r.Image(world.Image{Platform: "unknown/unknown"})
	l.index = r.Index(world.Index{Children: []*world.Manifest{l.amd, l.arm}, Attestations: []*world.Manifest{l.attestation}})
	l.sbom = r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: l.amd})
	l.sig = r.Artifact(world.Artifact{Type: "application/vnd.example.signature", Subject: l.sbom})
	l.other = r.Image(world.Image{Created: days(1)})
	r.Tag("v1", l.index)
	r.Tag("other", l.other)
	return l
}

func TestDeepenReadsEverythingThatWouldGo(t *testing.T) {
	l := newLayered()
	r := memory.Load(l.w, memory.Options{})
	s := scanner(t, r, inventory.Options{})
	shallow := only(t, s, graph)
	if len(shallow.Manifests) != 2 {
		t.Fatalf("the scan read %d manifests", len(shallow.Manifests))
	}
	r.Forget()
	deep, err := s.Deepen(context.Background(), shallow, []oci.Digest{l.index.Digest})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*world.Manifest{l.index, l.amd, l.arm, l.attestation, l.sbom, l.sig} {
		if got := deep.Manifests[m.Digest]; got == nil || !got.Read {
			t.Errorf("%s was not read", m.Digest)
		}
	}
	if m := deep.Manifests[l.index.Digest]; world.At(m.Created) != days(40) || m.Bytes == 0 {
		t.Errorf("the index: %+v", m)
	}
	if shallow.Manifests[l.amd.Digest] != nil || !shallow.Manifests[l.index.Digest].Created.IsZero() {
		t.Error("the repository that was handed out has changed")
	}
	if !deep.ReferrersComplete || len(deep.Gaps) != 0 {
		t.Errorf("complete %v, gaps %v", deep.ReferrersComplete, deep.Gaps)
	}
	// Three below the index, two attachments; a question for referrers of each
	// of the six; the configs of the two platforms.
	want(t, r, map[call.Op]int{call.Manifest: 5, call.Referrers: 6, call.Blob: 2})
	once(t, r)
}

func TestDeepenAsksNothingTwice(t *testing.T) {
	l := newLayered()
	r := memory.Load(l.w, memory.Options{})
	s := scanner(t, r, inventory.Options{})
	repo := only(t, s, configs)
	repo, err := s.Deepen(context.Background(), repo, []oci.Digest{l.index.Digest})
	if err != nil {
		t.Fatal(err)
	}
	once(t, r)
	r.Forget()
	if repo, err = s.Deepen(context.Background(), repo, nil); err != nil || len(repo.Gaps) != 0 {
		t.Fatalf("error %v, gaps %v", err, repo.Gaps)
	}
	want(t, r, map[call.Op]int{})
}

// Others wait for the answer to the first question, however long it takes.
func TestARegistryWithoutReferrersIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLayered()
		l.w.Repository("app").FallbackTags()
		r := memory.Load(l.w, memory.Options{NoReferrers: true})
		info := describe(t, r.Reader())
		info.Capabilities.Referrers = 0
		s := inventory.NewScanner(r.Reader(), info, inventory.Options{})
		repo := only(t, s, graph)
		r.Forget()
		r.Before(func(c call.Call) {
			if c.Op == call.Referrers {
				time.Sleep(time.Second)
			}
		})
		repo, err := s.Deepen(context.Background(), repo, []oci.Digest{l.index.Digest})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []*world.Manifest{l.sbom, l.sig} {
			if got := repo.Manifests[m.Digest]; got == nil || !got.Read {
				t.Errorf("attachment %s was not found by its fallback tag", m.Digest)
			}
		}
		if n := r.Counts()[call.Referrers]; n != 1 {
			t.Errorf("asked for referrers %d times", n)
		}
	})
}

func TestDeepenTurnsFailuresIntoGaps(t *testing.T) {
	for _, test := range []struct {
		fault fault.Fault
		code  string
	}{
		{fault.Fault{Op: call.Referrers, Nth: 1}, "referrers"},
		{fault.Fault{Op: call.Referrers, Nth: 3, Kind: fault.Truncate}, "referrers"},
		{fault.Fault{Op: call.Manifest, Nth: 1}, "manifest"},
		{fault.Fault{Op: call.Blob, Nth: 1}, "config"},
	} {
		l := newLayered()
		r := memory.Load(l.w, memory.Options{})
		shallow := only(t, scanner(t, r, inventory.Options{}), graph)
		script := fault.New(test.fault)
		s := inventory.NewScanner(script.Reader(r.Reader()), describe(t, r.Reader()), inventory.Options{})
		deep, err := s.Deepen(context.Background(), shallow, []oci.Digest{l.index.Digest})
		if err != nil {
			t.Fatal(err)
		}
		if len(deep.Gaps) != 1 || deep.Gaps[0].Code != test.code || deep.ReferrersComplete || len(shallow.Gaps) != 0 {
			t.Errorf("%v: gaps %v, complete %v", test.fault, deep.Gaps, deep.ReferrersComplete)
		}
		if len(script.Unused()) > 0 {
			t.Errorf("nothing ran into %v", test.fault)
		}
	}
}

func TestDeepenReadsWhatTheUnreadableNames(t *testing.T) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	below := r.Image(world.Image{Created: days(50)})
	hidden := r.Index(world.Index{Children: []*world.Manifest{below}})
	r.Tag("future", r.Foreign("application/vnd.example.index.v9+json", []byte(`{"list":["`+string(hidden.Digest)+`"]}`)))
	r.Tag("gone", r.Image(world.Image{Created: days(60)}))
	m := memory.Load(w, memory.Options{})
	s := scanner(t, m, inventory.Options{})
	repo := only(t, s, graph)
	repo, err := s.Deepen(context.Background(), repo, []oci.Digest{w.Repository("app").Tags["gone"]})
	if err != nil || repo.Manifests[hidden.Digest] == nil || len(repo.Manifests[hidden.Digest].Children) != 1 {
		t.Errorf("error %v, manifests %v", err, repo.Manifests)
	}
}

// Where components are deleted, whether a signature may go depends on whether
// some index still lists what it signs.
func TestComponentsWithAttachmentsHaveTheirIndexesRead(t *testing.T) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	amd := r.Image(world.Image{Created: days(40)})
	r.Tag("1-amd64", amd)
	r.Tag("1", r.Index(world.Index{Children: []*world.Manifest{amd}}))
	r.Cosign(amd.Digest, "sig")
	for tag := range r.Tags {
		r.Pushed[tag] = w.Now
	}
	m := memory.Load(w, memory.Options{Rich: true, PushTimes: true, Components: true})
	s := scanner(t, m, inventory.Options{})
	repo := only(t, s, graph)
	m.Forget()
	if _, err := s.Deepen(context.Background(), repo, []oci.Digest{amd.Digest}); err != nil {
		t.Fatal(err)
	}
	want(t, m, map[call.Op]int{call.Manifest: 1})
}

// Reading a manifest counts as a use where components are deleted, so a
// signature of what stays is no reason to read anything.
func TestASignatureOfWhatStaysIsNoReasonToReadIndexes(t *testing.T) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	stays, goes := r.Image(world.Image{Created: days(40)}), r.Image(world.Image{Created: days(60)})
	r.Tag("1-amd64", stays)
	r.Tag("1", r.Index(world.Index{Children: []*world.Manifest{stays}}))
	r.Tag("old", goes)
	r.Cosign(stays.Digest, "sig")
	for tag := range r.Tags {
		r.Pushed[tag] = w.Now
	}
	m := memory.Load(w, memory.Options{Rich: true, PushTimes: true, Components: true})
	s := scanner(t, m, inventory.Options{})
	repo := only(t, s, graph)
	m.Forget()
	if _, err := s.Deepen(context.Background(), repo, []oci.Digest{goes.Digest}); err != nil {
		t.Fatal(err)
	}
	want(t, m, map[call.Op]int{})
}

func TestOrphansAreLookedForOnDemand(t *testing.T) {
	w := world.New(world.DefaultNow)
	r := w.Repository("app")
	image, missing := r.Image(world.Image{Created: days(1)}), w.Missing()
	r.Tag("v1", image)
	r.Cosign(image.Digest, "sig")
	r.Cosign(missing.Digest, "sig")
	m := memory.Load(w, memory.Options{})
	repo := only(t, scanner(t, m, inventory.Options{}), graph)
	want(t, m, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 3})
	if repo.Manifests[missing.Digest] != nil {
		t.Error("the subject was looked for")
	}
	m = memory.Load(w, memory.Options{})
	repo = only(t, scanner(t, m, inventory.Options{}), demand(func(*inventory.Repository) inventory.Want {
		return inventory.Want{Graph: true, Orphans: true}
	}))
	want(t, m, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 4})
	if found := repo.Manifests[missing.Digest]; found == nil || !found.Missing {
		t.Errorf("the subject is %+v", found)
	}
}
