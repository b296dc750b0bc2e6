package world_test

import (
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// scene is a repository with one of everything that can be damaged.
type scene struct {
	world                                     *world.World
	repo                                      *world.Repository
	child, attestation, index, image          *world.Manifest
	old, oldChild, sbom, signature, cosignOld *world.Manifest
}

func newScene() *scene {
	s := &scene{world: world.New(world.DefaultNow)}
	r := s.world.Repository("app")
	s.repo = r
	s.child = r.Image(world.Image{})
	s.attestation = r.Image(world.Image{Platform: "unknown/unknown"})
	s.index = r.Index(world.Index{Children: []*world.Manifest{s.child}, Attestations: []*world.Manifest{s.attestation}})
	s.image = r.Image(world.Image{})
	s.oldChild = r.Image(world.Image{})
	s.old = r.Index(world.Index{Children: []*world.Manifest{s.oldChild}})
	s.sbom = r.Artifact(world.Artifact{Type: "application/spdx+json", Subject: s.old})
	s.signature = r.Artifact(world.Artifact{Type: "application/vnd.example.signature", Subject: s.image})
	s.cosignOld = r.Cosign(s.old.Digest, "sig")
	r.Tag("kept", s.index)
	r.Tag("image", s.image)
	r.Tag("shared", s.image)
	r.Tag("old", s.old)
	return s
}

// expected: the tag old goes with all that belongs to it, and the tag shared
// goes and leaves its manifest.
func (s *scene) expected() world.Expectation {
	e := world.Expectation{Removed: map[world.Ref]bool{}, Doomed: map[world.Node]bool{}}
	for _, tag := range []string{"old", "shared", oci.FallbackTag(s.old.Digest) + ".sig"} {
		e.Removed[world.Ref{Repository: "app", Tag: tag}] = true
	}
	for _, m := range []*world.Manifest{s.old, s.oldChild, s.sbom, s.cosignOld} {
		e.Doomed[world.Node{Repository: "app", Digest: m.Digest}] = true
	}
	return e
}

func (s *scene) state() (*world.State, *world.Contents) {
	state := s.world.State()
	c := state.Repositories["app"]
	c.Referrers = map[oci.Digest][]oci.Digest{s.old.Digest: {s.sbom.Digest}, s.image.Digest: {s.signature.Digest}}
	return state, c
}

// apply does what is expected.
func (s *scene) apply(c *world.Contents) {
	for ref := range s.expected().Removed {
		delete(c.Tags, ref.Tag)
	}
	for node := range s.expected().Doomed {
		delete(c.Manifests, node.Digest)
	}
	delete(c.Referrers, s.old.Digest)
}

func TestCheckAcceptsWhatWasExpected(t *testing.T) {
	s := newScene()
	before, _ := s.state()
	after, c := s.state()
	s.apply(c)
	for _, problem := range world.Check(before, after, s.expected()) {
		t.Error(problem)
	}
	untouched, _ := s.state()
	partial := s.expected()
	partial.Partial = true
	for _, problem := range world.Check(before, untouched, partial) {
		t.Errorf("stopped before the first step: %s", problem)
	}
}

// Every damage that the checker is for, one at a time.
func TestCheckReportsEveryDamage(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(s *scene, c *world.Contents)
		want   string
	}{
		{"a kept tag is gone", func(s *scene, c *world.Contents) { delete(c.Tags, "image") }, "kept tag image is gone"},
		{"a kept tag moved", func(s *scene, c *world.Contents) { c.Tags["image"] = s.index.Digest }, "kept tag image points at"},
		{"a kept manifest is gone", func(s *scene, c *world.Contents) { delete(c.Manifests, s.image.Digest) }, "kept tag image lost manifest"},
		{"a child is gone", func(s *scene, c *world.Contents) { delete(c.Manifests, s.child.Digest) }, "kept tag kept lost manifest"},
		{"an attestation is gone", func(s *scene, c *world.Contents) { delete(c.Manifests, s.attestation.Digest) }, "kept tag kept lost manifest"},
		{"a layer is gone", func(s *scene, c *world.Contents) { c.Blobs[s.child.Layers[0]] = false }, "kept tag kept lost blob"},
		{"a config is gone", func(s *scene, c *world.Contents) { c.Blobs[s.image.Config] = false }, "kept tag image lost blob"},
		{"the bytes changed", func(s *scene, c *world.Contents) {
			changed := *s.image
			changed.Body = append([]byte(" "), s.image.Body...)
			c.Manifests[s.image.Digest] = &changed
		}, "is not what it was"},
		{"the media type changed", func(s *scene, c *world.Contents) {
			changed := *s.image
			changed.MediaType = oci.MediaTypeDockerImage
			c.Manifests[s.image.Digest] = &changed
		}, "is not what it was"},
		{"an attachment of a survivor is gone", func(s *scene, c *world.Contents) { delete(c.Manifests, s.signature.Digest) }, "is gone and was not doomed"},
		{"a referrer is not listed any more", func(s *scene, c *world.Contents) { delete(c.Referrers, s.image.Digest) }, "lost its referrer"},
		{"a removed tag is still there", func(s *scene, c *world.Contents) { c.Tags["shared"] = s.image.Digest }, "removed tag shared is still there"},
		{"an attachment tag is still there", func(s *scene, c *world.Contents) {
			c.Tags[oci.FallbackTag(s.old.Digest)+".sig"] = s.cosignOld.Digest
		}, "removed tag sha256-"},
		{"a doomed manifest is still there", func(s *scene, c *world.Contents) { c.Manifests[s.oldChild.Digest] = s.oldChild }, "doomed manifest"},
		{"a doomed attachment is still there", func(s *scene, c *world.Contents) { c.Manifests[s.sbom.Digest] = s.sbom }, "doomed manifest"},
		{"a placeholder was left", func(s *scene, c *world.Contents) { c.Tags["regkeep-placeholder"] = s.image.Digest }, "tag regkeep-placeholder is new"},
		{"the repository is gone", func(s *scene, c *world.Contents) { *c = *world.NewContents() }, "kept tag kept is gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			before, _ := s.state()
			after, c := s.state()
			s.apply(c)
			test.damage(s, c)
			reports(t, world.Check(before, after, s.expected()), test.want)
		})
	}
}

func reports(t *testing.T, problems []string, want string) {
	t.Helper()
	for _, problem := range problems {
		if strings.Contains(problem, want) {
			return
		}
	}
	t.Errorf("no problem says %q: %q", want, problems)
}

// After a stop in the middle too much may be there, but never half a thing.
func TestCheckAfterAStopInTheMiddle(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(s *scene, c *world.Contents)
		want   string // "" for nothing
	}{
		{"the index went first", func(s *scene, c *world.Contents) {
			delete(c.Tags, "old")
			delete(c.Manifests, s.old.Digest)
		}, ""},
		{"the child went first", func(s *scene, c *world.Contents) { delete(c.Manifests, s.oldChild.Digest) }, "lost manifest"},
		{"the attachment went first", func(s *scene, c *world.Contents) {
			delete(c.Manifests, s.sbom.Digest)
			delete(c.Referrers, s.old.Digest)
		}, "went before its subject"},
		{"the attachment tag went first", func(s *scene, c *world.Contents) {
			delete(c.Tags, oci.FallbackTag(s.old.Digest)+".sig")
		}, "went before its subject"},
		{"a removed tag moved", func(s *scene, c *world.Contents) { c.Tags["shared"] = s.index.Digest }, "removed tag shared is still there, at"},
		{"a kept tag went", func(s *scene, c *world.Contents) { delete(c.Tags, "kept") }, "kept tag kept is gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			before, _ := s.state()
			after, c := s.state()
			test.damage(s, c)
			partial := s.expected()
			partial.Partial = true
			problems := world.Check(before, after, partial)
			if test.want == "" && len(problems) > 0 {
				t.Errorf("reported %q", problems)
			}
			if test.want != "" {
				reports(t, problems, test.want)
			}
		})
	}
}

// An untagged index that nobody can see loses a child and is not to blame on
// anybody; it may not go itself.
func TestCheckOfWhatNobodyCouldSee(t *testing.T) {
	s := newScene()
	unseen := s.repo.Index(world.Index{Children: []*world.Manifest{s.oldChild, s.image}})
	before, _ := s.state()
	after, c := s.state()
	s.apply(c)
	reports(t, world.Check(before, after, s.expected()), "lost manifest")
	expected := s.expected()
	expected.Unseen = map[world.Node]bool{{Repository: "app", Digest: unseen.Digest}: true}
	for _, problem := range world.Check(before, after, expected) {
		t.Error(problem)
	}
	delete(c.Manifests, unseen.Digest)
	reports(t, world.Check(before, after, expected), "is gone and was not doomed")
}

// What was missing before is no loss.
func TestCheckForgivesWhatWasMissingBefore(t *testing.T) {
	s := newScene()
	s.repo.Lose(s.child)
	before, b := s.state()
	after, a := s.state()
	b.Blobs[s.image.Layers[0]], a.Blobs[s.image.Layers[0]] = false, false
	s.apply(a)
	for _, problem := range world.Check(before, after, s.expected()) {
		t.Error(problem)
	}
}
