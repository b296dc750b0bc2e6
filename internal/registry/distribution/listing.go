package distribution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

const (
	largestPage  = 1000
	smallerPage  = 100
	mostOfAPage  = 64 << 20 // registries that know no paging answer at once
	mostIdle     = 10       // pages in a row without a new name
	growthsOfAll = 10       // times that a page may be doubled to get round a registry that ignores "last"
)

// Repositories implements registry.Reader.
func (r *Registry) Repositories(ctx context.Context) iter.Seq2[string, error] {
	c := catalog()
	return func(yield func(string, error) bool) {
		for name, err := range r.names(ctx, c, "repositories") {
			if err != nil {
				yield("", withCatalogHint(err))
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

func withCatalogHint(err error) error {
	var failure *registry.Error
	if !errors.As(err, &failure) {
		return err
	}
	told := *failure
	if told.Status == http.StatusNotFound || told.Status == http.StatusMethodNotAllowed {
		told.Kind = registry.ErrUnsupported
	}
	switch told.Kind {
	case registry.ErrUnsupported:
		told.Hint = fmt.Sprintf("This registry does not list its repositories: name them, as in %s/team/app.", told.Registry)
	case registry.ErrDenied:
		told.Hint += " Listing every repository often needs more rights than reading one: name the repositories instead."
	}
	return &told
}

func catalog() call {
	return call{op: "list repositories", method: http.MethodGet, path: "_catalog", scopes: []string{"registry:catalog:*"}}
}

// Tags implements registry.Reader. Entries that are digests are left out: some
// registries list untagged manifests that way. An entry that is no tag at all
// carries a problem.
func (r *Registry) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		c, err := r.tagList(repository)
		if err != nil {
			yield(registry.Tag{}, err)
			return
		}
		for name, err := range r.names(ctx, c, "tags") {
			tag := registry.Tag{Name: name}
			switch {
			case err != nil:
				yield(registry.Tag{}, err)
				return
			case oci.ValidTag(name):
			case isDigest(name):
				continue
			default:
				tag.Problem = "the registry lists a name that is no tag"
			}
			if !yield(tag, nil) {
				return
			}
		}
	}
}

func (r *Registry) tagList(repository string) (call, error) {
	return r.reading("list tags", http.MethodGet, repository, "/tags/list", "")
}

func isDigest(name string) bool {
	_, err := oci.ParseDigest(name)
	return err == nil
}

// names walks the pages of a listing. It ends without an error only where the
// registry gave every name: its last page has no link and is not full, or a
// further question brought nothing new and a larger page no more.
func (r *Registry) names(ctx context.Context, c call, key string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		b, found := r.take(c)
		if !found {
			b = begun{walk: r.walk(c, key), more: true}
		}
		for {
			for _, name := range b.names {
				if !yield(name, nil) {
					return
				}
			}
			if !b.more {
				return
			}
			var err error
			if b.names, b.more, err = b.walk.page(ctx); err != nil {
				yield("", err)
				return
			}
		}
	}
}

func (r *Registry) walk(c call, key string) walk {
	return walk{registry: r, call: c, key: key, asked: map[string]struct{}{}}
}

// walk is one listing on its way.
type walk struct {
	registry *Registry
	call     call
	key      string
	size     int // of the page asked for; 0: none
	started  bool
	linked   bool // the registry says itself where the next page is
	byLast   bool // it does not, and "last" was asked for
	grown    int
	idle     int
	seen     seen
	asked    map[string]struct{} // queries
}

// page fetches the next page and gives its new names.
func (w *walk) page(ctx context.Context) (fresh []string, more bool, err error) {
	if !w.started {
		w.size = int(w.registry.pageSize.Load())
		w.call.query = sized(w.size)
	}
	resp, names, err := w.fetch(ctx)
	if err != nil {
		return nil, false, err
	}
	w.asked[w.call.query.Encode()] = struct{}{}
	if w.size == 0 && !w.started && len(names) == 0 && w.key == "repositories" {
		return nil, false, w.malformed(errors.New("it refuses every page size and lists nothing, which may be its setting and not the truth"))
	}
	w.started = true
	for _, name := range names {
		if w.seen.add(name) {
			fresh = append(fresh, name)
		}
	}
	if w.idle++; len(fresh) > 0 {
		w.idle = 0
	}
	following, err := nextPage(resp.Header, w.registry.connection.Base().Host)
	switch {
	case err != nil:
		return nil, false, w.malformed(err)
	case following != nil:
		w.linked = true
		w.call.query = following
	case w.linked || w.size == 0 || len(names) != w.size:
		return fresh, false, nil
	case w.byLast && len(fresh) == 0:
		if w.grown++; w.grown > growthsOfAll {
			return nil, false, w.malformed(errors.New("it cannot be made to go past its first page"))
		}
		w.byLast, w.size = false, 2*w.size
		w.call.query = sized(w.size)
	default:
		w.byLast = true
		w.call.query = sized(w.size)
		w.call.query.Set("last", names[len(names)-1])
	}
	if _, again := w.asked[w.call.query.Encode()]; again || w.idle > mostIdle {
		return nil, false, w.malformed(errors.New("its pages lead in a circle"))
	}
	return fresh, true, nil
}

func sized(size int) url.Values {
	if size == 0 {
		return nil
	}
	return url.Values{"n": {strconv.Itoa(size)}}
}

// fetch gets one page, with smaller pages where the registry refuses the size.
func (w *walk) fetch(ctx context.Context) (*http.Response, []string, error) {
	for {
		resp, body, err := w.registry.fetch(ctx, w.call, mostOfAPage)
		if err == nil {
			if !w.started {
				w.registry.pageSize.Store(int64(w.size))
			}
			names, err := w.decode(body)
			return resp, names, err
		}
		var failure *registry.Error
		if !errors.As(err, &failure) {
			return nil, nil, err
		}
		switch {
		case !w.started && w.size > 0 && refusesSize(failure):
			if w.size > smallerPage {
				w.size = smallerPage
			} else {
				w.size = 0
			}
			w.call.query = sized(w.size)
		case failure.Kind == registry.ErrNotFound && w.started:
			// Where the last name is gone, zot no longer knows where to go on.
			failure.Kind = registry.ErrChanged
			failure.Hint = "The listing changed while it was read: run again."
			return nil, nil, failure
		default:
			return nil, nil, err
		}
	}
}

func refusesSize(failure *registry.Error) bool {
	return failure.Status == http.StatusBadRequest && (failure.Code == "PAGINATION_NUMBER_INVALID" || failure.Code == "")
}

// decode insists on the key: a document without it is no empty listing.
func (w *walk) decode(body []byte) ([]string, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, w.malformed(errors.New("the answer is not the JSON of a listing"))
	}
	listed, found := document[w.key]
	if !found {
		return nil, w.malformed(fmt.Errorf("the answer has no %q", w.key))
	}
	var names []string
	if err := json.Unmarshal(listed, &names); err != nil {
		return nil, w.malformed(fmt.Errorf("%q is not a list of names", w.key))
	}
	return names, nil
}

func (w *walk) malformed(cause error) error {
	return w.registry.failure(w.call, registry.ErrMalformed, cause)
}
