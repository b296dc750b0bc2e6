package nexus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

var errOtherComponent = errors.New("another component came than the one asked for")

// callContext is a context with the words for errors.
type callContext struct {
	context.Context
	op   string
	name string // repository/image
	tag  string
	repo *repository
}

// Head resolves a tag or digest by the REST API, so that looking does not
// count as a download. A tag is its component, read anew; one that is not
// known yet is looked for among the components created since the listing.
func (r *Registry) Head(ctx context.Context, name, reference string) (oci.Descriptor, error) {
	repo, image, err := r.open(ctx, "look at", name)
	if err != nil {
		return oci.Descriptor{}, err
	}
	at := callContext{Context: ctx, op: "look at", name: name, tag: reference, repo: repo}
	if digest, err := oci.ParseDigest(reference); err == nil {
		return r.headDigest(at, image, digest)
	}
	e, err := r.look(at, image, reference)
	if err != nil {
		return oci.Descriptor{}, err
	}
	if e.problem != "" {
		return oci.Descriptor{}, r.client.fail(call{op: at.op, repository: name, reference: reference}, registry.ErrMalformed, "", errors.New(e.problem))
	}
	return oci.Descriptor{MediaType: e.mediaType, Digest: e.digest, Size: e.size}, nil
}

// look reads the entry of a tag as it is now.
func (r *Registry) look(at callContext, image, tag string) (entry, error) {
	id, err := r.find(at, image, tag, "")
	if err != nil {
		return entry{}, err
	}
	e, err := r.lookAt(at, image, tag, id)
	if !errors.Is(err, registry.ErrNotFound) {
		return e, err
	}
	newer, err := r.find(at, image, tag, id)
	if err != nil {
		return entry{}, err
	}
	if newer == id {
		return entry{}, r.client.fail(call{op: at.op, repository: at.name, reference: tag}, registry.ErrNotFound, "", nil)
	}
	return r.lookAt(at, image, tag, newer)
}

// lookAt reads a component and makes sure that it is that of the tag.
func (r *Registry) lookAt(at callContext, image, tag, id string) (entry, error) {
	c, err := r.component(at, id)
	if err != nil {
		return entry{}, err
	}
	if c.Name != image || c.Version != tag {
		return entry{}, r.client.fail(call{op: at.op, repository: at.name, reference: tag}, registry.ErrMalformed, "",
			fmt.Errorf("its component is now that of %s:%s", c.Name, c.Version))
	}
	return readEntry(at.repo.Name, c), nil
}

// find tells the component id of a tag. What the listing does not know, or
// knows under an id that is gone, is looked for in the components created
// since: the last page asked for again, from the token that the server gave
// for it.
func (r *Registry) find(at callContext, image, tag, gone string) (string, error) {
	if err := at.repo.enter(at); err != nil {
		return "", err
	}
	defer at.repo.leave()
	current := at.repo.current
	if current == nil {
		if err := r.relist(at, at.repo); err != nil {
			return "", err
		}
		current = at.repo.current
	} else if id := current.id(image, tag); id == gone {
		if id != "" {
			delete(current.images[image].ids, tag)
		}
		if err := r.client.follow(at, at.repo); err != nil {
			return "", err
		}
	}
	id := current.id(image, tag)
	if id == "" {
		return "", r.client.fail(call{op: at.op, repository: at.name, reference: tag}, registry.ErrNotFound, "", nil)
	}
	return id, nil
}

func (l *listing) id(image, tag string) string {
	if img := l.images[image]; img != nil {
		return img.ids[tag]
	}
	return ""
}

// headDigest looks at a manifest by digest: at the asset of its digest alias,
// where a listing knew it. Only a digest that no listing knew is asked for at
// the registry API.
func (r *Registry) headDigest(at callContext, image string, digest oci.Digest) (oci.Descriptor, error) {
	id, err := r.aliasOf(at, image, digest)
	if err != nil {
		return oci.Descriptor{}, err
	}
	if id != "" {
		var asset assetXO
		call := call{op: at.op, path: restPath + "/assets/" + id, repository: at.name, reference: string(digest), missing: at.repo.privilege("read")}
		if err := r.client.get(at, call, &asset); err != nil {
			return oci.Descriptor{}, err
		}
		if asset.digest() != digest {
			return oci.Descriptor{}, r.client.fail(call, registry.ErrMalformed, "", fmt.Errorf("the asset has the digest %q", asset.digest()))
		}
		return oci.Descriptor{MediaType: asset.ContentType, Digest: digest, Size: asset.FileSize}, nil
	}
	call := r.contentCall(at, image, "manifests", string(digest))
	call.method = http.MethodHead
	response, err := r.client.send(at, call)
	if err != nil {
		return oci.Descriptor{}, err
	}
	response.Body.Close()
	if named := response.Header.Get("Docker-Content-Digest"); named != "" && named != string(digest) {
		return oci.Descriptor{}, r.client.fail(call, registry.ErrMalformed, "", fmt.Errorf("the registry answered with %s", named))
	}
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return oci.Descriptor{MediaType: mediaType, Digest: digest, Size: max(response.ContentLength, 0)}, nil
}

func (r *Registry) aliasOf(at callContext, image string, digest oci.Digest) (string, error) {
	if err := at.repo.enter(at); err != nil {
		return "", err
	}
	defer at.repo.leave()
	s, ok := sumOf(digest)
	if at.repo.usage == nil || !ok {
		return "", nil
	}
	return at.repo.usage.aliases[alias{image, s}], nil
}
