package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Place is where an archive is, as it is written: oci:DIR, tar:FILE or
// REGISTRY/REPOSITORY.
type Place struct {
	Scheme string // SchemeLayout, SchemeTar, or "" for a repository
	Path   string // of the directory or file; the repository with its registry
}

// Schemes of places on a disk.
const (
	SchemeLayout = "oci"
	SchemeTar    = "tar"
)

// ParsePlace reads a place. Paths become absolute, so that a place that was
// written down is found from every directory.
func ParsePlace(written string) (Place, error) {
	scheme, path, found := strings.Cut(written, ":")
	switch {
	case found && (scheme == SchemeLayout || scheme == SchemeTar):
		if path == "" {
			return Place{}, fmt.Errorf("archive %q names no path", written)
		}
		absolute, err := filepath.Abs(path)
		return Place{Scheme: scheme, Path: absolute}, err
	case strings.Contains(written, "/") && !strings.HasPrefix(written, "/") && !strings.HasPrefix(written, "."):
		return Place{Path: written}, nil
	}
	return Place{}, fmt.Errorf("archive %q: write oci:DIRECTORY, tar:FILE or REGISTRY/REPOSITORY", written)
}

// There says whether a place on a disk exists. One in a registry is taken to.
func There(place string) bool {
	p, err := ParsePlace(place)
	if err != nil || p.Scheme == "" {
		return err == nil
	}
	_, err = os.Stat(p.Path)
	return err == nil
}

func (p Place) String() string {
	if p.Scheme == "" {
		return p.Path
	}
	return p.Scheme + ":" + p.Path
}
