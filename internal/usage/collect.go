package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Finder looks for images in use at one place. Find calls found once per use,
// never concurrently; what is a short phrase such as "pod shop/cart-7f9". An
// error means that the looking is not complete, whatever was found before it;
// only Doubts leave it complete. Cancelling the context ends Find with the
// context's error.
type Finder interface {
	Name() string
	Find(ctx context.Context, found func(image, what string)) error
}

// Doubts are what a finder could not tell although it looked at everything.
type Doubts []string

func (d Doubts) Error() string { return strings.Join(d, "; ") }

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

// Asked is a finder with what is to be known about it beside what it finds.
type Asked struct {
	Finder
	// Covers are the registries whose use it sees; nil: all.
	Covers []string
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
func Collect(ctx context.Context, asked []Asked, opts Options) (*Evidence, error) {
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

	sources := make([]Source, len(asked))
	found := make([][]Sighting, len(asked))
	var wait sync.WaitGroup
	for i, finder := range asked {
		wait.Go(func() {
			sources[i], found[i] = ask(ctx, finder, opts)
			sources[i].compare(before[sources[i].Name], opts.Remember)
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}

	evidence := &Evidence{Sources: sources}
	fresh := slices.Concat(found...)
	evidence.take(fresh, opts.Names, false)
	seen := map[Sighting]bool{}
	for _, s := range fresh {
		seen[s.use()] = true
	}
	remembered = slices.DeleteFunc(remembered, func(s Sighting) bool { return seen[s.use()] })
	evidence.take(remembered, opts.Names, true)
	if opts.Memory != nil && len(fresh) > 0 {
		if err := opts.Memory.Remember(ctx, fresh); err != nil {
			return nil, fmt.Errorf("remember what is in use: %w", err)
		}
	}
	return evidence, nil
}

// use is the sighting without its time.
func (s Sighting) use() Sighting {
	s.Seen = time.Time{}
	return s
}

func (e *Evidence) take(sightings []Sighting, names *Names, remembered bool) {
	for _, s := range sightings {
		images, err := names.Parse(s.Image)
		if err != nil {
			continue // reported by ask; a remembered one was readable once
		}
		for _, image := range images {
			e.add(image, Witness{Source: s.Source, What: s.What, Seen: s.Seen, Remembered: remembered})
		}
	}
}

// compare looks at what a source reported lately. One that falls silent is not
// believed; one that lost most of what it saw is doubted.
func (s *Source) compare(before int, within time.Duration) {
	switch {
	case !s.Complete:
	case s.References == 0 && before > 0:
		s.Complete = false
		s.Problem = fmt.Sprintf("reports nothing in use now, but reported %d images within the last %s: check that it still sees everything", before, days(within))
	case s.References == 0:
		s.Doubts = append(s.Doubts, "reports nothing in use: check that it looks at the right place")
	case before >= muchSeen && s.References*10 < before:
		s.Doubts = append(s.Doubts, fmt.Sprintf("reports %d images in use now, and reported %d within the last %s: check that it still sees everything", s.References, before, days(within)))
	}
}

// muchSeen is how many images a source must have reported before it is odd
// that it reports less than a tenth of them.
const muchSeen = 20

// days writes a duration as configurations do, where it is whole days.
func days(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// ask runs one finder under its timeout.
func ask(ctx context.Context, finder Asked, opts Options) (Source, []Sighting) {
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, fmt.Errorf("no complete answer within %s", opts.Timeout))
	defer cancel()
	source := Source{Name: finder.Name(), At: opts.Now, Covers: finder.Covers}
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
	if doubts, ok := err.(Doubts); ok {
		source.Doubts, err = doubts, nil
	}
	if err == nil {
		err = unread
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cause) {
			err = cause
		} else {
			err = fmt.Errorf("%w: %w", cause, err)
		}
	}
	source.References = len(sightings)
	source.Complete = err == nil
	if err != nil {
		source.Problem = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return source, sightings
}
