// Package list reads images in use from a file that something else writes: one
// image a line, what uses it behind the image.
//
// It promises that a file that has not been written for longer than MaxAge, or
// that is dated in the future, makes the evidence incomplete. It does not know who writes the file.
package list

import (
	"context"
	"os"

	"github.com/regkeep/regkeep/internal/usage"
)

// Finder reads one file. Its age is that of the file, unless a line in it says
// as of when it is.
type Finder struct {
	Path string
	usage.Freshness
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
	at, err := usage.ReadList(ctx, file, f.Path, found)
	if err != nil {
		return err
	}
	if at.IsZero() {
		at = info.ModTime()
	}
	return f.Check(f.Path, at)
}
