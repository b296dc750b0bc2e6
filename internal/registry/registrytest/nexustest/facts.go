package nexustest

import (
	"encoding/json"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// factsOf reads what Nexus keeps about a manifest at its push: for an index,
// of its first platform that is there. A config without a build time counts as
// the year one.
func (s *Server) factsOf(r *repo, image, mediaType string, body []byte) manifestFacts {
	facts := manifestFacts{manifest: true, created: "0001-01-01T00:00:00Z"}
	manifest, err := oci.DecodeManifest(mediaType, body)
	if err != nil {
		return facts
	}
	if manifest.Kind == oci.KindIndex {
		facts.index = true
		for _, child := range manifest.Children {
			if a := r.manifest(image, string(child.Digest)); a != nil && !child.Attestation() {
				platform := a.facts
				platform.index = true
				return platform
			}
		}
		return facts
	}
	facts.artifactType = manifest.ArtifactType
	facts.size = int64(len(body))
	for _, layer := range manifest.Layers {
		facts.size += layer.Size
	}
	if manifest.Config == nil {
		return facts
	}
	facts.size += manifest.Config.Size
	blob := r.content(manifest.Config.Digest)
	if blob == nil || blob.blob == nil {
		return facts
	}
	var config struct {
		Created time.Time `json:"created"`
		OS      string    `json:"os"`
		Arch    string    `json:"architecture"`
		Config  struct {
			Cmd []string
			Env []string
		} `json:"config"`
	}
	if json.Unmarshal(blob.blob.body, &config) == nil {
		facts.os, facts.arch = config.OS, config.Arch
		facts.cmd, facts.env = config.Config.Cmd, config.Config.Env
		facts.created = config.Created.UTC().Format(time.RFC3339Nano)
	}
	return facts
}
