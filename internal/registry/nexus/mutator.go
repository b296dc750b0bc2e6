package nexus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// Mutator changes one Nexus server: tags go as components, manifests are left
// to the server's garbage collection.
type Mutator struct{ r *Registry }

var _ mutate.Mutator = Mutator{}

// NewMutator changes the server that r reads. They share sign-in, pace and
// what is known of components.
func NewMutator(r *Registry) Mutator { return Mutator{r} }

// Untag deletes the component of a tag, after reading it again: it must still
// be the component that the plan saw, with the same content, pushed at the
// same time. Siblings and the manifest stay. The deletion of a component that
// was just compared is repeated on 5xx, after comparing again.
func (m Mutator) Untag(ctx context.Context, tag mutate.Tag) error {
	repo, image, err := m.r.open(ctx, "delete component", tag.Repository)
	if err != nil {
		return err
	}
	at := callContext{Context: ctx, op: "delete component", name: tag.Repository, tag: tag.Name, repo: repo}
	seen, known := parseHandle(tag.Handle)
	if !known {
		if seen.Component, err = m.r.find(at, image, tag.Name, ""); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		if err := m.compare(at, image, tag, seen); err != nil {
			if attempt > 1 && errors.Is(err, registry.ErrNotFound) {
				return nil // an attempt that was answered with an error did it
			}
			return err
		}
		err := m.deleteComponent(at, seen.Component)
		if err == nil || !errors.Is(err, registry.ErrUnavailable) || attempt == attempts {
			return err
		}
		if err := m.r.client.pause(ctx, attempt, 0); err != nil {
			return err
		}
	}
}

// compare reads the component again and says whether it is still what was
// seen.
func (m Mutator) compare(at callContext, image string, tag mutate.Tag, seen handle) error {
	call := call{op: at.op, repository: at.name, reference: tag.Name}
	changed := func(format string, args ...any) error {
		return m.r.client.fail(call, registry.ErrChanged, "", fmt.Errorf(format, args...))
	}
	if owner, told := ownerOf(seen.Component); told && owner != at.repo.Name {
		return changed("the component id belongs to repository %q", owner)
	}
	c, err := m.r.component(at, seen.Component)
	if err != nil {
		return err
	}
	if c.Name != image || c.Version != tag.Name {
		if _, err := m.r.look(at, image, tag.Name); errors.Is(err, registry.ErrNotFound) {
			return err
		}
		return changed("its component is now that of %s:%s", c.Name, c.Version)
	}
	e := readEntry(at.repo.Name, c)
	switch {
	case e.problem != "":
		return changed("%s", e.problem)
	case e.digest != tag.Digest:
		return changed("it points to %s now, not to %s", e.digest, tag.Digest)
	case !seen.Pushed.IsZero() && !e.pushed.Equal(seen.Pushed):
		return changed("it was pushed again at %s", e.pushed.Format(time.RFC3339))
	case seen.Asset != "" && e.asset != seen.Asset:
		return changed("its manifest is another asset now")
	}
	return nil
}

func (m Mutator) deleteComponent(at callContext, id string) error {
	call := call{
		op: at.op, method: http.MethodDelete, path: restPath + "/components/" + id, changes: true, once: true,
		repository: at.name, reference: at.tag, missing: at.repo.privilege("delete"),
	}
	response, err := m.r.client.send(at, call)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return m.r.client.fail(call, registry.ErrMalformed, "Something in front of Nexus may have answered",
			fmt.Errorf("HTTP %d in place of 204", response.StatusCode))
	}
	return nil
}

// DeleteManifest is refused: what a deletion by digest does to tags differs
// between versions of Nexus (nexus-public#925). Manifests without a tag go
// with the task "Docker - Delete unused manifests and images".
func (m Mutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.r.client.fail(call{op: "delete manifest", repository: repository, reference: string(digest)}, registry.ErrUnsupported,
		"On Nexus tags are deleted, and reclaim runs the tasks that delete what no tag needs", nil)
}

// noImage and noDigest are what a probe asks for: an image that nobody has,
// and a digest of which no preimage is known.
const (
	noImage  = "regkeep-probe/of-an-image-that-does-not-exist"
	noDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
)

// Probe finds out whether the user may delete in the repository, by deleting a
// manifest that does not exist: Nexus checks the privilege first. TagDelete is
// unknown where the answer does not tell.
func (m Mutator) Probe(ctx context.Context, repository string) (registry.Capabilities, error) {
	found := capabilities
	repo, _, err := m.r.open(ctx, "probe", repository)
	if err != nil {
		return found, err
	}
	right, err := m.mayDelete(ctx, repo)
	switch {
	case err != nil:
		return found, err
	case right == Missing:
		found.TagDelete, found.ComponentDelete = registry.SupportNo, registry.SupportNo
	}
	return found, nil
}

func (m Mutator) mayDelete(ctx context.Context, repo *repository) (Have, error) {
	return m.r.client.ask(ctx, call{
		op: "probe", method: http.MethodDelete, path: contentPath(repo.Name, noImage) + "/manifests/" + noDigest,
		changes: true, repository: repo.Name, header: http.Header{"Accept": {"*/*"}},
	})
}
