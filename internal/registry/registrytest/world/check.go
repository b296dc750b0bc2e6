package world

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

// Ref names a tag.
type Ref struct{ Repository, Tag string }

// Node names a manifest.
type Node struct {
	Repository string
	Digest     oci.Digest
}

// Expectation says what a change should have taken away. Everything else must
// have stayed.
type Expectation struct {
	// Removed tags must be gone: removed roots and the tags of attachments that
	// went with their subject.
	Removed map[Ref]bool
	// Doomed manifests must be gone.
	Doomed map[Node]bool
	// Unseen manifests could not be known to whoever made the change: nothing
	// leads to them and the registry does not list them. They must stay, but
	// what they list may have gone.
	Unseen map[Node]bool
	// Partial: the change was stopped somewhere. What should be gone may still
	// be there, but then it must be whole.
	Partial bool
}

// Check compares what a registry held before a change with what it holds
// after, and returns a sentence for everything that is not as it must be:
//
//   - a tag that was not to be removed points where it pointed and pulls
//     whole: manifest, children at any depth, config and layers, as far as
//     they were there before;
//   - a manifest that was not doomed is there with the same bytes, and the
//     registry still lists its referrers;
//   - a removed tag and a doomed manifest are gone, and no new tag is there;
//   - after a stop in the middle, what is left of the doomed is whole, and its
//     attachments are there.
func Check(before, after *State, expected Expectation) []string {
	c := checker{expected: expected}
	for _, name := range sortedKeys(before.Repositories) {
		now := after.Repositories[name]
		if now == nil {
			now = NewContents()
		}
		c.repository, c.before, c.after = name, before.Repositories[name], now
		c.check()
	}
	return c.problems
}

type checker struct {
	expected   Expectation
	repository string
	before     *Contents
	after      *Contents
	problems   []string
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, c.repository+": "+fmt.Sprintf(format, args...))
}

func (c *checker) check() {
	for _, tag := range sortedKeys(c.before.Tags) {
		c.tag(tag)
	}
	for _, tag := range sortedKeys(c.after.Tags) {
		if _, was := c.before.Tags[tag]; !was {
			c.report("tag %s is new", tag)
		}
	}
	for _, digest := range sortedKeys(c.before.Manifests) {
		c.manifest(digest)
	}
}

func (c *checker) tag(tag string) {
	was := c.before.Tags[tag]
	is, there := c.after.Tags[tag]
	removed := c.expected.Removed[Ref{c.repository, tag}]
	switch {
	case removed && !there, removed && c.expected.Partial && is == was:
	case removed:
		c.report("removed tag %s is still there, at %s", tag, is)
	case !there:
		c.report("kept tag %s is gone (it was %s)", tag, was)
	case is != was:
		c.report("kept tag %s points at %s (it was %s)", tag, is, was)
	default:
		c.whole(was, "kept tag "+tag, nil)
	}
}

// whole reports what is missing below a manifest that was there before.
func (c *checker) whole(digest oci.Digest, of string, above []oci.Digest) {
	was, is := c.before.Manifests[digest], c.after.Manifests[digest]
	if was == nil || slices.Contains(above, digest) {
		return
	}
	if is == nil {
		c.report("%s lost manifest %s", of, digest)
		return
	}
	if !bytes.Equal(was.Body, is.Body) || was.MediaType != is.MediaType {
		c.report("%s: manifest %s is not what it was", of, digest)
	}
	for _, blob := range append([]oci.Digest{was.Config}, was.Layers...) {
		if c.before.Blobs[blob] && !c.after.Blobs[blob] {
			c.report("%s lost blob %s of manifest %s", of, blob, digest)
		}
	}
	for _, child := range was.Children {
		c.whole(child.Digest, of, append(above, digest))
	}
}

func (c *checker) manifest(digest oci.Digest) {
	_, there := c.after.Manifests[digest]
	doomed := c.expected.Doomed[Node{c.repository, digest}]
	switch {
	case doomed && !there:
		return
	case doomed && !c.expected.Partial:
		c.report("doomed manifest %s is still there", digest)
		return
	case !there:
		c.report("manifest %s is gone and was not doomed", digest)
		return
	}
	if c.expected.Unseen[Node{c.repository, digest}] {
		return
	}
	c.whole(digest, "manifest "+string(digest), nil)
	for _, referrer := range c.before.Referrers[digest] {
		if _, was := c.before.Manifests[referrer]; was && !slices.Contains(c.after.Referrers[digest], referrer) {
			if !c.expected.Doomed[Node{c.repository, referrer}] || doomed {
				c.report("manifest %s lost its referrer %s", digest, referrer)
			}
		}
	}
	if doomed {
		c.attached(digest)
	}
}

// attached reports attachments that went before their doomed subject.
func (c *checker) attached(subject oci.Digest) {
	for _, digest := range sortedKeys(c.before.Manifests) {
		if c.before.Manifests[digest].Subject == subject && c.after.Manifests[digest] == nil {
			c.report("attachment %s went before its subject %s", digest, subject)
		}
	}
	for _, tag := range sortedKeys(c.before.Tags) {
		if of, _, ok := oci.ParseAttachmentTag(tag); ok && of == subject && c.after.Tags[tag] == "" {
			c.report("attachment tag %s went before its subject %s", tag, subject)
		}
	}
}
