package nexus

import (
	"encoding/json"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// The documents of the REST API, as far as they are read. Field sets differ by
// server version, so everything but names is optional; fields come twice in
// some, and are null in others.

type repositoryXO struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	Type   string `json:"type"`
}

// page is one page of a listing. Items is a pointer so that a document that is
// no page is not taken for an empty one.
type page[T any] struct {
	Items             *[]T    `json:"items"`
	ContinuationToken *string `json:"continuationToken"`
}

type componentXO struct {
	ID         string    `json:"id"`
	Repository string    `json:"repository"`
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	Assets     []assetXO `json:"assets"`
}

type assetXO struct {
	ID             string          `json:"id"`
	Repository     string          `json:"repository"`
	Path           string          `json:"path"`
	ContentType    string          `json:"contentType"`
	FileSize       int64           `json:"fileSize"`
	Checksum       checksums       `json:"checksum"`
	LastModified   stamp           `json:"lastModified"`
	LastDownloaded stamp           `json:"lastDownloaded"`
	BlobUpdated    stamp           `json:"blobUpdated"`
	BlobCreated    stamp           `json:"blobCreated"`
	BlobStoreName  string          `json:"blobStoreName"`
	Docker         json.RawMessage `json:"docker"`
}

type checksums struct {
	SHA256 string `json:"sha256"`
}

// digest is the digest of the asset, or "" where the server has none.
func (a *assetXO) digest() oci.Digest {
	digest, err := oci.ParseDigest("sha256:" + a.Checksum.SHA256)
	if err != nil {
		return ""
	}
	return digest
}

// pushed is when the content last came to this path: lastModified is the time
// of the blob and moves with every push of a tag.
func (a *assetXO) pushed() time.Time {
	for _, s := range []stamp{a.LastModified, a.BlobUpdated, a.BlobCreated} {
		if !s.Time.IsZero() {
			return s.Time
		}
	}
	return time.Time{}
}

// created is the build time that newer servers read from the image config. For
// an index they tell that of one platform, which is not the index's.
func (a *assetXO) created(digest oci.Digest) time.Time {
	if len(a.Docker) == 0 || oci.KindOf(a.ContentType) != oci.KindImage {
		return time.Time{}
	}
	var attributes struct {
		ContentDigest string `json:"content_digest"`
		Created       stamp  `json:"created"`
	}
	if json.Unmarshal(a.Docker, &attributes) != nil || attributes.ContentDigest != string(digest) {
		return time.Time{}
	}
	return attributes.Created.Time
}

// stamp is a time in any of the forms that servers write. told says that the
// document had the key, even if null: then zero means never, not unknown.
type stamp struct {
	time.Time
	told bool
}

// UnmarshalJSON never fails: what is no time is no evidence. Null does not
// overwrite, because some builds write a key twice, once as null.
func (s *stamp) UnmarshalJSON(data []byte) error {
	s.told = true
	var text string
	if json.Unmarshal(data, &text) == nil && text != "" {
		s.Time = oci.ParseTime(text)
	}
	return nil
}
