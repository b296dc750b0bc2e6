// Package files looks for images in texts: Kubernetes manifests, Helm values,
// Kustomize, Compose, Terraform, Nomad, or a plain list.
//
// It promises to find more rather than less: an image that is only mentioned
// counts as used, and where a template computes the tag, every image of the
// repository does. It does not evaluate templates: a repository whose name is
// computed is a doubt.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/usage"
)

// Finder reads files and directories with everything below them.
type Finder struct {
	Paths []string
	// Names says which words are images of a known registry.
	Names *usage.Names
}

// mostBytes is the size above which a file is no text that people wrote.
const mostBytes = 8 << 20

// Name lists the paths.
func (f Finder) Name() string { return "files " + strings.Join(f.Paths, ", ") }

// Find reads every file, also behind symbolic links. A path that does not exist
// or a file that cannot be read makes the evidence incomplete, after all others
// were read.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	r := reading{names: f.Names, found: found, seen: map[string]bool{}}
	for _, root := range f.Paths {
		r.walk(ctx, root)
	}
	switch {
	case r.problems != nil:
		return r.problems
	case len(r.doubts) > 0:
		return r.doubts
	}
	return nil
}

// reading is one pass over all paths.
type reading struct {
	names    *usage.Names
	found    func(image, what string)
	seen     map[string]bool // real paths of folders
	problems error
	doubts   usage.Doubts
}

func (r *reading) problem(err error) { r.problems = errors.Join(r.problems, err) }

func (r *reading) walk(ctx context.Context, root string) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		r.problem(err)
		return
	}
	r.problem(filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		case err != nil:
			r.problem(err)
		case entry.IsDir() && (entry.Name() == ".git" || r.seen[path]):
			return fs.SkipDir
		case entry.IsDir():
			r.seen[path] = true
		default:
			r.file(ctx, path, root+strings.TrimPrefix(path, real))
		}
		return nil
	}))
}

// file reads a file, which is called name in what is reported.
func (r *reading) file(ctx context.Context, path, name string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		r.problem(err)
		return
	case info.IsDir(): // behind a symbolic link
		r.walk(ctx, path)
		return
	case !info.Mode().IsRegular():
		return
	case info.Size() > mostBytes:
		r.problem(fmt.Errorf("%s: %d bytes are more than a text of images has; name narrower paths", name, info.Size()))
		return
	}
	body, err := os.ReadFile(path)
	if err != nil {
		r.problem(err)
		return
	}
	r.text(name, string(body))
	structured(path, body, func(image string) { r.consider(image, name) })
}

// consider reports an image that belongs to a known registry.
func (r *reading) consider(image, where string) {
	images, err := r.names.Parse(image)
	if err == nil && slices.ContainsFunc(images, func(image usage.Image) bool { return image.Known }) {
		r.found(image, where)
	}
}
