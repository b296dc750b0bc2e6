package nexus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
)

// Types of tasks, as the server calls them.
const (
	typeGC       = "repository.docker.gc"
	typeGCCustom = "repository.docker.gc.custom"
	typeAssets   = "assetBlob.cleanup"
	typeCompact  = "blobstore.compact"
)

// task is a task of the server. Properties are told from 3.92 on only.
type task struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Type          string            `json:"type"`
	Message       string            `json:"message"`
	CurrentState  string            `json:"currentState"`
	LastRunResult string            `json:"lastRunResult"`
	LastRun       stamp             `json:"lastRun"`
	Enabled       *bool             `json:"enabled"`
	Properties    map[string]string `json:"properties"`
}

// running: the state is "RUNNING", "RUNNING: <progress>", RUNNING_STARTING,
// RUNNING_BLOCKED (behind another task) or RUNNING_CANCELED.
func (t *task) running() bool { return strings.HasPrefix(t.CurrentState, "RUNNING") }

func (t *task) gc() bool { return t.Type == typeGC || t.Type == typeGCCustom }

// called says whether the user means this task.
func (t *task) called(name string) bool { return t.ID == name || t.Name == name }

func (c *client) tasks(ctx context.Context) ([]task, error) {
	var all []task
	call := call{op: "list tasks", path: restPath + "/tasks", missing: "nx-tasks-read"}
	for token, seen := "", map[string]bool{}; ; {
		var p page[task]
		if token != "" {
			call.query = map[string][]string{"continuationToken": {token}}
		}
		if err := c.get(ctx, call, &p); err != nil {
			return nil, err
		}
		if p.Items == nil {
			return nil, c.fail(call, registry.ErrMalformed, "", errors.New("a list of tasks without items"))
		}
		all = append(all, *p.Items...)
		if p.ContinuationToken == nil || *p.ContinuationToken == "" || seen[*p.ContinuationToken] {
			return all, nil
		}
		token = *p.ContinuationToken
		seen[token] = true
	}
}

func (c *client) task(ctx context.Context, id string) (task, error) {
	var t task
	err := c.get(ctx, call{op: "look at task", path: restPath + "/tasks/" + id, reference: id, missing: "nx-tasks-read"}, &t)
	if err == nil && t.ID != id {
		err = c.fail(call{op: "look at task", reference: id}, registry.ErrMalformed, "", errors.New("another task came than the one asked for"))
	}
	return t, err
}

// create makes a task that runs only when asked.
func (c *client) create(ctx context.Context, kind, name string, properties map[string]string) (task, error) {
	body := taskRequest(kind, name, properties)
	var t task
	call := call{
		op: "create task", method: http.MethodPost, path: restPath + "/tasks", body: body, changes: true, once: true, reference: name,
		header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, missing: "nx-tasks-create",
	}
	response, err := c.send(ctx, call)
	if errors.Is(err, registry.ErrUnsupported) || errors.Is(err, registry.ErrNotFound) {
		return task{}, c.fail(call, registry.ErrUnsupported, "Create it by hand in Nexus: Administration, System, Tasks, Create task, "+
			taskTitle[kind]+propertyWords(properties)+"; frequency Manual",
			errors.New("this version of Nexus cannot create tasks through its REST API (3.74 and later can)"))
	}
	if err != nil {
		return task{}, err
	}
	if err := c.decode(ctx, call, response, &t); err != nil {
		return task{}, err
	}
	if t.ID == "" {
		return task{}, c.fail(call, registry.ErrMalformed, "", errors.New("the new task has no id"))
	}
	if t.Properties == nil {
		t.Properties = properties
	}
	return t, nil
}

// start runs a task, or finds that it is running already and joins it. The
// task returned is as it was before.
func (c *client) start(ctx context.Context, id string) (before task, joined bool, err error) {
	if before, err = c.task(ctx, id); err != nil {
		return before, false, err
	}
	if before.running() {
		return before, true, nil
	}
	call := call{op: "run task", method: http.MethodPost, path: restPath + "/tasks/" + id + "/run", changes: true, once: true, reference: before.Name, missing: "nx-tasks-run"}
	disabled := func() error {
		return c.fail(call, registry.ErrUnsupported, "Enable it in Nexus: Administration, System, Tasks", errors.New("the task is disabled"))
	}
	if before.Enabled != nil && !*before.Enabled {
		return before, false, disabled()
	}
	response, err := c.send(ctx, call)
	switch {
	case err == nil:
		response.Body.Close()
		return before, false, nil
	case errors.Is(err, registry.ErrUnsupported):
		return before, false, disabled()
	case !errors.Is(err, registry.ErrUnavailable):
		return before, false, err
	}
	// 500 is also how Nexus says that the task is running already.
	now, again := c.task(ctx, id)
	switch {
	case again != nil:
		return before, false, err
	case now.running():
		return before, true, nil
	case !now.LastRun.Equal(before.LastRun.Time):
		return before, true, nil // it ran and ended in between
	}
	return before, false, err
}

// await waits until a task that was started or joined has ended, which shows
// in its last run: very short ones are never seen running. The result is that
// of the run.
func (c *client) await(ctx context.Context, before task, events event.Handler) (task, error) {
	call := call{op: "wait for task", reference: before.Name}
	failures := 0
	for shown, wait := "", firstLook; ; wait = min(wait*3/2, mostLook) {
		if err := c.sleep(ctx, wait); err != nil {
			return before, err
		}
		now, err := c.task(ctx, before.ID)
		switch {
		case errors.Is(err, registry.ErrNotFound):
			return before, c.fail(call, registry.ErrNotFound, "Look at the log of the task in Nexus: whether it finished is not known", errors.New("the task was removed while it was waited for"))
		case errors.Is(err, registry.ErrUnavailable) && failures < patience:
			failures++
			continue
		case err != nil:
			return before, err
		}
		failures = 0
		if now.CurrentState != shown {
			shown = now.CurrentState
			events.Emit(event.TaskProgress{Registry: c.name, Task: now.Name, State: shown})
		}
		if now.running() || now.LastRun.Equal(before.LastRun.Time) {
			continue
		}
		if now.LastRunResult != "OK" {
			result := now.LastRunResult
			if result == "" {
				result = "without a result"
			}
			return now, c.fail(call, registry.ErrUnavailable, "Its log in Nexus says why (Administration, System, Tasks; or log/tasks in the data directory)", fmt.Errorf("the task ended %s", result))
		}
		return now, nil
	}
}

const (
	firstLook = 500 * time.Millisecond
	mostLook  = 10 * time.Second
	patience  = 5 // looks in a row that may fail
)

var taskTitle = map[string]string{
	typeGC:      "\"Docker - Delete unused manifests and images\"",
	typeCompact: "\"Admin - Compact blob store\"",
}

func propertyWords(properties map[string]string) string {
	var words []string
	for _, key := range sortedKeys(properties) {
		words = append(words, key+" "+properties[key])
	}
	return " with " + strings.Join(words, ", ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
