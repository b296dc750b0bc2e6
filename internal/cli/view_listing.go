package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/maruel/natural"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// listingView shows registries, repositories or tags.
type listingView struct {
	p       *program
	listing *app.Listing
	now     time.Time
}

type tagLine struct {
	Type         string     `json:"type"` // "tag" or "manifest"
	Registry     string     `json:"registry"`
	Repository   string     `json:"repository"`
	Tag          string     `json:"tag,omitempty"`
	Digest       oci.Digest `json:"digest,omitempty"`
	MediaType    string     `json:"media_type,omitempty"`
	AttachmentOf oci.Digest `json:"attachment_of,omitempty"`
	Created      *time.Time `json:"created,omitempty"`
	Pushed       *time.Time `json:"pushed,omitempty"`
	Pulled       *time.Time `json:"pulled,omitempty"`
	Seen         *time.Time `json:"seen,omitempty"`
	Size         int64      `json:"size,omitempty"`
	Platforms    []string   `json:"platforms,omitempty"`
	Problem      string     `json:"problem,omitempty"`
}

func (v listingView) write() error {
	if v.p.json() {
		return v.json()
	}
	w := bufio.NewWriter(v.p.t.out)
	if v.listing.Registries != nil {
		t := newTable(v.p.t, "", "registry", "address", "kind")
		for _, r := range v.listing.Registries {
			t.row(r.Name, r.Address, orElse(r.Kind, "found by asking"))
		}
		t.write(w)
	} else if v.listing.Contents == nil && v.listing.Repositories == nil && v.listing.Registry.Name == "" {
		fmt.Fprintln(w, "No registries are configured.")
	}
	for _, name := range v.listing.Repositories {
		fmt.Fprintln(w, name)
	}
	for _, repo := range v.listing.Contents {
		v.repository(w, repo)
	}
	for _, gap := range v.gaps() {
		fmt.Fprintf(w, "%s %s: %s\n", v.p.t.paint.red("gap"), v.p.t.paint.bold(orElse(gap.Repository, gap.Registry)), gap.Message)
	}
	return w.Flush()
}

// gaps are those of the registry and of its repositories.
func (v listingView) gaps() []inventory.Gap {
	gaps := slices.Clone(v.listing.Gaps)
	for _, repo := range v.listing.Contents {
		gaps = append(gaps, repo.Gaps...)
	}
	return gaps
}

func (v listingView) repository(w *bufio.Writer, repo *inventory.Repository) {
	fmt.Fprintf(w, "%s  %s\n", v.p.t.paint.bold(repo.Name), count(len(repo.Tags), "tag"))
	t := newTable(v.p.t, "  ", "tag", "age", "size", "pulled", "digest", "what")
	for _, line := range v.lines(repo) {
		what := line.Problem
		switch {
		case what != "":
			what = v.p.t.paint.yellow(what)
		case line.AttachmentOf != "":
			what = "attached to " + short(line.AttachmentOf)
		case len(line.Platforms) > 0:
			what = some(line.Platforms)
		}
		pulled := "–"
		if line.Pulled != nil {
			pulled = age(v.now, *line.Pulled)
		}
		t.row(tagName(line.Tag, line.Digest), age(v.now, line.best()), size(line.Size), pulled, short(line.Digest), what)
	}
	t.write(w)
	fmt.Fprintln(w)
}

// best is the latest of the times that are known and can be true.
func (l tagLine) best() time.Time {
	var best time.Time
	for _, t := range []*time.Time{l.Pushed, l.Created, l.Seen} {
		if t != nil && t.After(best) && t.Year() >= 2013 {
			best = *t
		}
	}
	return best
}

func (v listingView) lines(repo *inventory.Repository) []tagLine {
	var lines []tagLine
	for i := range repo.Tags {
		tag := &repo.Tags[i]
		line := tagLine{
			Type: "tag", Registry: repo.Registry, Repository: repo.Name, Tag: tag.Name, Digest: tag.Digest,
			Pushed: known(tag.Pushed), Pulled: known(tag.Pulled), Seen: known(tag.Seen), Problem: tag.Problem,
		}
		line.AttachmentOf, _ = repo.AttachmentOf(tag)
		line.fill(repo.Manifests[tag.Digest])
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b tagLine) int {
		if order := b.best().Compare(a.best()); order != 0 {
			return order
		}
		if natural.Less(a.Tag, b.Tag) {
			return -1
		}
		return 1
	})
	for _, root := range repo.Roots() {
		if root.Tag != nil {
			continue
		}
		line := tagLine{Type: "manifest", Registry: repo.Registry, Repository: repo.Name, Digest: root.Digest}
		line.fill(root.Manifest)
		lines = append(lines, line)
	}
	return lines
}

func (l *tagLine) fill(m *inventory.Manifest) {
	if m == nil {
		return
	}
	l.MediaType, l.Created, l.Size = m.MediaType, known(m.Created), m.Bytes
	if l.Pushed == nil {
		l.Pushed = known(m.Pushed)
	}
	if l.Pulled == nil {
		l.Pulled = known(m.Pulled)
	}
	if l.Problem == "" {
		l.Problem = m.Problem
	}
	for _, platform := range m.Platforms {
		l.Platforms = append(l.Platforms, platform.String())
	}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (v listingView) json() error {
	lines := json.NewEncoder(v.p.t.out)
	for _, r := range v.listing.Registries {
		if err := lines.Encode(map[string]string{"type": "registry", "registry": r.Name, "url": r.Address, "kind": r.Kind}); err != nil {
			return err
		}
	}
	for _, name := range v.listing.Repositories {
		if err := lines.Encode(map[string]string{"type": "repository", "registry": v.listing.Registry.Name, "repository": name}); err != nil {
			return err
		}
	}
	for _, repo := range v.listing.Contents {
		for _, line := range v.lines(repo) {
			if err := lines.Encode(line); err != nil {
				return err
			}
		}
	}
	for _, gap := range v.gaps() {
		if err := lines.Encode(map[string]string{"type": "gap", "code": gap.Code, "scope": gap.Registry + "/" + gap.Repository, "message": gap.Message}); err != nil {
			return err
		}
	}
	return nil
}
