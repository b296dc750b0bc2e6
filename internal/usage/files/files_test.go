package files

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/regkeep/regkeep/internal/usage"
)

func TestFindImagesInWhatTeamsKeepInGit(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"deploy.yaml":      "spec:\n  containers:\n  - image: registry.example.com/team/app:1.4.2\n  - image: nginx:1.27\n",
		"values.yaml":      "image:\n  registry: registry.example.com\n  repository: team/helm\n  tag: 1.10\n",
		"split.yaml":       "image:\n  repository: registry.example.com/team/split\n  tag: \"2\"\n  digest: \"\"\n",
		"kustomize.yml":    "images:\n- name: app\n  newName: registry.example.com/team/kust\n  newTag: v3\n",
		"main.tf":          `resource "x" "y" { image = "registry.example.com/team/tf:9" }`,
		"job.nomad":        `config { image = "mirror.local:5000/team/nomad:5" }`,
		"chart/tmpl.yaml":  "image: {{ .Values.image }}\nother: registry.example.com/team/tmpl:7\n",
		"compose.yml":      "services:\n  a:\n    image: registry.example.com/team/compose@sha256:1111111111111111111111111111111111111111111111111111111111111111\n",
		"README.md":        "See https://registry.example.com/team/docs:1 and http://other.example.com/x/y.\n",
		".git/config.yaml": "image: registry.example.com/team/ignored:1\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names, err := usage.NewNames([]usage.Registry{{Name: "registry.example.com"}}, []usage.Alias{{From: "mirror.local:5000", To: "registry.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	err = Finder{Paths: []string{dir}, Names: names}.Find(t.Context(), func(image, what string) {
		parsed, err := names.Parse(image)
		if err != nil || what == "" {
			t.Errorf("found %q (%q): %v", image, what, err)
		}
		got[parsed[0].Repository+":"+parsed[0].Tag] = true
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"team/app:1.4.2", "team/compose:", "team/docs:1", "team/helm:1.10", "team/kust:v3", "team/nomad:5", "team/split:2", "team/tf:9", "team/tmpl:7"}
	for _, image := range want {
		if !got[image] {
			t.Errorf("not found: %s (found %v)", image, slices.Sorted(maps.Keys(got)))
		}
	}
	if got["team/ignored:1"] {
		t.Error("the git directory was read")
	}
}

func TestAPathThatIsNotThereIsAProblem(t *testing.T) {
	names, err := usage.NewNames(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := (Finder{Paths: []string{"/does/not/exist"}, Names: names}).Find(t.Context(), func(string, string) {}); err == nil {
		t.Error("a missing path counts as a complete look")
	}
}
