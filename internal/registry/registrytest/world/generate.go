package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// Source gives numbers in [0, n). *rand.Rand is one.
type Source interface{ IntN(n int) int }

// Options of generated worlds. The zero value asks for everything that every
// registry takes.
type Options struct {
	Now          time.Time // zero: DefaultNow
	Repositories int       // most; 0 is 3
	Images       int       // most images in a repository; 0 is 10
	// Fallback writes referrers fallback tags, for registries without the
	// referrers API.
	Fallback bool
	// Times gives tags and manifests push and pull times, for registries that
	// tell them.
	Times bool
	// Whole leaves no index with a lost child, for registries that refuse to
	// delete the child of an index.
	Whole bool
}

// DefaultNow is the instant at which generated worlds are looked at.
var DefaultNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// FromSeed generates a world; the same seed gives the same world.
func FromSeed(seed uint64, options Options) *World {
	return Generate(rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), options)
}

// Generate draws a world from src.
func Generate(src Source, options Options) *World {
	if options.Now.IsZero() {
		options.Now = DefaultNow
	}
	if options.Repositories == 0 {
		options.Repositories = 3
	}
	if options.Images == 0 {
		options.Images = 10
	}
	g := &generator{Source: src, options: options, world: New(options.Now)}
	names := []string{"app", "team/api", "team/web-ui", "a/very/deep__path/x.y", "library/base"}
	for i := range 1 + g.IntN(options.Repositories) {
		name := names[i%len(names)]
		if i >= len(names) {
			name = fmt.Sprintf("%s%d", name, i)
		}
		g.repository(name)
	}
	return g.world
}

type generator struct {
	Source
	options Options
	world   *World
	repo    *Repository
	dates   []string     // written so far, to repeat one
	layers  []oci.Digest // of all repositories, to share one
	images  []*Manifest  // of this repository
	indexes []*Manifest
	all     []*Manifest // whatever an attachment can hang on
}

// chance is true in percent of 100 cases.
func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) repository(name string) {
	g.repo = g.world.Repository(name)
	g.images, g.indexes, g.all = nil, nil, nil
	for range 1 + g.IntN(g.options.Images) {
		switch roll := g.IntN(100); {
		case roll < 55:
			g.tag(g.image())
		case roll < 80:
			g.tag(g.index())
		case roll < 88 && len(g.indexes) > 0:
			g.tag(g.nested())
		case roll < 95:
			g.tag(g.keep(g.repo.Artifact(Artifact{Type: "application/vnd.example.chart"})))
		default:
			g.image()
			g.tag(pick(g, g.all)) // once more, perhaps a child
		}
	}
	if g.chance(50) {
		g.repo.Tag("latest", pick(g, g.all))
	}
	for range g.IntN(1 + len(g.all)/2) {
		g.attach(pick(g, g.all))
	}
	if g.chance(25) {
		g.attach(g.world.Missing()) // an orphan
	}
	if !g.options.Whole && len(g.indexes) > 0 && g.chance(30) {
		g.lose(pick(g, g.indexes))
	}
	if g.options.Fallback {
		g.repo.FallbackTags()
	}
	if g.options.Times {
		g.times()
	}
}

func (g *generator) keep(m *Manifest) *Manifest {
	g.all = append(g.all, m)
	return m
}

func (g *generator) image() *Manifest { return g.platformImage("") }

func (g *generator) platformImage(platform string) *Manifest {
	spec := Image{Created: g.date(), Platform: platform, Docker: g.chance(25), Odd: g.chance(20)}
	for range g.IntN(3) {
		if len(g.layers) > 0 && g.chance(60) {
			spec.Layers = append(spec.Layers, pick(g, g.layers))
		}
	}
	if spec.Created == "" && g.chance(50) {
		spec.Annotations = map[string]string{oci.AnnotationCreated: At(g.options.Now.Add(-time.Duration(g.IntN(300*24)) * time.Hour))}
	}
	m := g.keep(g.repo.Image(spec))
	g.images = append(g.images, m)
	g.layers = append(g.layers, m.Layers...)
	return m
}

// index lists new platform images and, now and then, ones that are listed or
// tagged elsewhere, and build attestations.
func (g *generator) index() *Manifest {
	spec := Index{Docker: g.chance(20), Odd: g.chance(20)}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64"}[:1+g.IntN(3)] {
		if len(g.images) > 0 && g.chance(30) {
			if shared := pick(g, g.images); !slices.Contains(spec.Children, shared) {
				spec.Children = append(spec.Children, shared)
				continue
			}
		}
		spec.Children = append(spec.Children, g.platformImage(platform))
	}
	if !spec.Docker && g.chance(35) {
		spec.Attestations = append(spec.Attestations, g.repo.Image(Image{Platform: "unknown/unknown"}))
	}
	m := g.keep(g.repo.Index(spec))
	g.indexes = append(g.indexes, m)
	return m
}

func (g *generator) nested() *Manifest {
	spec := Index{Children: []*Manifest{pick(g, g.indexes)}}
	if g.chance(50) {
		spec.Children = append(spec.Children, g.image())
	}
	m := g.keep(g.repo.Index(spec))
	g.indexes = append(g.indexes, m)
	return m
}

// attach hangs something on a manifest, and something on that.
func (g *generator) attach(subject *Manifest) {
	if g.chance(40) {
		m := g.repo.Cosign(subject.Digest, pick(g, []string{"sig", "att", "sbom"}))
		if g.chance(30) {
			g.attach(m)
		}
		if g.chance(10) {
			g.tag(m)
		}
		return
	}
	m := g.repo.Artifact(Artifact{Type: pick(g, []string{"application/spdx+json", "application/vnd.dev.sigstore.bundle.v0.3+json"}), Subject: subject})
	if g.chance(30) {
		g.attach(m)
	}
	if g.chance(15) {
		g.tag(m)
	}
}

// lose takes away a child that nothing but this index points at.
func (g *generator) lose(index *Manifest) {
	for _, child := range index.Children {
		m := g.repo.Manifests[child.Digest]
		if m == nil || len(index.Children) < 2 || g.pointedAt(m, index) {
			continue
		}
		g.repo.Lose(m)
		return
	}
}

func (g *generator) pointedAt(m, except *Manifest) bool {
	for name, digest := range g.repo.Tags {
		if digest == m.Digest || strings.HasPrefix(name, oci.FallbackTag(m.Digest)) {
			return true
		}
	}
	for _, other := range g.repo.Manifests {
		if other.Subject == m.Digest {
			return true
		}
		if other != except && slices.ContainsFunc(other.Children, func(c Child) bool { return c.Digest == m.Digest }) {
			return true
		}
	}
	return false
}

var tagForms = []string{"v1.%d.0", "1.%d", "main-%d", "pr-%d", "sha-%07x", "release_%d", "Build.%d", "_%d", "2024%04d", "nightly-%d-rc1"}

// tag gives a manifest one new tag in most cases, or none, or several.
func (g *generator) tag(m *Manifest) {
	count := 1
	switch roll := g.IntN(100); {
	case roll < 15:
		count = 0
	case roll < 40:
		count = 2 + g.IntN(2)
	}
	for range count {
		g.world.serial++
		name := fmt.Sprintf(pick(g, tagForms), g.world.serial)
		if g.chance(2) {
			name = strings.Repeat("x", 128-len(name)) + name
		}
		g.repo.Tag(name, m)
	}
}

// date is most often good, sometimes that of another image, sometimes bad.
func (g *generator) date() string {
	if len(g.dates) > 0 && g.chance(15) {
		return pick(g, g.dates)
	}
	now := g.options.Now
	switch roll := g.IntN(100); {
	case roll < 3:
		return "1970-01-01T00:00:00Z"
	case roll < 6:
		return "1980-01-01T00:00:01Z"
	case roll < 8:
		return "0001-01-01T00:00:00Z"
	case roll < 10:
		return At(now.Add(400 * 24 * time.Hour))
	case roll < 11:
		return At(now.Add(3 * time.Hour)) // a clock that is a little ahead
	case roll < 13:
		return "yesterday"
	case roll < 17:
		return ""
	case roll < 20:
		return At(now.Add(-30 * 24 * time.Hour)) // exactly
	}
	date := At(now.Add(-time.Duration(g.IntN(120*24)) * time.Hour).Add(-time.Duration(g.IntN(3600)) * time.Second))
	g.dates = append(g.dates, date)
	return date
}

// times records pushes and pulls, with gaps. Nothing is pushed before it was
// built, as far as the clocks agree.
func (g *generator) times() {
	after := func(t time.Time) time.Time {
		if t.Before(g.options.Now.AddDate(-1, 0, 0)) {
			t = g.options.Now.AddDate(0, 0, -200)
		}
		span := int(g.options.Now.Sub(t) / time.Minute)
		switch {
		case t.After(g.options.Now.Add(24 * time.Hour)):
			return g.options.Now
		case span <= 0:
			return t // the registry's clock is ahead too
		}
		return t.Add(time.Duration(g.IntN(span)) * time.Minute)
	}
	for _, digest := range sortedKeys(g.repo.Manifests) {
		if pushed := after(g.repo.Created(g.repo.Manifests[digest])); g.chance(85) {
			g.repo.Pushed[string(digest)] = pushed
		}
	}
	for _, tag := range sortedKeys(g.repo.Tags) {
		m := g.repo.Manifests[g.repo.Tags[tag]]
		pushed := after(or(g.repo.Pushed[string(m.Digest)], g.repo.Created(m)))
		if g.chance(85) {
			g.repo.Pushed[tag] = pushed
		}
		if g.chance(50) {
			g.repo.Pulled[tag] = after(pushed)
		}
	}
}
