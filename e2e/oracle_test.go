package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	_ "github.com/regkeep/regkeep/internal/cli" // results are not cached across changes of the program
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/reference"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// program is the built binary.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "regkeep-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "regkeep")
		if out, err := exec.Command("go", "build", "-o", program, "../cmd/regkeep").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// seeds is how many worlds each registry gets: REGKEEP_SEEDS, or a few.
func seeds(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("REGKEEP_SEEDS"), 10, 32)
	if err != nil {
		return 12
	}
	t.Logf("%d seeds", n)
	return n
}

// keeper runs the program with a state of its own.
type keeper struct {
	t     *testing.T
	state string
}

func newKeeper(t *testing.T) keeper {
	return keeper{t: t, state: filepath.Join(t.TempDir(), "state.db")}
}

// run gives both outputs and the exit code.
func (k keeper) run(args ...string) (stdout, stderr string, code int) {
	k.t.Helper()
	command := exec.CommandContext(k.t.Context(), program, append(args, "--state", k.state)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(k.state), "REGKEEP_USERNAME=" + os.Getenv("REGKEEP_USERNAME"), "REGKEEP_PASSWORD=" + os.Getenv("REGKEEP_PASSWORD")}
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil && command.ProcessState == nil {
		k.t.Fatal(err)
	}
	return out.String(), problems.String(), command.ProcessState.ExitCode()
}

type verdictLine struct {
	Type, ID, Repository, Tag, Verdict string
	Digest                             oci.Digest
	Reasons                            json.RawMessage
	BytesFreed                         int64 `json:"bytes_freed"`
	BytesExact                         bool  `json:"bytes_exact"`
}

func lines(t *testing.T, text string) []verdictLine {
	t.Helper()
	var all []verdictLine
	scanner := bufio.NewScanner(bytes.NewReader([]byte(text)))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var line verdictLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, scanner.Bytes())
		}
		all = append(all, line)
	}
	return all
}

// Random registries and policies, planned and applied by the program, judged
// by code that knows nothing of it.
func TestWhatGoesIsWhatTheRulesSay(t *testing.T) {
	for _, starter := range live.All() {
		t.Run(starter.Kind, func(t *testing.T) {
			for seed := range seeds(t) {
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { oracle(t, starter, seed) })
			}
		})
	}
}

func oracle(t *testing.T, starter live.Starter, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 17))
	host := starter.Start(t).Host
	shape := starter.World()
	shape.Images = 4 + random.IntN(12)
	w := world.FromSeed(seed, shape)
	if err := w.Push(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	rules := reference.Policy{OlderThan: time.Duration(1+random.IntN(150)) * 24 * time.Hour, Newest: 1 + random.IntN(5)}
	verdicts := rules.Verdicts(w, w.Now)
	// Debian's docker-registry is the one that cannot delete single tags.
	expected := reference.Expect(w, verdicts, reference.Options{Now: w.Now, Grace: 24 * time.Hour, NoUntag: starter.Kind == "docker-registry", NoReferrers: !starter.Referrers})
	before, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}

	k := newKeeper(t)
	file := filepath.Join(t.TempDir(), "plan.jsonl")
	args := []string{"plan"}
	if starter.Kind == "olareg" { // lists no repositories
		for _, name := range w.Names() {
			args = append(args, host+"/"+name)
		}
	} else {
		args = append(args, host)
	}
	args = append(args, "--older-than", fmt.Sprintf("%dd", int(rules.OlderThan.Hours()/24)), "--keep", strconv.Itoa(rules.Newest),
		"--now", w.Now.Format(time.RFC3339), "--format", "json", "--output", file)
	_, problems, code := k.run(args...)
	if code != 0 {
		t.Fatalf("plan: exit %d: %s", code, problems)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	planned := map[world.Ref]bool{}
	for _, line := range lines(t, string(text)) {
		switch line.Type {
		case "verdict":
			planned[world.Ref{Repository: line.Repository, Tag: line.Tag}] = true
			want := verdicts[rootOf(w, line)]
			if line.Verdict != want.String() {
				t.Errorf("%s:%s is %s, want %s; reasons %s", line.Repository, line.Tag, line.Verdict, want, line.Reasons)
			}
		case "summary":
			if freed := reference.Freed(w, expected); starter.Kind != "docker-registry" && (line.BytesExact && line.BytesFreed != freed || line.BytesFreed < freed) {
				t.Errorf("frees %d bytes (exact: %v), want %d", line.BytesFreed, line.BytesExact, freed)
			}
		}
	}
	for root, want := range verdicts {
		if root.Tag != "" && want == reference.Remove && !planned[world.Ref{Repository: root.Repository, Tag: root.Tag}] {
			t.Errorf("%s:%s has no verdict, want %s", root.Repository, root.Tag, want)
		}
	}

	_, problems, code = k.run("apply", file, "--yes", "--format", "json")
	if code != 0 && !(code == 4 && starter.Kind == "docker-registry") {
		t.Errorf("apply: exit %d: %s", code, problems)
	}
	after, err := world.Read(t.Context(), host, w.Digests())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range world.Check(before, after, expected) {
		t.Error(problem)
	}
	if out, problems, code := k.run(append(slices.Clone(args[:len(args)-2]), "--verdicts", "remove")...); code != 0 || bytes.Contains([]byte(out), []byte(`"type":"step"`)) && starter.Kind != "docker-registry" {
		t.Errorf("planning again after the apply: exit %d: %s%s", code, out, problems)
	}
	if t.Failed() {
		t.Logf("seed %d, older than %s, keep %d, %v", seed, rules.OlderThan, rules.Newest, w)
	}
}

// rootOf finds the root of a verdict line; a repository that was read by names
// alone tells no digest.
func rootOf(w *world.World, line verdictLine) reference.Root {
	root := reference.Root{Repository: line.Repository, Tag: line.Tag, Digest: line.Digest}
	if root.Digest == "" {
		root.Digest = w.Repositories[line.Repository].Tags[line.Tag]
	}
	return root
}
