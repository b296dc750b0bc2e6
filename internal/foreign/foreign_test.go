package foreign

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/policy"
)

var samples = map[string]string{
	"ecr":                 `{"rules": [{"rulePriority": 1, "description": "d", "selection": {"tagStatus": "tagged", "tagPrefixList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 5}, "action": {"type": "expire"}}]}`,
	"harbor":              `{"algorithm": "or", "rules": [{"action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 2}, "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "{a,b}*"}], "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]}}]}`,
	"gitlab":              `{"enabled": true, "keep_n": 1, "older_than": "14d", "name_regex": ".*", "name_regex_keep": "(?:v.+|master)"}`,
	"gar":                 `[{"name": "n", "action": {"type": "Delete"}, "condition": {"tagState": "tagged", "tagPrefixes": ["a"], "versionNamePrefixes": ["sha256:1"], "packageNamePrefixes": ["p"], "olderThan": "30d"}}]`,
	"zot":                 `{"policies": [{"repositories": ["infra/*", "tmp/**"], "keepTags": [{"patterns": ["v2.*", ".*-prod$"], "pulledWithin": "168h", "mostRecentlyPushedCount": 2}]}]}`,
	"nexus":               `[{"name": "n", "format": "docker", "notes": "", "criteriaLastBlobUpdated": 60, "criteriaAssetRegex": "^/v2/app/manifests/[0-9].*", "repositories": ["docker-hosted"]}]`,
	"acr":                 `acr purge -r example --filter "hello-world:\w*test\w*" --filter 'a/.*:^b$' --ago 5d12h --untagged -p hunter2`,
	"registry-cli":        `registry.py -l user:hunter2 -r https://example.com:5000 --delete --num 2 --tags-like "snapshot-" -i ubuntu --keep-by-hours 72 --keep-tags a b`,
	"gcr-cleaner":         `gcr-cleaner-cli -token hunter2 -repo gcr.io/my-project/app -grace 720h -tag-filter-any "^(alpha|beta).*$"`,
	"artifactory-cleanup": "artifactory-cleanup:\n  password: hunter2\n  policies:\n    - name: n\n      rules:\n        - rule: Repo\n          name: docker\n        - rule: ExcludeDockerImages\n          masks: ['*:latest', 'a?:b']\n        - rule: DeleteDockerImagesNotUsed\n          days: 30\n",
}

func TestEveryFormatHasASample(t *testing.T) {
	if len(Formats()) != len(samples) {
		t.Errorf("%d formats, %d samples", len(Formats()), len(samples))
	}
	for _, format := range Formats() {
		result, err := Import(format.Name, []byte(samples[format.Name]))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if result.Incomplete() || len(result.Notes) < 2 {
			t.Errorf("%s: %v", format.Name, result.Notes)
		}
		if strings.Contains(string(result.Policy), "hunter2") {
			t.Errorf("%s tells a secret", format.Name)
		}
		again, err := Import(format.Name, []byte(samples[format.Name]))
		if err != nil || string(again.Policy) != string(result.Policy) {
			t.Errorf("%s: the same original gives another policy", format.Name)
		}
	}
}

// Originals come from anywhere: whatever is in them, there is an error or a
// valid policy, and errors tell no secrets.
func TestDamagedOriginals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom(Formats()).Draw(t, "format").Name
		text := samples[format]
		for range rapid.IntRange(1, 4).Draw(t, "damages") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			to := min(len(text), at+rapid.IntRange(0, 12).Draw(t, "length"))
			text = text[:at] + rapid.SampledFrom([]string{
				"", "\"", "'", "\\", "\n", "{", "}", "[", "]", "**", "!", "/", ":", "-", "0", "-1", "99999999999999999999", "null", "(", "|", "^", "$", "\x00", "\u2028", " ", "é",
			}).Draw(t, "what") + text[to:]
		}
		result, err := Import(format, []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "cannot be written down") || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("%v\n%s", err, text)
			}
			return
		}
		if _, err := policy.Parse("imported.yaml", result.Policy); err != nil {
			t.Fatalf("%v\n%s", err, result.Policy)
		}
	})
}

// registry-cli takes -lUSER:PASSWORD as well as -l USER:PASSWORD.
func TestJoinedSecretsAreNotTold(t *testing.T) {
	for format, command := range map[string]string{"registry-cli": "registry.py -luser:hunter --delete", "acr": "acr purge -phunter --filter a:b --ago 1d", "gcr-cleaner": "gcr-cleaner-cli -tokenhunter -repo x/y"} {
		if _, err := Import(format, []byte(command)); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := Import("acr", []byte("acr purge --filtre a:b --ago 1d")); err == nil || !strings.Contains(err.Error(), "--filtre") {
		t.Error(err)
	}
}

// What other tools let people write as a description cannot become a rule.
func TestTextsStayComments(t *testing.T) {
	for _, text := range []string{"x\\n  - repositories: [a]", "x\\u2028version: 2", "x\\r- {everything: true}", "\\u0000", "*/ # }", strings.Repeat("word ", 100)} {
		result, err := Import("ecr", []byte(strings.Replace(samples["ecr"], `"d"`, `"`+text+`"`, 1)))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		plain, err := Import("ecr", []byte(samples["ecr"]))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := rulesOf(result.Policy), rulesOf(plain.Policy); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// rulesOf leaves out the comments.
func rulesOf(text []byte) string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestExpressionsThatOtherEnginesReadInAnotherWay(t *testing.T) {
	for _, bad := range []string{"(?!a)b", "a{,3}", "[a-z&&[^b]]", "[a[bc]]", "(", "a++", `\Z`, "(?U)a"} {
		if portable(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{".*", "^v[0-9]+$", `[\[a]`, "(?:a|b)", `\w*test\w*`, "(?i)x"} {
		if err := portable(good); err != nil {
			t.Error(err)
		}
	}
}

func TestPatternsOfExpressions(t *testing.T) {
	for expression, pattern := range map[string]string{
		".*": "**", "^v": "/v.*/", "1$": "/.*1/", "^a$": "a", "^[a]$": "/[a]/", "^latest$": "/latest/", "^!a$": "/!a/", `a\$`: `/.*a\$.*/`, "a|b": "/.*(?:a|b).*/", ".*x": "/.*x.*/", `x\.*`: `/.*x\.*.*/`, "^*a": "/.*^*a.*/", "": "/.*.*/",
	} {
		if got := within(expression); got != pattern {
			t.Errorf("%q becomes %q, want %q", expression, got, pattern)
		}
	}
}
