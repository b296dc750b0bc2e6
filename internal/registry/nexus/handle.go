package nexus

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// handle is what a deletion compares, beside name, tag and digest, with the
// component as it is just before.
type handle struct {
	Component string    `json:"component"`
	Asset     string    `json:"asset,omitempty"`
	Pushed    time.Time `json:"pushed"`
}

func (e *entry) handle() string {
	if e.component == "" {
		return ""
	}
	text, err := json.Marshal(handle{Component: e.component, Asset: e.asset, Pushed: e.pushed})
	if err != nil {
		return ""
	}
	return string(text)
}

func parseHandle(text string) (handle, bool) {
	var h handle
	err := json.Unmarshal([]byte(text), &h)
	return h, err == nil && h.Component != ""
}

// ownerOf is the repository that an id names, where the id has the form that
// Nexus gives them: base64 of "<repository>:<number>".
func ownerOf(id string) (string, bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	if err != nil {
		return "", false
	}
	owner, rest, found := strings.Cut(string(decoded), ":")
	return owner, found && rest != "" && !strings.Contains(rest, ":")
}

// component reads one component as it is now.
func (r *Registry) component(ctx callContext, id string) (*componentXO, error) {
	var c componentXO
	call := call{
		op: ctx.op, path: restPath + "/components/" + id, repository: ctx.name, reference: ctx.tag,
		missing: ctx.repo.privilege("browse") + " (or read)",
	}
	if err := r.client.get(ctx, call, &c); err != nil {
		return nil, err
	}
	if c.ID != id {
		return nil, r.client.fail(call, registry.ErrMalformed, "", errOtherComponent)
	}
	return &c, nil
}
