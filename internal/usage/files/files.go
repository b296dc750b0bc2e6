// Package files looks for images in texts: Kubernetes manifests, Helm values,
// Kustomize, Compose, Terraform, Nomad, or a plain list.
//
// It promises to find more rather than less: an image that is only mentioned
// counts as used. It does not evaluate templates; an image whose name or tag
// a template computes cannot be seen.
package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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

// Find reads every file. A path that does not exist or a file that cannot be
// read makes the evidence incomplete, after all others were read.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	var problems error
	for _, root := range f.Paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case context.Cause(ctx) != nil:
				return context.Cause(ctx)
			case err != nil:
				problems = errors.Join(problems, err)
			case entry.IsDir() && entry.Name() == ".git":
				return fs.SkipDir
			case !entry.IsDir():
				problems = errors.Join(problems, f.readFile(path, found))
			}
			return nil
		})
		problems = errors.Join(problems, err)
	}
	return problems
}

func (f Finder) readFile(path string, found func(image, what string)) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if info.Size() > mostBytes {
		return fmt.Errorf("%s: %d bytes are more than a text of images has; name narrower paths", path, info.Size())
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(body)
	for _, word := range words.FindAllStringIndex(text, -1) {
		f.consider(text[word[0]:word[1]], func() string { return place(path, text, word[0]) }, found)
	}
	structured(path, body, func(image string) {
		f.consider(image, func() string { return path }, found)
	})
	return nil
}

// words are runs of the characters that references are made of.
var words = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]`)

// consider reports a word that names an image of a known registry with a tag
// or digest, or with neither (then the tag is latest).
func (f Finder) consider(word string, where func() string, found func(image, what string)) {
	if !strings.ContainsAny(word, "/:") {
		return
	}
	images, err := f.Names.Parse(word)
	if err == nil && slices.ContainsFunc(images, func(image usage.Image) bool { return image.Known }) {
		found(word, where())
	}
}

func place(path, text string, at int) string {
	return fmt.Sprintf("%s line %d", path, 1+strings.Count(text[:at], "\n"))
}
