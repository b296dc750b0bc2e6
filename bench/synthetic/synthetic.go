// Package synthetic is a registry that computes its content instead of storing
// it, for measuring clients: any number of repositories, tags and images, with
// a latency, a jitter, accidents, and a knee beyond which it is pushed over.
//
// It promises that content is a function of the sizes given, that digests are
// true, and that every request is counted. It is no registry to keep anything
// in: blobs cannot be pushed, and deletions live in memory.
package synthetic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Shape is what the registry holds and how it behaves.
type Shape struct {
	Repositories int           // named repo-00000 and on
	Tags         int           // in each repository, named t-0000000 and on
	PerImage     int           // tags that share one digest; 0 or 1: none
	Now          time.Time     // images are one per hour, the newest an hour before this
	Latency      time.Duration // of every answer
	Jitter       time.Duration // up to this much more, uniformly
	Failing      float64       // the part of what is asked about manifests and blobs that is answered 502
	Knee         Knee          // how many requests a second it bears
}

// Registry serves a Shape.
type Registry struct {
	shape  Shape
	images []image // of one repository; all repositories hold the same
	byHash map[oci.Digest]int32

	mu      sync.Mutex
	deleted map[string]bool // repository + "\x00" + tag or digest

	gate   gate
	served counters
}

type image struct {
	manifest, config oci.Digest
}

// Counts is how many requests of each kind were answered.
type Counts struct {
	Lists, Heads, Manifests, Blobs, Deletes, Throttled, Others int64
}

// Total is every request but those answered 429.
func (c Counts) Total() int64 {
	return c.Lists + c.Heads + c.Manifests + c.Blobs + c.Deletes + c.Others
}

type counters struct {
	lists, heads, manifests, blobs, deletes, throttled, others atomic.Int64
}

// New computes the digests of a shape.
func New(shape Shape) *Registry {
	shape.PerImage = max(1, shape.PerImage)
	count := (shape.Tags + shape.PerImage - 1) / shape.PerImage
	r := &Registry{
		shape: shape, images: make([]image, count), byHash: make(map[oci.Digest]int32, 2*count),
		deleted: map[string]bool{}, gate: gate{knee: shape.Knee},
	}
	for i := range r.images {
		config := oci.FromBytes(r.config(i))
		manifest := oci.FromBytes(r.manifest(i, config))
		r.images[i] = image{manifest: manifest, config: config}
		r.byHash[manifest], r.byHash[config] = int32(i), int32(i)
	}
	return r
}

// Counts reads the counters.
func (r *Registry) Counts() Counts {
	c := &r.served
	return Counts{c.lists.Load(), c.heads.Load(), c.manifests.Load(), c.blobs.Load(), c.deletes.Load(), c.throttled.Load(), c.others.Load()}
}

// Reset sets the counters to zero.
func (r *Registry) Reset() {
	c := &r.served
	for _, n := range []*atomic.Int64{&c.lists, &c.heads, &c.manifests, &c.blobs, &c.deletes, &c.throttled, &c.others} {
		n.Store(0)
	}
}

func (r *Registry) config(i int) []byte {
	created := r.shape.Now.Add(-time.Duration(i+1) * time.Hour).UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","created":%q,"config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[{"comment":"%d"}]}`, created, i)
}

func (r *Registry) manifest(i int, config oci.Digest) []byte {
	layer := oci.FromBytes(layer(i))
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":%q,"size":%d}]}`,
		oci.MediaTypeImage, oci.MediaTypeConfig, config, len(r.config(i)), layer, 1<<20)
}

func layer(i int) []byte { return fmt.Appendf(nil, "layer %d", i) }

// Image is an image as bytes, to be put somewhere else. The size that the
// manifest gives for its layer is not that of these bytes.
func (r *Registry) Image(i int) (manifest, config, content []byte) {
	return r.manifest(i, r.images[i].config), r.config(i), layer(i)
}

// ServeHTTP answers the parts of the distribution API that cleaning needs.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	delay, admitted := r.gate.enter(time.Now(), r.delay(), w.Header())
	if !admitted {
		r.served.throttled.Add(1)
		http.Error(w, `{"errors":[{"code":"TOOMANYREQUESTS"}]}`, http.StatusTooManyRequests)
		return
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-request.Context().Done():
			return
		}
	}
	path := strings.TrimPrefix(request.URL.Path, "/v2/")
	repository, rest, found := cutLast(path, "/manifests/")
	switch {
	case (found || strings.Contains(path, "/blobs/")) && rand.Float64() < r.shape.Failing:
		r.served.others.Add(1)
		http.Error(w, "bad gateway", http.StatusBadGateway)
	case found:
		r.serveManifest(w, request, repository, rest)
	case path == "_catalog":
		r.served.lists.Add(1)
		r.page(w, request, "repositories", "", r.shape.Repositories, func(i int) string { return fmt.Sprintf("repo-%05d", i) })
	case strings.HasSuffix(path, "/tags/list"):
		r.served.lists.Add(1)
		name := strings.TrimSuffix(path, "/tags/list")
		r.page(w, request, "tags", name, r.shape.Tags, TagName)
	case strings.Contains(path, "/blobs/"):
		r.served.blobs.Add(1)
		_, digest, _ := cutLast(path, "/blobs/")
		i, known := r.byHash[oci.Digest(digest)]
		if !known || r.images[i].config != oci.Digest(digest) {
			http.Error(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		_, _ = w.Write(r.config(int(i)))
	case path == "":
		r.served.others.Add(1)
		_, _ = w.Write([]byte("{}"))
	default: // no referrers API, no extensions
		r.served.others.Add(1)
		http.NotFound(w, request)
	}
}

// TagName is the name of a tag.
func TagName(i int) string { return fmt.Sprintf("t-%07d", i) }

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// page answers one page of names in order, with n, last and Link.
func (r *Registry) page(w http.ResponseWriter, request *http.Request, key, repository string, count int, name func(int) string) {
	n, err := strconv.Atoi(request.URL.Query().Get("n"))
	if err != nil || n <= 0 || n > 1000 {
		n = 100
		if key == "tags" {
			n = count
		}
	}
	first := 0
	if last := request.URL.Query().Get("last"); last != "" {
		first = sort.Search(count, func(i int) bool { return name(i) > last })
	}
	var names []string
	more := false
	for i := first; i < count; i++ {
		one := name(i)
		if repository != "" && r.isGone(repository, one) {
			continue
		}
		if len(names) == n {
			more = true
			break
		}
		names = append(names, one)
	}
	if more {
		w.Header().Set("Link", fmt.Sprintf(`<%s?n=%d&last=%s>; rel="next"`, request.URL.Path, n, names[len(names)-1]))
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{key: names}
	if repository != "" {
		answer["name"] = repository
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (r *Registry) isGone(repository, reference string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted[repository+"\x00"+reference] {
		return true
	}
	i, known := r.resolve(reference)
	return known && r.deleted[repository+"\x00"+string(r.images[i].manifest)]
}

// resolve finds the image of a tag or digest.
func (r *Registry) resolve(reference string) (int, bool) {
	if strings.HasPrefix(reference, "t-") {
		i, err := strconv.Atoi(strings.TrimPrefix(reference, "t-"))
		return i / r.shape.PerImage, err == nil && i < r.shape.Tags
	}
	i, known := r.byHash[oci.Digest(reference)]
	return int(i), known && r.images[i].manifest == oci.Digest(reference)
}

func (r *Registry) serveManifest(w http.ResponseWriter, request *http.Request, repository, reference string) {
	i, known := r.resolve(reference)
	if !known || r.isGone(repository, reference) {
		r.served.others.Add(1)
		http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, http.StatusNotFound)
		return
	}
	if request.Method == http.MethodDelete {
		r.served.deletes.Add(1)
		r.mu.Lock()
		r.deleted[repository+"\x00"+reference] = true
		r.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	body := r.manifest(i, r.images[i].config)
	w.Header().Set("Content-Type", oci.MediaTypeImage)
	w.Header().Set("Docker-Content-Digest", string(r.images[i].manifest))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if request.Method == http.MethodHead {
		r.served.heads.Add(1)
		return
	}
	r.served.manifests.Add(1)
	_, _ = w.Write(body)
}
