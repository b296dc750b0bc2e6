package plan

import (
	"encoding/binary"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// ledger counts the bytes that become free in one registry.
type ledger struct {
	blobs   blobSet
	inexact bool
	// Attestations of images that stay are not read. Blobs of those that go can
	// only be shared with them.
	unreadAttestations bool

	any            bool // something goes
	unread         bool // and of some of it the blobs are not known
	attestationsGo bool
}

func blobID(digest oci.Digest) uint64 {
	var id [8]byte
	text := digest.Hex()
	if _, err := hex.Decode(id[:], []byte(text[:min(16, len(text))])); err != nil {
		return 0
	}
	return binary.BigEndian.Uint64(id[:])
}

// stored says whether the registry holds the blob: foreign layers lie with
// their vendor.
func stored(b *inventory.Blob) bool {
	return !strings.Contains(b.MediaType, "foreign") && !strings.Contains(b.MediaType, "nondistributable")
}

func eachBlob(m *inventory.Manifest, visit func(blob)) {
	if m.Config != nil {
		visit(blob{blobID(m.Config.Digest), max(0, m.Config.Size)})
	}
	for i := range m.Layers {
		if layer := &m.Layers[i]; stored(layer) {
			visit(blob{blobID(layer.Digest), max(0, layer.Size)})
		}
	}
}

// stay notes every blob that the manifests of a repository reach that are not
// doomed.
func (l *ledger) stay(repo *inventory.Repository, manifests iter.Seq[*inventory.Manifest]) {
	if !repo.ManifestsListed || len(repo.Gaps) > 0 {
		l.inexact = true // untagged manifests that nobody sees hold blobs too
	}
	attestations := map[oci.Digest]bool{}
	for m := range manifests {
		for _, child := range m.Children {
			if child.Attestation() {
				attestations[child.Digest] = true
			} else if repo.Manifests[child.Digest] == nil {
				l.inexact = true
			}
		}
	}
	for digest := range attestations {
		l.unreadAttestations = l.unreadAttestations || repo.Manifests[digest] == nil
	}
	for m := range manifests {
		switch {
		case m.Missing:
			continue
		case !m.Read && m.Problem == "" && attestations[m.Digest]:
			l.unreadAttestations = true
		case !m.Read || m.Problem != "":
			l.inexact = true
		}
		eachBlob(m, func(b blob) { l.blobs.add(blob{b.id, stays}) })
	}
}

// goes notes the blobs of doomed manifests, which stay nevertheless where no
// step deletes them. Where a registry tells sizes and no manifests, the image
// is taken for one blob.
func (l *ledger) goes(doomed iter.Seq[*inventory.Manifest], steps bool) {
	for m := range doomed {
		note := func(b blob) {
			if steps {
				l.any = true
			} else {
				b.size = stays
			}
			l.blobs.add(b)
		}
		eachBlob(m, note)
		if !m.Read && m.Bytes > 0 {
			note(blob{blobID(m.Digest), m.Bytes})
		}
		if !steps {
			continue
		}
		l.unread = l.unread || !m.Read
		l.attestationsGo = l.attestationsGo || slices.ContainsFunc(m.Children, func(d oci.Descriptor) bool { return d.Attestation() })
	}
}

// freed adds up what goes and nothing keeps, each blob once.
func (l *ledger) freed() (bytes int64, exact bool) {
	exact = !l.inexact && !l.unread && !(l.attestationsGo && l.unreadAttestations)
	return l.blobs.freed(), exact || !l.any
}
