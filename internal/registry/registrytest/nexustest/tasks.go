package nexustest

import (
	"slices"
	"strconv"
	"time"
)

// Types of tasks with an effect here.
const (
	TaskDockerGC       = "repository.docker.gc"
	TaskDockerGCCustom = "repository.docker.gc.custom"
	TaskUploadPurge    = "repository.docker.upload-purge"
	TaskCompact        = "blobstore.compact"
	TaskBlobCleanup    = "assetBlob.cleanup"
	TaskCleanup        = "repository.cleanup"
)

// taskKind is what is known of a type: its name for people, the properties it
// needs, and whether REST may create it.
type taskKind struct {
	typeName  string
	needs     []string
	creatable bool
	message   func(properties map[string]string) string
}

var taskKinds = map[string]taskKind{
	TaskDockerGC: {"Docker - Delete unused manifests and images", []string{"repositoryName"}, true,
		func(p map[string]string) string { return "Docker garbage collection of " + p["repositoryName"] }},
	TaskDockerGCCustom: {"Docker - Delete unused manifests and images (custom)", []string{"repositoryName"}, true,
		func(p map[string]string) string { return "Docker garbage collection of " + p["repositoryName"] }},
	TaskUploadPurge: {"Docker - Delete incomplete uploads", nil, true,
		func(map[string]string) string { return "Purge incomplete docker uploads" }},
	TaskCompact: {"Admin - Compact blob store", []string{"blobstoreName"}, true,
		func(p map[string]string) string { return "Compacting " + p["blobstoreName"] + " blob store" }},
	TaskBlobCleanup: {"Admin - Cleanup unused asset blobs", nil, false,
		func(p map[string]string) string {
			return "Cleanup unused " + p["format"] + " blobs from " + p["contentStore"]
		}},
	TaskCleanup: {"Admin - Cleanup repositories using their associated policies", nil, true,
		func(map[string]string) string { return "Run repository cleanup" }},
}

// Task describes a task to add.
type Task struct {
	Type       string
	Name       string
	Properties map[string]string
	Schedule   string // "": manual
	Disabled   bool
}

type task struct {
	Task
	id           string
	alertEmail   string
	notification string
	cron         string
	nextRun      time.Time
	lastRun      time.Time // start of the last finished run
	lastResult   string
	run          *taskRun
}

type taskRun struct {
	started  time.Time
	script   TaskScript
	readings int
}

// TaskScript is how runs of a type of task go. The zero value is a run that
// shows as RUNNING once and ends OK.
type TaskScript struct {
	// Lasts is how long a run takes. When it is 0, a run ends at the first
	// reading of its state after Readings ones that saw it run.
	Lasts    time.Duration
	Readings int      // 0: one, negative: none
	Progress []string // shown in turn as "RUNNING: <text>", the last one on
	State    string   // instead of RUNNING, such as RUNNING_BLOCKED
	Never    bool     // it runs until stopped
	// Result is how it ends: "" or OK has the task's effect; FAILED, CANCELED
	// and INTERRUPTED have none.
	Result string
	Ended  func() // called after the run, when effects are in place
}

// Script sets how later runs of a type of task go.
func (s *Server) Script(taskType string, script TaskScript) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[taskType] = script
}

// AddTask adds a task as an administrator would and returns its id.
func (s *Server) AddTask(t Task) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := taskKinds[t.Type]; !known {
		panic("nexustest: no task type " + t.Type)
	}
	return s.addTask(t).id
}

func (s *Server) addTask(t Task) *task {
	if t.Schedule == "" {
		t.Schedule = "manual"
	}
	s.taskSeq++
	added := &task{Task: t, id: uuid("task", s.taskSeq), notification: "FAILURE"}
	s.tasks = append(s.tasks, added)
	return added
}

// addSystemTasks adds what a fresh server has: policy cleanup, and on SQL one
// cleanup of unused asset blobs per format in use, every half hour.
func (s *Server) addSystemTasks() {
	s.addTask(Task{Type: TaskCleanup, Name: "Cleanup service", Schedule: "cron"}).cron = "0 0 1 * * ?"
	if s.rel.orient() {
		return
	}
	var formats []string
	for _, r := range s.repos {
		if !slices.Contains(formats, r.Format) {
			formats = append(formats, r.Format)
		}
	}
	for _, format := range formats {
		added := s.addTask(Task{Type: TaskBlobCleanup, Name: "Cleanup unused " + format + " blobs from nexus", Schedule: "cron",
			Properties: map[string]string{"format": format, "contentStore": "nexus"}})
		added.cron = "0 */30 * * * ?"
		added.nextRun = s.now().Truncate(30 * time.Minute).Add(30 * time.Minute)
	}
}

func (s *Server) taskByID(id string) *task {
	i := slices.IndexFunc(s.tasks, func(t *task) bool { return t.id == id })
	if i < 0 {
		return nil
	}
	return s.tasks[i]
}

func (s *Server) start(t *task, at time.Time) {
	script := s.scripts[t.Type]
	if script.Readings == 0 {
		script.Readings = 1
	}
	t.run = &taskRun{started: at, script: script}
}

func (run *taskRun) over(at time.Time) bool {
	switch {
	case run.script.Never:
		return false
	case run.script.Lasts > 0:
		return !at.Before(run.started.Add(run.script.Lasts))
	default:
		return run.readings >= run.script.Readings
	}
}

// read counts one reading of a task's state; the reading after the last one
// that may see it run finds it ended.
func (s *Server) read(t *task, at time.Time) {
	if t.run == nil {
		return
	}
	if t.run.over(at) {
		s.finish(t, t.run.script.Result, at)
		return
	}
	t.run.readings++
}

func (s *Server) finish(t *task, result string, at time.Time) {
	if result == "" {
		result = "OK"
	}
	run := t.run
	t.run, t.lastRun, t.lastResult = nil, run.started, result
	if result == "OK" {
		s.effect(t, at)
	}
	if run.script.Ended != nil {
		s.pending = append(s.pending, run.script.Ended)
	}
}

// state is currentState as REST shows it.
func (t *task) state() string {
	if t.run == nil {
		return "WAITING"
	}
	state := t.run.script.State
	if state == "" {
		state = "RUNNING"
	}
	if progress := t.run.script.Progress; len(progress) > 0 && state == "RUNNING" {
		return state + ": " + progress[min(max(t.run.readings-1, 0), len(progress)-1)]
	}
	return state
}

// advance lets time pass: runs end, and the half-hourly cleanup of asset blobs
// happens when its time has come.
func (s *Server) advance(now time.Time) {
	for _, t := range s.tasks {
		if t.run != nil && t.run.script.Lasts > 0 && t.run.over(now) {
			s.finish(t, t.run.script.Result, now)
		}
		for !t.nextRun.IsZero() && !t.nextRun.After(now) {
			if t.run == nil && !t.Disabled {
				s.effect(t, t.nextRun)
				t.lastRun, t.lastResult = t.nextRun, "OK"
			}
			t.nextRun = t.nextRun.Add(max(30*time.Minute, now.Sub(t.nextRun).Truncate(30*time.Minute)))
		}
	}
}

// RunTask runs a task to its end at once.
func (s *Server) RunTask(id string) {
	s.mu.Lock()
	defer s.unlock()
	t := s.taskByID(id)
	if t == nil {
		panic("nexustest: no task " + id)
	}
	now := s.now()
	s.start(t, now)
	s.finish(t, t.run.script.Result, now)
}

// effect is what a task does to storage.
func (s *Server) effect(t *task, at time.Time) {
	switch t.Type {
	case TaskDockerGC, TaskDockerGCCustom:
		s.collect(t.Properties["repositoryName"], hours(t.Properties["deployOffset"], 24), t.Type == TaskDockerGC, at)
	case TaskUploadPurge:
		s.purgeUploads(hours(t.Properties["age"], 24), at)
	case TaskCompact:
		older := time.Duration(0)
		if s.rel.since(80) {
			older = 24 * hours(t.Properties["blobsOlderThan"], 0)
		}
		if st := s.storeNamed(t.Properties["blobstoreName"]); st != nil {
			s.compact(st, older, at)
		}
	case TaskBlobCleanup:
		s.softDelete(t.Properties["format"], at)
	}
}

func hours(text string, fallback int) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		n = fallback
	}
	return time.Duration(n) * time.Hour
}
