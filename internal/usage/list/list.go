// Package list reads images in use from a file that something else writes: one
// image a line, what uses it behind the image.
//
// It promises that a file that has not been written for longer than MaxAge
// makes the evidence incomplete. It does not know who writes the file.
package list

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/regkeep/regkeep/internal/usage"
)

// Finder reads one file. MaxAge 0 means that its age does not matter. Now is
// the instant of the plan.
type Finder struct {
	Path   string
	MaxAge time.Duration
	Now    time.Time
}

// Name is the file.
func (f Finder) Name() string { return "list " + f.Path }

// Find reads the whole file.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if age := f.Now.Sub(info.ModTime()); f.MaxAge > 0 && age > f.MaxAge {
		return fmt.Errorf("%s was written %s ago, more than its max_age of %s: see why nothing writes it", f.Path, age.Round(time.Second), f.MaxAge)
	}
	return usage.ReadList(ctx, file, f.Path, found)
}
