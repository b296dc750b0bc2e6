package registrytest

import (
	"errors"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// referrers: the API lists exactly the manifests that name the subject, or the
// reader says that there is no such API; it never says "none" for that.
func referrers(b *bench) {
	m, other := b.tagged("v1"), b.tagged("v2")
	sbom := b.repo().Artifact(world.Artifact{Type: "application/spdx+json", Subject: m})
	signature := b.repo().Artifact(world.Artifact{Type: "application/vnd.example.signature", Subject: sbom})
	second := b.repo().Artifact(world.Artifact{Type: "application/spdx+json", Subject: m})
	b.seed()
	lister, ok := registry.As[registry.ReferrerLister](b.reader)
	if !b.needs(b.declared.Referrers, "has the referrers API") {
		if ok {
			found, err := collect(lister.Referrers(b.Context(), b.known(), m.Digest))
			b.fails("referrers without the API", err, registry.ErrUnsupported)
			if len(found) > 0 {
				b.Errorf("referrers without the API: %v", found)
			}
		}
		return
	}
	if !ok {
		b.Fatalf("the reader cannot list referrers, which this registry is declared to do")
	}
	for subject, want := range map[oci.Digest][]*world.Manifest{
		m.Digest: {sbom, second}, sbom.Digest: {signature}, other.Digest: {}, b.world.Missing().Digest: {},
	} {
		found, err := collect(lister.Referrers(b.Context(), b.known(), subject))
		if err != nil {
			b.Errorf("referrers of %s: %v", subject, err)
		}
		if len(found) != len(want) {
			b.Errorf("%d referrers of %s, want %d", len(found), subject, len(want))
		}
		for _, referrer := range want {
			at := slices.IndexFunc(found, func(d oci.Descriptor) bool { return d.Digest == referrer.Digest })
			if at < 0 {
				b.Errorf("%s is not listed as a referrer of %s", referrer.Digest, subject)
			} else if found[at].ArtifactType != referrer.ArtifactType || found[at].MediaType != referrer.MediaType {
				b.Errorf("referrer %s is listed as %s of type %q", referrer.Digest, found[at].MediaType, found[at].ArtifactType)
			}
		}
	}
}

// fallback: tags of both attachment schemes are tags like any other.
func fallback(b *bench) {
	m := b.tagged("v1")
	b.repo().Artifact(world.Artifact{Type: "application/spdx+json", Subject: m})
	cosign := b.repo().Cosign(m.Digest, "sig")
	if b.declared.Referrers != registry.SupportYes {
		b.repo().FallbackTags()
	}
	b.seed()
	listed := b.listed()
	for name, digest := range b.repo().Tags {
		if _, found := listed[name]; !found {
			b.Errorf("tag %s is not listed", name)
		}
		b.is(name, b.repo().Manifests[digest])
	}
	b.is(oci.FallbackTag(m.Digest)+".sig", cosign)
}

// untagged: everything is listed, also what no tag points at.
func untagged(b *bench) {
	tagged, alone := b.tagged("v1"), b.tagged()
	b.seed()
	lister, ok := registry.As[registry.ManifestLister](b.reader)
	if !b.needs(b.declared.Untagged, "lists untagged manifests") {
		if ok {
			b.Errorf("the reader can list manifests, which this registry is declared not to do")
		}
		return
	}
	if !ok {
		b.Fatalf("the reader cannot list manifests, which this registry is declared to do")
	}
	found, err := collect(lister.Manifests(b.Context(), b.known()))
	if err != nil {
		b.Errorf("manifests: %v", err)
	}
	for _, m := range []*world.Manifest{tagged, alone} {
		if !slices.ContainsFunc(found, func(listed registry.Manifest) bool {
			return listed.Digest == m.Digest && (listed.MediaType == "" || listed.MediaType == m.MediaType)
		}) {
			b.Errorf("manifest %s is not among %v", m.Digest, found)
		}
	}
}

// times: what a registry is said to record comes with its listing.
func times(b *bench) {
	b.tagged("v1")
	b.seed()
	tag := b.listed()["v1"]
	if b.needs(b.declared.PushTimes, "tells push times") == tag.Pushed.IsZero() {
		b.Errorf("push time %v, declared to be told: %s", tag.Pushed, b.declared.PushTimes)
	}
	if b.declared.PullTimes == registry.SupportNo && !tag.Pulled.IsZero() {
		b.Errorf("pull time %v from a registry that is declared to tell none", tag.Pulled)
	}
}

// describe: what the reader says about the registry does not contradict what
// is known of it; "unknown" is allowed.
func describe(b *bench) {
	describer, ok := registry.As[registry.Describer](b.reader)
	if !ok {
		b.Fatalf("the reader cannot describe its registry")
	}
	info, err := describer.Describe(b.Context())
	if err != nil {
		b.Fatalf("describe: %v", err)
	}
	if info.Kind == "" || info.Name == "" || info.URL == "" {
		b.Errorf("described without kind, name or URL: %+v", info)
	}
	b.agree(info.Capabilities)
}

// agree compares told capabilities with declared ones.
func (b *bench) agree(told registry.Capabilities) {
	b.Helper()
	want := b.declared.Capabilities
	for name, pair := range map[string][2]registry.Support{
		"tag delete": {told.TagDelete, want.TagDelete}, "digest delete": {told.DigestDelete, want.DigestDelete},
		"referrers": {told.Referrers, want.Referrers}, "catalog": {told.Catalog, want.Catalog},
		"push times": {told.PushTimes, want.PushTimes}, "pull times": {told.PullTimes, want.PullTimes},
		"untagged": {told.Untagged, want.Untagged}, "pulls counted": {told.PullsCounted, want.PullsCounted},
		"component delete":  {told.ComponentDelete, want.ComponentDelete},
		"cascade referrers": {told.CascadeReferrers, want.CascadeReferrers},
	} {
		if pair[0] != pair[1] && pair[0] != registry.SupportUnknown && pair[1] != registry.SupportUnknown {
			b.Errorf("%s: the adapter says %s and it is declared %s", name, pair[0], pair[1])
		}
	}
}

// probe: finding out what can be deleted deletes nothing, and is right.
func probe(b *bench) {
	m := b.tagged("v1", "v2")
	b.seed()
	for range 2 {
		told, err := b.mutator.Probe(b.Context(), b.known())
		if err != nil {
			b.Errorf("probe: %v", err)
		}
		b.agree(told)
	}
	b.is("v1", m)
	b.is("v2", m)
	if listed := b.listed(); len(listed) != 2 {
		b.Errorf("after the probe %d tags are listed, want 2: %v", len(listed), listed)
	}
}

// isCancelled says whether a listing that was cancelled after its first
// element ended honestly: with an error, or whole.
func isCancelled(got, all int, err, cause error) bool {
	return errors.Is(err, cause) || err == nil && got == all
}
