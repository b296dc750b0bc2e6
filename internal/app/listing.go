package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/registry"
)

// Listing is what `ls` shows: registries, repositories, or tags.
type Listing struct {
	Registries   []RegistryEntry
	Repositories []string // of the one registry that was named
	Registry     registry.Info
	Contents     []*inventory.Repository
	Gaps         []inventory.Gap
	Requests     int64
	At           time.Time
}

// RegistryEntry is one configured registry.
type RegistryEntry struct{ Name, Address, Kind string }

// List lists configured registries ("" or nothing named), the repositories of
// a registry, or the tags of the repositories that a pattern names.
func (a *App) List(ctx context.Context, written string, deep bool) (*Listing, error) {
	if written == "" {
		listing := &Listing{}
		for _, r := range a.file.Registries {
			listing.Registries = append(listing.Registries, RegistryEntry{Name: r.Endpoint.Name, Address: r.Endpoint.Address, Kind: r.Endpoint.Kind})
		}
		return listing, nil
	}
	target, err := ParseTarget(a.file, written)
	if err != nil {
		return nil, err
	}
	chosen, err := selections([]Target{target})
	if err != nil {
		return nil, err
	}
	o, err := a.open(ctx, target)
	if err != nil {
		return nil, err
	}
	defer o.close()
	listing := &Listing{Registry: o.info, At: a.now()}
	if target.Pattern == "" && !deep && !strings.HasSuffix(written, "/**") {
		for name, err := range o.reader.Repositories(ctx) {
			if err != nil {
				return nil, advise(target.Name, fmt.Errorf("list of repositories: %w", err))
			}
			listing.Repositories = append(listing.Repositories, name)
		}
		slices.Sort(listing.Repositories)
		listing.Repositories = slices.Compact(listing.Repositories)
		listing.Requests = o.requests()
		return listing, nil
	}
	scanner, err := a.scanner(o, chosen[0], a.now())
	if err != nil {
		return nil, err
	}
	defer a.pulse(o)()
	for repo, err := range scanner.Whole(ctx) {
		if err != nil {
			return nil, advise(target.Name, err)
		}
		listing.Contents = append(listing.Contents, repo)
	}
	listing.Gaps = scanner.Gaps()
	gaps := len(listing.Gaps)
	for _, repo := range listing.Contents {
		gaps += len(repo.Gaps)
	}
	listing.Requests = o.requests()
	if gaps > 0 {
		return listing, &Failure{Kind: Partial, Err: fmt.Errorf("%d gaps", gaps)}
	}
	return listing, nil
}

// SaveListing writes an inventory file, whole or not at all.
func SaveListing(path string, listing *Listing) error {
	return writeWhole(path, func(w io.Writer) error {
		contents := func(yield func(*inventory.Repository, error) bool) {
			for _, repo := range listing.Contents {
				if !yield(repo, nil) {
					return
				}
			}
		}
		return inventory.Save(w, listing.Registry, listing.At, contents, func() []inventory.Gap { return listing.Gaps })
	})
}
