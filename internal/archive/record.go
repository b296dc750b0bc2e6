package archive

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Annotations of descriptors and records. The reference name is what other
// tools ask for (image-spec annotations.md).
const (
	annotationName       = "org.opencontainers.image.ref.name"
	annotationRun        = "dev.regkeep.run"
	annotationStep       = "dev.regkeep.step"
	annotationRegistry   = "dev.regkeep.registry"
	annotationURL        = "dev.regkeep.url"
	annotationKind       = "dev.regkeep.kind"
	annotationRepository = "dev.regkeep.repository"
	annotationTags       = "dev.regkeep.tags"
	annotationAt         = "dev.regkeep.at"
	annotationDigest     = "dev.regkeep.digest"
	annotationMediaType  = "dev.regkeep.media-type"
	annotationSize       = "dev.regkeep.size"
)

// record is an Entry without bytes.
type record struct {
	Run        string     `json:"run"`
	Seq        int        `json:"seq"`
	Registry   string     `json:"registry"`
	URL        string     `json:"url,omitempty"`
	Kind       string     `json:"kind,omitempty"`
	Repository string     `json:"repository"`
	Digest     oci.Digest `json:"digest"`
	MediaType  string     `json:"media_type"`
	Size       int64      `json:"size"`
	Tags       []string   `json:"tags,omitempty"`
	At         time.Time  `json:"at"`
}

func recordOf(e Entry) record {
	return record{
		Run: e.Run, Seq: e.Seq, Registry: e.Registry, URL: e.URL, Kind: e.Kind, Repository: e.Repository,
		Digest: e.Manifest.Digest, MediaType: e.Manifest.MediaType, Size: int64(len(e.Manifest.Body)), Tags: e.Tags, At: e.At,
	}
}

func (r *record) entry(raw oci.RawManifest) Entry {
	return Entry{
		Run: r.Run, Seq: r.Seq, Registry: r.Registry, URL: r.URL, Kind: r.Kind, Repository: r.Repository,
		Manifest: raw, Tags: r.Tags, At: r.At,
	}
}

func (r *record) descriptor() oci.Descriptor {
	return oci.Descriptor{MediaType: r.MediaType, Digest: r.Digest, Size: r.Size, Annotations: map[string]string{
		annotationRun: r.Run, annotationStep: strconv.Itoa(r.Seq), annotationRegistry: r.Registry, annotationRepository: r.Repository,
	}}
}

// key is what tells records apart.
func (r *record) key() string { return r.Run + "/" + strconv.Itoa(r.Seq) }

// catalogue is what an archive on a disk holds.
type catalogue struct {
	records []record
	keys    map[string]bool
	types   map[oci.Digest]string // media types of what has a record
	foreign []oci.Descriptor      // what another tool put into the index
	indexed int                   // records that the index on disk lists
}

func newCatalogue() catalogue {
	return catalogue{keys: map[string]bool{}, types: map[oci.Digest]string{}}
}

func (c *catalogue) add(r record) {
	c.records = append(c.records, r)
	c.keys[r.key()] = true
	c.types[r.Digest] = r.MediaType
}

// of lists the records of a run, or of all with "", by run and step.
func (c *catalogue) of(run string) []record {
	records := slices.DeleteFunc(slices.Clone(c.records), func(r record) bool { return run != "" && r.Run != run })
	slices.SortStableFunc(records, func(a, b record) int {
		return cmp.Or(strings.Compare(a.Run, b.Run), cmp.Compare(a.Seq, b.Seq))
	})
	return records
}

type layoutIndex struct {
	SchemaVersion int              `json:"schemaVersion"`
	MediaType     string           `json:"mediaType"`
	Manifests     []oci.Descriptor `json:"manifests"`
}

// index has one descriptor for each tag, and one for each manifest without.
// Where two runs removed the same tag, the later one has its name.
func (c *catalogue) index() ([]byte, error) {
	name := func(r *record, tag string) string { return fmt.Sprintf("%s/%s:%s", r.Registry, r.Repository, tag) }
	latest := map[string]int{}
	for i := range c.records {
		for _, tag := range c.records[i].Tags {
			latest[name(&c.records[i], tag)] = i
		}
	}
	index := layoutIndex{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: append([]oci.Descriptor{}, c.foreign...)}
	for i := range c.records {
		r := &c.records[i]
		named := false
		for _, tag := range r.Tags {
			if latest[name(r, tag)] == i {
				d := r.descriptor()
				d.Annotations[annotationName] = name(r, tag)
				index.Manifests, named = append(index.Manifests, d), true
			}
		}
		if !named {
			index.Manifests = append(index.Manifests, r.descriptor())
		}
	}
	return json.Marshal(index)
}

// adopt takes over what another tool put into an index.
func (c *catalogue) adopt(body []byte) error {
	var index layoutIndex
	if err := json.Unmarshal(body, &index); err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	c.foreign = slices.DeleteFunc(index.Manifests, func(d oci.Descriptor) bool { return d.Annotations[annotationRun] != "" })
	return nil
}

// due says whether to write the index again: so often that it never lacks more
// than a part of the records, and so seldom that all writes together are a
// small multiple of the last one.
func (c *catalogue) due(part int) bool { return len(c.records)-c.indexed > c.indexed/part }

// typeOf tells the media type of a manifest that has no record of its own. One
// that does not say it is told from its fields (image-spec manifest.md and
// image-index.md make mediaType optional).
func typeOf(body []byte) (string, bool) {
	var doc struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return "", false
	}
	switch {
	case doc.MediaType != "":
		return doc.MediaType, oci.KindOf(doc.MediaType) != oci.KindUnknown
	case doc.Manifests != nil:
		return oci.MediaTypeIndex, true
	default:
		return oci.MediaTypeImage, doc.Layers != nil
	}
}
