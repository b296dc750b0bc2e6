package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"unique"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// ask is one request of a reading.
type ask struct {
	op     op
	tag    int // index of the tag, for askTag, askHead and askUnlisted
	digest oci.Digest
	look   bool // whether the manifest is there, before a cache gives it
}

type op uint8

const (
	askTag       op = iota // the manifest behind a tag
	askHead                // the digest behind a tag, where its manifest is at hand or fetching counts as a pull
	askManifest            // a manifest by digest
	askConfig              // an image config
	askReferrers           // who names this manifest as subject
	askUnlisted            // whether a tag that is used and not listed is there
)

// answer is what came of an ask.
type answer struct {
	ask
	manifest  oci.RawManifest
	head      oci.Digest
	config    oci.Config
	referrers []oci.Descriptor
	err       error
}

// answer sends the request and takes a config apart; a manifest it leaves to the
// reading, which knows whether another tag has brought the same. It runs on a
// worker and touches nothing but its arguments.
func (s *Scanner) answer(ctx context.Context, repository, tag string, q ask) answer {
	a := answer{ask: q}
	switch q.op {
	case askTag, askManifest:
		reference := tag
		if q.op == askManifest {
			reference = string(q.digest)
		}
		if q.look {
			if _, a.err = s.reader.Head(ctx, repository, reference); a.err != nil {
				break
			}
		}
		a.manifest, a.err = s.reader.Manifest(ctx, repository, reference)
	case askHead, askUnlisted:
		var found oci.Descriptor
		found, a.err = s.reader.Head(ctx, repository, tag)
		a.head = found.Digest
	case askConfig:
		a.config, a.err = s.config(ctx, repository, q.digest)
	case askReferrers:
		lister, ok := registry.As[registry.ReferrerLister](s.reader)
		if !ok {
			a.err = registry.ErrUnsupported
			break
		}
		for descriptor, err := range lister.Referrers(ctx, repository, q.digest) {
			if err != nil {
				a.err = err
				break
			}
			a.referrers = append(a.referrers, descriptor)
		}
	}
	return a
}

// ready answers what lies at hand. There is nobody to wait for, so no worker is
// troubled with it.
func (s *Scanner) ready(q ask) (answer, bool) {
	isManifest := q.op == askManifest && !q.look
	if s.opts.AtHand == nil || !isManifest && q.op != askConfig {
		return answer{}, false
	}
	raw, found := s.opts.AtHand(q.digest)
	if !found || isManifest != (raw.MediaType != "") {
		return answer{}, false
	}
	if isManifest {
		return answer{ask: q, manifest: raw}, true
	}
	config, err := oci.DecodeConfig(raw.Body)
	return answer{ask: q, config: config, err: malformed(err)}, true
}

// mostConfig bounds an image config; the largest seen in the wild are below
// one MiB.
const mostConfig = 8 << 20

func (s *Scanner) config(ctx context.Context, repository string, digest oci.Digest) (oci.Config, error) {
	blob, err := s.reader.Blob(ctx, repository, digest)
	if err != nil {
		return oci.Config{}, err
	}
	body, err := io.ReadAll(io.LimitReader(blob, mostConfig+1))
	if err = errors.Join(err, blob.Close()); err != nil {
		return oci.Config{}, fmt.Errorf("read config %s of %s: %w", digest, repository, err)
	}
	if len(body) > mostConfig {
		return oci.Config{}, fmt.Errorf("config %s of %s is larger than %d bytes: %w", digest, repository, mostConfig, registry.ErrMalformed)
	}
	if err := digest.Verify(body); err != nil {
		return oci.Config{}, fmt.Errorf("config of %s: %w: %w", repository, registry.ErrMalformed, err)
	}
	config, err := oci.DecodeConfig(body)
	if err != nil {
		return oci.Config{}, fmt.Errorf("config %s of %s: %w", digest, repository, malformed(err))
	}
	return config, nil
}

func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", registry.ErrMalformed, err)
}

// decode takes a manifest apart. What is not understood has a Problem and
// mentions every digest that its body names.
func decode(raw oci.RawManifest) *Manifest {
	m := &Manifest{Digest: raw.Digest, MediaType: unique.Make(raw.MediaType).Value()}
	doc, err := oci.DecodeManifest(raw.MediaType, raw.Body)
	if err == nil && doc.Kind == oci.KindUnknown {
		err = fmt.Errorf("media type %q is not known", raw.MediaType)
	}
	if err != nil {
		m.Problem = err.Error()
		if doc.Subject != nil && doc.Kind == oci.KindUnknown {
			if subject, err := oci.ParseDigest(string(doc.Subject.Digest)); err == nil {
				m.Subject = subject
			}
		}
		m.Mentions = mentions(raw.Body, m.Digest, m.Subject)
		return m
	}
	m.MediaType, m.Kind, m.Read = unique.Make(doc.MediaType).Value(), doc.Kind, true
	m.ArtifactType = unique.Make(doc.ArtifactType).Value()
	m.Children, m.Annotations = doc.Children, doc.Annotations
	blobs := make([]Blob, 0, len(doc.Layers)+1)
	if doc.Config != nil {
		blobs = append(blobs, blob(doc.Config))
		m.Config = &blobs[0]
	}
	for i := range doc.Layers {
		blobs = append(blobs, blob(&doc.Layers[i]))
	}
	m.Layers = blobs[len(blobs)-len(doc.Layers):]
	if doc.Subject != nil {
		m.Subject = doc.Subject.Digest
	}
	if m.Kind == oci.KindSchema1 {
		m.Problem = "Docker schema 1 is recognised and kept, never taken apart"
	}
	return m
}

func blob(d *oci.Descriptor) Blob {
	return Blob{MediaType: unique.Make(d.MediaType).Value(), Digest: d.Digest, Size: d.Size}
}

// mentions finds the digests in a body, sorted, without those in except.
func mentions(body []byte, except ...oci.Digest) []oci.Digest {
	var found []oci.Digest
	for i := range body {
		if body[i] != ':' {
			continue
		}
		for algorithm, length := range map[string]int{"sha256": 64, "sha512": 128} {
			from, to := i-len(algorithm), i+1+length
			if from < 0 || to > len(body) {
				continue
			}
			digest, err := oci.ParseDigest(string(body[from:to]))
			if err == nil && !slices.Contains(except, digest) {
				found = append(found, digest)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
