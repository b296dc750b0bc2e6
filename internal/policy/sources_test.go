package policy

import (
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// told finds what the explanation of a tag says about a fact, "" for nothing.
func told(t *testing.T, w *world, p *Policy, e *usage.Evidence, tag, fact string) Source {
	t.Helper()
	x, found := p.Explain(w.repo, e, now, tag, "")
	if !found {
		t.Fatalf("no %s", tag)
	}
	var source Source
	x.Sources(func(s *Source) {
		if s.Fact == fact {
			source = *s
		}
	})
	return source
}

func TestEveryFactHasItsSource(t *testing.T) {
	config := oci.FromBytes([]byte("config"))
	newer := oci.FromBytes([]byte("newer config"))
	stamp := now.Add(-40 * 24 * time.Hour)
	everything := parse(t, `version: 1
protect: [{in_use: true}]
policies:
  - repositories: ["**"]
    rules:
      - tags: ["**"]
        remove: [{older_than: 30d}, {not_pulled_for: 90d}, {expired: true}, {labels: {a: b}}]
        keep: [{newest: 1, by: semver}, {platforms: [linux/s390x]}, {annotations: {a: b}}, {size_over: 1GB}, {image_tags: {any: [prod]}}, {not: {any: [{when: "tag == 'x'"}, {within: 1d}]}}]
`)
	w := newWorld()
	m := w.image("a", days(3), "plain")
	m.Config, m.Created, m.Labels = &inventory.Blob{MediaType: oci.MediaTypeConfig, Digest: config}, stamp, map[string]string{"a": "b"}
	w.repo.Tags[0].Pushed, w.repo.Tags[0].Pulled, w.repo.Tags[0].Seen = stamp, time.Time{}, now.Add(-time.Hour)
	m.Pulled = stamp
	for fact, want := range map[string]Source{
		"tag":         {From: "the tag list"},
		"digest":      {From: "what the registry answers for each tag"},
		"pushed":      {From: "the registry's record of the tag"},
		"pulled":      {From: "the registry's record of the manifest"},
		"created":     {From: "the image config", Digest: config},
		"seen":        {From: "an earlier scan, which did not have the tag"},
		"labels":      {From: "the image config", Digest: config},
		"platforms":   {From: "the image config", Digest: config},
		"annotations": {From: "the manifest", Digest: m.Digest},
		"manifest":    {From: "the manifest", Digest: m.Digest},
		"in use":      {},
	} {
		if want.From != "" {
			want.Fact = fact
		}
		if got := told(t, w, everything, nil, "plain", fact); got != want {
			t.Errorf("%s: %+v, want %+v", fact, got, want)
		}
	}
	m.Annotations = map[string]string{oci.AnnotationCreated: stamp.Format(time.RFC3339)}
	m.Config = nil
	if got := told(t, w, everything, nil, "plain", "created"); got.From != "the annotation "+oci.AnnotationCreated || got.Digest != m.Digest {
		t.Errorf("annotated: %+v", got)
	}
	older, younger := w.image("amd64", days(50)), w.image("arm64", days(45))
	younger.Config = &inventory.Blob{MediaType: oci.MediaTypeConfig, Digest: newer}
	older.Config = &inventory.Blob{MediaType: oci.MediaTypeConfig, Digest: config}
	index := w.image("index", days(45), "multi")
	index.Kind, index.MediaType = oci.KindIndex, oci.MediaTypeIndex
	index.Children = []oci.Descriptor{
		{Digest: older.Digest, MediaType: oci.MediaTypeImage, Platform: &oci.Platform{OS: "linux", Architecture: "amd64"}},
		{Digest: younger.Digest, MediaType: oci.MediaTypeImage, Platform: &oci.Platform{OS: "linux", Architecture: "arm64"}},
	}
	if got := told(t, w, everything, nil, "multi", "created"); got.From != "the image config of linux/arm64" || got.Digest != newer {
		t.Errorf("build time of an index: %+v", got)
	}
	if got := told(t, w, everything, nil, "multi", "labels"); got.From != "the configs of all platform images" {
		t.Errorf("labels of an index: %+v", got)
	}
	seen := now.Add(-time.Minute)
	e := &usage.Evidence{Sources: []usage.Source{{Name: "test", At: seen, Complete: true}, {Name: "prod", At: seen, Problem: "no answer"}, {Name: "elsewhere", Covers: []string{"other"}}}}
	if got := told(t, w, everything, e, "plain", "in use"); got.From != "prod, not complete: no answer" || !got.At.Equal(seen) {
		t.Errorf("in use: %+v", got)
	}
	e.Add(w.repo.Registry, w.repo.Name, "plain", "", usage.Witness{Source: "test", What: "pod shop/cart"})
	if got := told(t, w, everything, e, "plain", "in use"); got.From != "test" || !got.At.Equal(seen) {
		t.Errorf("seen in use: %+v", got)
	}
}
