package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

type artifactoryFilter struct {
	rule  string
	name  string
	days  int
	masks []string
}

func (f artifactoryFilter) yaml() string {
	switch f.rule {
	case "Repo":
		return fmt.Sprintf("        - rule: Repo\n          name: %q\n", f.name)
	case "IncludeDockerImages", "ExcludeDockerImages":
		return fmt.Sprintf("        - rule: %s\n          masks: %s\n", f.rule, list(f.masks))
	case "KeepLatestNFilesInFolder":
		return fmt.Sprintf("        - rule: %s\n          count: %d\n", f.rule, f.days)
	}
	return fmt.Sprintf("        - rule: %s\n          days: %d\n", f.rule, f.days)
}

// artifactoryRemoves: midnight less the days, stars across slashes, filters in
// sequence.
func artifactoryRemoves(policies [][]artifactoryFilter, w *world) map[string]bool {
	type tagged struct {
		tag string
		of  *image
	}
	repository, name, _ := strings.Cut(w.repository, "/")
	gone := map[string]bool{}
	for _, filters := range policies {
		var left []tagged
		for _, one := range w.images {
			for _, tag := range one.tags {
				left = append(left, tagged{tag, one})
			}
		}
		for _, f := range filters {
			limit := now.Truncate(day).AddDate(0, 0, -f.days)
			masked := func(path string) bool {
				return slices.ContainsFunc(f.masks, func(mask string) bool { return starMatch(strings.ReplaceAll(mask, ":", "/"), path) })
			}
			if f.rule == "KeepLatestNFilesInFolder" {
				kept := newest(left, f.days, func(one tagged) time.Time { return one.of.pushed })
				left = slices.DeleteFunc(left, func(one tagged) bool { return slices.Contains(kept, one) })
				continue
			}
			left = slices.DeleteFunc(left, func(one tagged) bool {
				switch f.rule {
				case "Repo":
					return f.name != repository
				case "DeleteDockerImagesOlderThan":
					return !one.of.pushed.Before(limit)
				case "DeleteDockerImagesNotUsed":
					if one.of.pulled.IsZero() {
						return one.of.pushed.After(limit)
					}
					return one.of.pulled.After(limit)
				case "IncludeDockerImages":
					return !masked(name + "/" + one.tag)
				}
				return masked(name + "/" + one.tag)
			})
		}
		for _, one := range left {
			gone[one.tag] = true
		}
	}
	return gone
}

func artifactoryFile(policies [][]artifactoryFilter) []byte {
	text := "artifactory-cleanup:\n  server: https://repo.example.com/artifactory\n  user: $USER\n  password: secret\n  policies:\n"
	for _, filters := range policies {
		text += "    - name: \"a: policy\"\n      rules:\n"
		for _, f := range filters {
			text += f.yaml()
		}
	}
	return []byte(text)
}

func TestArtifactoryCleanupRemovesNothingThatTheOriginalKeeps(t *testing.T) {
	var c count
	masks := [][]string{{"*:dev-*"}, {"app"}, {"app:*"}, {"*:latest", "*:prod-1"}, {"*"}, {"*p*"}, {"repo/app:v1.0.0", "b*:*1"}, {"*/x"}}
	rapid.Check(t, func(t *rapid.T) {
		w := genWorld(t)
		var policies [][]artifactoryFilter
		for range rapid.IntRange(1, 3).Draw(t, "policies") {
			filters := []artifactoryFilter{{rule: "Repo", name: rapid.SampledFrom([]string{"team", "team", "proj", "other"}).Draw(t, "repo")}}
			for range rapid.IntRange(1, 3).Draw(t, "filters") {
				filters = append(filters, artifactoryFilter{
					rule: rapid.SampledFrom([]string{
						"DeleteDockerImagesOlderThan", "DeleteDockerImagesOlderThan", "DeleteDockerImagesNotUsed", "IncludeDockerImages", "ExcludeDockerImages", "KeepLatestNFilesInFolder",
					}).Draw(t, "rule"),
					days: rapid.SampledFrom([]int{1, 6, 7, 29, 30}).Draw(t, "days"), masks: rapid.SampledFrom(masks).Draw(t, "masks"),
				})
			}
			policies = append(policies, filters)
		}
		c.subset(t, "artifactory-cleanup", artifactoryFile(policies), w, artifactoryRemoves(policies, w))
	})
	c.told(t, 0.2)
}

// The README's policy for images.
func TestArtifactoryCleanupExample(t *testing.T) {
	const file = `artifactory-cleanup:
  server: https://repo.example.com/artifactory
  policies:
    - name: Delete all images older than 30 days from docker-registry exclude latest, release
      rules:
        - rule: Repo
          name: docker-registry
        - rule: ExcludeDockerImages
          masks: ["*:latest", "*:release*"]
        - rule: DeleteDockerImagesNotUsed
          days: 30
    - name: files
      rules:
        - rule: Repo
          name: files
        - rule: DeleteOlderThan
          days: 7
`
	w := at("docker-registry/team/app", map[string]float64{"latest": 90, "release-1": 90, "old": 90, "new": 1})
	w.images[0].pulled = ago(90) // pulls are recorded here
	result := expect(t, "artifactory-cleanup", file, w, "old")
	if !has(result.Notes, Dropped, "policies[1] (line 12)") {
		t.Error(result.Notes)
	}
}

// artifactory-cleanup#121 and #141: the tool does not see the manifest of a
// multi-platform image, so it never removes one, and the import does not either.
func TestArtifactoryCleanupLeavesMultiPlatformImages(t *testing.T) {
	result, err := Import("artifactory-cleanup", artifactoryFile([][]artifactoryFilter{{{rule: "Repo", name: "team"}, {rule: "DeleteDockerImagesOlderThan", days: 7}}}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("imported.yaml", result.Policy)
	if err != nil {
		t.Fatal(err)
	}
	repo := at("team/app", map[string]float64{"index": 90, "single": 90, "new": 1}).inventory()
	repo.Manifests[oci.FromBytes([]byte("of index"))].MediaType = oci.MediaTypeIndex
	for _, d := range p.Evaluate(repo, nil, now).Decisions {
		if (d.Verdict == policy.Remove) != (d.Root.Name() == "single") {
			t.Errorf("%s: %v", d.Root.Name(), d.Verdict)
		}
	}
}
