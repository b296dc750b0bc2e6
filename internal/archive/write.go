package archive

import (
	"io"
	"os"
	"path/filepath"

	"github.com/regkeep/regkeep/internal/oci"
)

// copyVerified copies content that must have a digest.
func copyVerified(w io.Writer, digest oci.Digest, content io.Reader) (int64, error) {
	check, err := digest.Verifier()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.MultiWriter(w, check), content)
	if err != nil {
		return n, err
	}
	return n, check.Verify()
}

// incoming begins the names of files that are not whole yet.
const incoming = ".incoming-"

func writeFile(path string, body []byte) error {
	return writeWhole(path, func(w io.Writer) error { _, err := w.Write(body); return err })
}

// writeWhole replaces a file by way of another one, so that nobody ever finds
// half of it.
func writeWhole(path string, fill func(io.Writer) error) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), incoming+"*")
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
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a directory; the file itself is synced.
	_ = dir.Sync()
	return dir.Close()
}
