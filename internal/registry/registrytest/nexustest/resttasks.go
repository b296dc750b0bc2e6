package nexustest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

func (s *Server) listTasks(c *call) {
	if !c.demand(PrivilegeTasksRead) {
		return
	}
	wanted := c.URL.Query().Get("type")
	items := array{}
	for _, t := range s.tasks {
		if wanted == "" || wanted == t.Type {
			s.read(t, c.now)
			items = append(items, c.taskXO(t))
		}
	}
	c.json(http.StatusOK, object{{"items", items}, {"continuationToken", nil}})
}

// namedTask is the task of the path, if the permission is granted.
func (s *Server) namedTask(c *call, permission string) *task {
	if !c.demand(permission) {
		return nil
	}
	t := s.taskByID(c.PathValue("id"))
	if t == nil {
		c.fault(http.StatusNotFound)
	}
	return t
}

func (s *Server) oneTask(c *call) {
	if t := s.namedTask(c, PrivilegeTasksRead); t != nil {
		s.read(t, c.now)
		c.json(http.StatusOK, c.taskXO(t))
	}
}

func (s *Server) runTask(c *call) {
	t := s.namedTask(c, PrivilegeTasksStart)
	if t == nil {
		return
	}
	if t.run != nil && t.run.over(c.now) {
		s.finish(t, t.run.script.Result, c.now)
	}
	switch {
	case t.Disabled:
		c.fault(http.StatusMethodNotAllowed)
	case t.run != nil:
		c.fault(http.StatusInternalServerError)
	default:
		s.start(t, c.now)
		c.empty(http.StatusNoContent)
	}
}

func (s *Server) stopTask(c *call) {
	t := s.namedTask(c, PrivilegeTasksStop)
	switch {
	case t == nil:
	case t.run == nil:
		c.fault(http.StatusConflict)
	default:
		s.finish(t, "CANCELED", c.now)
		c.empty(http.StatusNoContent)
	}
}

func (s *Server) deleteTask(c *call) {
	if t := s.namedTask(c, PrivilegeTasksDelete); t != nil {
		s.tasks = slices.DeleteFunc(s.tasks, func(other *task) bool { return other == t })
		c.empty(http.StatusNoContent)
	}
}

func (s *Server) createTask(c *call) {
	if !c.demand(PrivilegeTasksCreate) {
		return
	}
	var sent struct {
		Type                  string            `json:"type"`
		Name                  string            `json:"name"`
		Enabled               *bool             `json:"enabled"`
		AlertEmail            string            `json:"alertEmail"`
		NotificationCondition string            `json:"notificationCondition"`
		Properties            map[string]string `json:"properties"`
		Frequency             struct {
			Schedule       string `json:"schedule"`
			CronExpression string `json:"cronExpression"`
		} `json:"frequency"`
	}
	if err := json.Unmarshal(c.sent, &sent); err != nil {
		c.fault(http.StatusBadRequest)
		return
	}
	kind, known := taskKinds[sent.Type]
	schedules := []string{"manual", "once", "hourly", "daily", "weekly", "monthly", "cron"}
	switch {
	case !known || !kind.creatable:
		c.invalid("type", "Unknown task type")
		return
	case sent.Name == "":
		c.invalid("name", "may not be empty")
		return
	case sent.Enabled == nil:
		c.invalid("enabled", "may not be null")
		return
	case sent.NotificationCondition != "FAILURE" && sent.NotificationCondition != "SUCCESS_FAILURE":
		c.invalid("notificationCondition", "may not be null")
		return
	case !slices.Contains(schedules, sent.Frequency.Schedule):
		c.invalid("frequency.schedule", "Unknown schedule")
		return
	}
	for _, property := range kind.needs {
		if sent.Properties[property] == "" {
			c.invalid("properties."+property, "may not be empty")
			return
		}
	}
	t := s.addTask(Task{Type: sent.Type, Name: sent.Name, Properties: sent.Properties, Schedule: sent.Frequency.Schedule, Disabled: !*sent.Enabled})
	t.alertEmail, t.notification, t.cron = sent.AlertEmail, sent.NotificationCondition, sent.Frequency.CronExpression
	c.json(http.StatusCreated, c.taskXO(t))
}

// taskXO is a task with the fields of its release. What a task is for shows in
// its properties only from 3.92 on.
func (c *call) taskXO(t *task) object {
	kind := taskKinds[t.Type]
	shown := object{
		{"id", t.id}, {"name", t.Name}, {"type", t.Type}, {"message", kind.message(t.Properties)},
		{"currentState", t.state()}, {"lastRunResult", orNull(t.lastResult)}, {"nextRun", t.nextRun}, {"lastRun", t.lastRun},
	}
	v := c.s.rel
	if v.since(87) {
		shown = append(shown, field{"schedule", t.Schedule})
	}
	if v.since(92) {
		properties := t.Properties
		if properties == nil {
			properties = map[string]string{}
		}
		shown = append(shown, field{"enabled", !t.Disabled}, field{"alertEmail", orNull(t.alertEmail)},
			field{"notificationCondition", t.notification}, field{"properties", properties},
			field{"startDate", time.Time{}}, field{"recurringDays", nil}, field{"cronExpression", orNull(t.cron)}, field{"timeZoneOffset", nil})
	}
	if v.since(96) {
		shown = append(shown, field{"typeName", kind.typeName})
	}
	return shown
}
