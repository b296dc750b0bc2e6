package usage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Finder looks for images in use at one place. Find calls found once per use,
// never concurrently; what is a short phrase such as "pod shop/cart-7f9". An
// error means that the looking is not complete, whatever was found before it.
// Cancelling the context ends Find with the context's error.
type Finder interface {
	Name() string
	Find(ctx context.Context, found func(image, what string)) error
}

// Sighting is one image that a source once reported in use.
type Sighting struct {
	Source, Image, What string
	Seen                time.Time
}

// Memory keeps what was seen, so that an image stays protected for a while
// after its last use and a source that falls silent is noticed.
type Memory interface {
	// Recall lists sightings not older than since.
	Recall(ctx context.Context, since time.Time) ([]Sighting, error)
	// Remember stores sightings, the latest per source, image and what.
	Remember(ctx context.Context, sightings []Sighting) error
}

// Options of Collect.
type Options struct {
	Names    *Names
	Timeout  time.Duration // of one source; 0: one minute
	Remember time.Duration // 0: 7 days
	Memory   Memory        // nil: nothing is remembered
	Now      time.Time
}

const (
	defaultTimeout  = time.Minute
	defaultRemember = 7 * 24 * time.Hour
)

// Collect asks every source side by side and joins what they found with what
// is remembered. It fails only when the memory fails or the context ends; a
// source that fails is a Source that is not Complete.
func Collect(ctx context.Context, finders []Finder, opts Options) (*Evidence, error) {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.Remember == 0 {
		opts.Remember = defaultRemember
	}
	var remembered []Sighting
	if opts.Memory != nil {
		var err error
		if remembered, err = opts.Memory.Recall(ctx, opts.Now.Add(-opts.Remember)); err != nil {
			return nil, fmt.Errorf("recall what was in use: %w", err)
		}
	}
	before := map[string]int{}
	for _, s := range remembered {
		before[s.Source]++
	}

	sources := make([]Source, len(finders))
	found := make([][]Sighting, len(finders))
	var wait sync.WaitGroup
	for i, finder := range finders {
		wait.Go(func() {
			sources[i], found[i] = ask(ctx, finder, opts)
			name := finder.Name()
			if sources[i].Complete && len(found[i]) == 0 && before[name] > 0 {
				sources[i].Complete = false
				sources[i].Problem = fmt.Sprintf("reports nothing in use now, but reported %d images within the last %s: check that it still sees everything", before[name], opts.Remember)
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	evidence := &Evidence{Sources: sources}
	var fresh []Sighting
	for i := range found {
		fresh = append(fresh, found[i]...)
	}
	for _, s := range append(fresh, remembered...) {
		image, err := opts.Names.Parse(s.Image)
		if err != nil {
			continue // reported by ask; a remembered one was readable once
		}
		evidence.Add(image.Registry, image.Repository, image.Tag, image.Digest, Witness{Source: s.Source, What: s.What, Seen: s.Seen})
	}
	if opts.Memory != nil && len(fresh) > 0 {
		if err := opts.Memory.Remember(ctx, fresh); err != nil {
			return nil, fmt.Errorf("remember what is in use: %w", err)
		}
	}
	return evidence, nil
}

// ask runs one finder under its timeout.
func ask(ctx context.Context, finder Finder, opts Options) (Source, []Sighting) {
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, fmt.Errorf("no complete answer within %s", opts.Timeout))
	defer cancel()
	source := Source{Name: finder.Name(), At: opts.Now}
	type key struct{ image, what string }
	seen := map[key]bool{}
	var sightings []Sighting
	var unread error
	err := finder.Find(ctx, func(image, what string) {
		if seen[key{image, what}] {
			return
		}
		seen[key{image, what}] = true
		if _, parseErr := opts.Names.Parse(image); parseErr != nil {
			unread = errors.Join(unread, fmt.Errorf("%s: %w", what, parseErr))
			return
		}
		sightings = append(sightings, Sighting{Source: source.Name, Image: image, What: what, Seen: opts.Now})
	})
	if err == nil {
		err = unread
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	source.References = len(sightings)
	source.Complete = err == nil
	if err != nil {
		source.Problem = err.Error()
	}
	return source, sightings
}
