package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// SavedVersion is the version of the format of saved inventories.
const SavedVersion = 1

// What reading a saved inventory refuses.
var (
	ErrNotInventory = errors.New("not an inventory")
	ErrVersion      = errors.New("inventory of another version")
	ErrTruncated    = errors.New("inventory is cut off")
)

// everything asks for all there is.
type everything struct{}

func (everything) Want(*Repository) Want {
	return Want{Graph: true, Config: func(string) bool { return true }, Untagged: true}
}

// Whole yields the repositories with all that any decision could ask for, to
// be saved.
func (s *Scanner) Whole(ctx context.Context) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		for repo, err := range s.Scan(ctx, everything{}) {
			if err == nil && repo.Depth == Graph {
				var digests []oci.Digest
				for _, root := range repo.Roots() {
					digests = append(digests, root.Digest)
				}
				repo, err = s.Deepen(ctx, repo, digests)
			}
			if !yield(repo, err) || err != nil {
				return
			}
		}
	}
}

// Save writes an inventory as JSON lines. gaps is asked after the last
// repository.
func Save(w io.Writer, info registry.Info, at time.Time, repos iter.Seq2[*Repository, error], gaps func() []Gap) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	if err := out.Encode(savedHeader{Type: "inventory", Version: SavedVersion, At: at.UTC(), Registry: info}); err != nil {
		return err
	}
	n := 0
	for repo, err := range repos {
		if err != nil {
			return err
		}
		n++
		if err := saveRepository(out, repo); err != nil {
			return err
		}
	}
	return out.Encode(savedHead{Type: "end", Repositories: n, Gaps: gaps()})
}

// Saved is an inventory being read back. It is read once, as it streams.
type Saved struct {
	Info registry.Info
	At   time.Time

	lines *json.Decoder
	gaps  []Gap
}

// Load starts to read what Save wrote.
func Load(r io.Reader) (*Saved, error) {
	lines := json.NewDecoder(r)
	var header savedHeader
	if err := lines.Decode(&header); err != nil || header.Type != "inventory" {
		return nil, errors.Join(ErrNotInventory, err)
	}
	if header.Version != SavedVersion {
		return nil, fmt.Errorf("%w: it has version %d, this program reads %d", ErrVersion, header.Version, SavedVersion)
	}
	return &Saved{Info: header.Registry, At: header.At, lines: lines}, nil
}

// Gaps are those of the whole registry, complete once Scan has ended.
func (s *Saved) Gaps() []Gap { return slices.Clone(s.gaps) }

// Scan yields the repositories as Scanner.Scan did when they were saved. One
// that the demand wants to know better than it was saved has a gap. An
// inventory that was cut off ends with ErrTruncated.
func (s *Saved) Scan(ctx context.Context, demand Demand) iter.Seq2[*Repository, error] {
	return func(yield func(*Repository, error) bool) {
		for n := 0; ; n++ {
			var head savedHead
			if err := s.lines.Decode(&head); err != nil {
				yield(nil, cutOff(err))
				return
			}
			if head.Type == "end" {
				if s.gaps = head.Gaps; n != head.Repositories {
					yield(nil, fmt.Errorf("%w: it has %d of %d repositories", ErrTruncated, n, head.Repositories))
				}
				return
			}
			repo, err := s.repository(head)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if repo.Depth == Names {
				names := *repo
				if demand.Want(&names).Graph {
					repo.gap("was saved with its tag list only")
				}
			}
			if !yield(repo, nil) {
				return
			}
		}
	}
}

// Deepen says with a gap what Scanner.Deepen would have had to ask.
func (s *Saved) Deepen(_ context.Context, repo *Repository, removed []oci.Digest) (*Repository, error) {
	deeper := *repo
	deeper.Gaps = slices.Clone(repo.Gaps)
	if s.Info.Capabilities.ComponentDelete == registry.SupportYes || len(removed) == 0 {
		return &deeper, nil
	}
	unread := 0
	seen := map[oci.Digest]bool{}
	var walk func(digest oci.Digest)
	walk = func(digest oci.Digest) {
		if seen[digest] {
			return
		}
		seen[digest] = true
		m := repo.Manifests[digest]
		if m == nil || !m.settled() {
			unread++
			return
		}
		for _, child := range m.Children {
			walk(child.Digest)
		}
	}
	for _, digest := range removed {
		walk(digest)
	}
	if unread > 0 {
		deeper.gap(fmt.Sprintf("was saved without %d manifests that would go", unread))
	}
	if !repo.ReferrersComplete {
		deeper.gap("was saved without looking for untagged attachments")
	}
	return &deeper, nil
}

func (r *Repository) gap(message string) {
	r.Gaps = append(r.Gaps, Gap{Code: "inventory", Registry: r.Registry, Repository: r.Name, Message: r.Name + " " + message})
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("inventory: %w", err)
}
