package nexus

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/regkeep/regkeep/internal/registry"
)

type storeXO struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Blobs int64  `json:"blobCount"`
	Bytes int64  `json:"totalSizeInBytes"`
}

// stores are the blob stores that repositories lie on, as far as this user may
// see.
type stores struct {
	names []string  // nil: not known
	all   []storeXO // nil: may not be listed
}

// blobStores lists the blob stores; nil without error where the user may not.
func (c *client) blobStores(ctx context.Context) ([]storeXO, error) {
	var all []storeXO
	err := c.get(ctx, call{op: "list blob stores", path: restPath + "/blobstores", missing: "nx-blobstores-read"}, &all)
	if forbidden(err) {
		return nil, nil
	}
	return all, err
}

// forbidden tells a missing privilege from a refused sign-in, which stops
// everything.
func forbidden(err error) bool {
	var failure *registry.Error
	return errors.As(err, &failure) && failure.Status == 403
}

// storesOf finds where repositories lie: in their settings, else in what an
// asset of theirs says, else there is only one store.
func (r *Registry) storesOf(ctx context.Context, targets []*repository) (stores, error) {
	all, err := r.client.blobStores(ctx)
	if err != nil {
		return stores{}, err
	}
	found := stores{all: all}
	for _, repo := range targets {
		name, err := r.storeOf(ctx, repo)
		if err != nil {
			return stores{}, err
		}
		if name == "" && len(all) == 1 {
			name = all[0].Name
		}
		if name == "" {
			return stores{all: all}, nil
		}
		if !slices.Contains(found.names, name) {
			found.names = append(found.names, name)
		}
	}
	return found, nil
}

func (r *Registry) storeOf(ctx context.Context, repo *repository) (string, error) {
	var settings struct {
		Storage struct {
			BlobStoreName string `json:"blobStoreName"`
		} `json:"storage"`
	}
	err := r.client.get(ctx, call{op: "read settings", path: settingsPath(repo), repository: repo.Name}, &settings)
	if err == nil && settings.Storage.BlobStoreName != "" {
		return settings.Storage.BlobStoreName, nil
	}
	if err != nil && !forbidden(err) && !errors.Is(err, registry.ErrNotFound) {
		return "", err
	}
	var first page[assetXO]
	err = r.client.get(ctx, call{op: "list assets", path: restPath + "/assets", query: url.Values{"repository": {repo.Name}}, repository: repo.Name}, &first)
	if err != nil {
		return "", err
	}
	if first.Items != nil {
		for _, asset := range *first.Items {
			if asset.BlobStoreName != "" {
				return asset.BlobStoreName, nil
			}
		}
	}
	return "", nil
}

// typeOf is the type of a store, such as File or S3; "" where not known.
func (s stores) typeOf(name string) string {
	for _, store := range s.all {
		if store.Name == name {
			return store.Type
		}
	}
	return ""
}
