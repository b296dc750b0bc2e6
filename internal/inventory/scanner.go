package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Options of a scan.
type Options struct {
	// Match says which repositories of the catalog to read; nil: all.
	Match func(repository string) bool
	// Repositories are read instead of the catalog where there is none, or
	// where the user named them. Match does not apply to them.
	Repositories []string
	// TrustEmpty: nobody could be shown more than this user is, so an empty
	// catalog is an empty registry and not ErrEmptyCatalog.
	TrustEmpty bool
	// Workers bounds the requests in flight; 0: registry.MostInFlight. What the
	// registry bears is found by the reader's own limiter below that.
	Workers int
	// Events is told when the scan starts and after each repository.
	Events event.Handler
	// Requests counts what was sent so far, for the events; may be nil.
	Requests func() int64
	// FirstSeen fills Tag.Seen; may be nil.
	FirstSeen FirstSeen
	// Recall begins to look up which manifests of a repository the reader has at
	// hand, before its tags are listed. What it returns is called with tags that
	// are going to be read, in this order, and perhaps again with further ones. It
	// says of each by its index whether its manifest is at hand unless it has
	// moved: those are looked up, not fetched. None at all may be answered with
	// nil. It is set where the reader answers from a cache, which does not know
	// what is there by now; may be nil.
	Recall func(ctx context.Context, repository string) func(tags []Tag) []bool
	// AtHand gives a manifest or an image config that Recall has looked up, if it
	// lies ready by now: its bytes are those of its digest. What it does not give is
	// asked of the reader. A config has no media type. May be nil.
	AtHand func(oci.Digest) (oci.RawManifest, bool)
}

// FirstSeen remembers when regkeep first saw a tag on a digest.
type FirstSeen interface {
	// FirstSeen is called at most once per repository, only when all its tags
	// were resolved without a gap, from several goroutines at once. It returns
	// the time for each tag that an earlier complete scan of the repository did
	// not have, by name.
	FirstSeen(ctx context.Context, repository string, tags []Tag) (map[string]time.Time, error)
}

const (
	// ahead is how many repositories are read while the first is waited for.
	ahead = 32
	// budget is how many tags the repositories read at depth Graph may have
	// together; a single larger one is read alone.
	budget = 20_000
)

// ErrEmptyCatalog: the registry lists no repository, and missing rights may be
// the cause.
var ErrEmptyCatalog = errors.New("the registry lists no repositories")

// Scanner reads one registry.
type Scanner struct {
	reader registry.Reader
	info   registry.Info
	opts   Options
	pool   pool

	gaps []Gap

	mu           sync.Mutex
	referrersAPI registry.Support
}

// NewScanner makes a scanner of the registry behind reader; info is what
// Describe said about it.
func NewScanner(reader registry.Reader, info registry.Info, opts Options) *Scanner {
	workers := opts.Workers
	if workers <= 0 {
		workers = registry.MostInFlight
	}
	return &Scanner{
		reader: reader, info: info, opts: opts, pool: pool{workers: workers},
		referrersAPI: info.Capabilities.Referrers,
	}
}

// Gaps are the gaps of the whole registry, complete once Scan has ended.
func (s *Scanner) Gaps() []Gap { return slices.Clone(s.gaps) }

// outcome is one repository on its way to the caller of Scan.
type outcome struct {
	repo   *Repository
	weight int64 // what it took of the budget
	err    error
}

// Scan yields the repositories in the order of their names. Some are read
// ahead, as many as the budget of tags allows, so memory follows the largest
// repository and not the registry. What concerns one repository is a Gap in
// it; an error ends the scan: the catalog was denied or empty, the context was
// cancelled, or FirstSeen failed.
func (s *Scanner) Scan(ctx context.Context, demand Demand) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		names, err := s.names(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		s.opts.Events.Emit(event.ScanStarted{Registry: s.info.Name, Repositories: len(names)})

		ctx, cancel := context.WithCancel(ctx)
		jobs, release := s.pool.hold()
		var readers sync.WaitGroup
		defer func() {
			cancel()
			readers.Wait()
			release()
		}()

		tags := semaphore.NewWeighted(budget)
		outcomes := make([]chan outcome, len(names))
		turn := make(chan struct{}) // of the next repository to take from the budget
		close(turn)
		start := func(i int) {
			out := make(chan outcome, 1)
			gate := &gate{tags: tags, before: turn, after: make(chan struct{})}
			outcomes[i], turn = out, gate.after
			readers.Go(func() {
				repo, err := s.read(ctx, jobs, names[i], demand, gate)
				out <- outcome{repo, gate.taken, err}
				gate.pass(ctx)
			})
		}
		for i := range min(ahead, len(names)) {
			start(i)
		}
		for i := range names {
			got := <-outcomes[i]
			outcomes[i] = nil
			if got.err != nil {
				yield(nil, got.err)
				return
			}
			s.opts.Events.Emit(event.RepositoryScanned{
				Registry: s.info.Name, Repository: names[i], Tags: len(got.repo.Tags), Requests: s.requests(),
			})
			repo := got.repo
			got.repo = nil // it lives as long as who asked for it needs it
			if !yield(repo, nil) {
				return
			}
			tags.Release(got.weight)
			if next := i + ahead; next < len(names) {
				start(next)
			}
		}
	}
}

func (s *Scanner) requests() int64 {
	if s.opts.Requests == nil {
		return 0
	}
	return s.opts.Requests()
}

// gate lets repositories take from the budget in the order of their names, so
// that the one that is waited for is never behind one that waits for it. Who has
// taken something keeps the turn until it has all.
type gate struct {
	tags   *semaphore.Weighted
	before <-chan struct{}
	after  chan struct{}
	taken  int64
	passed bool
}

// enter waits for its turn and for room for n tags.
func (g *gate) enter(ctx context.Context, n int) error {
	select {
	case <-g.before:
	case <-ctx.Done():
		return ctx.Err()
	}
	weight := int64(min(n, budget))
	if err := g.tags.Acquire(ctx, weight-g.taken); err != nil {
		return err
	}
	g.taken, g.passed = weight, true
	close(g.after)
	return nil
}

// begin takes room for the first n of more tags, if there is some now.
func (g *gate) begin(n int) bool {
	select {
	case <-g.before:
	default:
		return false
	}
	weight := int64(min(n, budget))
	if !g.tags.TryAcquire(weight - g.taken) {
		return false
	}
	g.taken = weight
	return true
}

// pass hands the turn on where nothing was taken.
func (g *gate) pass(ctx context.Context) {
	if g.passed {
		return
	}
	select {
	case <-g.before:
	case <-ctx.Done():
	}
	close(g.after)
}

// names collects the repositories to read, sorted, each once.
func (s *Scanner) names(ctx context.Context) ([]string, error) {
	s.gaps = nil
	var names []string
	if len(s.opts.Repositories) > 0 {
		names = slices.Clone(s.opts.Repositories)
	} else {
		listed := 0
		for name, err := range s.reader.Repositories(ctx) {
			if err == nil {
				listed++
				if s.opts.Match == nil || s.opts.Match(name) {
					names = append(names, name)
				}
				continue
			}
			if ctx.Err() != nil || errors.Is(err, registry.ErrDenied) || listed == 0 {
				return nil, err
			}
			s.gaps = append(s.gaps, Gap{Code: "catalog", Registry: s.info.Name, Message: fmt.Sprintf("the list of repositories ended after %d: %v", listed, err)})
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if listed == 0 && len(s.gaps) == 0 && !s.opts.TrustEmpty {
			return nil, fmt.Errorf("%s: %w; sign in with an account that may list them, or name a repository as %s/REPOSITORY", s.info.Name, ErrEmptyCatalog, s.info.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
