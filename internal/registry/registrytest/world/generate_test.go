package world_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

func TestTheSameSeedGivesTheSameWorld(t *testing.T) {
	for seed := range uint64(20) {
		options := world.Options{Fallback: true, Times: true}
		one, two := world.FromSeed(seed, options), world.FromSeed(seed, options)
		if !reflect.DeepEqual(one.State(), two.State()) {
			t.Fatalf("seed %d gave two worlds", seed)
		}
		for name, r := range one.Repositories {
			if !maps.Equal(r.Pushed, two.Repositories[name].Pushed) || !maps.Equal(r.Pulled, two.Repositories[name].Pulled) {
				t.Fatalf("seed %d gave two histories of %s", seed, name)
			}
		}
	}
}

// What the issue of a cleaner hides in must turn up often enough in what is
// drawn, or the property tests prove little.
func TestWorldsHoldEverythingThatGoesWrong(t *testing.T) {
	found := map[string]int{}
	const worlds = 200
	for seed := range uint64(worlds) {
		here := map[string]bool{}
		w := world.FromSeed(seed, world.Options{Fallback: true, Times: true})
		inRepositories := map[oci.Digest]map[string]bool{}
		for _, r := range w.Repositories {
			survey(w, r, here)
			for _, m := range r.Manifests {
				for _, layer := range m.Layers {
					if inRepositories[layer] == nil {
						inRepositories[layer] = map[string]bool{}
					}
					inRepositories[layer][r.Name] = true
					here["layer shared by repositories"] = here["layer shared by repositories"] || len(inRepositories[layer]) > 1
				}
			}
		}
		for what := range here {
			found[what]++
		}
	}
	for _, what := range []string{
		"several tags on one digest", "untagged root", "nested index", "child of two indexes", "tagged child", "lost child",
		"attestation", "cosign tag", "fallback tag", "referrer", "attachment of an attachment", "orphan", "tagged attachment",
		"latest", "date of 1970", "date in the future", "no date", "equal dates", "artifact", "odd bytes", "docker types",
		"layer shared by repositories", "no push time",
	} {
		if found[what] < worlds/20 {
			t.Errorf("%s: in %d of %d worlds", what, found[what], worlds)
		}
	}
}

func survey(w *world.World, r *world.Repository, here map[string]bool) {
	note := func(what string, is bool) { here[what] = here[what] || is }
	tagsOn := map[oci.Digest]int{}
	attached := map[oci.Digest]bool{}
	for tag, digest := range r.Tags {
		subject, suffix, byName := oci.ParseAttachmentTag(tag)
		note("cosign tag", byName && suffix != "")
		note("fallback tag", byName && suffix == "")
		note("latest", tag == "latest")
		note("no push time", r.Pushed[tag].IsZero())
		if byName {
			attached[digest] = true
			note("orphan", r.Manifests[subject] == nil)
			note("attachment of an attachment", attached[subject] || r.Manifests[subject] != nil && r.Manifests[subject].Subject != "")
		} else {
			tagsOn[digest]++
			note("several tags on one digest", tagsOn[digest] > 1)
			note("tagged attachment", r.Manifests[digest].Subject != "")
		}
	}
	parents := map[oci.Digest]int{}
	dates := map[time.Time]int{}
	for _, m := range r.Manifests {
		for _, child := range m.Children {
			below := r.Manifests[child.Digest]
			note("attestation", child.Attestation)
			note("lost child", below == nil)
			note("nested index", below != nil && len(below.Children) > 0)
			note("tagged child", tagsOn[child.Digest] > 0)
			parents[child.Digest]++
			note("child of two indexes", parents[child.Digest] > 1)
		}
		created := r.Created(m)
		dates[created]++
		note("date of 1970", created.Year() == 1970)
		note("date in the future", created.After(w.Now.Add(24*time.Hour)))
		note("no date", created.IsZero() && m.ArtifactType == "")
		note("equal dates", created.Year() > 2013 && dates[created] > 1 && len(m.Children) == 0)
		note("artifact", m.ArtifactType != "" && m.Subject == "")
		note("referrer", m.Subject != "")
		note("orphan", m.Subject != "" && r.Manifests[m.Subject] == nil)
		note("odd bytes", strings.HasSuffix(string(m.Body), "\n"))
		note("docker types", m.MediaType == oci.MediaTypeDockerList)
	}
	for digest, m := range r.Manifests {
		note("untagged root", tagsOn[digest] == 0 && parents[digest] == 0 && m.Subject == "" && !attached[digest])
	}
}
