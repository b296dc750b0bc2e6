package nexus

import (
	"context"
	"errors"
	"net/http"

	"github.com/regkeep/regkeep/internal/registry"
)

// Have says whether the user has a right, as far as harmless requests tell.
type Have uint8

// HaveUnknown is the zero value.
const (
	HaveUnknown Have = iota
	Granted
	Missing
)

func (h Have) String() string { return [...]string{"unknown", "have", "missing"}[h] }

// MarshalText writes unknown, have or missing.
func (h Have) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Right is one thing a user may or may not do.
type Right struct {
	Name       string `json:"name"`                 // browse, read, delete, tasks, blobstores, …
	Repository string `json:"repository,omitempty"` // of repository rights
	Privilege  string `json:"privilege"`            // as Nexus calls it
	Have       Have   `json:"have"`
	Cost       string `json:"cost"` // what does not work without it
}

var costs = map[string]string{
	"browse":      "the repository and its images are not seen, so nothing in it is cleaned up",
	"read":        "platform images of an index are not read, and a removed tag cannot be put back",
	"delete":      "nothing can be removed: apply stops at the first tag of the repository",
	"tasks":       "reclaim cannot find the tasks that free the disk; removed tags free nothing until Nexus runs them",
	"tasks-run":   "reclaim cannot run the tasks that free the disk; they run on their own schedule, if they have one",
	"blobstores":  "reclaim cannot tell how many bytes came back",
	"repo-config": "reclaim cannot see which blob store a repository lies on; where there are several, name the compact task",
}

// Rights finds out with reads that leave no trace what the user may do. What
// only a change would tell is unknown; Mutator.Rights asks further.
func (r *Registry) Rights(ctx context.Context) ([]Right, error) {
	repos, err := r.signIn(ctx)
	if err != nil {
		return nil, err
	}
	var rights []Right
	add := func(name, repository, privilege string, have Have) {
		rights = append(rights, Right{Name: name, Repository: repository, Privilege: privilege, Have: have, Cost: costs[name]})
	}
	for _, repo := range values(repos) {
		if !repo.hosted() {
			continue
		}
		read, err := r.client.ask(ctx, call{
			op: "check rights", path: contentPath(repo.Name, noImage) + "/manifests/" + noDigest,
			header: http.Header{"Accept": {"*/*"}}, repository: repo.Name,
		})
		if err != nil {
			return nil, err
		}
		add("browse", repo.Name, repo.privilege("browse"), Granted) // only what may be browsed is listed
		add("read", repo.Name, repo.privilege("read"), read)
		add("delete", repo.Name, repo.privilege("delete"), HaveUnknown)
		config, err := r.client.ask(ctx, call{op: "check rights", path: settingsPath(repo)})
		if err != nil {
			return nil, err
		}
		add("repo-config", repo.Name, "nx-repository-admin-"+repo.Format+"-"+repo.Name+"-read", config)
	}
	for _, server := range []struct{ name, privilege, path string }{
		{"tasks", "nx-tasks-read", "/tasks"},
		{"tasks-run", "nx-tasks-run", ""},
		{"blobstores", "nx-blobstores-read", "/blobstores"},
	} {
		have := HaveUnknown
		if server.path != "" {
			if have, err = r.client.ask(ctx, call{op: "check rights", path: restPath + server.path}); err != nil {
				return nil, err
			}
		}
		add(server.name, "", server.privilege, have)
	}
	return rights, nil
}

// Rights asks further than Registry.Rights: it deletes a manifest and runs a
// task that do not exist, because Nexus checks the privilege first.
func (m Mutator) Rights(ctx context.Context) ([]Right, error) {
	rights, err := m.r.Rights(ctx)
	if err != nil {
		return nil, err
	}
	for i := range rights {
		switch right := &rights[i]; right.Name {
		case "delete":
			repo, _, err := m.r.open(ctx, "check rights", right.Repository+"/"+noImage)
			if err != nil {
				return nil, err
			}
			if right.Have, err = m.mayDelete(ctx, repo); err != nil {
				return nil, err
			}
		case "tasks-run":
			right.Have, err = m.r.client.ask(ctx, call{
				op: "check rights", method: http.MethodPost, path: restPath + "/tasks/regkeep-no-such-task/run", changes: true,
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return rights, nil
}

// ask sends a request whose answer tells a right: it was carried out or there
// was nothing to carry out (have), or it was forbidden (missing).
func (c *client) ask(ctx context.Context, call call) (Have, error) {
	call.probe, call.once = true, true
	response, err := c.send(ctx, call)
	if err == nil {
		response.Body.Close()
		return Granted, nil
	}
	var failure *registry.Error
	switch {
	case ctx.Err() != nil:
		return HaveUnknown, ctx.Err()
	case errors.As(err, &failure) && (failure.Status == http.StatusForbidden || failure.Status == http.StatusUnauthorized):
		return Missing, nil
	case errors.As(err, &failure) && failure.Status == http.StatusTooManyRequests, errors.Is(err, registry.ErrDenied):
		return HaveUnknown, err
	case errors.Is(err, registry.ErrNotFound):
		return Granted, nil
	}
	return HaveUnknown, nil
}

func settingsPath(repo *repository) string {
	return restPath + "/repositories/" + repo.Format + "/hosted/" + repo.Name
}
