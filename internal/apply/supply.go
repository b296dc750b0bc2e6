package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// supply makes sure that everything a manifest needs is in the registry:
// children must be back already, blobs come from the archive if they are gone.
// What is missing is named before the registry is asked to take the manifest.
func (a *attempt) supply(ctx context.Context, m *oci.Manifest) (journal.Status, string, error) {
	for _, child := range m.Children {
		found, err := a.head(ctx, string(child.Digest))
		if err != nil {
			return a.blind(err)
		}
		if found.Digest == "" {
			return journal.Refused, fmt.Sprintf("manifest %s below it is not back", child.Digest), nil
		}
	}
	var missing []string
	for _, blob := range m.Stored() {
		status, why, err := a.supplyBlob(ctx, blob)
		switch {
		case errors.Is(err, archive.ErrNotKept):
			missing = append(missing, string(blob.Digest))
		case status != "" || err != nil:
			return status, why, err
		}
	}
	if len(missing) > 0 {
		return journal.Blocked, fmt.Sprintf("manifest %s needs blobs that are gone from registry and archive: %s", a.Digest, strings.Join(missing, ", ")), nil
	}
	return "", "", nil
}

// supplyBlob brings one blob, or nothing where it is there. What another
// repository of the registry keeps is not sent, and what several steps need is
// looked for and sent once. The error is archive.ErrNotKept where nobody
// has it, or stops the whole run.
func (a *attempt) supplyBlob(ctx context.Context, blob oci.Descriptor) (status journal.Status, why string, err error) {
	done, there := a.supplies.take(blob.Digest)
	defer func() { done(status == "" && err == nil) }()
	if there {
		return "", "", nil
	}
	if there, err = a.hasBlob(ctx, blob.Digest); err != nil {
		return a.blind(err)
	}
	if there {
		return "", "", nil
	}
	if status, why, mounted, err := a.mount(ctx, blob.Digest); mounted || status != "" || err != nil {
		return status, why, err
	}
	content, size, err := a.content().Blob(ctx, blob.Digest)
	if errors.Is(err, archive.ErrNotKept) {
		return "", "", err
	}
	if err != nil {
		return journal.Failed, fmt.Sprintf("blob %s in the archive: %v", blob.Digest, err), nil
	}
	if size < 0 {
		size = blob.Size // the archive did not say
	}
	if !a.mayBegin() {
		return postponed, "", content.Close()
	}
	if err := a.intend(ctx, plan.PutManifest); err != nil {
		return "", "", errors.Join(err, content.Close())
	}
	if err := errors.Join(a.mutator.PutBlob(ctx, a.name, blob.Digest, size, content), content.Close()); err != nil {
		return a.unmoved(err)
	}
	return "", "", nil
}

// mount has a blob appear that another repository of the same registry keeps,
// where there is one that is known to.
func (a *attempt) mount(ctx context.Context, digest oci.Digest) (status journal.Status, why string, mounted bool, err error) {
	mounter, can := a.mutator.(archive.Mounter)
	neighbours, known := a.content().(archive.Neighbours)
	if !can || !known {
		return "", "", false, nil
	}
	for _, from := range neighbours.Within(a.info().URL) {
		if !a.mayBegin() {
			return postponed, "", false, nil
		}
		if err := a.intend(ctx, plan.PutManifest); err != nil {
			return "", "", false, err
		}
		err := mounter.MountBlob(ctx, a.name, from, digest)
		switch {
		case err == nil:
			return "", "", true, nil
		case errors.Is(err, registry.ErrUnsupported), errors.Is(err, registry.ErrNotFound):
			continue // it is sent
		}
		status, why, err := a.unmoved(err)
		return status, why, false, err
	}
	return "", "", false, nil
}

// hasBlob says whether a blob is there.
func (r *repository) hasBlob(ctx context.Context, digest oci.Digest) (bool, error) {
	return registry.HasBlob(ctx, r.reader, r.name, digest)
}

// supplies are the blobs of a repository while manifests are put back side by
// side.
type supplies struct {
	mu sync.Mutex
	of map[oci.Digest]*supply
}

type supply struct {
	turn  chan struct{} // one step looks and sends, the others wait
	there bool
}

// take waits until nobody else is about a blob. there says that it was found or
// brought before; done says whether it is there now.
func (s *supplies) take(digest oci.Digest) (done func(there bool), there bool) {
	s.mu.Lock()
	if s.of == nil {
		s.of = map[oci.Digest]*supply{}
	}
	blob := s.of[digest]
	if blob == nil {
		blob = &supply{turn: make(chan struct{}, 1)}
		s.of[digest] = blob
	}
	s.mu.Unlock()
	blob.turn <- struct{}{}
	return func(there bool) {
		blob.there = there
		<-blob.turn
	}, blob.there
}
