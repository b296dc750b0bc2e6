package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

func TestVerdictLines(t *testing.T) {
	at := time.Date(2026, 5, 1, 14, 0, 0, 0, time.FixedZone("CEST", 7200))
	m := &inventory.Manifest{Digest: oci.FromBytes(nil), MediaType: oci.MediaTypeImage, Read: true, Created: at, Pulled: at, Bytes: 9}
	repo := &inventory.Repository{
		Registry: "r", Name: "app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{m.Digest: m},
		Tags: []inventory.Tag{{Name: "v1", Digest: m.Digest, Seen: at}},
	}
	report := policy.Report{Decisions: []policy.Decision{
		{Root: inventory.Root{Digest: m.Digest, Manifest: m}, Verdict: policy.Hold},
		{
			Root: inventory.Root{Tag: &repo.Tags[0], Digest: m.Digest}, AgeFrom: policy.FromCreated,
			Reasons: []policy.Reason{{Code: policy.CodeNewest, Rule: "policies[0].rules[0].keep[0]", Line: 7, Facts: map[string]any{"place": 1}}},
		},
	}}
	p := &plan.Plan{}
	b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Into(p))
	if err := b.Add(repo, report, policy.DefaultSettings()); err != nil {
		t.Fatal(err)
	}
	finish(t, b)
	if len(p.Verdicts) != 2 || p.Verdicts[0].Tag != "v1" || p.Verdicts[1].Tag != "" || p.Verdicts[1].Verdict != "hold" {
		t.Fatalf("verdicts %+v", p.Verdicts)
	}
	v := p.Verdicts[0]
	utc := at.UTC()
	if v.Type != "verdict" || v.Registry != "r" || v.Repository != "app" || v.Digest != m.Digest || v.MediaType != oci.MediaTypeImage ||
		v.Verdict != "keep" || v.AgeFrom != "created" || v.Size != 9 || v.Pushed != nil || *v.Created != utc || *v.Pulled != utc || *v.Seen != utc {
		t.Errorf("verdict %+v", v)
	}
	if r := v.Reasons[0]; r.Code != "newest" || r.Rule != "policies[0].rules[0].keep[0]" || r.Line != 7 || r.Facts["place"] != 1 {
		t.Errorf("reason %+v", r)
	}
	s := p.Summary
	if s.Repositories != 1 || s.Roots != 2 || s.Keep != 1 || s.Hold != 1 || s.Remove != 0 || s.Requests != 7 || s.Seconds != 1.5 {
		t.Errorf("summary %+v", s)
	}
}

func TestAGapHoldsWhatWouldGo(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	b := newBench(w, memory.Options{}).remove("a")
	b.mix = func(all []addition) []addition {
		all[0].repo.Gaps = append(all[0].repo.Gaps, inventory.Gap{Code: "referrers", Registry: "memory", Repository: "app", Message: "no answer"})
		return all
	}
	p := b.plan(t)
	if len(p.Steps) != 0 || p.Summary.Remove != 0 || p.Summary.Hold != 1 || p.Verdicts[0].Verdict != "hold" || p.Verdicts[0].Reasons[0].Code != "gap" || p.Verdicts[0].Reasons[1].Code != "everything" {
		t.Errorf("%d steps, verdict %+v", len(p.Steps), p.Verdicts[0])
	}
	if len(p.Notices) != 1 || p.Notices[0] != (plan.Notice{Type: "gap", Code: "referrers", Scope: "memory/app", Message: "no answer"}) {
		t.Errorf("notices %+v", p.Notices)
	}
}

// A tag that could lead to anything blocks what it could lead to.
func TestAnUnresolvedTagIsAGap(t *testing.T) {
	for name, change := range map[string]func(*inventory.Repository){
		"a tag":     func(r *inventory.Repository) { r.Tags[0].Digest = "" },
		"all of it": func(r *inventory.Repository) { r.Depth = inventory.Names },
	} {
		w, r := fresh()
		old(r, "a")
		old(r, "b")
		b := newBench(w, memory.Options{}).remove("b")
		b.mix = func(all []addition) []addition {
			change(all[0].repo)
			return all
		}
		if p := b.plan(t); len(p.Steps) != 0 || len(notices(p, "gap")) != 1 {
			t.Errorf("%s: %d steps, notices %+v", name, len(p.Steps), p.Notices)
		}
	}
}

// What Deepen did not read does not go.
func TestWhatWasNotReadStays(t *testing.T) {
	w, r := fresh()
	index := r.Index(world.Index{Children: []*world.Manifest{old(r)}})
	r.Tag("v1", index)
	b := newBench(w, memory.Options{}).remove("v1")
	b.mix = func(all []addition) []addition {
		delete(all[0].repo.Manifests, index.Children[0].Digest)
		return all
	}
	expect(t, b.plan(t), nil, "blocked :v1 unreadable by "+string(index.Children[0].Digest))
}

func TestTagsWithAProblemStay(t *testing.T) {
	for _, options := range []memory.Options{{}, {Rich: true, Components: true}} {
		w, r := fresh()
		old(r, "bad", "good")
		b := newBench(w, options).remove("bad", "good")
		b.mix = func(all []addition) []addition {
			all[0].repo.Tags[0].Problem = "component without assets"
			return all
		}
		first := "untag :good beside bad (root)"
		if options.Components {
			first = "delete-component :good beside bad (root)"
		}
		if got := lines(b.plan(t), nil); !slices.Contains(got, "blocked :bad unreadable by ") || len(got) != 2 || got[0] != first {
			t.Errorf("planned %q", got)
		}
	}
}

// The signature of a child of a kept index stays, though the child's own tag
// goes; that of an image that is gone follows it.
func TestComponentsOfAttachments(t *testing.T) {
	w, r := fresh()
	amd, alone := old(r, "1-amd64"), old(r, "alone", "alone-too")
	r.Tag("1", r.Index(world.Index{Children: []*world.Manifest{amd}}))
	r.Cosign(amd.Digest, "sig")
	sig := r.Cosign(alone.Digest, "sig")
	r.Cosign(sig.Digest, "att")
	r.Tag(oci.FallbackTag(alone.Digest)+".too", sig) // which goes with the other tag, not beside it
	b := newBench(w, memory.Options{Rich: true, Components: true}).remove("1-amd64", "alone", "alone-too")
	expect(t, b.plan(t), nil,
		"delete-component :1-amd64 (root)",
		"delete-component :alone (root)",
		"delete-component :alone-too (root)",
		"delete-component :"+oci.FallbackTag(alone.Digest)+".sig (attachment)",
		"delete-component :"+oci.FallbackTag(alone.Digest)+".too (attachment)",
		"delete-component :"+oci.FallbackTag(sig.Digest)+".att (attachment)")
	for _, s := range b.plan(t).Steps {
		if s.Handle == "" || s.Digest == "" {
			t.Errorf("step without handle or digest: %+v", s)
		}
	}
	if s := b.plan(t).Summary; !s.BytesUnknown || s.BytesExact || s.BytesFreed != 0 {
		t.Errorf("bytes of manifests that were not read: %+v", s)
	}
	// One tag stays, and so does what hangs on the digest.
	b.remove("alone")
	expect(t, b.plan(t), nil, "delete-component :alone beside alone-too (root)")
	// An index that was not looked into may list the image.
	b.remove("alone", "alone-too")
	b.mix = func(all []addition) []addition {
		for _, m := range all[0].repo.Manifests {
			if m.Kind == oci.KindIndex {
				m.Read, m.Children = false, nil
			}
		}
		return all
	}
	expect(t, b.plan(t), nil, "delete-component :alone (root)", "delete-component :alone-too (root)")
}

func TestBytesCountEachBlobOnceOverTheRegistry(t *testing.T) {
	w := world.New(world.DefaultNow)
	a, b := w.Repository("a"), w.Repository("b")
	base, common := w.Layer(), w.Layer()
	for _, r := range []*world.Repository{a, b} {
		r.Tag("gone", r.Image(world.Image{Created: ago(day), Layers: []oci.Digest{base, common}}))
	}
	b.Tag("kept", b.Image(world.Image{Created: ago(day), Layers: []oci.Digest{base}}))
	doomed := map[world.Node]bool{}
	for name, r := range w.Repositories {
		doomed[world.Node{Repository: name, Digest: r.Tags["gone"]}] = true
	}
	bench := newBench(w, memory.Options{Untagged: true}).remove("gone")
	bench.untagged = true
	p := bench.plan(t)
	if want := bytesOf(w, doomed); p.Summary.BytesFreed != want || !p.Summary.BytesExact {
		t.Errorf("%d bytes (exact: %v), want %d", p.Summary.BytesFreed, p.Summary.BytesExact, want)
	}
	if newBench(w, memory.Options{}).remove("gone").plan(t).Summary.BytesExact {
		t.Error("exact, though untagged manifests cannot be seen")
	}
	bench.options.Partial = true
	if bench.plan(t).Summary.BytesExact {
		t.Error("exact, though others were not looked at")
	}
	// What a breaker stops keeps its blobs.
	bench.options.Partial = false
	bench.mix = func(all []addition) []addition {
		all[0].report.Refusals = []policy.Warning{{Code: "evidence", Lift: "in_use"}}
		return all
	}
	delete(doomed, world.Node{Repository: "a", Digest: a.Tags["gone"]})
	if p := bench.plan(t); p.Summary.BytesFreed != bytesOf(w, doomed) {
		t.Errorf("%d bytes with one refused, want %d", p.Summary.BytesFreed, bytesOf(w, doomed))
	}
}

func TestHowFarAStepCanBeUndone(t *testing.T) {
	w, r := fresh()
	old(r, "kept", "untagged")
	old(r, "deleted")
	b := newBench(w, memory.Options{}).remove("untagged", "deleted")
	for archived, want := range map[bool]plan.Reversal{false: plan.UndoUntilGC, true: plan.UndoFull} {
		b.options.Archived = archived
		p := b.plan(t)
		if p.Steps[0].Undo != plan.UndoFull || p.Steps[1].Undo != want {
			t.Errorf("archived %v: %s and %s", archived, p.Steps[0].Undo, p.Steps[1].Undo)
		}
	}
}

// Several registries in one plan are counted and stopped each by itself.
func TestRegistriesAreSeparate(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	one := newBench(w, memory.Options{Name: "one"}).remove("a")
	two := newBench(w, memory.Options{Name: "two", NoDigestDelete: true}).remove("a")
	header := plan.Header{Registries: []registry.Info{two.info, one.info}}
	p := &plan.Plan{}
	builder := plan.NewBuilder(header, one.options, plan.Into(p))
	builder.Gaps(inventory.Gap{Code: "catalog", Registry: "two", Message: "cut off"})
	for _, b := range []*bench{two, one} {
		all, _ := b.additions(t)
		if err := builder.Add(all[0].repo, all[0].report, b.settings); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, builder)
	if p.Verdicts[0].Registry != "two" || p.Verdicts[0].Verdict != "hold" || p.Verdicts[1].Verdict != "remove" || len(p.Steps) != 1 || p.Steps[0].Registry != "one" {
		t.Errorf("verdicts %+v, steps %+v", p.Verdicts, p.Steps)
	}
}

// Deepen can find out that an untagged root hangs below something that goes.
// The policy kept it, so it stays.
func TestAKeptUntaggedRootStaysWhereverItTurnsUp(t *testing.T) {
	w, r := fresh()
	child := old(r)
	index := r.Index(world.Index{Children: []*world.Manifest{child}})
	r.Tag("v1", index)
	b := newBench(w, memory.Options{}).remove("v1")
	b.mix = func(all []addition) []addition {
		all[0].report.Decisions = append(all[0].report.Decisions, policy.Decision{Root: inventory.Root{Digest: child.Digest}})
		return all
	}
	expect(t, b.plan(t), named(index, "index"), "delete-manifest index with v1 (root)")
}

// It can also find out that a removed tag is an attachment, which follows its
// subject and not a rule.
func TestARemovedTagThatTurnsOutToHangOnSomething(t *testing.T) {
	w, r := fresh()
	image := old(r, "v1")
	r.Tag("sbom", r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: image}))
	b := newBench(w, memory.Options{}).remove("sbom", "v1")
	b.mix = func(all []addition) []addition {
		repo := all[0].repo
		all[0].report.Decisions = append(all[0].report.Decisions, policy.Decision{
			Root: inventory.Root{Tag: &repo.Tags[0], Digest: repo.Tags[0].Digest}, Verdict: policy.Remove,
		})
		return all
	}
	names := named(image, "image", r.Manifests[r.Tags["sbom"]], "sbom")
	expect(t, b.plan(t), names,
		"delete-manifest image with v1 (root)",
		"delete-manifest sbom with sbom (root)")
	b.remove("sbom")
	expect(t, b.plan(t), names, "blocked :sbom attachment by image")
}

// An orphan stays even when a removed tag points at it too.
func TestARemovedTagOnAnOrphan(t *testing.T) {
	w, r := fresh()
	r.Tag("v1", r.Cosign(w.Missing().Digest, "sig"))
	p := newBench(w, memory.Options{}).remove("v1").plan(t)
	if len(p.Steps) != 1 || p.Steps[0].Action != plan.Untag || len(p.Steps[0].Siblings) != 1 {
		t.Errorf("steps %+v", p.Steps)
	}
}

// Attachments of kept images are not read, so what those that go share with
// them is not known.
func TestUnreadAttestationsMakeBytesAnUpperBound(t *testing.T) {
	w, r := fresh()
	for _, tag := range []string{"kept", "gone"} {
		attestation := r.Image(world.Image{Platform: "unknown/unknown"})
		r.Tag(tag, r.Index(world.Index{Children: []*world.Manifest{old(r)}, Attestations: []*world.Manifest{attestation}}))
	}
	old(r, "plain")
	for tag, exact := range map[string]bool{"gone": false, "plain": true} {
		b := newBench(w, memory.Options{Untagged: true}).remove(tag)
		b.untagged = true
		if p := b.plan(t); p.Summary.BytesExact != exact || p.Summary.BytesFreed == 0 {
			t.Errorf("%s: summary %+v", tag, p.Summary)
		}
	}
}

// Whatever made it so, a plan that contradicts itself is not handed out.
func TestAPlanThatContradictsItselfIsRefused(t *testing.T) {
	w, r := fresh()
	old(r, "v1")
	old(r, "v2")
	b := newBench(w, memory.Options{}).remove("v1", "v2")
	b.mix = func(all []addition) []addition {
		all[0].repo.Tags[1].Name = "v1" // which no repository has twice
		return all
	}
	p := b.plan(t)
	if got := notices(p, "refusal"); len(p.Steps) != 0 || len(got) != 1 || got[0] != "self-check" {
		t.Errorf("%d steps, refusals %q", len(p.Steps), got)
	}
}
