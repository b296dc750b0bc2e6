package inventory

import (
	"context"
	"errors"
	"iter"
	"time"

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
	// Workers bounds the requests in flight; 0: 64. What the registry bears is
	// found by the reader's own limiter below that.
	Workers int
	// Events is told when the scan starts and after each repository.
	Events event.Handler
	// Requests counts what was sent so far, for the events; may be nil.
	Requests func() int64
	// FirstSeen fills Tag.Seen; may be nil.
	FirstSeen FirstSeen
}

// FirstSeen remembers when regkeep first saw a tag on a digest.
type FirstSeen interface {
	// FirstSeen is called at most once per repository, only when all its tags
	// were resolved without a gap. It returns the time for each tag that an
	// earlier complete scan of the repository did not have, by name.
	FirstSeen(ctx context.Context, repository string, tags []Tag) (map[string]time.Time, error)
}

// ErrEmptyCatalog: the registry lists no repository, and missing rights may be
// the cause.
var ErrEmptyCatalog = errors.New("the catalog is empty")

// Scanner reads one registry.
type Scanner struct {
	reader registry.Reader
	info   registry.Info
	opts   Options
	gaps   []Gap
}

// NewScanner makes a scanner of the registry behind reader; info is what
// Describe said about it.
func NewScanner(reader registry.Reader, info registry.Info, opts Options) *Scanner {
	return &Scanner{reader: reader, info: info, opts: opts}
}

// Scan yields the repositories in the order of their names.
func (s *Scanner) Scan(ctx context.Context, demand Demand) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		yield(nil, errors.ErrUnsupported)
	}
}

// Gaps are the gaps of the whole registry, complete once Scan has ended.
func (s *Scanner) Gaps() []Gap { return s.gaps }

// Deepen reads what a plan must know before it may remove what removed points
// at: every descendant, every attachment of these, and the build times that
// the grace rule asks for. It returns a new Repository; what failed is a gap.
func (s *Scanner) Deepen(ctx context.Context, repo *Repository, removed []oci.Digest) (*Repository, error) {
	return nil, errors.ErrUnsupported
}
