package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"regkeep": main})
}

// TestScripts runs the real main on real registries. Scripts say with
// "registry" which one they need, fill it with "push", and ask with "pulls"
// what is there afterwards, by requests of their own.
func TestScripts(t *testing.T) {
	docker, err := exec.LookPath("docker-registry")
	if err != nil && os.Getenv(live.RequireReal) != "" {
		t.Fatalf("docker-registry is not installed and %s is set", live.RequireReal)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("DOCKER_CONFIG", filepath.Join(env.WorkDir, "docker"))
			env.Values["worlds"] = map[string]*world.World{}
			env.Values["storages"] = map[string]*server.Storage{}
			env.Values["hangers"] = map[string]*hanger{}
			env.Values["locks"] = map[string]func(){}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "docker" {
				return false, fmt.Errorf("no condition %q", name)
			}
			if docker == "" {
				fmt.Fprintln(os.Stderr, "docker-registry is not installed: scripts on distribution 2.8 are not run")
			}
			return docker != "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"registry": func(ts *testscript.TestScript, _ bool, args []string) { startRegistry(t, ts, args) },
			"push":     push,
			"pulls":    pulls,
			"jsonl":    jsonLines,
			"hide":     hide,
			"edit":     edit,
			"exits":    exits,
			"older":    older,
			"passed":   passed,
			"expand":   expand,
			"cut":      cut,
			"digest":   digest,
			"empty":    empty,
			"sameplan": samePlan,
			"collect":  func(ts *testscript.TestScript, _ bool, args []string) { collect(t, ts, args) },
			"capture":  capture,

			"hang": hang, "hung": hung, "unhang": unhang,
			"statement": statement, "truncate": truncate, "lock": lock,
		},
	})
}

const (
	scriptUser     = "cleaner"
	scriptPassword = "correct-horse-battery"
)

// startRegistry: registry VARIABLE KIND [nodelete] [password] [failing-tags] [blind] [cut-off] [hanging]
// sets VARIABLE to the host of a new registry. One that asks for a password has
// a second host VARIABLE_OPEN that does not.
func startRegistry(t *testing.T, ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: registry VARIABLE KIND [nodelete] [password]")
	}
	var options server.Options
	hangs := &hanger{}
	for _, option := range args[2:] {
		switch option {
		case "nodelete":
			options.NoDelete = true
		case "password":
			options.Storage = server.NewStorage()
			open := live.Distribution(t, options)
			ts.Setenv(args[0]+"_OPEN", open.Host)
			ts.Defer(func() { ts.Check(open.Close()) })
			options.Wrap = askPassword
		case "failing-tags":
			options.Wrap = failTags
		case "hanging":
			options.Wrap = hangs.wrap
		case "blind":
			options.Wrap = goBlind
		case "cut-off":
			options.Wrap = cutOff
		default:
			ts.Fatalf("registry option %q", option)
		}
	}
	var started *server.Server
	switch args[1] {
	case "distribution":
		if options.Storage == nil {
			options.Storage = server.NewStorage()
		}
		started = live.Distribution(t, options)
		ts.Value("storages").(map[string]*server.Storage)[started.Host] = options.Storage
	case "docker":
		started = live.Docker(t)
	case "olareg":
		started = live.Olareg(t)
	case "nexus":
		ts.Setenv(args[0], startNexus(ts))
		return
	default:
		ts.Fatalf("registry kind %q", args[1])
	}
	ts.Value("hangers").(map[string]*hanger)[started.Host] = hangs
	ts.Setenv(args[0], started.Host)
	ts.Defer(func() { ts.Check(started.Close()) })
}

// startNexus starts an emulated Nexus with twelve builds of docker-hosted/app,
// one every ten days, the oldest of which somebody pulled yesterday.
func startNexus(ts *testscript.TestScript) (baseURL string) {
	emulator := nexustest.New(nexustest.Options{ContextPath: "/repo", Users: []nexustest.User{
		{Name: scriptUser, Password: scriptPassword, Privileges: []string{nexustest.View("*", "browse,read,delete")}},
	}})
	now := time.Now()
	for i := range 12 {
		emulator.Push("docker-hosted", "app", fmt.Sprintf("b%d", i), nexustest.Image{}, now.Add(-time.Duration(10*i+1)*24*time.Hour-time.Hour))
	}
	emulator.SetLastDownloaded("docker-hosted", "app", "b11", now.Add(-24*time.Hour))
	baseURL, stop, err := emulator.Start("127.0.0.1:0")
	ts.Check(err)
	ts.Defer(stop)
	return baseURL
}

// collect: collect HOST [untagged] runs the garbage collector of distribution
// on the storage of a registry that was started here.
func collect(t *testing.T, ts *testscript.TestScript, args []string) {
	storage := ts.Value("storages").(map[string]*server.Storage)[args[0]]
	if storage == nil {
		ts.Fatalf("%s is no distribution registry of this script", args[0])
	}
	live.Collect(t, storage, len(args) > 1)
}

// capture: capture FILE REGEXP VARIABLE sets the variable to the first group of
// the first match.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile(args[0]))
	if len(found) != 2 {
		ts.Fatalf("%s does not match %s with one group", args[0], args[1])
	}
	ts.Setenv(args[2], found[1])
}

func askPassword(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != scriptUser || password != scriptPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// failTags fails the listing of the repository shop/broken.
func failTags(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/shop/broken/tags/list" {
			http.Error(w, `{"errors":[{"code":"UNKNOWN"}]}`, http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// goBlind lets nobody see the tags called blind once something was deleted.
func goBlind(next http.Handler) http.Handler {
	var deleted atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if deleted.Load() && strings.HasSuffix(r.URL.Path, "/manifests/blind") {
			http.Error(w, `{"errors":[{"code":"DENIED"}]}`, http.StatusForbidden)
			return
		}
		if r.Method == http.MethodDelete {
			defer deleted.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

// push: push HOST FILE. Each line of the file is
//
//	REPOSITORY TAG[,TAG] AGE [index] [signed]
//
// where AGE is a number of days, or a year that the image claims to be from.
func push(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: push HOST FILE")
	}
	w := world.New(time.Now())
	shared := w.Layer()
	for line := range strings.SplitSeq(strings.TrimSpace(ts.ReadFile(args[1])), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			ts.Fatalf("push: line %q", line)
		}
		repo := w.Repository(fields[0])
		created := fields[2] + "-01-01T00:00:00Z"
		if days, isAge := strings.CutSuffix(fields[2], "d"); isAge {
			n, err := strconv.ParseFloat(days, 64)
			ts.Check(err)
			created = world.At(w.Now.Add(-time.Duration(n * 24 * float64(time.Hour))))
		}
		spec := world.Image{Created: created, Layers: []oci.Digest{shared}}
		m := repo.Image(spec)
		for _, option := range fields[3:] {
			switch option {
			case "index":
				spec.Platform = "linux/arm64"
				m = repo.Index(world.Index{Children: []*world.Manifest{m, repo.Image(spec)}})
			case "signed":
				repo.Cosign(m.Digest, "sig")
			default:
				ts.Fatalf("push: option %q", option)
			}
		}
		for tag := range strings.SplitSeq(fields[1], ",") {
			if tag != "-" {
				repo.Tag(tag, m)
			}
		}
	}
	push := func() error { return w.Push(context.Background(), args[0]) }
	ts.Check(push())
}

// pulls: pulls HOST REPOSITORY:TAG… succeeds where every tag can be pulled with
// everything it consists of; "! pulls" where none is there.
func pulls(ts *testscript.TestScript, neg bool, args []string) {
	for _, image := range args[1:] {
		repository, tag, _ := strings.Cut(image, ":")
		err := pull(args[0], repository, tag)
		switch {
		case neg && err == nil:
			ts.Fatalf("%s can still be pulled", image)
		case !neg && err != nil:
			ts.Fatalf("%s: %v", image, err)
		}
	}
}

func pull(host, repository, reference string) error {
	body, err := get(host, repository+"/manifests/"+reference)
	if err != nil {
		return err
	}
	var doc struct {
		Config    struct{ Digest string }
		Layers    []struct{ Digest string }
		Manifests []struct{ Digest string }
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	for _, child := range doc.Manifests {
		if err := pull(host, repository, child.Digest); err != nil {
			return err
		}
	}
	if doc.Config.Digest != "" {
		doc.Layers = append(doc.Layers, doc.Config)
	}
	for _, blob := range doc.Layers {
		if _, err := get(host, repository+"/blobs/"+blob.Digest); err != nil {
			return err
		}
	}
	return nil
}

func get(host, path string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+host+"/v2/"+path, nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(scriptUser, scriptPassword)
	for _, accept := range []string{
		"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	} {
		req.Header.Add("Accept", accept)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return body, err
}
