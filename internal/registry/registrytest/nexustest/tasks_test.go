package nexustest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

type taskXO struct {
	ID, Name, Type, CurrentState string
	LastRunResult, LastRun       *string
	Properties                   map[string]string
	Enabled                      *bool
	TypeName, Schedule           *string
}

func (c caller) task(t *testing.T, id string) taskXO {
	t.Helper()
	var found taskXO
	c.get(t, "/tasks/"+id).want(http.StatusOK).into(&found)
	return found
}

func gcTask(s *nexustest.Server, offset string) string {
	return s.AddTask(nexustest.Task{Type: nexustest.TaskDockerGC, Name: "gc", Properties: map[string]string{"repositoryName": "docker-hosted", "deployOffset": offset}})
}

// What was observed: waiting, running without a result, waiting with the
// result and the start of that run.
func TestTaskTimeline(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		c := newClock()
		s := nexustest.New(nexustest.Options{Dialect: d, Clock: c.now})
		id := gcTask(s, "0")
		s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Readings: 2, Progress: []string{"manifests", "layers"}})
		if before := admin(s).task(t, id); before.CurrentState != "WAITING" || before.LastRun != nil || before.LastRunResult != nil {
			t.Errorf("before: %+v", before)
		}
		admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusNoContent)
		started := c.at
		for _, progress := range []string{"manifests", "layers"} {
			c.pass(time.Second)
			if running := admin(s).task(t, id); running.CurrentState != "RUNNING: "+progress || running.LastRun != nil {
				t.Errorf("running: %+v", running)
			}
		}
		admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusNoContent) // it ended unseen
		admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusInternalServerError)
		for range 3 {
			c.pass(time.Second)
			admin(s).task(t, id)
		}
		after := admin(s).task(t, id)
		if after.CurrentState != "WAITING" || *after.LastRunResult != "OK" || at(t, *after.LastRun) != started.Add(2*time.Second) {
			t.Errorf("after: %+v", after)
		}
	})
}

func TestTaskErrors(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	id := gcTask(s, "0")
	disabled := s.AddTask(nexustest.Task{Type: nexustest.TaskCompact, Name: "compact", Disabled: true, Properties: map[string]string{"blobstoreName": "default"}})
	s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Never: true, State: "RUNNING_BLOCKED"})
	admin(s).rest(t, "POST", "/tasks/"+disabled+"/run").want(http.StatusMethodNotAllowed)
	admin(s).rest(t, "POST", "/tasks/none/run").want(http.StatusNotFound)
	admin(s).rest(t, "POST", "/tasks/"+id+"/stop").want(http.StatusConflict)
	admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusNoContent)
	for range 5 {
		if running := admin(s).task(t, id); running.CurrentState != "RUNNING_BLOCKED" {
			t.Errorf("state %s", running.CurrentState)
		}
	}
	admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusInternalServerError)
	admin(s).rest(t, "POST", "/tasks/"+id+"/stop").want(http.StatusNoContent)
	if stopped := admin(s).task(t, id); stopped.CurrentState != "WAITING" || *stopped.LastRunResult != "CANCELED" {
		t.Errorf("stopped: %+v", stopped)
	}
}

func TestTaskRunsByTheClock(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	id := gcTask(s, "0")
	ended := false
	s.Script(nexustest.TaskDockerGC, nexustest.TaskScript{Lasts: time.Minute, Result: "FAILED", Ended: func() { s.Tags("docker-hosted", "app"); ended = true }})
	digest := s.Push("docker-hosted", "app", "", nexustest.Image{}, ago(9))
	admin(s).rest(t, "POST", "/tasks/"+id+"/run").want(http.StatusNoContent)
	c.pass(59 * time.Second)
	if running := admin(s).task(t, id); running.CurrentState != "RUNNING" || ended {
		t.Errorf("running: %+v", running)
	}
	c.pass(time.Second)
	admin(s).get(t, "/blobstores") // time passes whatever is asked
	if failed := admin(s).task(t, id); !ended || *failed.LastRunResult != "FAILED" {
		t.Errorf("after: %+v", failed)
	}
	if !s.HasManifest("docker-hosted", "app", string(digest)) {
		t.Error("a failed run collected garbage")
	}
}

func TestFreshServersHaveNoReclaimTasks(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		for query, want := range map[string]int{"?type=repository.docker.gc": 0, "?type=blobstore.compact": 0, "?type=repository.cleanup": 1} {
			var found struct{ Items []taskXO }
			if admin(s).get(t, "/tasks"+query).want(http.StatusOK).into(&found); len(found.Items) != want {
				t.Errorf("%s: %d tasks, want %d", query, len(found.Items), want)
			}
		}
	})
}

func TestTaskFieldsByRelease(t *testing.T) {
	for d, want := range map[nexustest.Dialect]struct{ schedule, properties, typeName bool }{
		nexustest.Orient370: {}, nexustest.V371: {}, nexustest.V377: {}, nexustest.V389: {schedule: true}, nexustest.V396: {true, true, true},
	} {
		s := nexustest.New(nexustest.Options{Dialect: d})
		found := admin(s).task(t, gcTask(s, "24"))
		if got := found.Schedule != nil; got != want.schedule {
			t.Errorf("%s: schedule shown %v", d, got)
		}
		if got := found.Properties["repositoryName"] == "docker-hosted" && found.Enabled != nil; got != want.properties {
			t.Errorf("%s: properties shown %v", d, got)
		}
		if got := found.TypeName != nil; got != want.typeName {
			t.Errorf("%s: typeName shown %v", d, got)
		}
	}
}

const createGC = `{"type":"repository.docker.gc","name":"collect","enabled":true,"notificationCondition":"FAILURE",
 "frequency":{"schedule":"manual"},"properties":{"repositoryName":"docker-hosted","deployOffset":"24"}}`

func TestCreatingTasks(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		post := func(body string) answer { return admin(s).ask(t, "POST", "/service/rest/v1/tasks", body) }
		if d == nexustest.Orient370 || d == nexustest.V371 {
			post(createGC).want(http.StatusMethodNotAllowed)
			return
		}
		var created taskXO
		post(createGC).want(http.StatusCreated).into(&created)
		if found := admin(s).task(t, created.ID); found.Name != "collect" {
			t.Errorf("created %+v", found)
		}
		admin(s).rest(t, "DELETE", "/tasks/"+created.ID).want(http.StatusNoContent)
		admin(s).get(t, "/tasks/"+created.ID).want(http.StatusNotFound)
		for _, broken := range [][2]string{
			{"repository.docker.gc", "assetBlob.cleanup"}, {"repository.docker.gc", "unheard.of"}, {`"collect"`, `""`}, {`"enabled":true,`, ""},
			{"FAILURE", "NEVER"}, {"manual", "sometimes"}, {`"repositoryName":"docker-hosted",`, ""}, {"{", ""},
		} {
			post(strings.Replace(createGC, broken[0], broken[1], 1)).want(http.StatusBadRequest)
		}
	})
}
