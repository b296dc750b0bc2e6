package regkeep_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The walls of the house. Each says who may not reach what, and why; a change
// that needs a hole in one changes this list in a commit of its own.
var walls = []struct {
	from   []string // packages below internal/, with everything under them
	reach  []string // what they must not import, directly or through others
	direct []string // what they must not import themselves
	why    string
}{
	{
		from:  []string{"policy", "plan", "oci"},
		reach: []string{"net/http", "os/exec", "database/sql", "internal/store", "internal/config"},
		why:   "deciding is a function of its arguments: no network, no processes, no state",
	},
	{
		from:   []string{"policy", "plan", "oci"},
		direct: []string{"os", "net", "log", "log/slog"},
		why:    "deciding opens no files, dials nothing and logs nothing",
	},
	{
		from:  []string{"inventory", "usage", "policy", "plan", "undo"},
		reach: []string{"internal/registry/mutate", "internal/apply"},
		why:   "what reads, decides and plans cannot delete, because it cannot reach the code that does (zot's dry run once ran the real thing)",
	},
	{
		from:   []string{"cli", "server", "daemon"},
		direct: []string{"internal/store", "internal/registry/adapters", "internal/registry/distribution", "internal/registry/nexus", "internal/registry/mutate", "internal/apply"},
		why:    "faces call use cases and nothing below them",
	},
	{
		from:  []string{"registry/distribution", "registry/nexus"},
		reach: []string{"internal/policy", "internal/plan", "internal/apply", "internal/app", "internal/store"},
		why:   "adapters translate; they know no policy and no plan",
	},
	{
		from:   []string{"registry/nexus"},
		direct: []string{"internal/registry/distribution"},
		why:    "adapters do not lean on each other; what they share lives in registry/wrap",
	},
}

// mayMutate lists who imports the port that changes registries.
var mayMutate = map[string]string{
	"internal/apply":                 "the one place that deletes",
	"internal/app":                   "wires a mutator to apply, and probes for doctor",
	"internal/registry/distribution": "implements it",
	"internal/registry/nexus":        "implements it",
	"internal/registry/adapters":     "lists the constructors",
	"internal/registry/registrytest": "the in-memory registry and the suite",
}

const module = "github.com/regkeep/regkeep/"

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,Deps,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		all = append(all, p)
	}
}

func under(path, room string) bool {
	room = "internal/" + strings.TrimPrefix(room, "internal/")
	return path == room || strings.HasPrefix(path, room+"/")
}

// named says whether an import path is the package that a wall names, or one
// under it when it is one of ours.
func named(imported, name string) bool {
	if strings.HasPrefix(name, "internal/") {
		return under(strings.TrimPrefix(imported, module), name) && strings.HasPrefix(imported, module)
	}
	return imported == name
}

func TestWalls(t *testing.T) {
	for _, p := range packages(t) {
		for _, wall := range walls {
			if !slices.ContainsFunc(wall.from, func(room string) bool { return under(p.ImportPath, room) }) {
				continue
			}
			for _, dep := range p.Deps {
				for _, name := range wall.reach {
					if named(dep, name) && !under(p.ImportPath, strings.TrimPrefix(name, "internal/")) {
						t.Errorf("%s reaches %s: %s", p.ImportPath, name, wall.why)
					}
				}
			}
			for _, imported := range p.Imports {
				for _, name := range wall.direct {
					if named(imported, name) {
						t.Errorf("%s imports %s: %s", p.ImportPath, name, wall.why)
					}
				}
			}
		}
	}
}

func TestWhoMayMutate(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(p.Imports, module+"internal/registry/mutate") {
			continue
		}
		allowed := false
		for room := range mayMutate {
			allowed = allowed || under(p.ImportPath, room)
		}
		if !allowed {
			t.Errorf("%s imports the port that changes registries; only these may: %v", p.ImportPath, mayMutate)
		}
	}
}

func TestEveryPackageSaysWhatItPromises(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
