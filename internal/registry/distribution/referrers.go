package distribution

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Referrers implements registry.ReferrerLister. Once the registry has shown
// that it has no referrers API, it is not asked again.
func (r *Registry) Referrers(ctx context.Context, repository string, subject oci.Digest) iter.Seq2[oci.Descriptor, error] {
	return func(yield func(oci.Descriptor, error) bool) {
		c, err := r.reading("list referrers", http.MethodGet, repository, "/referrers/"+string(subject), string(subject))
		if err != nil {
			yield(oci.Descriptor{}, err)
			return
		}
		if r.hasReferrers() == registry.SupportNo {
			yield(oci.Descriptor{}, r.failure(c, registry.ErrUnsupported, nil))
			return
		}
		c.header = acceptsIndex
		asked := make(map[string]bool)
		for {
			resp, body, err := r.fetch(ctx, c, mostOfAManifest)
			if err != nil {
				yield(oci.Descriptor{}, r.withoutReferrers(err))
				return
			}
			listed, err := referrersIn(resp, body)
			if err != nil {
				yield(oci.Descriptor{}, r.failure(c, registry.ErrMalformed, err))
				return
			}
			r.referrers.Store(uint32(registry.SupportYes))
			for _, descriptor := range listed {
				if !yield(descriptor, nil) {
					return
				}
			}
			asked[c.query.Encode()] = true
			following, err := nextPage(resp.Header, r.connection.Base().Host)
			if err == nil && following != nil && asked[following.Encode()] {
				err = errors.New("its pages lead in a circle")
			}
			if err != nil {
				yield(oci.Descriptor{}, r.failure(c, registry.ErrMalformed, err))
				return
			}
			if following == nil {
				return
			}
			c.query = following
		}
	}
}

func (r *Registry) hasReferrers() registry.Support {
	return registry.Support(r.referrers.Load())
}

// withoutReferrers tells a registry that has no such API from a repository
// that is not there: the specification gives 404 to the first, and a registry
// with the API names what it did not find.
func (r *Registry) withoutReferrers(err error) error {
	var failure *registry.Error
	if !errors.As(err, &failure) || r.hasReferrers() == registry.SupportYes {
		return err
	}
	none := failure.Status == http.StatusNotFound && failure.Code != "NAME_UNKNOWN" && failure.Code != "MANIFEST_UNKNOWN"
	if none || failure.Kind == registry.ErrUnsupported {
		r.referrers.Store(uint32(registry.SupportNo))
		failure.Kind, failure.Hint = registry.ErrUnsupported, ""
	}
	return failure
}

func referrersIn(resp *http.Response, body []byte) ([]oci.Descriptor, error) {
	var document struct {
		Manifests *[]oci.Descriptor `json:"manifests"`
	}
	if isPage(resp) || json.Unmarshal(body, &document) != nil {
		return nil, errors.New("the answer is not an image index")
	}
	if document.Manifests == nil {
		if mediaTypeOf(resp) != oci.MediaTypeIndex {
			return nil, errors.New("the answer is not an image index")
		}
		return nil, nil
	}
	for _, descriptor := range *document.Manifests {
		if _, err := oci.ParseDigest(string(descriptor.Digest)); err != nil {
			return nil, err
		}
	}
	return *document.Manifests, nil
}
