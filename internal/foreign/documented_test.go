package foreign

import (
	"fmt"
	"strings"
	"testing"
)

// More of the vendors' own documented examples, with the outcome that the
// documentation names.

func ecrImages(pushed []float64, tags ...[]string) *world {
	w := &world{repository: "app"}
	for i := range tags {
		w.images = append(w.images, &image{name: string(rune('A' + i)), tags: tags[i], pushed: ago(pushed[i])})
	}
	return w
}

func ecrRules(rules ...string) string {
	text := ""
	for i, selection := range rules {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf(`{"rulePriority": %d, "description": "Rule %d", "selection": {%s}, "action": {"type": "expire"}}`, i+1, i+1, selection)
	}
	return `{"rules": [` + text + `]}`
}

// The user guide, "Examples of lifecycle policies". An image that expires there
// loses here the tags for which the import can say so, and never an image that
// stays there.
func TestECRUserGuide(t *testing.T) {
	days := []float64{10, 9, 8}
	multiple := ecrImages(days, []string{"beta-1", "prod-1"}, []string{"beta-2", "prod-2"}, []string{"beta-3"})
	const beta, prod = `"tagStatus": "tagged", "tagPrefixList": ["beta"], "countType": "imageCountMoreThan", "countNumber": 1`, `"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1`
	// Image age: untagged images older than 14 days.
	expect(t, "ecr", ecrRules(`"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14`),
		ecrImages([]float64{15, 13, 20}, nil, nil, []string{"tagged"}), "A")
	// Multiple rules, example B: images A and B are expired.
	expect(t, "ecr", ecrRules(beta, prod), multiple, "beta-1", "beta-2")
	// Several tags in one rule, example A: image C is expired.
	several := ecrImages([]float64{12, 11, 10, 4, 3, 2}, []string{"alpha-1"}, []string{"beta-1"}, []string{"alpha-2", "beta-2"}, []string{"alpha-3"}, []string{"beta-3"}, []string{"alpha-4", "beta-4"})
	const both = `"tagStatus": "tagged", "tagPrefixList": ["alpha", "beta"], `
	expect(t, "ecr", ecrRules(both+`"countType": "sinceImagePushed", "countNumber": 5, "countUnit": "days"`), several, "alpha-2", "beta-2")
	// Example B: images A and B are expired. A rule of regkeep cannot rank only
	// images that have all of the tags, so the rule is dropped, and said to be.
	result := expect(t, "ecr", ecrRules(both+`"countType": "imageCountMoreThan", "countNumber": 1`),
		ecrImages(days, []string{"alpha-1", "beta-1", "gamma-1"}, []string{"alpha-2", "beta-2"}, []string{"alpha-3", "beta-3", "gamma-2"}))
	if !has(result.Notes, Dropped, "rules[0]") || !result.Incomplete() {
		t.Errorf("notes %v", result.Notes)
	}
}

// The README of acr-cli, "Filter flag".
func TestACRFilterTable(t *testing.T) {
	w := at("app", map[string]float64{"hello-world": 9, "hello": 9, "my-hello-world-1": 9, "world": 9, "helloworld": 1, "other": 9})
	for filter, want := range map[string][]string{
		"app:^hello.*":    {"hello", "hello-world"},
		`app:\w*world\b`:  {"hello-world", "my-hello-world-1", "world"},
		"app:hello-world": {"hello-world", "my-hello-world-1"},
	} {
		expect(t, "acr", `acr purge --registry example --filter "`+filter+`" --ago 7d`, w, want...)
	}
	expect(t, "acr", `acr purge --registry example --filter "app:.*" --ago 1h15m`, at("app", map[string]float64{"old": 0.1, "new": 0.01}), "old")
}

// The documentation of cleanup policies: where a delete and a keep policy match,
// the keep policy applies, and a keep policy alone deletes nothing.
func TestGARKeepBeatsDelete(t *testing.T) {
	w := at("project/repo/app", map[string]float64{"v1": 100, "v2": 90, "v3": 80, "v4": 10})
	const all, recent = `{"name": "delete-old", "action": {"type": "Delete"}, "condition": {"tagState": "any", "olderThan": "30d"}}`,
		`{"name": "keep-recent", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 2}}`
	expect(t, "gar", "["+all+"]", w, "v1", "v2", "v3")
	expect(t, "gar", "["+all+", "+recent+"]", w, "v1", "v2")
	expect(t, "gar", "["+recent+"]", w)
	expect(t, "gar", `[`+all+`, {"name": "keep-v1", "action": {"type": "Keep"}, "condition": {"tagState": "tagged", "tagPrefixes": ["v1"]}}]`, w, "v2", "v3")
}

// goharbor.io, "Create Tag Retention Rules": rules are joined by OR, what none
// retains is discarded, and repositories that none names are left alone.
func TestHarborRulesAreJoinedByOr(t *testing.T) {
	rule := func(template string, n int, tags, repositories string) string {
		return fmt.Sprintf(`{"disabled": false, "action": "retain", "template": %q, "params": {%q: %d}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": %q, "extras": "{\"untagged\":true}"}],
			"scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": %q}]}}`, template, template, n, tags, repositories)
	}
	w := at("library/app", map[string]float64{"v1": 50, "v2": 40, "v3": 30, "v4": 20, "dev-1": 10})
	for _, one := range w.images {
		if one.tags[0] == "v1" {
			one.pulled = ago(2)
		}
	}
	w.images = append(w.images, &image{name: "untagged", pushed: ago(90), created: ago(90)})
	expect(t, "harbor", `{"algorithm": "or", "rules": [`+rule("latestPushedK", 2, "**", "**")+", "+rule("nDaysSinceLastPull", 7, "**", "**")+`]}`, w, "v2", "v3", "untagged")
	// What no rule selects is discarded, and a repository without a rule is left.
	expect(t, "harbor", `{"algorithm": "or", "rules": [`+rule("always", 0, "v*", "app")+`]}`, w, "dev-1")
	expect(t, "harbor", `{"algorithm": "or", "rules": [`+rule("always", 0, "v*", "other")+`]}`, w)
	// Untagged artifacts are selected by a rule, or they go.
	for tags, goes := range map[string][]string{"v*": {"dev-1", "untagged"}, "**": {"untagged"}} {
		expect(t, "harbor", `{"algorithm": "or", "rules": [`+strings.Replace(rule("always", 0, tags, "app"), "true", "false", 1)+`]}`, w, goes...)
	}
	// Harbor has doublestar 1.3.4, in which team/** is not team itself.
	for repository, goes := range map[string][]string{"library/team": nil, "library/team/app": {"x"}, "library/team/a/b": {"x"}, "library/teams/app": nil} {
		expect(t, "harbor", `{"algorithm": "or", "rules": [`+rule("always", 0, "v*", "team/**")+`]}`, at(repository, map[string]float64{"v1": 9, "x": 9}), goes...)
	}
}

// zot's examples/config-retention.json, with what examples/README.md says of it.
func TestZotExampleConfiguration(t *testing.T) {
	config := func(gc string) string {
		return `{"distSpecVersion": "1.1.1", "http": {"address": "127.0.0.1", "port": "8080"}, "storage": {"rootDirectory": "/tmp/zot", "gc": ` + gc + `, "gcDelay": "2h", "gcInterval": "1h", "retention": {"dryRun": false, "delay": "24h", "policies": [
			{"repositories": ["infra/*", "prod/*"], "deleteReferrers": false, "keepTags": [{"patterns": ["v2.*", ".*-prod"]}, {"patterns": ["v3.*", ".*-prod"], "pulledWithin": "168h"}]},
			{"repositories": ["tmp/**"], "deleteReferrers": true, "deleteUntagged": true, "keepTags": [{"patterns": ["v1.*"], "pulledWithin": "168h", "pushedWithin": "168h"}], "keepUntagged": {"pulledWithin": "168h", "pushedWithin": "168h"}},
			{"repositories": ["**"], "deleteReferrers": true, "deleteUntagged": true, "keepTags": [{"mostRecentlyPushedCount": 10, "mostRecentlyPulledCount": 10, "pulledWithin": "720h", "pushedWithin": "720h"}],
			 "keepUntagged": {"mostRecentlyPushedCount": 10, "mostRecentlyPulledCount": 10, "pulledWithin": "720h", "pushedWithin": "720h"}}]},
			"subPaths": {"/a": {"rootDirectory": "/tmp/zot1", "dedupe": true, "retention": {"policies": [{"repositories": ["infra/*", "prod/*"], "deleteReferrers": false}]}}}}, "log": {"level": "debug"}}`
	}
	tags := func(repository string) *world {
		w := at(repository, map[string]float64{"v1.0": 400, "v1.1": 3, "v2.0": 400, "a-prod": 400, "v3.0": 400, "v3.1": 3, "test": 3})
		w.images = append(w.images, &image{name: "pulled", tags: []string{"v3.2"}, pushed: ago(400), created: ago(400), pulled: ago(2)}, &image{name: "untagged", pushed: ago(400), created: ago(400)})
		return w
	}
	expect(t, "zot", config("true"), tags("prod/app"), "v1.0", "v1.1", "v3.0", "test")
	expect(t, "zot", config("true"), tags("tmp/a/b"), "v1.0", "v2.0", "a-prod", "v3.0", "v3.1", "v3.2", "test")
	result := expect(t, "zot", config("true"), tags("else/where")) // by pulls, which regkeep ranks otherwise
	if !has(result.Notes, Dropped, "policies[2].keepTags[0]") || !has(result.Notes, Dropped, "storage.subPaths") {
		t.Error(result.Notes)
	}
	expect(t, "zot", config("true"), tags("a/infra/x"))
	expect(t, "zot", config("true"), tags("tmp"), "v1.0", "v2.0", "a-prod", "v3.0", "v3.1", "v3.2", "test") // doublestar 4: tmp/** is tmp too
	// Without garbage collection nothing is removed at all.
	expect(t, "zot", config("false"), tags("prod/app"))
}

// GitLab, "Reduce container registry storage", the example of a policy's workflow.
func TestGitLabWorkflow(t *testing.T) {
	w := at("group/app", map[string]float64{
		"latest": 0.1, "production-v44": 3, "production-v43": 6, "production-v42": 11, "dev-v44": 2, "dev-v43": 5, "dev-v42": 10, "v44": 1, "v43": 12, "v42": 20,
	})
	result := expect(t, "gitlab", `{"cadence": "1d", "enabled": true, "keep_n": 1, "older_than": "7d", "name_regex": ".*", "name_regex_keep": "production-.*"}`, w, "dev-v42", "v43", "v42")
	if !has(result.Notes, Wider, "") || !has(result.Notes, Wider, "keep_n") {
		t.Error(result.Notes)
	}
	// The regular expressions of the same page.
	names := at("group/app", map[string]float64{"v1": 9, "v": 9, "main": 9, "maintenance": 9, "release": 9, "release-2": 9, "pre-release": 9, "x": 9, "latest": 9})
	for expression, want := range map[string][]string{
		".*": {"v1", "v", "main", "maintenance", "release", "release-2", "pre-release", "x"}, "v.+": {"v1"}, "main": {"main"}, "release.*": {"release", "release-2"},
		"(?:v.+|main|release.*)": {"v1", "main", "release", "release-2"},
	} {
		expect(t, "gitlab", `{"enabled": true, "older_than": "7d", "name_regex": "`+expression+`"}`, names, want...)
	}
	// An expression under the new name that is empty matches nothing, whatever the
	// old name says (CleanupTagsBaseService).
	expect(t, "gitlab", `{"enabled": true, "older_than": "7d", "name_regex": ".*", "name_regex_delete": ""}`, names)
}

// The README of registry-cli, "Deleting images".
func TestRegistryCLIReadme(t *testing.T) {
	const call = "registry.py -l user:pass -r https://example.com:5000 "
	many := map[string]float64{}
	for i := 1; i <= 12; i++ {
		many[fmt.Sprint("build-", i)] = float64(20 - i)
	}
	expect(t, "registry-cli", call+"--delete", at("ubuntu", many), "build-1", "build-2")
	expect(t, "registry-cli", call+"--delete --num 11", at("ubuntu", many), "build-1")
	expect(t, "registry-cli", call+"-i ubuntu --delete-all", at("debian", many))
	w := at("app", map[string]float64{"snapshot-1": 9, "snapshot-2": 9, "stable-2024-a": 9, "unstable-2024": 9, "x": 9})
	w.images = append(w.images, &image{name: "shared", tags: []string{"snapshot-3", "stable"}, pushed: ago(9), created: ago(9)})
	expect(t, "registry-cli", call+`--delete --num 1 --tags-like "snapshot-" "^stable-[0-9]{4}.*"`, w, "snapshot-1", "snapshot-2", "snapshot-3")
	// A tag whose manifest is that of a tag to keep is spared.
	expect(t, "registry-cli", call+`--delete-all --tags-like "snapshot-" --keep-tags "stable" "latest"`, w, "snapshot-1", "snapshot-2")
	result := expect(t, "registry-cli", "registry.py -r https://example.com:5000 -i app --dry-run --delete-by-hours 24 --keep-tags x --keep-tags-like stable", w, "snapshot-1", "snapshot-2")
	if !has(result.Notes, Wider, "--dry-run") {
		t.Error(result.Notes)
	}
	expect(t, "registry-cli", "registry.py -r https://example.com:5000 --delete --num 1 --keep-by-hours 72 --keep-tags-like latest", at("app", map[string]float64{"1": 2, "2": 4, "3": 9, "4": 1}), "2", "3")
	// The main loop does not look at --tags-like where it orders by date, and finds
	// no repository of a name with a tag.
	result = expect(t, "registry-cli", call+`--delete --num 1 --order-by-date --tags-like snapshot`, at("app", map[string]float64{"snapshot-1": 9, "snapshot-2": 8, "x": 10}), "snapshot-1")
	if !has(result.Notes, Stricter, "--tags-like") {
		t.Error(result.Notes)
	}
	result = expect(t, "registry-cli", call+`-i app:x --delete-all`, w)
	if !has(result.Notes, Exact, "--image") {
		t.Error(result.Notes)
	}
}

// The README of gcr-cleaner: keep does not consider images inside the grace, any
// takes an image with all its tags, all does not where one tag differs, and
// images that were built before Docker are ordered by their upload.
func TestGCRCleanerReadme(t *testing.T) {
	const call = "gcr-cleaner-cli -repo us-docker.pkg.dev/project/my/repo "
	w := at("project/my/repo", map[string]float64{"alpha-1": 40, "v1": 40})
	w.images = append(w.images, &image{name: "both", tags: []string{"alpha-2", "v2"}, pushed: ago(40), created: ago(40)}, &image{name: "dangling", pushed: ago(40), created: ago(40)})
	expect(t, "gcr-cleaner", call+"-tag-filter-any ^alpha", w, "alpha-1", "alpha-2", "v2", "dangling")
	expect(t, "gcr-cleaner", call+"-tag-filter-all ^alpha", w, "alpha-1", "dangling")
	expect(t, "gcr-cleaner", "gcr-cleaner-cli -repo us-docker.pkg.dev/project/my -tag-filter-all ^alpha", w)
	expect(t, "gcr-cleaner", "gcr-cleaner-cli -repo us-docker.pkg.dev/project/my -recursive -tag-filter-all ^alpha", w, "alpha-1", "dangling")
	// One that was moved here lately keeps its place by the build, and by the
	// upload it may be the first.
	moved := &world{repository: "project/my/repo", images: []*image{
		{name: "a", tags: []string{"a"}, created: ago(10), pushed: ago(10)}, {name: "b", tags: []string{"b"}, created: ago(20), pushed: ago(1)},
		{name: "c", tags: []string{"c"}, created: ago(30), pushed: ago(30)},
	}}
	result := expect(t, "gcr-cleaner", call+"-keep 1 -tag-filter-any .*", moved, "c")
	if !has(result.Notes, Wider, "-keep") || !has(result.Notes, Stricter, "-keep") {
		t.Error(result.Notes)
	}
}

// Sonatype, "Cleanup Policies": criteria are joined by AND, and an image that was
// never downloaded counts from its upload.
func TestNexusCriteriaAreJoinedByAnd(t *testing.T) {
	w := at("docker-hosted/app", map[string]float64{"1.0": 100, "1.1": 100, "2.0": 20})
	for _, one := range w.images {
		if one.tags[0] == "1.1" {
			one.pulled = ago(5)
		}
	}
	result := expect(t, "nexus", `{"name": "unused", "format": "docker", "criteriaLastDownloaded": 30}`, w, "1.0")
	if !has(result.Notes, Stricter, "[0]") {
		t.Error(result.Notes)
	}
	// Pushed again after the last download: Nexus removes it, and here it stays.
	expect(t, "nexus", `{"name": "unused", "format": "docker", "criteriaLastDownloaded": 30}`, &world{repository: "docker-hosted/app", images: []*image{
		{name: "again", tags: []string{"again"}, created: ago(90), pushed: ago(5), pulled: ago(60)}, {name: "new", tags: []string{"new"}, created: ago(1), pushed: ago(1)},
	}})
	expect(t, "nexus", `{"name": "both", "format": "docker", "criteriaLastBlobUpdated": 60, "criteriaLastDownloaded": 3}`, w, "1.0", "1.1")
	expect(t, "nexus", `{"name": "named", "format": "docker", "criteriaLastBlobUpdated": 10, "criteriaAssetRegex": "/v2/app/manifests/2.*"}`, w, "2.0")
	// Of several policies any is enough.
	expect(t, "nexus", `[{"name": "a", "format": "docker", "criteriaLastDownloaded": 30}, {"name": "b", "format": "docker", "criteriaLastBlobUpdated": 10, "criteriaAssetRegex": ".*2[.]0"}]`, w, "1.0", "2.0")
}

// The README of artifactory-cleanup, "Rules": Repo without a name means the name
// of the policy, RepoList several repositories; masks may be one text.
func TestArtifactoryCleanupRules(t *testing.T) {
	const head = "artifactory-cleanup:\n  server: https://repo.example.com/artifactory\n  user: $ARTIFACTORY_USERNAME\n  password: $ARTIFACTORY_PASSWORD\n  policies:\n    - name: reponame\n      rules:\n"
	tags := map[string]float64{"dev-1": 9, "dev-2": 0.2, "v1": 9, "latest": 9}
	for rules, want := range map[string][]string{
		"        - rule: Repo\n        - {rule: DeleteDockerImagesOlderThan, days: 1}\n":                                                                   {"dev-1", "v1"},
		"        - {rule: Repo, name: other}\n        - {rule: DeleteDockerImagesOlderThan, days: 1}\n":                                                    nil,
		"        - {rule: RepoList, repos: [other, reponame]}\n        - {rule: DeleteDockerImagesOlderThan, days: 1}\n":                                   {"dev-1", "v1"},
		"        - rule: Repo\n        - {rule: IncludeDockerImages, masks: \"*dev*\"}\n":                                                                  {"dev-1", "dev-2"},
		"        - rule: Repo\n        - {rule: ExcludeDockerImages, masks: [\"*:dev-2\", \"team/app:latest\"]}\n":                                         {"dev-1", "v1"},
		"        - rule: Repo\n        - {rule: RepoList, repos: [reponame]}\n        - {rule: DeleteDockerImagesOlderThan, days: 1}\n":                    nil,
		"        - rule: Repo\n        - {rule: DeleteDockerImagesOlderThan, days: 1}\n        - {rule: PropertyEq, property_key: a, property_value: b}\n": nil,
	} {
		result := expect(t, "artifactory-cleanup", head+rules, at("reponame/team/app", tags), want...)
		if !has(result.Notes, Wider, "") {
			t.Error(result.Notes)
		}
	}
}
