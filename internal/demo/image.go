package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// build is one image as a pipeline makes it.
type build struct {
	repository string
	name       string // makes its content its own
	base       string // a layer that it shares with others of that base
	size       int    // bytes of its own layer
	created    time.Time
}

var (
	amd64 = oci.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = oci.Platform{OS: "linux", Architecture: "arm64"}
)

// baseSizes are the layers that images are built on.
var baseSizes = map[string]int{"debian": 2_400_000, "node": 1_700_000, "python": 2_100_000, "jre": 3_100_000, "go": 600_000}

// image pushes a build for one platform under these tags.
func (p *pusher) image(b build, platform oci.Platform, tags ...string) descriptor {
	config, err := json.Marshal(map[string]any{
		"created": b.created.UTC().Format(time.RFC3339), "os": platform.OS, "architecture": platform.Architecture,
		"config": map[string]any{"Labels": map[string]string{"org.opencontainers.image.title": b.repository, "org.opencontainers.image.version": b.name}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{}},
	})
	if err != nil && p.err == nil {
		p.err = err
	}
	own := fmt.Sprintf("%s %s %s", b.repository, b.name, platform)
	doc := document{
		SchemaVersion: 2, MediaType: mediaManifest,
		Config: &descriptor{MediaType: mediaConfig, Digest: p.blob(b.repository, config), Size: len(config)},
	}
	for _, l := range []layer{p.content(b.base+" "+platform.String(), baseSizes[b.base]), p.content(own, b.size)} {
		doc.Layers = append(doc.Layers, descriptor{MediaType: mediaLayer, Digest: p.blob(b.repository, l.body), Size: len(l.body)})
	}
	p.images++
	d := p.put(b.repository, doc, tags...)
	d.Platform = &platform
	return d
}

// everywhere pushes a build for two platforms and an index over them.
func (p *pusher) everywhere(b build, tags ...string) descriptor {
	doc := document{SchemaVersion: 2, MediaType: mediaIndex}
	for _, platform := range []oci.Platform{amd64, arm64} {
		doc.Manifests = append(doc.Manifests, p.image(b, platform))
	}
	return p.put(b.repository, doc, tags...)
}

// sign pushes a signature of the kind that cosign puts beside an image: a tag
// that is named after the image's digest.
func (p *pusher) sign(repository string, subject descriptor) {
	payload := fmt.Appendf(nil, `{"critical":{"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"}}`, subject.Digest)
	config := fmt.Appendf(nil, `{"created":%q}`, p.now.Format(time.RFC3339))
	p.put(repository, document{
		SchemaVersion: 2, MediaType: mediaManifest,
		Config: &descriptor{MediaType: mediaConfig, Digest: p.blob(repository, config), Size: len(config)},
		Layers: []descriptor{{MediaType: mediaCosign, Digest: p.blob(repository, payload), Size: len(payload)}},
	}, strings.Replace(string(subject.Digest), ":", "-", 1)+".sig")
}

// ago is an instant so many days before now.
func (p *pusher) ago(days float64) time.Time {
	return p.now.Add(-time.Duration(days * 24 * float64(time.Hour))).Truncate(time.Second)
}
