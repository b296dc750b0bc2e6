package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// Adder puts content into a registry; a mutate.Mutator is one. An archive
// never takes anything away.
type Adder interface {
	PutManifest(ctx context.Context, repository, reference string, manifest oci.RawManifest) error
	PutBlob(ctx context.Context, repository string, digest oci.Digest, size int64, content io.Reader) error
}

// Mounter is an Adder that can have a blob that is in another repository of the
// same registry. ErrUnsupported and ErrNotFound: send it.
type Mounter interface {
	MountBlob(ctx context.Context, repository, from string, digest oci.Digest) error
}

// Repository is an archive in a repository of a registry. Each entry has two
// tags there: RUN.STEP_NAME on the image, by which other tools pull it, and
// RUN.STEP.entry on a record, a small artifact whose annotations say where the
// image was. The record comes last: what has one is whole.
type Repository struct {
	registry registry.Info
	name     string
	reader   registry.Reader
	adder    Adder // nil: only read
	suffix   string

	mu   sync.Mutex
	here map[oci.Digest]bool // seen there
}

// NewRepository keeps entries in a repository, which need not be there yet. An
// archive that is only read needs no adder.
func NewRepository(info registry.Info, repository string, reader registry.Reader, adder Adder) *Repository {
	return &Repository{registry: info, name: repository, reader: reader, adder: adder, here: map[oci.Digest]bool{}}
}

// For makes the archive one that holds images for a time only, which its tags
// say by themselves; "" is for ever.
func (r *Repository) For(long string) *Repository {
	if r.suffix = ""; long != "" {
		r.suffix = ".for-" + long
	}
	return r
}

// recordType is the artifact type of records.
const recordType = "application/vnd.regkeep.entry.v1"

// tagForm is what tags in an archive look like: the run, which begins with its
// time, the step, and for a time of quarantine how long.
var tagForm = regexp.MustCompile(`^(\d{8}T\d{6}Z-[0-9a-f]{8})\.(\d+)(?:\.for-([0-9a-z]+))?(?:_[\w.-]*|(\.entry))$`)

// Tag is what a tag of an archive says by itself.
type Tag struct {
	Run   string
	Seq   int
	At    time.Time // when the run began
	For   string    // a duration as policies write it; "" for an archive
	Entry bool      // of a record, not of an image
}

// ParseTag reads a tag of an archive. Repositories that have one are archives
// or holding repositories.
func ParseTag(name string) (Tag, bool) {
	parts := tagForm.FindStringSubmatch(name)
	if parts == nil {
		return Tag{}, false
	}
	at, err := time.Parse("20060102T150405Z", parts[1][:16])
	seq, tooLong := strconv.Atoi(parts[2])
	return Tag{Run: parts[1], Seq: seq, At: at, For: parts[3], Entry: parts[4] != ""}, err == nil && tooLong == nil
}

// tags are the two tags of an entry, of the image and of the record. A tag has
// at most 128 characters (distribution-spec, "Pulling manifests").
func (r *Repository) tags(e Entry) (image, record string) {
	begin := fmt.Sprintf("%s.%d%s", e.Run, e.Seq, r.suffix)
	image = begin + "_" + strings.ReplaceAll(e.Repository, "/", "-")
	if len(e.Tags) > 0 {
		image += "_" + e.Tags[0]
	}
	return image[:min(128, len(image))], begin + ".entry"
}

// emptyConfig is the config and the layer of records (image-spec manifest.md,
// "Guidance for an Empty Descriptor").
var emptyConfig = []byte("{}")

// recordManifest is the record of an entry.
func recordManifest(e Entry) (oci.RawManifest, error) {
	annotations := map[string]string{
		annotationRun: e.Run, annotationStep: strconv.Itoa(e.Seq), annotationRegistry: e.Registry, annotationURL: e.URL,
		annotationKind: e.Kind, annotationRepository: e.Repository, annotationTags: strings.Join(e.Tags, " "),
		annotationDigest: string(e.Manifest.Digest), annotationMediaType: e.Manifest.MediaType, annotationSize: strconv.Itoa(len(e.Manifest.Body)),
		annotationAt: e.At.UTC().Format(time.RFC3339),
	}
	maps.DeleteFunc(annotations, func(_, value string) bool { return value == "" })
	empty := oci.Descriptor{MediaType: oci.MediaTypeEmptyJSON, Digest: oci.FromBytes(emptyConfig), Size: int64(len(emptyConfig))}
	body, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeImage, "artifactType": recordType, "annotations": annotations,
		"config": empty, "layers": []oci.Descriptor{empty},
	})
	return oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: oci.FromBytes(body), Body: body}, err
}

// readRecord reads a record; ok is false where the manifest is something else.
func readRecord(raw oci.RawManifest) (r record, ok bool) {
	m, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err != nil || m.ArtifactType != recordType {
		return record{}, false
	}
	a := m.Annotations
	seq, err := strconv.Atoi(a[annotationStep])
	if err != nil {
		return record{}, false
	}
	size, err := strconv.ParseInt(a[annotationSize], 10, 64)
	if err != nil {
		return record{}, false
	}
	digest, err := oci.ParseDigest(a[annotationDigest])
	var tags []string
	if a[annotationTags] != "" {
		tags = strings.Fields(a[annotationTags])
	}
	return record{
		Run: a[annotationRun], Seq: seq, Registry: a[annotationRegistry], URL: a[annotationURL], Kind: a[annotationKind],
		Repository: a[annotationRepository], Tags: tags, At: oci.ParseTime(a[annotationAt]),
		Digest: digest, MediaType: a[annotationMediaType], Size: size,
	}, err == nil
}

// Keep copies a manifest with everything below it, and looks whether it is
// there. An image that is not whole cannot be stored in a registry, so it
// cannot be kept.
func (r *Repository) Keep(ctx context.Context, entry Entry, source Source) error {
	if err := r.keep(ctx, entry, source); err != nil {
		return fmt.Errorf("archive %s/%s: %s/%s@%s: %w", r.registry.Name, r.name, entry.Registry, entry.Repository, entry.Manifest.Digest, err)
	}
	return nil
}

func (r *Repository) keep(ctx context.Context, entry Entry, source Source) error {
	if err := entry.Manifest.Digest.Verify(entry.Manifest.Body); err != nil {
		return err
	}
	imageTag, tag := r.tags(entry)
	switch _, err := r.reader.Head(ctx, r.name, tag); {
	case err == nil:
		return nil
	case !errors.Is(err, registry.ErrNotFound):
		return err
	}
	c := &copier{sink: repositorySink{r, entry}, source: source, repository: entry.Repository, strict: true}
	if err := c.manifest(ctx, entry.Manifest); err != nil {
		return err
	}
	if err := r.place(ctx, imageTag, entry.Manifest); err != nil {
		return err
	}
	record, err := recordManifest(entry)
	if err != nil {
		return err
	}
	if err := r.adder.PutBlob(ctx, r.name, oci.FromBytes(emptyConfig), int64(len(emptyConfig)), bytes.NewReader(emptyConfig)); err != nil {
		return err
	}
	return r.place(ctx, tag, record)
}

// place puts a manifest under a tag, and looks whether it is there.
func (r *Repository) place(ctx context.Context, tag string, manifest oci.RawManifest) error {
	if err := r.adder.PutManifest(ctx, r.name, tag, manifest); err != nil {
		return err
	}
	found, err := r.reader.Head(ctx, r.name, tag)
	if err != nil {
		return fmt.Errorf("it was taken and then not found: %w", err)
	}
	if found.Digest != manifest.Digest {
		return &registry.Error{Kind: registry.ErrMalformed, Op: "look at the archive", Repository: r.name, Reference: tag,
			Message: fmt.Sprintf("it has the digest %s there, expected %s", found.Digest, manifest.Digest)}
	}
	return nil
}

// repositorySink is the repository while one entry is copied into it.
type repositorySink struct {
	*Repository
	entry Entry
}

// has implements sink.
func (r repositorySink) has(ctx context.Context, d oci.Descriptor) (bool, error) {
	r.mu.Lock()
	seen := r.here[d.Digest]
	r.mu.Unlock()
	if seen {
		return true, nil
	}
	var err error
	if oci.KindOf(d.MediaType) != oci.KindUnknown {
		_, err = r.reader.Head(ctx, r.name, string(d.Digest))
	} else {
		var there bool
		if there, err = registry.HasBlob(ctx, r.reader, r.name, d.Digest); err == nil && !there {
			return false, nil
		}
	}
	if errors.Is(err, registry.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		r.remember(d.Digest)
	}
	return err == nil, err
}

func (r *Repository) remember(digest oci.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.here[digest] = true
}

// mount implements the sink's own way of having a blob: within one registry it
// need not be sent.
func (r repositorySink) mount(ctx context.Context, d oci.Descriptor) (bool, error) {
	mounter, can := r.adder.(Mounter)
	if !can || r.entry.URL == "" || r.entry.URL != r.registry.URL {
		return false, nil
	}
	err := mounter.MountBlob(ctx, r.name, r.entry.Repository, d.Digest)
	if errors.Is(err, registry.ErrUnsupported) || errors.Is(err, registry.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		r.remember(d.Digest)
	}
	return err == nil, err
}

// put implements sink.
func (r repositorySink) put(ctx context.Context, d oci.Descriptor, content io.Reader) error {
	var err error
	if oci.KindOf(d.MediaType) != oci.KindUnknown {
		var body []byte
		if body, err = io.ReadAll(content); err == nil {
			err = r.adder.PutManifest(ctx, r.name, string(d.Digest), oci.RawManifest{MediaType: d.MediaType, Digest: d.Digest, Body: body})
		}
	} else {
		err = r.adder.PutBlob(ctx, r.name, d.Digest, d.Size, content)
	}
	if err == nil {
		r.remember(d.Digest)
	}
	return err
}

// Within implements Neighbours.
func (r *Repository) Within(url string) []string {
	if url == "" || url != r.registry.URL {
		return nil
	}
	return []string{r.name}
}

// Manifest gives back a manifest that was kept.
func (r *Repository) Manifest(ctx context.Context, digest oci.Digest) (oci.RawManifest, error) {
	raw, err := r.reader.Manifest(ctx, r.name, string(digest))
	if errors.Is(err, registry.ErrNotFound) {
		return raw, ErrNotKept
	}
	return raw, err
}

// Blob opens a blob.
func (r *Repository) Blob(ctx context.Context, digest oci.Digest) (io.ReadCloser, int64, error) {
	blob, err := r.reader.Blob(ctx, r.name, digest)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, 0, ErrNotKept
	}
	if err != nil {
		return nil, 0, err
	}
	return blob, blob.Size(), nil
}

// Entries lists what was kept.
func (r *Repository) Entries(ctx context.Context, run string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		records, err := r.records(ctx, run)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		c := newCatalogue()
		for _, record := range records {
			c.add(record)
		}
		for entry, err := range entriesOf(ctx, c.of(run), r) {
			if !yield(entry, err) {
				return
			}
		}
	}
}

func (r *Repository) records(ctx context.Context, run string) ([]record, error) {
	var tags []string
	for tag, err := range r.reader.Tags(ctx, r.name) {
		if errors.Is(err, registry.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if told, ok := ParseTag(tag.Name); ok && told.Entry && (run == "" || told.Run == run) {
			tags = append(tags, tag.Name)
		}
	}
	slices.Sort(tags)
	var records []record
	for _, tag := range tags {
		raw, err := r.reader.Manifest(ctx, r.name, tag)
		if err != nil {
			return nil, err
		}
		if record, ok := readRecord(raw); ok {
			records = append(records, record)
		}
	}
	return records, nil
}

// Close has nothing to do: every entry is complete for other tools.
func (r *Repository) Close() error { return nil }
