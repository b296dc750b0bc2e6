package plan_test

import (
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// Every multi-arch tag answered 404 after its untagged children were deleted
// (doobidoo/mcp-memory-service#1044, delete-untagged-ghcr-action#45,
// siemens/kas 2.6).
func TestChildrenOfKeptIndexesStay(t *testing.T) {
	w, r := fresh()
	amd, arm, shared := old(r), old(r), old(r)
	r.Tag("kept", r.Index(world.Index{Children: []*world.Manifest{amd, shared}}))
	gone := r.Index(world.Index{Children: []*world.Manifest{arm, shared}})
	r.Tag("gone", gone)
	b := newBench(w, memory.Options{Untagged: true}).remove("gone", string(amd.Digest), string(shared.Digest))
	b.untagged = true
	expect(t, b.plan(t), named(gone, "index", arm, "arm"),
		"delete-manifest index with gone (root)",
		"delete-manifest arm (child)")
}

// Deleting staging tags deleted the children of other images
// (nfrastack/db-backup#575): a child with a kept tag of its own stays.
func TestTaggedChildrenStay(t *testing.T) {
	w, r := fresh()
	amd, arm := old(r, "1.0-amd64"), old(r, "1.0-arm64")
	index := r.Index(world.Index{Children: []*world.Manifest{amd, arm}})
	r.Tag("1.0", index)
	names := named(index, "index", amd, "amd", arm, "arm")
	expect(t, newBench(w, memory.Options{}).remove("1.0", "1.0-arm64").plan(t), names,
		"delete-manifest index with 1.0 (root)",
		"delete-manifest arm with 1.0-arm64 (root)")
	// The other way round the index protects its children: their tags go alone.
	expect(t, newBench(w, memory.Options{}).remove("1.0-amd64").plan(t), names,
		"untag :1.0-amd64 (root)")
}

// A provenance attestation makes an image of one platform an index, and its
// parts look untagged (snok/container-retention-policy#43).
func TestIndexOfOnePlatformWithProvenance(t *testing.T) {
	w, r := fresh()
	image, provenance := old(r), r.Image(world.Image{Platform: "unknown/unknown"})
	index := r.Index(world.Index{Children: []*world.Manifest{image}, Attestations: []*world.Manifest{provenance}})
	r.Tag("v1", index)
	names := named(index, "index", image, "image", provenance, "provenance")
	b := newBench(w, memory.Options{Untagged: true}).remove(string(image.Digest), string(provenance.Digest))
	b.untagged = true
	expect(t, b.plan(t), names)
	got := lines(newBench(w, memory.Options{}).remove("v1").plan(t), names)
	if len(got) != 3 || got[0] != "delete-manifest index with v1 (root)" {
		t.Errorf("planned %q", got)
	}
}

// An index of a media type that the tool did not know was no index to it, and
// its children went as untagged (acr-cli#131). What nobody understands stays,
// with everything that it names.
func TestUnknownMediaTypesStayWithAllTheyName(t *testing.T) {
	w, r := fresh()
	image := old(r, "v1")
	below := old(r)
	nested := r.Index(world.Index{Children: []*world.Manifest{below}})
	r.Tag("nested", nested)
	future := r.Foreign("application/vnd.example.index.v9+json", []byte(`{"list":["`+string(image.Digest)+`","`+string(nested.Digest)+`"]}`))
	r.Tag("future", future)
	expect(t, newBench(w, memory.Options{}).remove("v1", "nested").plan(t), nil,
		"untag :nested (root)", "untag :v1 (root)")
	expect(t, newBench(w, memory.Options{}).remove("future").plan(t), named(future, "future"),
		"blocked :future unreadable by future")
	// An index that lists something unknown is not taken apart either.
	top := r.Index(world.Index{Children: []*world.Manifest{future, old(r)}})
	r.Tag("top", top)
	expect(t, newBench(w, memory.Options{}).remove("top").plan(t), named(future, "future"),
		"blocked :top unreadable by future")
}

// Signatures and SBOMs of live images were purged as untagged (acr-cli#133,
// dataaxiom/ghcr-cleanup-action#104).
func TestAttachmentsFollowTheirSubject(t *testing.T) {
	for _, options := range []memory.Options{{Untagged: true}, {Untagged: true, NoReferrers: true}} {
		w, r := fresh()
		live, dead := old(r, "live"), old(r, "dead")
		sbomOfLive := r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: live})
		sbom := r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: dead})
		signature := r.Artifact(world.Artifact{Type: "application/vnd.dev.sigstore.bundle.v0.3+json", Subject: sbom})
		names := named(dead, "dead", sbom, "sbom", signature, "signature")
		want := []string{
			"delete-manifest dead with dead (root)",
			"delete-manifest sbom (attachment)",
			"delete-manifest signature (attachment)",
		}
		if options.NoReferrers {
			r.FallbackTags()
			options.Untagged = false
			for _, m := range []*world.Manifest{dead, sbom} {
				names[r.Tags[oci.FallbackTag(m.Digest)]] = "list of " + names[m.Digest]
			}
		}
		b := newBench(w, options).remove("dead", string(sbomOfLive.Digest))
		b.untagged = options.Untagged
		p := b.plan(t)
		if !options.NoReferrers {
			expect(t, p, names, want...)
			continue
		}
		at := map[string]int{}
		for i, line := range lines(p, names) {
			at[line] = i + 1
		}
		for _, line := range []string{
			want[0], want[1], want[2],
			"delete-manifest list of dead with " + oci.FallbackTag(dead.Digest) + " (attachment)",
			"delete-manifest list of sbom with " + oci.FallbackTag(sbom.Digest) + " (attachment)",
		} {
			if at[line] == 0 {
				t.Errorf("no step %q in %q", line, lines(p, names))
			}
		}
		if len(at) != 5 || at[want[0]] != 1 || at[want[1]] > at[want[2]] {
			t.Errorf("order %q", lines(p, names))
		}
	}
}

// The suffix .sig was unknown to the tool, and signatures went or stayed alone
// (bsherman/bos#8).
func TestCosignTagsFollowTheirSubject(t *testing.T) {
	w, r := fresh()
	live, dead := old(r, "live"), old(r, "dead")
	r.Cosign(live.Digest, "sig")
	sig, sbom := r.Cosign(dead.Digest, "sig"), r.Cosign(dead.Digest, "sbom")
	att := r.Cosign(sig.Digest, "att")
	tag := oci.FallbackTag(dead.Digest)
	got := lines(newBench(w, memory.Options{}).remove("dead").plan(t), named(dead, "dead", sig, "sig", sbom, "sbom", att, "att"))
	if len(got) != 4 || got[0] != "delete-manifest dead with dead (root)" {
		t.Fatalf("planned %q", got)
	}
	at := map[string]int{}
	for i, line := range got {
		at[line] = i
	}
	if at["delete-manifest sig with "+tag+".sig (attachment)"] == 0 || at["delete-manifest sbom with "+tag+".sbom (attachment)"] == 0 ||
		at["delete-manifest att with "+oci.FallbackTag(sig.Digest)+".att (attachment)"] < at["delete-manifest sig with "+tag+".sig (attachment)"] {
		t.Errorf("planned %q", got)
	}
}

// Delete by digest took every tag on the digest along (goharbor/harbor#8717,
// #2663, distribution#1566, skopeo's manual), on Nexus even the protected
// "stage" (mlabouardy/nexus-cli#46), elsewhere releases that shared a digest
// with a build (ayunis-core#1182, kgateway#14567, NVSentinel#1339).
func TestADigestWithAKeptTagIsNeverDeleted(t *testing.T) {
	w, r := fresh()
	shared := old(r, "stage", "build-17", "build-18")
	alone := old(r, "build-16", "build-15")
	names := named(shared, "shared", alone, "alone")
	gone := []string{"build-15", "build-16", "build-17", "build-18"}
	expect(t, newBench(w, memory.Options{}).remove(gone...).plan(t), names,
		"untag :build-17 beside stage (root)",
		"untag :build-18 beside stage (root)",
		"delete-manifest alone with build-15,build-16 (root)")
	expect(t, newBench(w, memory.Options{NoTagDelete: true}).remove(gone...).plan(t), names,
		"delete-manifest alone with build-15,build-16 (root)",
		"blocked :build-17 no-tag-delete by stage",
		"blocked :build-18 no-tag-delete by stage")
	b := newBench(w, memory.Options{NoTagDelete: true}).remove(gone...)
	b.settings.Overwrite = true
	expect(t, b.plan(t), names,
		"overwrite-tag :build-17 beside stage (root)",
		"overwrite-tag :build-18 beside stage (root)",
		"delete-manifest alone with build-15,build-16 (root)")
	expect(t, newBench(w, memory.Options{Rich: true, Components: true}).remove(gone...).plan(t), names,
		"delete-component :build-15 (root)",
		"delete-component :build-16 (root)",
		"delete-component :build-17 beside stage (root)",
		"delete-component :build-18 beside stage (root)")
}

// An image was pushed by digest and deleted before its index came
// (telekom/das-schiff#286).
func TestWhatAPushInFlightMayNeedStays(t *testing.T) {
	w, r := fresh()
	early, late, undated := old(r), old(r), old(r)
	r.Pushed[string(early.Digest)] = w.Now.Add(-25 * 60 * 60 * 1e9)
	r.Pushed[string(late.Digest)] = w.Now.Add(-23 * 60 * 60 * 1e9)
	index := r.Index(world.Index{Children: []*world.Manifest{early, late, undated}})
	r.Tag("gone", index)
	b := newBench(w, memory.Options{Untagged: true, PushTimes: true}).remove("gone")
	b.untagged, b.settings.Grace = true, day
	expect(t, b.plan(t), named(index, "index", early, "early", undated, "undated"),
		append([]string{"delete-manifest index with gone (root)"},
			inOrder(early, "delete-manifest early (child)", undated, "delete-manifest undated (child)")...)...)
	p := b.plan(t)
	if got := notices(p, "warning"); len(got) != 1 || got[0] != "grace" {
		t.Errorf("warnings %q", got)
	}

	// Where no push time is known the build time of the index counts, and where
	// that cannot be trusted either, nothing is known and the child stays.
	w, r = fresh()
	epoch := r.Image(world.Image{Created: "1970-01-01T00:00:00Z"})
	r.Tag("gone", r.Index(world.Index{Children: []*world.Manifest{epoch}}))
	b = newBench(w, memory.Options{}).remove("gone")
	b.settings.Grace = day
	p = b.plan(t)
	if got := notices(p, "warning"); len(p.Steps) != 1 || len(got) != 1 || got[0] != "grace-unknown" {
		t.Errorf("%d steps, warnings %q", len(p.Steps), got)
	}
	b.settings.Grace = 0
	if p = b.plan(t); len(p.Steps) != 2 {
		t.Errorf("%d steps without grace", len(p.Steps))
	}
}

// inOrder sorts two lines by the digests that they are about.
func inOrder(a *world.Manifest, lineA string, b *world.Manifest, lineB string) []string {
	if a.Digest < b.Digest {
		return []string{lineA, lineB}
	}
	return []string{lineB, lineA}
}

// 14,906 orphaned signatures were more than half of a repository
// (agntcy/dir#2101): they are reported, and go on request.
func TestOrphansAreReportedAndGoOnRequest(t *testing.T) {
	w, r := fresh()
	old(r, "v1")
	orphan := r.Cosign(w.Missing().Digest, "sig")
	names := named(orphan, "orphan")
	p := newBench(w, memory.Options{}).remove().plan(t)
	expect(t, p, names)
	if got := notices(p, "warning"); len(got) != 1 || got[0] != "orphan" {
		t.Errorf("warnings %q", got)
	}
	b := newBench(w, memory.Options{}).remove()
	b.settings.RemoveOrphans = true
	expect(t, b.plan(t), names) // nobody has looked for the subject
	b.orphans = true
	got := b.plan(t)
	if len(got.Steps) != 1 || got.Steps[0].Digest != orphan.Digest || got.Steps[0].Why != "attachment" {
		t.Errorf("planned %q", lines(got, names))
	}
}

// Deletes are off: nothing is planned that can only fail, and one line a tag
// says so.
func TestARegistryThatDeletesNothing(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	p := newBench(w, memory.Options{NoDigestDelete: true}).remove("a").plan(t)
	expect(t, p, nil, "blocked :a no-delete by ")
	if p.Summary.BytesFreed != 0 || p.Summary.Blocked != 1 {
		t.Errorf("summary %+v", p.Summary)
	}
}

// A registry that removes tags only loses the tag and keeps the manifest.
func TestARegistryThatDeletesTagsOnly(t *testing.T) {
	w, r := fresh()
	old(r, "a")
	b := newBench(w, memory.Options{}).remove("a")
	b.info.Capabilities.DigestDelete = 2
	p := b.plan(t)
	expect(t, p, nil, "untag :a (root)")
	if p.Steps[0].Undo != plan.UndoUntilGC {
		t.Errorf("undo %s", p.Steps[0].Undo)
	}
}
