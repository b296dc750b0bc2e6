package distribution

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// Mutator changes the registry that a Registry reads, through the same
// connections, tokens and pace.
type Mutator struct {
	registry *Registry
	anything atomic.Bool // the token service knows no "delete", so ask for "*"
}

var _ mutate.Mutator = (*Mutator)(nil)

// NewMutator makes the mutator that goes with a reader. It sends nothing.
func NewMutator(reader *Registry) (mutate.Mutator, error) {
	if reader == nil {
		return nil, errors.New("a mutator needs the reader of its registry")
	}
	return &Mutator{registry: reader}, nil
}

// Probe implements mutate.Mutator: it deletes a tag and a digest that are
// random and so not there. 404 means that deleting would have worked.
func (m *Mutator) Probe(ctx context.Context, repository string) (registry.Capabilities, error) {
	var can registry.Capabilities
	random := make([]byte, 32)
	rand.Read(random)
	name := hex.EncodeToString(random)
	var failures []error
	for _, probe := range []struct {
		reference string
		support   *registry.Support
	}{
		{"regkeep-probe-" + name[:32], &can.TagDelete},
		{"sha256:" + name, &can.DigestDelete},
	} {
		err := m.delete(ctx, "probe deletion", repository, probe.reference)
		var failure *registry.Error
		switch {
		case errors.As(err, &failure) && failure.Code == "NAME_UNKNOWN":
			failures = append(failures, err) // says nothing about deleting
		case errors.Is(err, registry.ErrNotFound):
			*probe.support = registry.SupportYes
		case refusesToDelete(err):
			*probe.support = registry.SupportNo
		default:
			failures = append(failures, err)
		}
	}
	return can, errors.Join(failures...)
}

// Untag implements mutate.Mutator.
func (m *Mutator) Untag(ctx context.Context, tag mutate.Tag) error {
	if !oci.ValidTag(tag.Name) {
		return m.registry.failure(call{op: "delete tag", repository: tag.Repository, reference: tag.Name},
			registry.ErrMalformed, fmt.Errorf("%q is not a tag", tag.Name))
	}
	err := m.delete(ctx, "delete tag", tag.Repository, tag.Name)
	var failure *registry.Error
	if refusesToDelete(err) && errors.As(err, &failure) {
		failure.Kind = registry.ErrUnsupported
		if failure.Status == http.StatusBadRequest {
			failure.Hint = "This registry cannot remove a single tag through the distribution API."
		}
	}
	return err
}

// DeleteManifest implements mutate.Mutator.
func (m *Mutator) DeleteManifest(ctx context.Context, repository string, digest oci.Digest) error {
	if _, err := oci.ParseDigest(string(digest)); err != nil {
		return m.registry.failure(call{op: "delete manifest", repository: repository}, registry.ErrMalformed, err)
	}
	return m.delete(ctx, "delete manifest", repository, string(digest))
}

// refusesToDelete: 400, 405 and UNSUPPORTED say that there is no such
// deletion. 401, 403, 429 and 5xx say nothing about it.
func refusesToDelete(err error) bool {
	var failure *registry.Error
	if !errors.As(err, &failure) {
		return false
	}
	return failure.Status == http.StatusBadRequest || failure.Status == http.StatusMethodNotAllowed || failure.Code == "UNSUPPORTED"
}

func (m *Mutator) delete(ctx context.Context, op, repository, reference string) error {
	resp, err := m.send(ctx, call{
		op: op, method: http.MethodDelete, repository: repository, reference: reference,
		path: "/manifests/" + reference,
	})
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		resp.Body.Close()
		return nil
	}
	return m.registry.refused(callOf(op, http.MethodDelete, repository, reference), resp)
}

func callOf(op, method, repository, reference string) call {
	return call{op: op, method: method, repository: repository, reference: reference}
}

// send asks for a token that may delete before the first request needs it.
// Token services that do not know the action get asked for all of them.
func (m *Mutator) send(ctx context.Context, c call) (*http.Response, error) {
	if err := m.registry.checkRepository(c); err != nil {
		return nil, err
	}
	for {
		actions, everything := "pull,push,delete", m.anything.Load()
		if everything {
			actions = "*"
		}
		c.scopes = []string{"repository:" + c.repository + ":" + actions}
		if c.from != "" {
			c.scopes = append(c.scopes, pullScope(c.from)...)
		}
		resp, err := m.registry.send(ctx, m.registry.connection.Changing(), c)
		var failure *registry.Error
		unknown := errors.As(err, &failure) && failure.Status == http.StatusBadRequest && errors.Is(err, registry.ErrDenied)
		if !unknown || everything {
			return resp, err
		}
		m.anything.Store(true)
	}
}
