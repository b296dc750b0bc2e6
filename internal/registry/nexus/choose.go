package nexus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
)

// choice is the search for tasks. Since 3.92 Nexus tells in a task's
// properties what it serves; before, only its name and message hint at it, and
// what stays ambiguous is asked for.
type choice struct {
	client  *client
	opts    ReclaimOptions
	tasks   []task
	version version

	picked []task // named by the user
	steps  []ReclaimStep
	notes  []string
	absent []string // what is missing, in words
}

func (c *choice) fail(kind error, hint string, format string, args ...any) error {
	return c.client.fail(call{op: "reclaim"}, kind, hint, fmt.Errorf(format, args...))
}

// named resolves the tasks that the user named.
func (c *choice) named() error {
	for _, name := range c.opts.Tasks {
		i := slices.IndexFunc(c.tasks, func(t task) bool { return t.called(name) })
		switch {
		case i < 0:
			return c.fail(registry.ErrNotFound, "", "there is no task %q among the %d that this user sees", name, len(c.tasks))
		case !c.tasks[i].gc() && c.tasks[i].Type != typeCompact:
			return c.fail(registry.ErrUnsupported, "", "task %q is of type %s and frees nothing here", name, c.tasks[i].Type)
		}
		c.picked = append(c.picked, c.tasks[i])
	}
	return nil
}

func (c *choice) add(t task, serves string) {
	if slices.ContainsFunc(c.steps, func(s ReclaimStep) bool { return s.ID == t.ID }) {
		return
	}
	c.steps = append(c.steps, ReclaimStep{Task: t.Name, ID: t.ID, Type: t.Type, Serves: serves, properties: t.Properties})
}

// lack notes a task that is not there: it will be made, or is asked for.
func (c *choice) lack(kind, name, serves string, properties map[string]string) {
	if c.opts.CreateTasks {
		c.steps = append(c.steps, ReclaimStep{Task: name, Type: kind, Serves: serves, Create: true, properties: properties})
		return
	}
	c.absent = append(c.absent, taskTitle[kind]+propertyWords(properties))
}

func (c *choice) missing() error {
	if len(c.absent) == 0 {
		return nil
	}
	return c.fail(registry.ErrNotFound, "Let regkeep create them with --create-tasks (Nexus 3.74 and later), or create them in Nexus under Administration, System, Tasks",
		"this user sees no task %s", strings.Join(c.absent, "; nor "))
}

// gc finds the tasks that collect the garbage of the repositories.
func (c *choice) gc(targets []*repository) error {
	if picked := only(c.picked, (*task).gc); len(picked) > 0 {
		for _, t := range picked {
			c.add(t, t.Properties["repositoryName"])
		}
		return nil
	}
	all := only(c.tasks, (*task).gc)
	var uncovered []*repository
	var ambiguous []task
	for _, repo := range targets {
		found, serves := serving(all, "repositoryName", repo.Name)
		if len(found) == 0 {
			found, serves = serving(all, "repositoryName", "*")
		}
		switch {
		case len(found) == 0:
			uncovered = append(uncovered, repo)
		case len(found) > 1 && !told(found[0], "repositoryName"):
			ambiguous = found
		default:
			c.add(found[0], serves)
		}
	}
	if len(ambiguous) > 0 {
		return c.ambiguous("repository", ambiguous)
	}
	untold := slices.DeleteFunc(slices.Clone(all), func(t task) bool {
		return told(t, "repositoryName") || c.chosen(t)
	})
	switch {
	case len(uncovered) == 0:
	case len(untold) > 0 && c.opts.Repository == "":
		for _, t := range untold {
			c.add(t, "")
		}
		c.notes = append(c.notes, "this version of Nexus does not tell which repositories a task serves; every visible garbage collection task is run, and whether they cover "+
			names(uncovered)+" is not known")
	case len(untold) > 0 && !c.opts.CreateTasks:
		return c.ambiguous("repository", untold)
	case len(uncovered) == len(targets) && len(targets) > 1:
		c.lack(typeGC, "regkeep: docker gc", "*", map[string]string{"repositoryName": "*", "deployOffset": "24"})
	default:
		for _, repo := range uncovered {
			c.lack(typeGC, "regkeep: docker gc "+repo.Name, repo.Name, map[string]string{"repositoryName": repo.Name, "deployOffset": "24"})
		}
	}
	return nil
}

// assets finds the server's own cleanup of unreferenced blobs. Nobody can
// create it, it runs every half hour anyway, and often it is not visible.
func (c *choice) assets(targets []*repository) {
	for _, t := range c.tasks {
		if t.Type != typeAssets {
			continue
		}
		for _, repo := range targets {
			format := t.Properties["format"]
			if format == "" && (mentions(t.Name, repo.Format) || mentions(t.Message, repo.Format)) {
				format = repo.Format
			}
			if format == repo.Format && !c.chosen(t) {
				c.add(t, format)
				c.steps[len(c.steps)-1].optional = true
			}
		}
	}
}

// compact finds the tasks that give the bytes of the blob stores back.
func (c *choice) compact(where stores) error {
	if picked := only(c.picked, func(t *task) bool { return t.Type == typeCompact }); len(picked) > 0 {
		for _, t := range picked {
			c.add(t, t.Properties["blobstoreName"])
		}
		return nil
	}
	all := only(c.tasks, func(t *task) bool { return t.Type == typeCompact })
	if where.names == nil {
		if len(all) == 1 {
			c.add(all[0], all[0].Properties["blobstoreName"])
			return nil
		}
		if len(all) == 0 {
			return c.fail(registry.ErrDenied, "Grant nx-blobstores-read, or nx-repository-admin-docker-*-read, or create the task "+taskTitle[typeCompact]+" in Nexus",
				"which blob store to compact is not known, and no task to do it is visible")
		}
		return c.ambiguous("blob store", all)
	}
	for _, store := range where.names {
		if where.typeOf(store) == "S3" && c.version.before(3, 80, 0) {
			c.notes = append(c.notes, fmt.Sprintf("blob store %s lies on S3: before Nexus 3.80 compacting does nothing there, and S3 removes deleted blobs by its own lifecycle rule, days later", store))
			continue
		}
		found, serves := serving(all, "blobstoreName", store)
		if len(found) == 0 && len(all) == 1 && len(where.all) == 1 {
			found, serves = all, store
		}
		switch {
		case len(found) > 1 && !told(found[0], "blobstoreName"):
			return c.ambiguous("blob store", found)
		case len(found) > 0:
			c.add(found[0], serves)
		case len(all) > 0 && !told(all[0], "blobstoreName") && !c.opts.CreateTasks:
			return c.ambiguous("blob store", all)
		default:
			c.lack(typeCompact, "regkeep: compact "+store, store, map[string]string{"blobstoreName": store})
		}
	}
	return nil
}

func (c *choice) chosen(t task) bool {
	return slices.ContainsFunc(c.steps, func(s ReclaimStep) bool { return s.ID == t.ID })
}

func (c *choice) ambiguous(what string, candidates []task) error {
	var shown []string
	for _, t := range candidates {
		shown = append(shown, fmt.Sprintf("%q", t.Name))
	}
	return c.fail(registry.ErrUnsupported, "Name the task to run with --task",
		"Nexus does not tell which %s a task serves (3.92 and later do); it could be any of %s", what, strings.Join(shown, ", "))
}

// serving finds the tasks that serve a repository or blob store: by property
// where that is told, else by a whole word in name or message. Of several by
// property, the one that is enabled and of the plainest type comes first.
func serving(all []task, property, wanted string) ([]task, string) {
	var exact, hinted []task
	for _, t := range all {
		switch {
		case told(t, property):
			if t.Properties[property] == wanted {
				exact = append(exact, t)
			}
		case mentions(t.Name, wanted) || mentions(t.Message, wanted):
			hinted = append(hinted, t)
		}
	}
	if len(exact) > 0 {
		slices.SortStableFunc(exact, func(a, b task) int { return rank(a) - rank(b) })
		return exact, wanted
	}
	return hinted, wanted
}

func rank(t task) int {
	n := 0
	if t.Enabled != nil && !*t.Enabled {
		n += 2
	}
	if t.Type == typeGCCustom {
		n++
	}
	return n
}

func told(t task, property string) bool { return t.Properties[property] != "" }

// mentions says whether text has name as a whole word; repository names have
// dots, dashes and underscores inside.
func mentions(text, name string) bool {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool {
		return r == ' ' || r == ',' || r == ':' || r == ';' || r == '(' || r == ')' || r == '[' || r == ']' || r == '"' || r == '\'' || r == '/'
	}) {
		if word == name {
			return true
		}
	}
	return false
}

func only(all []task, which func(*task) bool) []task {
	var found []task
	for i := range all {
		if which(&all[i]) {
			found = append(found, all[i])
		}
	}
	return found
}

func names(repos []*repository) string {
	var all []string
	for _, repo := range repos {
		all = append(all, repo.Name)
	}
	return strings.Join(all, ", ")
}
