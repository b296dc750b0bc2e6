package apply

import (
	"context"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
)

// presence remembers what was looked at, so that what many roots share is
// looked at once.
type presence struct {
	r *repository

	mu    sync.Mutex
	known map[oci.Digest]func() (bool, error)
}

func newPresence(r *repository) *presence {
	return &presence{r: r, known: map[oci.Digest]func() (bool, error){}}
}

// manifests are those of the digests that are there.
func (p *presence) manifests(ctx context.Context, digests []oci.Digest) ([]oci.Digest, error) {
	return p.there(digests, func(digest oci.Digest) (bool, error) {
		found, err := p.r.head(ctx, string(digest))
		return found.Digest != "", err
	})
}

// blobs are those of the digests that are there.
func (p *presence) blobs(ctx context.Context, digests []oci.Digest) ([]oci.Digest, error) {
	return p.there(digests, func(digest oci.Digest) (bool, error) { return p.r.hasBlob(ctx, digest) })
}

func (p *presence) there(digests []oci.Digest, look func(oci.Digest) (bool, error)) ([]oci.Digest, error) {
	var there []oci.Digest
	for _, digest := range digests {
		p.mu.Lock()
		present := p.known[digest]
		if present == nil {
			present = sync.OnceValues(func() (bool, error) { return look(digest) })
			p.known[digest] = present
		}
		p.mu.Unlock()
		switch found, err := present(); {
		case err != nil:
			return nil, err
		case found:
			there = append(there, digest)
		}
	}
	return there, nil
}
