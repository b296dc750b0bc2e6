package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

const inUsePolicy = `version: 1
in_use: {sources: [{list: {path: %s}}]}
protect: [{in_use: true}]
policies:
  - repositories: ["**"]
    rules: [{tags: ["**"], untagged: true, remove: [{everything: true}], keep: [{newest: 1}]}]
    grace: 1m
    attachments: {orphans: remove}
`

// Whatever is in use by its digest, tagged or not, image or index, stays whole
// when the policy removes all that it can.
func TestWhatIsInUseByDigestStaysWhole(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			for seed := range 1 + seeds(t)/6 {
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { pinned(t, starter, seed) })
			}
		})
	}
}

func pinned(t *testing.T, starter live.Starter, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 29))
	host := starter.Start(t).Host
	w := releases(random)
	if err := w.Push(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	before, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}
	k := newKeeper(t)
	var used strings.Builder
	inUse := map[string][]oci.Digest{}
	for name, contents := range before.Repositories {
		tagged := slices.Collect(maps.Values(contents.Tags))
		for digest, m := range contents.Manifests {
			// Mostly indexes that no tag leads to.
			if most := len(m.Children) > 0 && !slices.Contains(tagged, digest); most && random.IntN(2) == 0 || !most && random.IntN(12) == 0 {
				inUse[name] = append(inUse[name], digest)
				fmt.Fprintf(&used, "%s/%s@%s pod %s\n", host, name, digest, name)
			}
		}
	}
	list, policy := filepath.Join(t.TempDir(), "used.txt"), filepath.Join(t.TempDir(), "policy.yaml")
	write(t, list, used.String())
	write(t, policy, fmt.Sprintf(inUsePolicy, list))
	file := filepath.Join(t.TempDir(), "plan.jsonl")
	args := []string{"plan", "-f", policy, "--output", file}
	for _, name := range w.Names() {
		args = append(args, host+"/"+name)
	}
	out, problems, code := k.run(args...)
	if code != 0 {
		t.Fatalf("plan: exit %d: %s%s", code, out, problems)
	}
	// A shared image may be listed by an index that no tag leads to and that nobody uses.
	if applied, problems, code := k.run("apply", file, "--yes"); code != 0 && !(code == 4 && starter.Guards) {
		t.Fatalf("apply: exit %d: %s%s", code, applied, problems)
	}
	after, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}
	for name, digests := range inUse {
		for _, digest := range digests {
			stillWhole(t, before.Repositories[name], after.Repositories[name], digest)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", out, problems)
	}
}

// releases is repositories of releases, each with an index that its tag has left
// and that shares an image with the one it points at now.
func releases(random *rand.Rand) *world.World {
	w := world.New(time.Now())
	for _, name := range []string{"shop/cart", "shop/web"} {
		repo := w.Repository(name)
		image := func(age int) *world.Manifest {
			return repo.Image(world.Image{Created: world.At(w.Now.AddDate(0, 0, -age))})
		}
		repo.Tag("newest", image(2))
		for i := range 3 + random.IntN(4) {
			// The tag of a release, and what it pointed at before.
			shared := image(20 + random.IntN(100))
			repo.Tag("v"+strconv.Itoa(i), repo.Index(world.Index{Children: []*world.Manifest{shared, image(20)}}))
			before := repo.Index(world.Index{Children: []*world.Manifest{image(random.IntN(100)), shared}})
			if random.IntN(3) == 0 {
				repo.Index(world.Index{Children: []*world.Manifest{before}})
			}
		}
	}
	return w
}

// stillWhole follows a manifest down to what was there before.
func stillWhole(t *testing.T, before, after *world.Contents, digest oci.Digest) {
	m := before.Manifests[digest]
	if m == nil {
		return
	}
	if after == nil || after.Manifests[digest] == nil {
		t.Errorf("%s is in use or part of what is, and gone", digest)
		return
	}
	for _, child := range m.Children {
		stillWhole(t, before, after, child.Digest)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
