// Package call names what can be asked of a registry, so that the in-memory
// registry can say what was asked and the faulty wrapper where to fail.
//
// It is words only: no behaviour and no opinion on who asks what.
package call

// Op is a method of the reading or the changing port.
type Op string

// Reading.
const (
	Repositories Op = "repositories"
	Tags         Op = "tags"
	Head         Op = "head"
	Manifest     Op = "manifest"
	Blob         Op = "blob"
	Referrers    Op = "referrers"
	Manifests    Op = "manifests"
	Describe     Op = "describe"
)

// Changing. Probe belongs to that port and changes nothing.
const (
	Probe          Op = "probe"
	Untag          Op = "untag"
	DeleteManifest Op = "delete-manifest"
	PutManifest    Op = "put-manifest"
	PutBlob        Op = "put-blob"
)

// Writes lists every point at which a registry is changed.
var Writes = []Op{Untag, DeleteManifest, PutManifest, PutBlob}

// Call is one call of one method.
type Call struct {
	Op         Op
	Repository string
	Reference  string // tag or digest
	Nth        int    // from 1, counting calls of this method
}
