package files

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/usage"
)

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func TestFindImagesInWhatTeamsKeepInGit(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"deploy.yaml":     "spec:\n  containers:\n  - image: registry.example.com/team/app:1.4.2\n  - image: nginx:1.27\n",
		"values.yaml":     "image:\n  registry: registry.example.com\n  repository: team/helm\n  tag: 1.10\n",
		"split.yaml":      "image:\n  repository: registry.example.com/team/split\n  tag: \"2\"\n  digest: \"\"\n",
		"kustomize.yml":   "images:\n- name: app\n  newName: registry.example.com/team/kust\n  newTag: v3\n",
		"main.tf":         `resource "x" "y" { image = "registry.example.com/team/tf:9" }`,
		"job.nomad":       `config { image = "mirror.local:5000/team/nomad:5" }`,
		"chart/tmpl.yaml": "image: {{ .Values.image }}\nother: registry.example.com/team/tmpl:7\n",
		"compose.yml":     "services:\n  a:\n    image: registry.example.com/team/compose@" + digest + "\n",
		"README.md":       "See https://registry.example.com/team/docs:1 and http://other.example.com/x/y.\n",
		// What a template computes.
		"compose2.yml":      "services: {a: {image: 'registry.example.com/team/env:${TAG:-latest}'}, b: {image: registry.example.com/team/env2:1.2-$SHA}}\n",
		"chart/deploy.yaml": "image: registry.example.com/team/gotmpl:{{ .Values.tag }}\nimage: \"{{ .Values.registry }}/team/anyhost:4\"\nimage: {{ .Values.repository }}:{{ .Values.tag }}\n",
		"vars.tf":           `image = "${var.registry}/team/tfhost:${var.tag}"` + "\n" + `image = "registry.example.com/team/tfjoin:" + var.tag`,
		"Makefile":          "docker push $(REGISTRY)/team/make:7\ndocker push $REGISTRY/team/shell:8\nPATH=$HOME/bin/x\n",
		"main.go":           `fmt.Sprintf("registry.example.com/team/printf:%s", tag)`,
		"appversion.yaml":   "image:\n  registry: registry.example.com\n  repository: team/appversion\n  tag: \"\"\n",
		"notag.yaml":        "image:\n  repository: registry.example.com/team/notag\n",
		"Chart.yaml":        "dependencies:\n- name: redis\n  version: 1.2.3\n  repository: oci://registry.example.com/charts\n",
		"keys.yaml":         "registry.example.com/team/key: {replicas: 1}\n",
		".git/config.yaml":  "image: registry.example.com/team/ignored:1\n",
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
		for _, image := range parsed {
			got[strings.TrimPrefix(image.String(), "registry.example.com/")] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"team/app:1.4.2", "team/compose@" + digest, "team/docs:1", "team/helm:1.10", "team/kust:v3", "team/nomad:5", "team/split:2", "team/tf:9", "team/tmpl:7",
		"team/env:*", "team/env2:*", "team/gotmpl:*", "team/anyhost:4", "team/tfhost:*", "team/tfjoin:*", "team/make:7", "team/shell:8", "team/printf:*",
		"team/appversion:*", "team/notag:*", "team/key:latest", "charts/redis:1.2.3",
	}
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

// An image whose repository a template computes may be any: that is said.
func TestAComputedRepositoryIsADoubt(t *testing.T) {
	names, err := usage.NewNames([]usage.Registry{{Name: "registry.example.com"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"image: registry.example.com/team/app-${ENV}:1\n": true,
		"image: registry.example.com/{{ .team }}/app:1\n": true,
		"image: other.example.com/team/app-${ENV}:1\n":    false,
		"echo 50%done-${X} and a/b-$Y\n":                  false,
	} {
		path := filepath.Join(t.TempDir(), "x.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Finder{Paths: []string{path}, Names: names}.Find(t.Context(), func(string, string) {})
		doubts, _ := err.(usage.Doubts)
		if (len(doubts) > 0) != want || err != nil && !want {
			t.Errorf("%q: %v, want a doubt: %v", text, err, want)
		}
		if want && !strings.Contains(err.Error(), "x.yaml line 1") {
			t.Errorf("%q: %v does not say where", text, err)
		}
	}
}

// git-sync and Kubernetes hand out folders behind symbolic links.
func TestFoldersBehindSymbolicLinksAreRead(t *testing.T) {
	dir := t.TempDir()
	names, err := usage.NewNames([]usage.Registry{{Name: "registry.example.com"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []error{
		os.MkdirAll(filepath.Join(dir, "rev-1", "deep"), 0o755),
		os.WriteFile(filepath.Join(dir, "rev-1", "deep", "a.yaml"), []byte("image: registry.example.com/a:1\n"), 0o600),
		os.Symlink("rev-1", filepath.Join(dir, "current")),
		os.Mkdir(filepath.Join(dir, "top"), 0o755),
		os.Symlink("../current/deep", filepath.Join(dir, "top", "link")),
		os.Symlink("..", filepath.Join(dir, "rev-1", "deep", "loop")),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for _, path := range []string{"current", "top"} {
		found := 0
		err := Finder{Paths: []string{filepath.Join(dir, path)}, Names: names}.Find(t.Context(), func(string, string) { found++ })
		if err != nil || found == 0 {
			t.Errorf("%s: found %d, %v", path, found, err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "top", "broken")); err != nil {
		t.Fatal(err)
	}
	if err := (Finder{Paths: []string{filepath.Join(dir, "top")}, Names: names}).Find(t.Context(), func(string, string) {}); err == nil {
		t.Error("a link to nowhere counts as read")
	}
}
