package distribution_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
)

// What each real registry was seen to do; the adapter must find out the same.
var behaviour = map[string]struct {
	catalog, referrers, tagDelete registry.Support
	warned                        bool // distribution 2 and its garbage collection
	unknownRepository             bool // answered with 404
	tagsStay                      bool // after their digest was deleted
}{
	"distribution":         {registry.SupportYes, registry.SupportNo, registry.SupportYes, false, true, false},
	"docker-registry":      {registry.SupportYes, registry.SupportNo, registry.SupportNo, true, true, false},
	"olareg":               {registry.SupportNo, registry.SupportUnknown, registry.SupportYes, false, false, false},
	"zot":                  {registry.SupportYes, registry.SupportYes, registry.SupportYes, false, true, false},
	"go-containerregistry": {registry.SupportYes, registry.SupportNo, registry.SupportYes, false, true, true},
}

func TestRealRegistries(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			t.Parallel()
			expected, known := behaviour[starter.Kind]
			if !known {
				t.Fatalf("nothing is written down about %s", starter.Kind)
			}
			r := open(t, starter.Start(t).Host)
			m := mutator(t, r)
			one := image(t, m, "team/app", "one", "v1", "v1.0", "latest")
			two := image(t, m, "team/app", "two", "v2")
			untagged := image(t, m, "team/app", "untagged")

			info, err := r.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			can := info.Capabilities
			if can.Catalog != expected.catalog || can.Referrers != expected.referrers || can.TagDelete != registry.SupportUnknown {
				t.Errorf("described as %+v", can)
			}
			if warned := len(info.Warnings) > 0; warned != expected.warned {
				t.Errorf("warnings %q", info.Warnings)
			}

			names, err := tagNames(t, r, "team/app")
			slices.Sort(names)
			if want := []string{"latest", "v1", "v1.0", "v2"}; err != nil || !slices.Equal(names, want) {
				t.Errorf("tags %q, %v; want %q", names, err, want)
			}
			names, err = tagNames(t, r, "team/none")
			if expected.unknownRepository != errors.Is(err, registry.ErrNotFound) || len(names) > 0 {
				t.Errorf("tags of an unknown repository: %q, %v", names, err)
			}
			repositories, err := collect(r.Repositories(t.Context()))
			switch {
			case expected.catalog == registry.SupportYes && (err != nil || !slices.Equal(repositories, []string{"team/app"})):
				t.Errorf("repositories %q, %v", repositories, err)
			case expected.catalog == registry.SupportNo && !errors.Is(err, registry.ErrUnsupported):
				t.Errorf("repositories %q, %v; want unsupported", repositories, err)
			}

			for reference, want := range map[string]oci.RawManifest{"v1": one, "v2": two, string(untagged.Digest): untagged} {
				head, err := r.Head(t.Context(), "team/app", reference)
				if err != nil || head.Digest != want.Digest || head.MediaType != want.MediaType || head.Size != int64(len(want.Body)) {
					t.Errorf("head of %s: %+v, %v", reference, head, err)
				}
				raw, err := r.Manifest(t.Context(), "team/app", reference)
				if err != nil || raw.Digest != want.Digest || !bytes.Equal(raw.Body, want.Body) || raw.MediaType != want.MediaType {
					t.Errorf("manifest %s: %s %s, %v", reference, raw.MediaType, raw.Digest, err)
				}
			}
			for _, reference := range []string{"v9", string(oci.FromBytes([]byte("nothing")))} {
				if _, err := r.Head(t.Context(), "team/app", reference); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("head of a missing %s: %v", reference, err)
				}
				if _, err := r.Manifest(t.Context(), "team/app", reference); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("missing manifest %s: %v", reference, err)
				}
			}
			manifest, err := oci.DecodeManifest(one.MediaType, one.Body)
			if err != nil {
				t.Fatal(err)
			}
			blob, err := r.Blob(t.Context(), "team/app", manifest.Config.Digest)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(blob)
			if err != nil || manifest.Config.Digest.Verify(content) != nil || blob.Size() != manifest.Config.Size || blob.Close() != nil {
				t.Errorf("config of %d bytes, %v", blob.Size(), err)
			}
			if _, err := r.Blob(t.Context(), "team/app", oci.FromBytes([]byte("nothing"))); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("missing blob: %v", err)
			}
		})
	}
}

func TestRealDeletions(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			t.Parallel()
			expected := behaviour[starter.Kind]
			r := open(t, starter.Start(t).Host)
			m := mutator(t, r)
			one := image(t, m, "team/app", "one", "v1", "v1.0", "latest")
			two := image(t, m, "team/app", "two", "v2")

			can, err := m.Probe(t.Context(), "team/app")
			if err != nil || can.TagDelete != expected.tagDelete || can.DigestDelete != registry.SupportYes {
				t.Errorf("probed %+v, %v", can, err)
			}
			names, err := tagNames(t, r, "team/app")
			if err != nil || len(names) != 4 {
				t.Errorf("after the probe: %q, %v", names, err)
			}

			err = m.Untag(t.Context(), mutate.Tag{Repository: "team/app", Name: "v1"})
			if expected.tagDelete == registry.SupportNo {
				if !errors.Is(err, registry.ErrUnsupported) {
					t.Errorf("untag: %v; want unsupported", err)
				}
			} else {
				if err != nil {
					t.Errorf("untag: %v", err)
				}
				if _, err := r.Head(t.Context(), "team/app", "v1"); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("the tag is still there: %v", err)
				}
				if err := m.Untag(t.Context(), mutate.Tag{Repository: "team/app", Name: "v1"}); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("untag again: %v; want not found", err)
				}
			}
			if head, err := r.Head(t.Context(), "team/app", "latest"); err != nil || head.Digest != one.Digest {
				t.Errorf("the sibling: %+v, %v", head, err)
			}

			if err := m.DeleteManifest(t.Context(), "team/app", one.Digest); err != nil {
				t.Errorf("delete manifest: %v", err)
			}
			if _, err := r.Head(t.Context(), "team/app", string(one.Digest)); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("the manifest is still there: %v", err)
			}
			if _, err := r.Head(t.Context(), "team/app", "latest"); expected.tagsStay == errors.Is(err, registry.ErrNotFound) {
				t.Errorf("a tag of the deleted digest: %v", err)
			}
			if err := m.DeleteManifest(t.Context(), "team/app", oci.FromBytes([]byte("nothing"))); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("delete a missing manifest: %v", err)
			}
			if head, err := r.Head(t.Context(), "team/app", "v2"); err != nil || head.Digest != two.Digest {
				t.Errorf("the other image: %+v, %v", head, err)
			}
			if err := m.PutManifest(t.Context(), "team/app", "back", one); err != nil {
				t.Errorf("put back: %v", err)
			}
			if head, err := r.Head(t.Context(), "team/app", "back"); err != nil || head.Digest != one.Digest {
				t.Errorf("put back: %+v, %v", head, err)
			}
		})
	}
}

// More tags than fit on a page, on registries with links, without links, and
// without pages at all.
func TestRealPaging(t *testing.T) {
	const tags = 2*1000 + 3
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			t.Parallel()
			r := open(t, starter.Start(t).Host)
			m := mutator(t, r)
			raw := image(t, m, "team/app", "one")
			for i := range tags {
				if err := m.PutManifest(t.Context(), "team/app", fmt.Sprintf("t%05d", i), raw); err != nil {
					t.Fatal(err)
				}
			}
			names, err := tagNames(t, r, "team/app")
			slices.Sort(names)
			if err != nil || !slices.Equal(names, sequence(0, tags)) {
				t.Errorf("%d of %d tags, %v", len(names), tags, err)
			}
		})
	}
}

func TestRealReferrers(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			t.Parallel()
			r := open(t, starter.Start(t).Host)
			m := mutator(t, r)
			subject := image(t, m, "team/app", "subject", "v1")
			empty := []byte("{}")
			if err := m.PutBlob(t.Context(), "team/app", oci.FromBytes(empty), 2, bytes.NewReader(empty)); err != nil {
				t.Fatal(err)
			}
			body := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":"application/x.test","config":{"mediaType":%q,"digest":%q,"size":2},"layers":[{"mediaType":%q,"digest":%q,"size":2}],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
				oci.MediaTypeImage, oci.MediaTypeEmptyJSON, oci.FromBytes(empty), oci.MediaTypeEmptyJSON, oci.FromBytes(empty), oci.MediaTypeImage, subject.Digest, len(subject.Body))
			if err := m.PutManifest(t.Context(), "team/app", string(oci.FromBytes(body)), oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body}); err != nil {
				t.Fatal(err)
			}
			listed, err := collect(r.Referrers(t.Context(), "team/app", subject.Digest))
			if starter.Referrers {
				if err != nil || len(listed) != 1 || listed[0].Digest != oci.FromBytes(body) || listed[0].ArtifactType != "application/x.test" {
					t.Errorf("%+v, %v", listed, err)
				}
				return
			}
			if !errors.Is(err, registry.ErrUnsupported) {
				t.Errorf("%+v, %v; want unsupported", listed, err)
			}
			before := r.Requests()
			if _, err := collect(r.Referrers(t.Context(), "team/app", subject.Digest)); !errors.Is(err, registry.ErrUnsupported) || r.Requests() != before {
				t.Errorf("asked again: %d requests, %v", r.Requests()-before, err)
			}
		})
	}
}

// A registry out of the box has deletion switched off; the sentence must name
// the setting (regclient#819 overwrote tags there before it noticed).
func TestDeletionSwitchedOff(t *testing.T) {
	r := open(t, live.Distribution(t, server.Options{NoDelete: true}).Host)
	m := mutator(t, r)
	raw := image(t, m, "team/app", "one", "v1")
	err := m.DeleteManifest(t.Context(), "team/app", raw.Digest)
	var failure *registry.Error
	if !errors.Is(err, registry.ErrUnsupported) || !errors.As(err, &failure) || !bytes.Contains([]byte(failure.Hint), []byte("REGISTRY_STORAGE_DELETE_ENABLED=true")) {
		t.Errorf("delete: %v", err)
	}
	can, err := m.Probe(t.Context(), "team/app")
	t.Logf("probed %+v, %v", can, err)
	if can.DigestDelete == registry.SupportYes && can.TagDelete == registry.SupportYes {
		t.Error("the probe takes a registry that deletes nothing for one that does")
	}
}
