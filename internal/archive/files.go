package archive

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/regkeep/regkeep/internal/oci"
)

// Annotations of the descriptors in the index. The reference name is what
// other tools ask for (image-spec annotations.md).
const (
	annotationName       = "org.opencontainers.image.ref.name"
	annotationRun        = "dev.regkeep.run"
	annotationStep       = "dev.regkeep.step"
	annotationRegistry   = "dev.regkeep.registry"
	annotationRepository = "dev.regkeep.repository"
)

type layoutIndex struct {
	SchemaVersion int              `json:"schemaVersion"`
	MediaType     string           `json:"mediaType"`
	Manifests     []oci.Descriptor `json:"manifests"`
}

// index has one descriptor for each tag, and one for each manifest without.
func (l *Layout) index() layoutIndex {
	index := layoutIndex{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: []oci.Descriptor{}}
	for _, r := range l.entries {
		describe := func(tag string) {
			d := oci.Descriptor{MediaType: r.MediaType, Digest: r.Digest, Size: r.Size, Annotations: map[string]string{
				annotationRun: r.Run, annotationStep: strconv.Itoa(r.Seq), annotationRegistry: r.Registry, annotationRepository: r.Repository,
			}}
			if tag != "" {
				d.Annotations[annotationName] = fmt.Sprintf("%s/%s:%s", r.Registry, r.Repository, tag)
			}
			index.Manifests = append(index.Manifests, d)
		}
		for _, tag := range r.Tags {
			describe(tag)
		}
		if len(r.Tags) == 0 {
			describe("")
		}
	}
	return index
}

// write stores content under its digest: whole and synced, or not at all.
func (l *Layout) write(digest oci.Digest, content io.Reader) error {
	place := l.blobPath(digest)
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	check, err := digest.Verifier()
	if err != nil {
		return err
	}
	return writeWhole(place, func(w io.Writer) error {
		if _, err := io.Copy(io.MultiWriter(w, check), content); err != nil {
			return err
		}
		return check.Verify()
	})
}

func writeFile(path string, body []byte) error {
	return writeWhole(path, func(w io.Writer) error { _, err := w.Write(body); return err })
}

// writeWhole replaces a file by way of another one, so that nobody ever finds
// half of it.
func writeWhole(path string, fill func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".incoming-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if err := fill(temporary); err != nil {
		temporary.Close()
		return err
	}
	if err := temporary.Sync(); err != nil {
		temporary.Close()
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	// Some file systems cannot sync a directory; the file itself is synced.
	_ = dir.Sync()
	return dir.Close()
}
