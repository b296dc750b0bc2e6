package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// settle fills in what follows from all that was read: facts and sizes, those
// of an index from its platform images.
func (r *reading) settle() {
	for i := range r.repo.Tags {
		if tag := &r.repo.Tags[i]; tag.Digest != "" || tag.Problem != "" {
			continue
		}
		if r.lent {
			r.repo.Tags, r.lent = slices.Clone(r.repo.Tags), false
		}
		r.repo.Tags[i].Problem = "not read, because the registry failed before"
	}
	slices.SortStableFunc(r.repo.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	settled := map[oci.Digest]bool{} // indexes only; to settle an image again is cheap
	for digest, as := range r.marks {
		if as&(mine|wanted|entered) != 0 {
			r.settleManifest(digest, settled)
		}
	}
}

func (r *reading) settleManifest(digest oci.Digest, settled map[oci.Digest]bool) {
	m := r.repo.Manifests[digest]
	if settled[digest] || m == nil || !m.Read {
		return
	}
	if m.Kind == oci.KindIndex {
		settled[digest] = true
	}
	if !r.marked(digest, mine) && (!m.facts || m.Bytes == 0) {
		clone := *m
		m = &clone
		r.repo.Manifests[digest] = m
		r.marks[digest] |= mine
	}
	if !r.marked(digest, mine) {
		return
	}
	for _, child := range m.Children {
		r.settleManifest(child.Digest, settled)
	}
	switch m.Kind {
	case oci.KindImage:
		m.Bytes = m.imageBytes()
		if r.marked(digest, wanted) {
			r.settleImage(m)
		}
	case oci.KindIndex:
		platforms, whole := r.repo.platformImages(m)
		if whole {
			m.Bytes = bytesOf(platforms)
		}
		if r.marked(digest, wanted) && whole {
			settleIndex(m, platforms)
		}
	}
}

func (r *reading) settleImage(m *Manifest) {
	if m.facts {
		return
	}
	if m.hasConfig() {
		config := r.configs[m.Config.Digest]
		if config == nil {
			m.ConfigProblem = "the image config is missing or malformed"
			return
		}
		m.Created, m.Labels = config.Created, config.Labels
		if config.Platform != (oci.Platform{}) {
			m.Platforms = r.platforms(config.Platform)
		}
	}
	m.Created = annotated(m)
	m.facts = true
}

// platforms is the list of one platform, the same for every image that has it.
func (r *reading) platforms(only oci.Platform) []oci.Platform {
	if r.single[only] == nil {
		r.single[only] = []oci.Platform{only}
	}
	return r.single[only]
}

// annotated is the build time of a manifest, from its annotation where nothing
// better told one.
func annotated(m *Manifest) time.Time {
	if !m.Created.IsZero() {
		return m.Created
	}
	return oci.ParseTime(m.Annotations[oci.AnnotationCreated])
}

// settleIndex gives an index the facts of its platform images. One whose facts
// could not be read might be the one that was built last, so then nothing is
// known.
func settleIndex(m *Manifest, platforms []*Manifest) {
	var last time.Time
	var all []oci.Platform
	for _, image := range platforms {
		if !image.facts {
			m.ConfigProblem = "of a platform image: " + image.ConfigProblem
			return
		}
		if image.Created.After(last) {
			last = image.Created
		}
		for _, platform := range image.Platforms {
			if !slices.Contains(all, platform) {
				all = append(all, platform)
			}
		}
	}
	slices.SortFunc(all, func(a, b oci.Platform) int { return strings.Compare(a.String(), b.String()) })
	m.Labels, m.Disputed = shared(platforms)
	m.Created, m.Platforms = last, all
	m.Created = annotated(m)
	m.facts = true
}

// shared are the labels that all images have alike, and the names of those that
// only some have or that differ.
func shared(images []*Manifest) (alike map[string]string, disputed []string) {
	if len(images) == 0 {
		return nil, nil
	}
	alike = images[0].Labels
	if !slices.ContainsFunc(images, func(image *Manifest) bool { return !maps.Equal(image.Labels, alike) }) {
		return alike, nil
	}
	alike = maps.Clone(alike)
	names := map[string]bool{}
	for _, image := range images {
		for name := range image.Labels {
			names[name] = true
		}
		maps.DeleteFunc(alike, func(name, value string) bool {
			other, there := image.Labels[name]
			return !there || other != value
		})
	}
	maps.DeleteFunc(names, func(name string, _ bool) bool { _, same := alike[name]; return same })
	return alike, slices.Sorted(maps.Keys(names))
}

// platformImages are the images below an index at any depth, without
// attestations and without those that the registry does not have, by digest.
// whole says that all of them were read.
func (r *Repository) platformImages(index *Manifest) (images []*Manifest, whole bool) {
	whole = true
	seen := map[oci.Digest]bool{}
	var walk func(m *Manifest)
	walk = func(m *Manifest) {
		for _, child := range m.Children {
			if seen[child.Digest] || child.Attestation() {
				continue
			}
			seen[child.Digest] = true
			switch below := r.Manifests[child.Digest]; {
			case below == nil:
				whole = false
			case below.Missing:
			case below.Kind == oci.KindIndex && below.Read:
				walk(below)
			case below.Kind == oci.KindImage && below.Read:
				images = append(images, below)
			default:
				whole = false
			}
		}
	}
	walk(index)
	slices.SortFunc(images, func(a, b *Manifest) int { return cmp.Compare(a.Digest, b.Digest) })
	return images, whole
}

// imageBytes counts config and layers, each blob once.
func (m *Manifest) imageBytes() int64 {
	var total int64
	if m.Config != nil {
		total = m.Config.Size
	}
	for i := range m.Layers {
		repeated := slices.ContainsFunc(m.Layers[:i], func(b Blob) bool { return b.Digest == m.Layers[i].Digest })
		if !repeated {
			total += m.Layers[i].Size
		}
	}
	return total
}

// bytesOf counts the blobs of several images, each once.
func bytesOf(images []*Manifest) int64 {
	if len(images) == 1 {
		return images[0].imageBytes()
	}
	var total int64
	seen := map[oci.Digest]bool{}
	add := func(b *Blob) {
		if b != nil && !seen[b.Digest] {
			seen[b.Digest] = true
			total += b.Size
		}
	}
	for _, m := range images {
		add(m.Config)
		for i := range m.Layers {
			add(&m.Layers[i])
		}
	}
	return total
}
