package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/usage"
)

// InUse is what sources see in use, and whether the registries have it.
type InUse struct {
	At      time.Time
	Sources []usage.Source
	// Images are those of the targets, by registry, repository, tag and digest.
	Images []ImageInUse
	// Elsewhere are hosts that references name and that are no target here.
	Elsewhere []Elsewhere
	Requests  int64
}

// ImageInUse is one reference that is in use.
type ImageInUse struct {
	usage.Use
	Presence Presence
	Digest   oci.Digest // what is there now; "" where nothing is or it is not known
	Problem  string     // why Presence is Unclear
}

// Presence says whether a registry has an image.
type Presence uint8

// Whether a registry has an image.
const (
	Unclear Presence = iota // it could not be looked up
	There
	Missing
)

// LookInUse asks the sources what is in use and the registries whether they
// have it, one HEAD an image. It changes no registry; what is seen is
// remembered as it is when a plan is made. The result is also returned where
// the error says that something could not be learned.
func (a *App) LookInUse(ctx context.Context, targets []Target) (*InUse, error) {
	if len(a.file.InUse.Sources) == 0 {
		where := "there is no configuration file"
		if a.file.Path != "" {
			where = a.file.Path + " has no in_use.sources"
		}
		return nil, misuse("%s: name where images are used, for example in_use: {sources: [{kubernetes: {context: prod}}]}", where)
	}
	chosen, err := selections(targets)
	if err != nil {
		return nil, err
	}
	session, err := a.look(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer session.close()
	seen := &InUse{At: a.now()}
	evidence, err := a.collect(ctx, session, seen.At)
	if err != nil {
		return nil, err
	}
	seen.Sources = evidence.Sources
	at := map[string]int{}
	for i, o := range session.opened {
		at[o.info.Name] = i
	}
	readers := map[string]*opened{}
	var foreign []usage.Use
	for _, use := range evidence.Uses() {
		i, known := at[use.Image.Registry]
		switch {
		case !known || !use.Image.Known:
			foreign = append(foreign, use)
		case chosen[i].all || chosen[i].match.Match(use.Image.Repository):
			seen.Images = append(seen.Images, ImageInUse{Use: use})
			readers[use.Image.Registry] = session.opened[i]
		}
	}
	if err := a.lookUp(ctx, seen.Images, readers); err != nil {
		return nil, err
	}
	seen.Elsewhere = elsewhere(ctx, foreign, session)
	seen.Requests = session.requests()
	return seen, seen.verdict()
}

// verdict says what was not learned. That an image is missing is an answer,
// not a failure.
func (u *InUse) verdict() error {
	incomplete, unclear := 0, 0
	for _, source := range u.Sources {
		if !source.Complete {
			incomplete++
		}
	}
	for _, image := range u.Images {
		if image.Presence == Unclear {
			unclear++
		}
	}
	if incomplete+unclear == 0 {
		return nil
	}
	return &Failure{Kind: Partial, Err: fmt.Errorf("%d sources did not answer completely and %d images could not be looked up", incomplete, unclear)}
}

// lookUps is how many images are looked up at once where the user says
// nothing; the reader's own limiter may go below.
const lookUps = 16

// lookUp asks for every image. Its error is the context's.
func (a *App) lookUp(ctx context.Context, images []ImageInUse, readers map[string]*opened) error {
	var group errgroup.Group
	group.SetLimit(lookUps)
	if n := a.opts.Connection.Concurrency; n > 0 {
		group.SetLimit(n)
	}
	for _, o := range readers {
		defer a.pulse(o)()
	}
	for i := range images {
		group.Go(func() error {
			image := &images[i]
			image.look(ctx, readers[image.Image.Registry].reader)
			return nil
		})
	}
	_ = group.Wait() // looks fail one by one
	return context.Cause(ctx)
}

func (i *ImageInUse) look(ctx context.Context, reader registry.Reader) {
	err := ctx.Err()
	switch {
	case err != nil:
	case i.Image.Whole():
		// There when the repository has any tag.
		err = registry.ErrNotFound
		for _, err = range reader.Tags(ctx, i.Image.Repository) {
			break
		}
	default:
		reference := i.Image.Tag
		if i.Image.Digest != "" {
			reference = string(i.Image.Digest)
		}
		var found oci.Descriptor
		if found, err = reader.Head(ctx, i.Image.Repository, reference); err == nil {
			i.Digest = found.Digest
			if i.Digest == "" {
				i.Digest = i.Image.Digest
			}
			if i.Image.Digest != "" && i.Digest != i.Image.Digest {
				err = fmt.Errorf("the registry answers with %s", found.Digest)
			}
		}
	}
	switch {
	case err == nil:
		i.Presence = There
	case errors.Is(err, registry.ErrNotFound):
		i.Presence = Missing
	default:
		i.Problem = err.Error()
	}
}
