package inventory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
)

// The lines of a saved inventory: a header, then for each repository its line,
// its tags and its manifests, then the end.
type (
	savedHeader struct {
		Type     string        `json:"type"` // "inventory"
		Version  int           `json:"version"`
		At       time.Time     `json:"at"`
		Registry registry.Info `json:"registry"`
	}
	// savedHead stands before a repository, and at the end.
	savedHead struct {
		Type              string `json:"type"` // "repository", "end"
		Registry          string `json:"registry,omitempty"`
		Name              string `json:"repository,omitempty"`
		Graph             bool   `json:"graph,omitempty"`
		ReferrersComplete bool   `json:"referrers_complete,omitempty"`
		PullsRecorded     bool   `json:"pulls_recorded,omitempty"`
		ManifestsListed   bool   `json:"manifests_listed,omitempty"`
		Tags              int    `json:"tags,omitempty"`
		Manifests         int    `json:"manifests,omitempty"`
		Repositories      int    `json:"repositories,omitempty"` // at the end
		Gaps              []Gap  `json:"gaps,omitempty"`
	}
	savedTag struct {
		Name    string     `json:"tag"`
		Digest  oci.Digest `json:"digest,omitempty"`
		Pushed  time.Time  `json:"pushed,omitzero"`
		Pulled  time.Time  `json:"pulled,omitzero"`
		Seen    time.Time  `json:"seen,omitzero"`
		Handle  string     `json:"handle,omitempty"`
		Problem string     `json:"problem,omitempty"`
	}
	savedManifest struct {
		Digest       oci.Digest        `json:"digest"`
		MediaType    string            `json:"media_type,omitempty"`
		Read         bool              `json:"read,omitempty"`
		Missing      bool              `json:"missing,omitempty"`
		Problem      string            `json:"problem,omitempty"`
		ArtifactType string            `json:"artifact_type,omitempty"`
		Config       *Blob             `json:"config,omitempty"`
		Layers       []Blob            `json:"layers,omitempty"`
		Children     []oci.Descriptor  `json:"children,omitempty"`
		Subject      oci.Digest        `json:"subject,omitempty"`
		Annotations  map[string]string `json:"annotations,omitempty"`
		Mentions     []oci.Digest      `json:"mentions,omitempty"`
		Created      time.Time         `json:"created,omitzero"`
		ConfigError  string            `json:"config_problem,omitempty"`
		Labels       map[string]string `json:"labels,omitempty"`
		Disputed     []string          `json:"disputed_labels,omitempty"`
		Platforms    []oci.Platform    `json:"platforms,omitempty"`
		Pushed       time.Time         `json:"pushed,omitzero"`
		Pulled       time.Time         `json:"pulled,omitzero"`
		Bytes        int64             `json:"bytes,omitempty"`
	}
)

func saveRepository(out *json.Encoder, repo *Repository) error {
	if err := out.Encode(savedHead{
		Type: "repository", Registry: repo.Registry, Name: repo.Name, Graph: repo.Depth == Graph,
		ReferrersComplete: repo.ReferrersComplete, ManifestsListed: repo.ManifestsListed, PullsRecorded: repo.PullsRecorded, Gaps: repo.Gaps, Tags: len(repo.Tags), Manifests: len(repo.Manifests),
	}); err != nil {
		return err
	}
	for i := range repo.Tags {
		if err := out.Encode(savedTag(repo.Tags[i])); err != nil {
			return err
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(repo.Manifests)) {
		m := repo.Manifests[digest]
		if err := out.Encode(savedManifest{
			Digest: m.Digest, MediaType: m.MediaType, Read: m.Read, Missing: m.Missing, Problem: m.Problem,
			ArtifactType: m.ArtifactType, Config: m.Config, Layers: m.Layers, Children: m.Children, Subject: m.Subject,
			Annotations: m.Annotations, Mentions: m.Mentions, Created: m.Created, ConfigError: m.ConfigProblem, Labels: m.Labels, Disputed: m.Disputed, Platforms: m.Platforms,
			Pushed: m.Pushed, Pulled: m.Pulled, Bytes: m.Bytes,
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Saved) repository(head savedHead) (*Repository, error) {
	if head.Type != "repository" {
		return nil, fmt.Errorf("inventory: a line of type %q where a repository was expected", head.Type)
	}
	repo := &Repository{Registry: head.Registry, Name: head.Name, Gaps: head.Gaps, ReferrersComplete: head.ReferrersComplete, ManifestsListed: head.ManifestsListed, PullsRecorded: head.PullsRecorded}
	if head.Graph {
		repo.Depth, repo.Manifests = Graph, map[oci.Digest]*Manifest{}
	}
	for range head.Tags {
		var tag savedTag
		if err := s.lines.Decode(&tag); err != nil {
			return nil, cutOff(err)
		}
		if err := valid(tag.Digest); err != nil {
			return nil, err
		}
		repo.Tags = append(repo.Tags, Tag(tag))
	}
	slices.SortStableFunc(repo.Tags, func(a, b Tag) int { return cmp.Compare(a.Name, b.Name) })
	for i := 1; i < len(repo.Tags); i++ {
		if repo.Tags[i].Name == repo.Tags[i-1].Name {
			return nil, fmt.Errorf("inventory: tag %s of %s is there twice", repo.Tags[i].Name, repo.Name)
		}
	}
	for range head.Manifests {
		var m savedManifest
		if err := s.lines.Decode(&m); err != nil {
			return nil, cutOff(err)
		}
		if err := valid(m.Digest); err != nil {
			return nil, err
		}
		repo.Manifests[m.Digest] = &Manifest{
			Digest: m.Digest, MediaType: m.MediaType, Kind: oci.KindOf(m.MediaType), Read: m.Read, Missing: m.Missing,
			Problem: m.Problem, ArtifactType: m.ArtifactType, Config: m.Config, Layers: m.Layers,
			Children: m.Children, Subject: m.Subject, Annotations: m.Annotations, Mentions: m.Mentions, Created: m.Created,
			Labels: m.Labels, Disputed: m.Disputed, Platforms: m.Platforms, Pushed: m.Pushed, Pulled: m.Pulled, Bytes: m.Bytes,
			ConfigProblem: m.ConfigError, facts: m.Read,
		}
	}
	return repo, nil
}

func valid(digest oci.Digest) error {
	if digest == "" {
		return nil
	}
	if _, err := oci.ParseDigest(string(digest)); err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	return nil
}
