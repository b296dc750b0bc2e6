package nexus_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

const megabyte = 1 << 20

// full is a server with garbage: one tag of several is deleted, and what hangs
// on it alone is some 3 MB. Tasks are there as administrators name them.
func full(dialect nexustest.Dialect, tasks ...nexustest.Task) *nexustest.Server {
	s := nexustest.New(nexustest.Options{Dialect: dialect, Users: []nexustest.User{
		{Name: "admin", Password: "admin123", Privileges: []string{nexustest.PrivilegeAll}},
		{Name: "runner", Password: "secret", Privileges: []string{nexustest.View("*", "browse,read,delete"), nexustest.PrivilegeTasksRead, nexustest.PrivilegeTasksStart}},
		{Name: "looker", Password: "secret", Privileges: []string{nexustest.View("*", "browse,read"), nexustest.PrivilegeTasksRead}},
		{Name: "browser", Password: "secret", Privileges: []string{nexustest.View("*", "browse")}},
	}})
	s.Push("docker-hosted", "app", "old", nexustest.Image{Layers: []string{nexustest.Filler("shared", megabyte), nexustest.Filler("old", 3*megabyte)}}, daysAgo(90))
	s.Push("docker-hosted", "app", "new", nexustest.Image{Layers: []string{nexustest.Filler("shared", megabyte), nexustest.Filler("new", megabyte)}}, daysAgo(60))
	for _, t := range tasks {
		s.AddTask(t)
	}
	s.DeleteTag("docker-hosted", "app", "old")
	return s
}

func gcTask(repository string) nexustest.Task {
	return nexustest.Task{Type: nexustest.TaskDockerGC, Name: "Docker GC " + repository, Properties: map[string]string{"repositoryName": repository, "deployOffset": "24"}}
}

func compactTask(store string) nexustest.Task {
	return nexustest.Task{Type: nexustest.TaskCompact, Name: "Compact " + store, Properties: map[string]string{"blobstoreName": store}}
}

func TestReclaim(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := full(dialect, gcTask("docker-hosted"), compactTask("default"))
		s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Lasts: 40 * time.Second, Progress: []string{"1 of 2", "2 of 2"}})
		var seen []string
		report, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{Wait: true, Events: func(e event.Event) {
			if p, ok := e.(event.TaskProgress); ok {
				seen = append(seen, p.Task+" "+p.State)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, step := range report.Steps {
			types = append(types, step.Type)
			if step.Result != "OK" {
				t.Errorf("%s ended %q", step.Task, step.Result)
			}
		}
		want := []string{"repository.docker.gc", "assetBlob.cleanup", "blobstore.compact"}
		if dialect == nexustest.Orient370 {
			want = slices.Delete(want, 1, 2)
		}
		if !slices.Equal(types, want) {
			t.Errorf("ran %v, want %v", types, want)
		}
		if !report.Measured || report.Freed < 3*megabyte || report.Freed > 3*megabyte+50_000 {
			t.Errorf("freed %d, want some 3 MB: %+v", report.Freed, report.Stores)
		}
		if !slices.Contains(seen, "Docker GC docker-hosted RUNNING: 2 of 2") {
			t.Errorf("progress %v", seen)
		}
		if err := s.Whole("docker-hosted", "app", "new"); err != nil {
			t.Error(err)
		}
		if said := strings.Join(report.Warnings, "\n"); !strings.Contains(said, "ends the undo") || !strings.Contains(said, "deploy offset 24") || (dialect == nexustest.Orient370) == strings.Contains(said, "with a delay of 60") {
			t.Errorf("warnings %s", said)
		}
	})
}

func TestReclaimCreatesTasks(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := full(dialect)
		_, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{Wait: true})
		if !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "--create-tasks") || !strings.Contains(err.Error(), "Compact blob store") {
			t.Errorf("without tasks: %v", err)
		}
		if n := s.Count(nexustest.ClassTasks, http.MethodPost); n != 0 {
			t.Errorf("%d tasks were created or run", n)
		}
		report, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{Wait: true, CreateTasks: true})
		if dialect == nexustest.Orient370 || dialect == nexustest.V371 {
			if !errors.Is(err, registry.ErrUnsupported) || !strings.Contains(err.Error(), "Administration") {
				t.Errorf("a version that cannot create tasks: %v", err)
			}
			return
		}
		if err != nil || len(report.Steps) == 0 || !report.Steps[0].Create || report.Steps[0].Result != "OK" {
			t.Fatalf("created: %+v, %v", report.Steps, err)
		}
		s.ClearRequests()
		again, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{Wait: true, CreateTasks: true, Repository: "docker-hosted/app"})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range again.Steps {
			if step.Create {
				t.Errorf("created %s a second time", step.Task)
			}
		}
	})
}

func TestReclaimFailures(t *testing.T) {
	for name, c := range map[string]struct {
		gc       nexustest.TaskScript
		disabled bool
		fault    nexustest.Fault
		user     string
		err      error
		words    string
		compacts bool
	}{
		"garbage collection fails": {gc: nexustest.TaskScript{Result: "FAILED"}, err: registry.ErrUnavailable, words: "ended FAILED"},
		"is canceled":              {gc: nexustest.TaskScript{Result: "CANCELED"}, err: registry.ErrUnavailable, words: "CANCELED"},
		"is interrupted":           {gc: nexustest.TaskScript{Result: "INTERRUPTED"}, err: registry.ErrUnavailable, words: "INTERRUPTED"},
		"never ends":               {gc: nexustest.TaskScript{Never: true}, err: context.DeadlineExceeded, words: "--timeout"},
		"blocked for ever":         {gc: nexustest.TaskScript{Never: true, State: "RUNNING_BLOCKED"}, err: context.DeadlineExceeded, words: "goes on in Nexus"},
		"disabled":                 {disabled: true, err: registry.ErrUnsupported, words: "disabled"},
		"500 and not running":      {fault: nexustest.Fault{Method: "POST", Path: "/run", Status: 500, Times: -1}, err: registry.ErrUnavailable},
		"may not run":              {user: "looker", err: registry.ErrDenied, words: "nx-tasks-run"},
		"may not see":              {user: "browser", err: registry.ErrDenied, words: "nx-tasks-read"},
		"removed meanwhile":        {fault: nexustest.Fault{Method: "GET", Path: "/tasks/[^?]", Status: 404, Skip: 1, Times: -1}, err: registry.ErrNotFound, words: "removed"},
		"locked out meanwhile":     {fault: nexustest.Fault{Method: "GET", Path: "/tasks/[^?]", Status: 429, Skip: 1, Times: -1}, err: registry.ErrThrottled},
		"never seen running":       {gc: nexustest.TaskScript{Readings: -1}, compacts: true},
		"restarts meanwhile":       {gc: nexustest.TaskScript{Lasts: time.Minute}, fault: nexustest.Fault{Method: "GET", Path: "/tasks/[^?]", Status: 503, Skip: 2, Times: 7}, compacts: true},
	} {
		t.Run(name, func(t *testing.T) {
			onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
				gc := gcTask("docker-hosted")
				gc.Disabled = c.disabled
				s := full(dialect, gc, compactTask("default"))
				s.Script(nexustest.TaskDockerGC, c.gc)
				if c.fault.Path != "" {
					s.Inject(c.fault)
				}
				var who []func(*registry.Endpoint)
				if c.user != "" {
					who = append(who, as(c.user))
				}
				report, err := nexus.Reclaim(t.Context(), open(t, s, who...), nexus.ReclaimOptions{Wait: true, Timeout: time.Hour})
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				if c.words != "" && !strings.Contains(err.Error(), c.words) {
					t.Errorf("error %q does not say %q", err, c.words)
				}
				i := slices.IndexFunc(report.Steps, func(step nexus.ReclaimStep) bool { return step.Type == nexustest.TaskCompact })
				if i >= 0 && (report.Steps[i].Result == "OK") != c.compacts {
					t.Errorf("compacting ended %q", report.Steps[i].Result)
				}
			})
		})
	}
}

func TestReclaimJoinsARunningTask(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		for name, when := range map[string]func(s *nexustest.Server, start func()){
			"already": func(_ *nexustest.Server, start func()) { start() },
			"between look and run": func(s *nexustest.Server, start func()) {
				s.Inject(nexustest.Fault{Method: "POST", Path: "/run$", Before: start})
			},
		} {
			s := full(dialect)
			id := s.AddTask(gcTask("docker-hosted"))
			s.AddTask(compactTask("default"))
			s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Lasts: 3 * time.Minute})
			when(s, func() {
				request, _ := http.NewRequest(http.MethodPost, "http://x/service/rest/v1/tasks/"+id+"/run", nil)
				request.SetBasicAuth("admin", "admin123")
				if response, err := (inProcess{s}).RoundTrip(request); err != nil || response.StatusCode != http.StatusNoContent {
					t.Fatalf("starting by hand: %v", err)
				}
			})
			report, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{Wait: true})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !report.Steps[0].Joined || report.Steps[0].Result != "OK" || !strings.Contains(strings.Join(report.Warnings, "\n"), "running already") {
				t.Errorf("%s: %+v %v", name, report.Steps[0], report.Warnings)
			}
		}
	})
}

// Without waiting, compacting would overtake the garbage collection.
func TestReclaimWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := full(nexustest.V396, gcTask("*"), compactTask("default"))
		s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Never: true})
		report, err := nexus.Reclaim(t.Context(), open(t, s), nexus.ReclaimOptions{})
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(report.Warnings, "\n")
		if report.Steps[0].Result != "started" || report.Steps[len(report.Steps)-1].Result != "" || !strings.Contains(said, "--wait=false") || !strings.Contains(said, "every Docker repository") {
			t.Errorf("%+v %s", report.Steps, said)
		}
		if n := s.Count(nexustest.ClassTasks, http.MethodPost); n != 1 {
			t.Errorf("%d tasks started, want 1", n)
		}
	})
}

// What a task serves is told from 3.92 on. Before, name and message hint at
// it, and what stays open is asked for.
func TestReclaimChoosesTasks(t *testing.T) {
	two := []nexustest.Repository{{Name: "team-a"}, {Name: "team-b", BlobStore: "big"}}
	stores := []nexustest.BlobStore{{Name: "default"}, {Name: "big"}}
	for name, c := range map[string]struct {
		dialect nexustest.Dialect
		tasks   []nexustest.Task
		options nexus.ReclaimOptions
		run     []string // names of tasks
		err     error
		words   string
	}{
		"its own before the one for all": {dialect: nexustest.V396, tasks: []nexustest.Task{gcTask("*"), gcTask("team-b"), compactTask("default"), compactTask("big")},
			options: nexus.ReclaimOptions{Repository: "team-b"}, run: []string{"Docker GC team-b", "Compact big"}},
		"the one for all": {dialect: nexustest.V396, tasks: []nexustest.Task{gcTask("*"), compactTask("default"), compactTask("big")},
			run: []string{"Docker GC *", "Compact default", "Compact big"}},
		"of another repository": {dialect: nexustest.V396, tasks: []nexustest.Task{gcTask("team-a"), compactTask("big")},
			options: nexus.ReclaimOptions{Repository: "team-b"}, err: registry.ErrNotFound, words: "repositoryName team-b"},
		"hinted at by its message": {dialect: nexustest.V371, tasks: []nexustest.Task{{Type: nexustest.TaskDockerGC, Name: "nightly", Properties: gcTask("team-b").Properties}, gcTask("team-a"), compactTask("default"), compactTask("big")},
			options: nexus.ReclaimOptions{Repository: "team-b"}, run: []string{"nightly", "Compact big"}},
		"hinted at twice": {dialect: nexustest.V371, tasks: []nexustest.Task{gcTask("team-b"), gcTask("team-b"), compactTask("big")},
			options: nexus.ReclaimOptions{Repository: "team-b"}, err: registry.ErrUnsupported, words: "--task"},
		"named": {dialect: nexustest.V371, tasks: []nexustest.Task{gcTask("team-a"), gcTask("team-b"), compactTask("default"), compactTask("big")},
			options: nexus.ReclaimOptions{Tasks: []string{"Docker GC team-b", "Compact default"}}, run: []string{"Docker GC team-b", "Compact default"}},
		"named and not there": {dialect: nexustest.V396, tasks: []nexustest.Task{gcTask("team-a")},
			options: nexus.ReclaimOptions{Tasks: []string{"x"}}, err: registry.ErrNotFound, words: `"x"`},
		"named and of another kind": {dialect: nexustest.V396, tasks: []nexustest.Task{gcTask("team-a")},
			options: nexus.ReclaimOptions{Tasks: []string{"Cleanup service"}}, err: registry.ErrUnsupported, words: "frees nothing"},
		"in a group": {dialect: nexustest.V396, options: nexus.ReclaimOptions{Repository: "everything"}, err: registry.ErrUnsupported, words: "team-a"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := nexustest.New(nexustest.Options{Dialect: c.dialect, BlobStores: stores,
					Repositories: append(slices.Clone(two), nexustest.Repository{Name: "everything", Type: "group", Members: []string{"team-a", "team-b"}})})
				for _, task := range c.tasks {
					s.AddTask(task)
				}
				c.options.Wait = true
				report, err := nexus.Reclaim(t.Context(), open(t, s), c.options)
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || err != nil && !strings.Contains(err.Error(), c.words) {
					t.Fatalf("error %v, want %v with %q", err, c.err, c.words)
				}
				var run []string
				for _, step := range report.Steps {
					if step.Type != nexustest.TaskBlobCleanup {
						run = append(run, step.Task)
					}
				}
				if !slices.Equal(run, c.run) {
					t.Errorf("ran %v, want %v", run, c.run)
				}
				if n := s.Count(nexustest.ClassTasks, http.MethodPost); c.err != nil && n != 0 {
					t.Errorf("%d tasks were run or created all the same", n)
				}
			})
		})
	}
}

// Known bugs of the server are said before anything runs.
func TestReclaimWarnsOfKnownBugs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for header, words := range map[string]string{
			"Nexus/3.30.1-01 (OSS)":       "NEXUS-28247",
			"Nexus/3.31.1-01 (OSS)":       "NEXUS-28247",
			"Nexus/3.70.1-02 (PRO)":       "OCI images",
			"Nexus/3.96.3-01 (COMMUNITY)": "nexus-public#613",
		} {
			s := nexustest.New(nexustest.Options{ServerHeader: header})
			s.AddTask(gcTask("*"))
			s.AddTask(compactTask("default"))
			s.ClearRequests()
			p, err := nexus.PrepareReclaim(t.Context(), open(t, s), nexus.ReclaimOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(p.Warnings, "\n"); !strings.Contains(said, words) || strings.Contains(said, "NEXUS-28247") != strings.Contains(words, "NEXUS-28247") {
				t.Errorf("%s: %s", header, said)
			}
			for _, request := range s.Requests() {
				if request.Method != http.MethodGet {
					t.Errorf("preparing sent %s %s", request.Method, request.Path)
				}
			}
		}
	})
}

// Without the right to see blob stores the tasks run all the same, and the
// report does not claim a number.
func TestReclaimWithoutBlobStoreRights(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := full(dialect, gcTask("docker-hosted"), compactTask("default"))
		report, err := nexus.Reclaim(t.Context(), open(t, s, as("runner")), nexus.ReclaimOptions{Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		if report.Measured || report.Freed != 0 || !strings.Contains(strings.Join(report.Warnings, "\n"), "nx-blobstores-read") {
			t.Errorf("%+v", report)
		}
	})
}

// S3 stores were not compacted before 3.80.
func TestReclaimOnS3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for dialect, compacts := range map[nexustest.Dialect]bool{nexustest.V377: false, nexustest.V389: true} {
			s := nexustest.New(nexustest.Options{Dialect: dialect, BlobStores: []nexustest.BlobStore{{Name: "default", Type: "S3"}}})
			s.AddTask(gcTask("docker-hosted"))
			s.AddTask(compactTask("default"))
			p, err := nexus.PrepareReclaim(t.Context(), open(t, s), nexus.ReclaimOptions{})
			if err != nil {
				t.Fatal(err)
			}
			found := slices.ContainsFunc(p.Steps, func(step nexus.ReclaimStep) bool { return step.Type == nexustest.TaskCompact })
			if found != compacts || strings.Contains(strings.Join(p.Warnings, "\n"), "lifecycle") == compacts {
				t.Errorf("%s: compacts %v, %v", dialect, found, p.Warnings)
			}
		}
	})
}
