package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
)

// floor is the least that a client must send to know the age of every tag:
// the tag list, one manifest per tag, one config per distinct image; or, when
// it remembers manifests and configs, one HEAD per tag. Where the registry tells
// who refers to an image, that is asked once for each, because nothing may go
// before its attachments are known.
type floor struct {
	base       string
	repository string // the only one; "": those of the catalog
	client     *http.Client
	concurrent int
	warm       bool
	referrers  bool
}

func (f *floor) scan(ctx context.Context) (requests int64, err error) {
	var mu sync.Mutex
	type content struct {
		repository string
		digest     oci.Digest
	}
	seen := map[content]bool{}
	count := func(n int64, e error) {
		mu.Lock()
		defer mu.Unlock()
		requests += n
		if err == nil {
			err = e
		}
	}
	repositories := []string{f.repository}
	if f.repository == "" {
		found, n, listErr := f.names(ctx, "/v2/_catalog?n=1000", "repositories")
		count(n, listErr)
		repositories = found
	}
	type job struct{ repository, tag string }
	jobs := make(chan job, 100*f.concurrent)
	var workers sync.WaitGroup
	for range f.concurrent {
		workers.Go(func() {
			for j := range jobs {
				n, e := f.tag(ctx, j.repository, j.tag, func(d oci.Digest) bool {
					key := content{j.repository, d}
					mu.Lock()
					defer mu.Unlock()
					first := !seen[key]
					seen[key] = true
					return first
				})
				count(n, e)
			}
		})
	}
	names := make(chan string)
	var listers sync.WaitGroup
	for range max(1, f.concurrent/4) {
		listers.Go(func() {
			for repository := range names {
				tags, n, e := f.names(ctx, "/v2/"+repository+"/tags/list?n=1000", "tags")
				count(n, e)
				for _, tag := range tags {
					jobs <- job{repository, tag}
				}
			}
		})
	}
	for _, repository := range repositories {
		names <- repository
	}
	close(names)
	listers.Wait()
	close(jobs)
	workers.Wait()
	return requests, err
}

// tag asks about one tag.
func (f *floor) tag(ctx context.Context, repository, tag string, first func(oci.Digest) bool) (int64, error) {
	method, n := http.MethodGet, int64(1)
	if f.warm {
		method = http.MethodHead
	}
	header, body, err := f.request(ctx, method, "/v2/"+repository+"/manifests/"+tag)
	if digest := oci.Digest(header.Get("Docker-Content-Digest")); err == nil && f.referrers && first(digest) {
		_, _, err = f.request(ctx, http.MethodGet, "/v2/"+repository+"/referrers/"+string(digest))
		n++
	}
	if f.warm || err != nil {
		return n, err
	}
	manifest, err := oci.DecodeManifest(oci.MediaTypeImage, body)
	if err != nil || manifest.Config == nil || !first(manifest.Config.Digest) {
		return n, err
	}
	_, _, err = f.request(ctx, http.MethodGet, "/v2/"+repository+"/blobs/"+string(manifest.Config.Digest))
	return n + 1, err
}

func (f *floor) names(ctx context.Context, path, key string) (names []string, requests int64, err error) {
	for path != "" {
		header, body, err := f.request(ctx, http.MethodGet, path)
		requests++
		if err != nil {
			return names, requests, err
		}
		var page map[string]json.RawMessage
		var some []string
		if err := json.Unmarshal(body, &page); err != nil {
			return names, requests, err
		}
		if err := json.Unmarshal(page[key], &some); err != nil {
			return names, requests, err
		}
		names = append(names, some...)
		link := header.Get("Link")
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		path = strings.TrimPrefix(path, f.base)
	}
	return names, requests, nil
}

func (f *floor) request(ctx context.Context, method, path string) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, f.base+path, nil)
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Accept", strings.Join(oci.AcceptManifests, ", "))
	response, err := f.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: HTTP %d", method, path, response.StatusCode)
	}
	return response.Header, body, err
}
