package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
)

// Source is where a fact that a condition rests on was learned, and when.
type Source struct {
	// Fact: "tag", "digest", "pushed", "pulled", "created", "seen", "labels",
	// "annotations", "platforms", "manifest", "in use".
	Fact string `json:"fact"`
	// From says in words for people who told it.
	From string `json:"from"`
	// Digest is the manifest or config in whose bytes it stands; "" for what
	// bytes do not say.
	Digest oci.Digest `json:"digest,omitempty"`
	// At is when it was asked for, or when those bytes were fetched. Zero where
	// that was in this very scan, whose time only the caller knows.
	At time.Time `json:"at,omitzero"`
}

// rests are the facts that a condition looks at.
type rests uint16

const (
	restsTag rests = 1 << iota
	restsSiblings
	restsPushed
	restsPulled
	restsCreated
	restsSeen
	restsLabels
	restsAnnotations
	restsPlatforms
	restsManifest
	restsUse

	restsAge = restsPushed | restsCreated | restsSeen
)

// aged are the facts that an age rests on, or an order by time.
func (s AgeSource) aged() rests {
	return [...]rests{restsAge, restsPushed, restsCreated, restsSeen}[s]
}

// agedFrom are the facts that the age of a root rests on.
func (e *evaluation) agedFrom(i int) rests {
	if r := e.rule(i); r != nil {
		return r.ageFrom.aged()
	}
	return restsAge
}

// ordered are the facts that a ranking rests on, in a rule with that source of
// ages.
func (s rankSpec) ordered(from AgeSource) rests {
	return [...]rests{from.aged(), restsCreated, restsPushed, restsPulled | restsPushed | restsSeen, restsTag, restsTag, restsTag}[s.by]
}

// variableRests are the facts behind the variables of expressions.
var variableRests = map[string]rests{
	"tag": restsTag, "untagged": restsTag, "captures": restsTag, "tags": restsSiblings, "digest": restsSiblings,
	"media_type": restsManifest, "artifact_type": restsManifest, "size": restsManifest, "labels": restsLabels, "annotations": restsAnnotations,
	"platforms": restsPlatforms, "age": restsAge, "created": restsCreated, "pushed": restsPushed, "pulled": restsPulled, "seen": restsSeen,
}

// sources tells where the facts of a root come from, those that are known.
func (e *evaluation) sources(i int, on rests) []Source {
	root := &e.roots[i]
	var told []Source
	tell := func(fact rests, name, from string, digest oci.Digest) {
		if on&fact != 0 && from != "" {
			told = append(told, Source{Fact: name, From: from, Digest: digest})
		}
	}
	tell(restsTag, "tag", cond(root.Tag == nil, "", "the tag list"), "")
	tell(restsSiblings, "digest", cond(root.Digest == "", "", "what the registry answers for each tag"), "")
	var tag, manifest inventory.Tag
	if root.Tag != nil {
		tag = *root.Tag
	}
	if root.Manifest != nil {
		manifest.Pushed, manifest.Pulled = root.Manifest.Pushed, root.Manifest.Pulled
	}
	tell(restsPushed, "pushed", e.recordOf(e.trust(tag.Pushed), e.trust(manifest.Pushed)), "")
	tell(restsPulled, "pulled", e.recordOf(e.trust(tag.Pulled), e.trust(manifest.Pulled)), "")
	if on&restsCreated != 0 {
		if at, _ := e.created(i); at != noTime {
			from, digest := e.stamp(root.Manifest, at)
			tell(restsCreated, "created", from, digest)
		}
	}
	tell(restsSeen, "seen", cond(e.seen(i) == noTime, "", "an earlier scan, which did not have the tag"), "")
	if e.readable(i) {
		m := root.Manifest
		from, digest := configOf(m)
		tell(restsLabels, "labels", from, digest)
		tell(restsPlatforms, "platforms", from, digest)
		tell(restsAnnotations, "annotations", "the manifest", m.Digest)
		tell(restsManifest, "manifest", "the manifest", m.Digest)
	} else if root.Manifest != nil && root.Manifest.MediaType != "" {
		tell(restsManifest, "manifest", "the registry's listing", "")
	}
	if on&restsUse != 0 {
		told = append(told, e.looks(i)...)
	}
	return told
}

// recordOf says whose record of a time counts, the later one.
func (e *evaluation) recordOf(tag, manifest int64) string {
	switch {
	case tag == noTime && manifest == noTime:
		return ""
	case tag >= manifest:
		return "the registry's record of the tag"
	}
	return "the registry's record of the manifest"
}

// stamp finds what told the build time at, in an index that of the platform
// image which was built last.
func (e *evaluation) stamp(m *inventory.Manifest, at int64) (string, oci.Digest) {
	for _, child := range m.Children {
		below := e.repo.Manifests[child.Digest]
		if below == nil || child.Attestation() {
			continue
		}
		if built, _ := e.createdOf(below, 1); built == at {
			from, digest := e.stamp(below, at)
			return from + platformOf(child), digest
		}
	}
	const annotation = "the annotation " + oci.AnnotationCreated
	annotated := e.trust(oci.ParseTime(m.Annotations[oci.AnnotationCreated])) == at
	switch {
	case m.Config == nil && !annotated:
		return "the registry's listing", ""
	case m.Kind == oci.KindImage && m.Config != nil && !annotated:
		return "the image config", m.Config.Digest
	case m.Kind == oci.KindImage && m.Config != nil:
		return "the image config or " + annotation, m.Digest
	}
	return annotation, m.Digest
}

// configOf is the config that tells labels and platforms of an image.
func configOf(m *inventory.Manifest) (string, oci.Digest) {
	switch {
	case m.Kind == oci.KindIndex:
		return "the configs of all platform images", ""
	case m.Config == nil:
		return "", ""
	}
	return "the image config", m.Config.Digest
}

func platformOf(child oci.Descriptor) string {
	if child.Platform == nil {
		return ""
	}
	return " of " + child.Platform.String()
}

// looks are the sources of evidence that say whether a root is in use: the one
// that saw it, or all that could have.
func (e *evaluation) looks(i int) []Source {
	used, seen := useTest{}.find(e, i)
	var looks []Source
	for _, s := range e.evidence.Covering(e.repo.Registry) {
		if seen && s.Name != used.witness.Source {
			continue
		}
		from := s.Name
		if !s.Complete {
			from = fmt.Sprintf("%s, not complete: %s", s.Name, strings.TrimSpace(s.Problem))
		}
		looks = append(looks, Source{Fact: "in use", From: from, At: s.At})
	}
	return looks
}
