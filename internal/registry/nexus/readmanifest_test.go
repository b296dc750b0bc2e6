package nexus_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// The build time that newer servers read from the config is passed on for
// images; that of an index is one platform's.
func TestCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		s.Push("docker-hosted", "app", "dated", nexustest.Image{Created: daysAgo(100)}, daysAgo(1))
		s.Push("docker-hosted", "app", "undated", nexustest.Image{}, daysAgo(1))
		s.PushIndex("docker-hosted", "app", "index", []nexustest.Image{{Created: daysAgo(100)}}, daysAgo(1))
		tags := tagsOf(t, open(t, s), "docker-hosted/app")
		if got := tags["dated"].Created; !got.Equal(daysAgo(100)) {
			t.Errorf("created %v, want %v", got, daysAgo(100))
		}
		for _, name := range []string{"undated", "index"} {
			if got := tags[name].Created; !got.IsZero() {
				t.Errorf("created of %s: %v, want unknown", name, got)
			}
		}
	})
}

// Facts of other content than the tag's are not its facts.
func TestCreatedOfOtherContent(t *testing.T) {
	const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for content, want := range map[string]int{digest: 2024, strings.Repeat("a", 64): 1} {
		r := open(t, documents{
			"/service/rest/v1/repositories":        `[{"name":"a","format":"docker","type":"hosted"}]`,
			"/service/rest/v1/assets?repository=a": `{"items":[],"continuationToken":null}`,
			"/service/rest/v1/components?repository=a": `{"items":[{"id":"YTox","repository":"a","name":"app","version":"1","assets":[{"path":"v2/app/manifests/1","contentType":"application/vnd.oci.image.manifest.v1+json",
				"checksum":{"sha256":"` + digest + `"},"lastModified":"2024-06-27T02:21:58Z","docker":{"content_digest":"sha256:` + content + `","created":"2024-05-18T22:34:17Z","totalSize":"2.10 MB"}}]}],"continuationToken":null}`,
		})
		if got := tagsOf(t, r, "a/app")["1"].Created.Year(); got != want {
			t.Errorf("created in %d, want %d", got, want)
		}
	}
}

// A manifest that is not what its digest says is refused.
func TestManifestThatLies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		digest := s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(30))
		r := open(t, s)
		s.Inject(nexustest.Fault{Path: "/manifests/", Body: "{}"})
		s.Inject(nexustest.Fault{Path: "/manifests/", Header: http.Header{"Docker-Content-Digest": {string(oci.FromBytes(nil))}}})
		for range 2 {
			if _, err := r.Manifest(t.Context(), "docker-hosted/app", string(digest)); !errors.Is(err, registry.ErrMalformed) {
				t.Errorf("error %v, want malformed", err)
			}
		}
	})
}

// A page that stays broken ends the sequence with the error, so that nobody
// takes part of a listing for all of it.
func TestPageThatFails(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect})
		for i := range 250 {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"x"}}, daysAgo(3))
		}
		s.Inject(nexustest.Fault{Path: `/v1/components\?.*continuationToken`, Status: 500, Body: "ERROR: (ID 4821f00d) java.lang.RuntimeException", Times: -1})
		names, err := drain(open(t, s).Repositories(t.Context()))
		if len(names) != 0 || !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("repositories %v, %v; want none and unavailable", names, err)
		}
		tags, err := drain(open(t, s).Tags(t.Context(), "docker-hosted/app"))
		if len(tags) != 0 || !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("%d tags, %v; want none and unavailable", len(tags), err)
		}
		s.ClearFaults()
		s.Inject(nexustest.Fault{Path: `/v1/components\?.*continuationToken`, Status: 500, Times: 2})
		s.Inject(nexustest.Fault{Path: `/v1/components\?.*continuationToken`, Truncate: true, Skip: 3})
		s.Inject(nexustest.Fault{Path: `/v1/assets\?.*continuationToken`, Drop: true})
		if got := len(tagsOf(t, open(t, s), "docker-hosted/app")); got != 250 {
			t.Errorf("%d tags after faults that pass, want 250", got)
		}
		s.Inject(nexustest.Fault{Path: `/v1/assets\?`, Status: 503, Times: -1})
		if tags, err := drain(open(t, s).Tags(t.Context(), "docker-hosted/app")); len(tags) != 0 || err == nil {
			t.Errorf("%d tags, %v without last downloads; want none", len(tags), err)
		}
	})
}

// Looking at tags and digests goes to their components and assets, so it
// counts as no download and sees what was pushed and removed since the listing.
func TestHead(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect})
		for i := range 120 {
			s.Push("docker-hosted", "filler", fmt.Sprint(i), nexustest.Image{Layers: []string{"x"}}, daysAgo(30))
		}
		first := s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(30))
		s.Push("docker-hosted", "app", "2", nexustest.Image{}, daysAgo(20))
		r := open(t, s)
		tagsOf(t, r, "docker-hosted/app")
		before := s.LastDownloads("docker-hosted")
		head := func(reference string) (oci.Digest, error) {
			descriptor, err := r.Head(t.Context(), "docker-hosted/app", reference)
			return descriptor.Digest, err
		}
		if got, err := head("1"); got != first || err != nil {
			t.Errorf("1 is %s, %v", got, err)
		}
		if got, err := head(string(first)); got != first || err != nil {
			t.Errorf("digest is %s, %v", got, err)
		}
		s.DeleteTag("docker-hosted", "app", "2")
		if _, err := head("2"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("2 was removed: %v", err)
		}
		if _, err := head("none"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a tag that never was: %v", err)
		}
		moved := s.Push("docker-hosted", "app", "1", nexustest.Image{}, time.Now())
		again := s.Push("docker-hosted", "app", "2", nexustest.Image{}, time.Now())
		fresh := s.Push("docker-hosted", "app", "3", nexustest.Image{}, time.Now())
		s.ClearRequests()
		for reference, want := range map[string]oci.Digest{"1": moved, "2": again, "3": fresh} {
			if got, err := head(reference); got != want || err != nil {
				t.Errorf("%s is %s, %v; want %s", reference, got, err, want)
			}
		}
		if n := s.Count(nexustest.ClassComponents); n > 4 {
			t.Errorf("%d pages were listed to find two new tags", n)
		}
		if n := s.Count(nexustest.ClassRegistry); n != 0 {
			t.Errorf("%d requests to the registry API", n)
		}
		for path, at := range before {
			if now, there := s.LastDownloads("docker-hosted")[path]; there && !now.Equal(at) {
				t.Errorf("looking changed lastDownloaded of %s", path)
			}
		}
	})
}

// Manifests are fetched by digest only: the tag they were asked for by must
// not look used.
func TestManifestTouchesNoTag(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect})
		digest := s.Push("docker-hosted", "team/app", "1", nexustest.Image{}, daysAgo(30))
		r := open(t, s)
		for _, reference := range []string{"1", string(digest)} {
			manifest, err := r.Manifest(t.Context(), "docker-hosted/team/app", reference)
			if err != nil || manifest.Digest != digest || digest.Verify(manifest.Body) != nil || oci.KindOf(manifest.MediaType) != oci.KindImage {
				t.Fatalf("manifest by %s: %s %s, %v", reference, manifest.Digest, manifest.MediaType, err)
			}
			decoded, err := oci.DecodeManifest(manifest.MediaType, manifest.Body)
			if err != nil {
				t.Fatal(err)
			}
			blob, err := r.Blob(t.Context(), "docker-hosted/team/app", decoded.Config.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if blob.Size() != decoded.Config.Size {
				t.Errorf("blob of %d bytes, want %d", blob.Size(), decoded.Config.Size)
			}
			blob.Close()
		}
		for path, at := range s.LastDownloads("docker-hosted") {
			if strings.HasSuffix(path, "/manifests/1") && !at.IsZero() {
				t.Errorf("%s looks used", path)
			}
		}
		if _, err := r.Manifest(t.Context(), "docker-hosted/team/app", string(oci.FromBytes(nil))); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a manifest that is not there: %v", err)
		}
	})
}
