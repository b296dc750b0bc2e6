package nexustest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// blob is a row of the asset blob table together with the file in the blob
// store that it names. Several assets may refer to it, also from other
// repositories.
type blob struct {
	id          int
	format      string
	store       *store
	body        []byte
	digest      oci.Digest
	sha1        string
	contentType string
	created     time.Time
	by, ip      string
	refs        int       // asset rows that name it
	orphaned    time.Time // when refs fell to none
	softDeleted time.Time // zero: live
}

// reference is blobRef as REST shows it: store, id, minute of creation.
func (b *blob) reference() string {
	return b.store.Name + "@" + uuid("blob", b.format, b.id) + "@" + b.created.UTC().Format("2006-01-02T15:04")
}

// store is a blob store. Soft-deleted blobs count until compaction.
type store struct {
	BlobStore
	blobs map[*blob]struct{}
	count int
	bytes int64

	// What REST tells, which trails the truth by Options.MetricsLag.
	shownCount int
	shownBytes int64
	staleSince time.Time
}

func (st *store) changed(count int, bytes int64, at time.Time) {
	st.count += count
	st.bytes += bytes
	if st.staleSince.IsZero() {
		st.staleSince = at
	}
}

// metrics are the numbers on show at that time.
func (st *store) metrics(now time.Time, lag time.Duration) (count int, bytes int64) {
	if !st.staleSince.IsZero() && !now.Before(st.staleSince.Add(lag)) {
		st.shownCount, st.shownBytes, st.staleSince = st.count, st.bytes, time.Time{}
	}
	return st.shownCount, st.shownBytes
}

// author is who uploaded something, from where.
type author struct{ name, ip string }

// newBlob stores content. Nobody refers to it yet.
func (s *Server) newBlob(r *repo, body []byte, contentType string, by author, at time.Time) *blob {
	n := s.numbers[r.Format]
	n.blobs++
	sum := sha1.Sum(body)
	b := &blob{
		id: n.blobs, format: r.Format, store: r.store, body: body, digest: oci.FromBytes(body),
		sha1: hex.EncodeToString(sum[:]), contentType: contentType, created: at, by: by.name, ip: by.ip, orphaned: at,
	}
	r.store.blobs[b] = struct{}{}
	r.store.changed(1, int64(len(body)), s.now())
	return b
}

// letGo takes one reference away. OrientDB has no asset blob rows that a
// later task could look through: there the file is soft-deleted at once.
func (s *Server) letGo(b *blob, at time.Time) {
	b.refs--
	if b.refs > 0 {
		return
	}
	b.orphaned = at
	if s.rel.orient() {
		b.softDeleted = at
	}
}

// softDelete is what assetBlob.cleanup does: rows that nothing refers to and
// whose content is at least an hour old lose their file, softly.
func (s *Server) softDelete(format string, at time.Time) int {
	const delay = time.Hour
	gone := 0
	for _, st := range s.stores {
		for b := range st.blobs {
			if b.format == format && b.refs == 0 && b.softDeleted.IsZero() &&
				!b.orphaned.After(at) && !b.created.Add(delay).After(at) {
				b.softDeleted = at
				gone++
			}
		}
	}
	return gone
}

// compact is what blobstore.compact does: soft-deleted files are deleted, those
// deleted less than olderThan ago excepted.
func (s *Server) compact(st *store, olderThan time.Duration, at time.Time) {
	if st.Type != "File" && !s.rel.since(80) {
		return
	}
	for b := range st.blobs {
		if !b.softDeleted.IsZero() && !b.softDeleted.Add(olderThan).After(at) {
			delete(st.blobs, b)
			st.changed(-1, -int64(len(b.body)), at)
		}
	}
}

// uuid makes the ids that Nexus draws at random, the same in every run.
func uuid(parts ...any) string {
	d := oci.FromBytes([]byte(fmt.Sprintln(parts...))).Hex()
	return d[:8] + "-" + d[8:12] + "-4" + d[13:16] + "-a" + d[17:20] + "-" + d[20:32]
}
