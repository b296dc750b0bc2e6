package nexus

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// A listing holds the components of one Nexus repository as one complete run
// over the pages of /components found them. Pages are keyset pages in order of
// creation, so deletions while paging leave no hole.
type listing struct {
	images map[string]*imageTags
	// tail is the token that the server gave for its last page; asking with it
	// again tells everything that was created since, in one request.
	tail string
	// scan: made by Repositories, as the start of a pass over everything.
	scan bool
	done time.Time
	took time.Duration
}

// imageTags is one image of a listing. Its entries are handed out once; the ids
// stay, to look tags up with.
type imageTags struct {
	entries []entry
	ids     map[string]string // tag -> component id
	handed  bool
}

// entry is one component that carries a tag.
type entry struct {
	tag       string
	component string
	asset     string
	digest    oci.Digest
	mediaType string
	size      int64 // of the manifest document
	pushed    time.Time
	created   time.Time
	problem   string
}

// digestVersion matches components that some servers show for the digest alias
// of a manifest. They are no tags.
var digestVersion = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// readEntry reads the facts of a component. What cannot be trusted about it
// becomes its problem.
func readEntry(repository string, c *componentXO) entry {
	e := entry{tag: c.Version, component: c.ID}
	asset, problem := manifestAsset(c)
	if problem == "" && c.Repository != repository {
		problem = fmt.Sprintf("component listed under repository %q", c.Repository)
	}
	if problem == "" && c.ID == "" {
		problem = "component without id"
	}
	if asset == nil {
		e.problem = problem
		return e
	}
	e.asset, e.digest, e.mediaType = asset.ID, asset.digest(), asset.ContentType
	e.size, e.pushed, e.created = asset.FileSize, asset.pushed(), asset.created(e.digest)
	switch {
	case problem != "":
	case e.digest == "":
		problem = "component without a sha256 checksum"
	case e.pushed.IsZero():
		problem = "component without a date"
	}
	e.problem = problem
	return e
}

// manifestAsset finds the asset that is the tag's manifest.
func manifestAsset(c *componentXO) (*assetXO, string) {
	if len(c.Assets) == 0 {
		return nil, "component without assets (a content selector may hide them)"
	}
	var found *assetXO
	for i := range c.Assets {
		if !strings.HasSuffix(c.Assets[i].Path, "/manifests/"+c.Version) {
			continue
		}
		if found != nil {
			return nil, "component with several manifests"
		}
		found = &c.Assets[i]
	}
	if found == nil {
		return nil, "component without a manifest of its version"
	}
	return found, ""
}

// add puts a component into the listing. Two components with one tag are a
// contradiction that nobody here can settle.
func (l *listing) add(repository string, c *componentXO) {
	if c.Name == "" || c.Version == "" {
		return
	}
	img := l.images[c.Name]
	if img == nil {
		img = &imageTags{ids: map[string]string{}}
		l.images[c.Name] = img
	}
	if digestVersion.MatchString(c.Version) {
		return
	}
	e := readEntry(repository, c)
	known, twice := img.ids[c.Version]
	img.ids[c.Version] = c.ID
	if !twice {
		img.entries = append(img.entries, e)
		return
	}
	if known == c.ID {
		return
	}
	for i := range img.entries {
		if img.entries[i].tag == c.Version {
			img.entries[i].problem = "two components carry this tag"
		}
	}
}

// list reads all components of a repository.
func (c *client) list(ctx context.Context, repo *repository) (*listing, error) {
	l := &listing{images: map[string]*imageTags{}}
	started := time.Now()
	err := c.components(ctx, repo, l, "")
	l.done, l.took = time.Now(), time.Since(started)
	return l, err
}

// components adds the pages from a token on and remembers the last token.
func (c *client) components(ctx context.Context, repo *repository, l *listing, token string) error {
	return pages(ctx, c, "list components", "/components", repo, token, func(token string, items []componentXO) {
		l.tail = token
		for i := range items {
			l.add(repo.Name, &items[i])
		}
	})
}

// pages walks a keyset listing. A page that fails ends it with the error; a
// token that comes again is an endless loop.
func pages[T any](ctx context.Context, c *client, op, path string, repo *repository, token string, each func(token string, items []T)) error {
	query := url.Values{"repository": {repo.Name}}
	seen := map[string]bool{}
	for {
		if token != "" {
			query.Set("continuationToken", token)
		}
		call := call{
			op: op, path: restPath + path, query: query, repository: repo.Name,
			missing: repo.privilege("browse") + " (or read)",
		}
		var p page[T]
		if err := c.get(ctx, call, &p); err != nil {
			return err
		}
		if p.Items == nil {
			return c.fail(call, registry.ErrMalformed, "", fmt.Errorf("a page of %s without items", path))
		}
		each(token, *p.Items)
		if p.ContinuationToken == nil || *p.ContinuationToken == "" {
			return nil
		}
		if token = *p.ContinuationToken; seen[token] {
			return c.fail(call, registry.ErrMalformed, "", fmt.Errorf("the listing goes in circles at token %q", token))
		}
		seen[token] = true
	}
}

// privilege is the name of a repository privilege as the administration page
// of Nexus shows it.
func (x repositoryXO) privilege(action string) string {
	return "nx-repository-view-" + x.Format + "-" + x.Name + "-" + action
}

// follow reads what was created since the listing of a repository: its last
// page, asked for again, and whatever comes after it.
func (c *client) follow(ctx context.Context, repo *repository) error {
	since := &listing{images: map[string]*imageTags{}, tail: repo.current.tail}
	if err := c.components(ctx, repo, since, repo.current.tail); err != nil {
		return err
	}
	repo.current.adopt(since)
	return nil
}

// adopt takes over what was created since.
func (l *listing) adopt(since *listing) {
	l.tail = since.tail
	for name, newer := range since.images {
		img := l.images[name]
		if img == nil {
			l.images[name] = newer
			continue
		}
		for tag, id := range newer.ids {
			img.ids[tag] = id
		}
		if img.handed {
			continue
		}
		img.entries = slices.DeleteFunc(img.entries, func(e entry) bool { return newer.ids[e.tag] != "" })
		img.entries = append(img.entries, newer.entries...)
	}
}
