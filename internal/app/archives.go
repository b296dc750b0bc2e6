package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/registry"
)

// ArchivePlace is where content is kept before it goes: what the user wrote,
// else the configuration; "" for nowhere. Paths are absolute in it.
func (a *App) ArchivePlace(written string) (string, error) {
	if written = cmp.Or(written, a.file.Archive); written == "" {
		return "", nil
	}
	place, err := archive.ParsePlace(written)
	if err != nil {
		return "", &Failure{Kind: Usage, Err: err}
	}
	if place.Scheme == "" {
		if _, err := a.archiveRepository(place); err != nil {
			return "", err
		}
	}
	return place.String(), nil
}

// archiveRepository reads REGISTRY/REPOSITORY: a reference without its tag.
func (a *App) archiveRepository(place archive.Place) (Reference, error) {
	ref, err := ParseReference(a.file, place.Path+":x")
	if err != nil || strings.ContainsAny(place.Path, "@*") {
		return ref, misuse("archive %q: write oci:DIRECTORY, tar:FILE or REGISTRY/REPOSITORY, the registry as HOST[:PORT] or by its name in the configuration", place)
	}
	return ref, nil
}

// kept is an open archive.
type kept struct {
	archive.Archive
	close func() error
}

// Within implements archive.Neighbours.
func (k *kept) Within(url string) []string {
	if neighbours, ok := k.Archive.(archive.Neighbours); ok {
		return neighbours.Within(url)
	}
	return nil
}

// openArchive opens the archive at a place that ArchivePlace gave; to keep in,
// or only to read. The caller calls close.
func (a *App) openArchive(ctx context.Context, written string, write bool) (*kept, error) {
	place, err := archive.ParsePlace(written)
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	var opened archive.Archive
	switch {
	case place.Scheme == "":
		return a.openArchiveRepository(ctx, place, write)
	case place.Scheme == archive.SchemeLayout && write:
		opened, err = archive.OpenLayout(place.Path)
	case place.Scheme == archive.SchemeLayout:
		opened, err = archive.ReadLayout(place.Path)
	case write:
		opened, err = archive.OpenTar(place.Path)
	default:
		opened, err = archive.ReadTar(place.Path)
	}
	if err != nil {
		failure := &Failure{Kind: Failed, Err: err, Next: "Nothing was done"}
		if !write && errors.Is(err, fs.ErrNotExist) {
			failure.Next = "If it was moved, name its place with --archive"
		}
		return nil, failure
	}
	return &kept{opened, opened.Close}, nil
}

func (a *App) openArchiveRepository(ctx context.Context, place archive.Place, write bool) (*kept, error) {
	ref, err := a.archiveRepository(place)
	if err != nil {
		return nil, err
	}
	o, err := a.open(ctx, ref.Registry)
	if err != nil {
		return nil, err
	}
	var adder archive.Adder
	if write {
		if adder, err = o.mutator(ctx); err != nil {
			o.close()
			return nil, err
		}
	}
	repository := archive.NewRepository(o.info, ref.Repository, o.reader, adder)
	return &kept{repository, func() error { o.close(); return nil }}, nil
}

// ArchivedRun is one run as an archive tells it.
type ArchivedRun struct {
	ID         string
	At         time.Time // of the first image that it archived
	Registries []string
	Images     int // manifests, untagged ones and attachments too
	Tags       int
}

// ArchivedRuns lists the runs that an archive holds something of, the latest
// first. It needs no state.
func (a *App) ArchivedRuns(ctx context.Context, written string) ([]ArchivedRun, error) {
	place, err := a.ArchivePlace(written)
	if err != nil {
		return nil, err
	}
	from, err := a.openArchive(ctx, place, false)
	if err != nil {
		return nil, err
	}
	defer from.close()
	byID := map[string]*ArchivedRun{}
	for entry, err := range from.Entries(ctx, "") {
		if err != nil {
			return nil, err
		}
		run := byID[entry.Run]
		if run == nil {
			run = &ArchivedRun{ID: entry.Run, At: entry.At}
			byID[entry.Run] = run
		}
		if entry.At.Before(run.At) {
			run.At = entry.At
		}
		if !slices.Contains(run.Registries, entry.Registry) {
			run.Registries = append(run.Registries, entry.Registry)
		}
		run.Images++
		run.Tags += len(entry.Tags)
	}
	runs := []ArchivedRun{}
	for _, run := range byID {
		slices.Sort(run.Registries)
		runs = append(runs, *run)
	}
	slices.SortFunc(runs, func(a, b ArchivedRun) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) })
	return runs, nil
}

// archivedEntries reads what a run archived, and the registries it was from.
func archivedEntries(ctx context.Context, from archive.Archive, run string) ([]archive.Entry, []registry.Info, error) {
	var entries []archive.Entry
	var infos []registry.Info
	for entry, err := range from.Entries(ctx, run) {
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, entry)
		if !slices.ContainsFunc(infos, func(info registry.Info) bool { return info.Name == entry.Registry }) {
			infos = append(infos, registry.Info{Name: entry.Registry, URL: entry.URL, Kind: entry.Kind})
		}
	}
	return entries, infos, nil
}

// archiveFor chooses and opens the archive of a plan that is carried out: the
// one that the user names, else the one of the run that is continued, of the
// plan, of the configuration. A plan that puts back reads from it. Nil: none.
func (a *App) archiveFor(ctx context.Context, request ApplyRequest) (*kept, string, error) {
	written := request.Archive
	if request.Resume != nil {
		written = cmp.Or(written, request.Resume.Archive)
	}
	written = cmp.Or(written, request.Plan.Header.Archive)
	restores := request.Plan.Header.Kind == "restore"
	if written == "" && restores || request.Plan.Summary.Steps == 0 {
		return nil, "", nil
	}
	place, err := a.ArchivePlace(written)
	if err != nil || place == "" {
		return nil, "", err
	}
	if request.Resume != nil && request.Archive == "" && !archive.There(place) {
		return nil, "", &Failure{Kind: Failed, Err: fmt.Errorf("archive %s, in which the run has kept images, is not there", place), Next: "Nothing was done. If it was moved, name its place with --archive"}
	}
	opened, err := a.openArchive(ctx, place, !restores)
	if err != nil {
		return nil, "", err
	}
	return opened, place, nil
}
