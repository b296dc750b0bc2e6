package archive

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
)

const (
	tarBlock    = 512
	tarRecords  = "regkeep/" // the folder of the records
	mostRecord  = 16 << 20   // bytes of a record or an index that are read
	blobsFolder = "blobs/"
)

func blobName(digest oci.Digest) string { return path.Join("blobs", digest.Algorithm(), digest.Hex()) }

func recordName(r *record) string { return fmt.Sprintf("%s%s/%d.json", tarRecords, r.Run, r.Seq) }

// appendFile appends a file of known size: whole, or it is cut off again. It
// says where the content begins.
func (t *Tar) appendFile(name string, size int64, fill func(io.Writer) error) (at int64, err error) {
	if t.broken != nil {
		return 0, t.broken
	}
	out := io.NewOffsetWriter(t.file, t.end)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600}
	w := tar.NewWriter(out)
	if err = w.WriteHeader(header); err == nil {
		at, err = out.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		err = fill(w)
	}
	if err == nil {
		err = w.Flush() // padding, and a complaint about missing bytes
	}
	if err != nil {
		if cut := t.file.Truncate(t.end); cut != nil {
			t.broken = fmt.Errorf("what was half written could not be taken back: %w", errors.Join(err, cut))
		}
		return 0, err
	}
	written, err := out.Seek(0, io.SeekCurrent)
	t.end += written
	return t.end - written + at, err
}

// finish writes the two empty blocks that end a tar file. What is kept later
// goes over them.
func (t *Tar) finish() error {
	if _, err := t.file.WriteAt(make([]byte, 2*tarBlock), t.end); err != nil {
		return errors.Join(err, t.file.Truncate(t.end))
	}
	return t.file.Sync()
}

// scan reads the file from its beginning and finds out what is whole. Content
// that no record vouches for yet is checked: after a crash it may be anything.
func (t *Tar) scan() error {
	size, err := t.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var unvouched []tarBlob
	reader := tar.NewReader(t.file)
	for first := true; ; first = false {
		header, err := reader.Next()
		if err != nil {
			if first && size > 0 && !t.unborn(size) {
				return errors.New("the file is no tar file. Name another one")
			}
			break // the end, or where a crash has left it
		}
		at, err := t.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if first && header.Name != layoutFile {
			return fmt.Errorf("the file begins with %q and is no OCI image layout of ours. Name another one", header.Name)
		}
		end := at + (header.Size+tarBlock-1)/tarBlock*tarBlock
		if end > size {
			break
		}
		where := span{at, header.Size}
		switch {
		case strings.HasPrefix(header.Name, blobsFolder):
			algorithm, hex, _ := strings.Cut(strings.TrimPrefix(header.Name, blobsFolder), "/")
			digest, err := oci.ParseDigest(algorithm + ":" + hex)
			if err != nil {
				return fmt.Errorf("%s: %w", header.Name, err)
			}
			unvouched = append(unvouched, tarBlob{digest, where, t.end})
		case strings.HasPrefix(header.Name, tarRecords):
			body, err := t.small(where)
			var r record
			if err != nil || json.Unmarshal(body, &r) != nil {
				return t.settle(unvouched)
			}
			t.add(r)
			t.vouch(&unvouched)
		case header.Name == layoutFile:
			if body, err := t.small(where); err != nil || !json.Valid(body) {
				return t.settle(unvouched)
			}
		case header.Name == indexFile:
			body, err := t.small(where)
			if err != nil || t.adopt(body) != nil {
				return t.settle(unvouched)
			}
			t.indexed = len(t.records)
			t.vouch(&unvouched)
		}
		t.names[header.Name] = true
		t.end = end
	}
	return t.settle(unvouched)
}

// unborn says whether a file is what a crash in its first moments leaves:
// nothing but zeros in less than the space of its first file.
func (t *Tar) unborn(size int64) bool {
	if size > 3*tarBlock {
		return false
	}
	body, err := t.read(span{0, size})
	return err == nil && strings.Trim(string(body), "\x00") == ""
}

type tarBlob struct {
	digest oci.Digest
	span
	begin int64 // of its header
}

func (t *Tar) small(where span) ([]byte, error) {
	if where.size > mostRecord {
		return nil, fmt.Errorf("%d bytes are too many", where.size)
	}
	return t.read(where)
}

// vouch takes over content that a later record stands for: it was synced
// before that was written.
func (t *Tar) vouch(blobs *[]tarBlob) {
	for _, b := range *blobs {
		t.blobs[b.digest] = b.span
	}
	*blobs = (*blobs)[:0]
}

// settle checks the content at the end that nothing stands for, and ends the
// file before the first that is not what its name says.
func (t *Tar) settle(blobs []tarBlob) error {
	for _, b := range blobs {
		if _, err := copyVerified(io.Discard, b.digest, io.NewSectionReader(t.file, b.at, b.size)); err != nil {
			t.end = b.begin
			return nil
		}
		t.blobs[b.digest] = b.span
	}
	return nil
}
