// Package foreign turns retention policies of other tools into policy files.
//
// It promises that an imported policy, in the repositories of the original,
// removes no tag and no untagged manifest that the original, by its documented
// meaning, would keep: what cannot be said is left out, so that it is kept, and
// a Note says so. It does not know registries and reads no files; where the
// original is in force it can only tell if the original says so.
package foreign

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says how far a part of the original survived.
type Kind string

// Kinds of notes. Stricter: less is removed than by the original. Dropped:
// nothing is removed for this part. Wider: the same rules reach further than
// the original does, because of what stands outside of them (in which
// repositories it is in force, that it only shows, what becomes of manifests);
// a person has to look.
const (
	Exact    Kind = "exact"
	Stricter Kind = "stricter"
	Dropped  Kind = "dropped"
	Wider    Kind = "wider"
)

// Note is what became of one part of the original.
type Note struct {
	// Where in the original: a JSON path, a key or a flag; "" for the whole.
	Where string
	Kind  Kind
	Text  string
}

func (n Note) String() string {
	if n.Where == "" {
		return fmt.Sprintf("%s: %s", n.Kind, n.Text)
	}
	return fmt.Sprintf("%s: %s: %s", n.Where, n.Kind, n.Text)
}

// Result is an imported policy.
type Result struct {
	// Policy is commented YAML that policy.Parse accepts.
	Policy []byte
	Notes  []Note
}

// Incomplete says whether a part of the original was dropped.
func (r Result) Incomplete() bool {
	return slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Kind == Dropped })
}

// Format is one kind of original.
type Format struct {
	Name string
	// What the file holds, for people.
	What string
}

type importer struct {
	Format
	read func(data []byte, d *draft) error
}

var importers = []importer{
	{Format{"ecr", "Amazon ECR lifecycle policy, JSON"}, ecr},
	{Format{"harbor", "Harbor tag retention policy, JSON of its API"}, harbor},
	{Format{"gitlab", "GitLab container registry cleanup policy, JSON of its API"}, gitlab},
	{Format{"gar", "Google Artifact Registry cleanup policies, JSON"}, gar},
	{Format{"zot", "zot configuration with storage.retention, JSON"}, zot},
	{Format{"nexus", "Sonatype Nexus cleanup policies, JSON of its REST API"}, nexus},
	{Format{"acr", "acr purge command line of the Azure Container Registry"}, acr},
	{Format{"registry-cli", "registry-cli (registry.py) command line"}, registryCLI},
	{Format{"gcr-cleaner", "gcr-cleaner-cli command line"}, gcrCleaner},
	{Format{"artifactory-cleanup", "artifactory-cleanup configuration, YAML"}, artifactoryCleanup},
}

// Formats lists what can be imported.
func Formats() []Format {
	formats := make([]Format, len(importers))
	for i, one := range importers {
		formats[i] = one.Format
	}
	return formats
}

// Import reads a policy of another tool. The error says what in it is not
// understood; then nothing was imported.
func Import(format string, data []byte) (Result, error) {
	at := slices.IndexFunc(importers, func(i importer) bool { return i.Name == format })
	if at < 0 {
		var known []string
		for _, one := range importers {
			known = append(known, one.Name)
		}
		return Result{}, fmt.Errorf("format %q is not known; known are %s", format, strings.Join(known, ", "))
	}
	d := &draft{what: importers[at].What}
	if err := importers[at].read(data, d); err != nil {
		return Result{}, fmt.Errorf("%s: %w", format, err)
	}
	return d.result()
}
