package plan

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// ledger counts the bytes that become free in one registry. It remembers
// blobs that stay by eight bytes of their digest, since a registry has
// millions of them; what two that share these would be wrong by is one blob.
type ledger struct {
	staying map[uint64]struct{}
	inexact bool
	// Attestations of images that stay are not read. Blobs of those that go can
	// only be shared with them.
	unreadAttestations bool
}

type blob struct {
	id   uint64
	size int64
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
func stored(d *oci.Descriptor) bool {
	return !strings.Contains(d.MediaType, "foreign") && !strings.Contains(d.MediaType, "nondistributable")
}

func eachBlob(m *inventory.Manifest, visit func(blob)) {
	if m.Config != nil {
		visit(blob{blobID(m.Config.Digest), m.Config.Size})
	}
	for i := range m.Layers {
		if layer := &m.Layers[i]; stored(layer) {
			visit(blob{blobID(layer.Digest), layer.Size})
		}
	}
}

// stay notes every blob of a repository that a manifest outside doomed
// reaches.
func (l *ledger) stay(repo *inventory.Repository, doomed map[oci.Digest]bool) {
	if !repo.ManifestsListed || len(repo.Gaps) > 0 {
		l.inexact = true // untagged manifests that nobody sees hold blobs too
	}
	attestations := map[oci.Digest]bool{}
	for digest, m := range repo.Manifests {
		if doomed[digest] {
			continue
		}
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
	for digest, m := range repo.Manifests {
		switch {
		case doomed[digest] || m.Missing:
			continue
		case !m.Read && m.Problem == "" && attestations[digest]:
			l.unreadAttestations = true
		case !m.Read || m.Problem != "":
			l.inexact = true
		}
		eachBlob(m, func(b blob) { l.staying[b.id] = struct{}{} })
	}
}

// goes lists the blobs of doomed manifests. Where a registry tells sizes and
// no manifests, the image is taken for one blob.
func goes(repo *inventory.Repository, doomed map[oci.Digest]bool) (blobs []blob, exact, attestations bool) {
	exact = true
	for digest := range doomed {
		m := repo.Manifests[digest]
		if !m.Read {
			exact = false
			if m.Bytes > 0 {
				blobs = append(blobs, blob{blobID(digest), m.Bytes})
			}
		}
		eachBlob(m, func(b blob) { blobs = append(blobs, b) })
		for _, child := range m.Children {
			attestations = attestations || child.Attestation()
		}
	}
	return blobs, exact, attestations
}

// freed adds up what the parts let go of that nothing keeps, each blob once.
func (l *ledger) freed(parts []*part) (bytes int64, exact bool) {
	exact = !l.inexact
	for _, p := range parts {
		if p.dropped() {
			for _, b := range p.blobs {
				l.staying[b.id] = struct{}{}
			}
		}
	}
	any := false
	counted := map[uint64]struct{}{}
	for _, p := range parts {
		if p.dropped() || len(p.blobs) == 0 {
			continue
		}
		any = true
		exact = exact && p.exact && !(p.attestations && l.unreadAttestations)
		for _, b := range p.blobs {
			_, stays := l.staying[b.id]
			_, again := counted[b.id]
			if !stays && !again {
				counted[b.id] = struct{}{}
				bytes += b.size
			}
		}
	}
	return bytes, exact || !any
}
