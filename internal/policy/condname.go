package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// tagsTest is tags.
type tagsTest struct{ list pattern.List }

func (t *tagsTest) truth(e *evaluation, i int) Truth {
	tag := e.roots[i].Tag
	return truthOf(tag != nil && t.list.Match(tag.Name))
}

func truthOf(yes bool) Truth {
	if yes {
		return True
	}
	return False
}

func (t *tagsTest) missing(*evaluation, int) string { return "" }
func (t *tagsTest) facts(*evaluation, int) map[string]any {
	return map[string]any{"patterns": t.list.String()}
}
func (t *tagsTest) explain(e *evaluation, i int) account {
	if e.roots[i].Tag == nil {
		return account{fact: "the root has no tag"}
	}
	return account{fact: "the tag is " + e.roots[i].Name(), rests: restsTag}
}
func (t *tagsTest) code() Code     { return CodeTags }
func (t *tagsTest) needs() need    { return 0 }
func (t *tagsTest) String() string { return "tags: " + t.list.String() }

// imageTagsTest is image_tags; what was not written is empty.
type imageTagsTest struct{ any, all, none pattern.List }

func (t *imageTagsTest) truth(e *evaluation, i int) Truth {
	if e.roots[i].Digest == "" {
		return Unknown
	}
	any, all, tags := false, true, 0
	none := true
	for _, sibling := range e.siblings(i) {
		tag := e.roots[sibling].Tag
		if tag == nil {
			continue
		}
		tags++
		any = any || t.any.Match(tag.Name)
		all = all && t.all.Match(tag.Name)
		none = none && !t.none.Match(tag.Name)
	}
	return truthOf((t.any.Empty() || any) && (t.all.Empty() || all && tags > 0) && (t.none.Empty() || none))
}

func (t *imageTagsTest) missing(*evaluation, int) string { return factImage }
func (t *imageTagsTest) facts(e *evaluation, i int) map[string]any {
	return map[string]any{"tags": e.tagsOf(i)}
}
func (t *imageTagsTest) explain(e *evaluation, i int) account {
	return account{fact: "the tags of the image are " + strings.Join(e.tagsOf(i), ", "), rests: restsTag | restsSiblings}
}

// tagsOf lists the root tags of the image of a root.
func (e *evaluation) tagsOf(i int) []string {
	tags := []string{}
	for _, sibling := range e.siblings(i) {
		if name := e.roots[sibling].Name(); name != "" {
			tags = append(tags, name)
		}
	}
	return tags
}

func (t *imageTagsTest) individual() {}
func (t *imageTagsTest) code() Code  { return CodeImageTags }
func (t *imageTagsTest) needs() need { return 0 }
func (t *imageTagsTest) String() string {
	var parts []string
	for _, part := range []struct {
		name string
		list pattern.List
	}{{"any", t.any}, {"all", t.all}, {"none", t.none}} {
		if !part.list.Empty() {
			parts = append(parts, part.name+": "+part.list.String())
		}
	}
	return "image_tags: {" + strings.Join(parts, ", ") + "}"
}

type mapEntry struct {
	name string
	list pattern.List
}

// mapTest is labels and annotations.
type mapTest struct {
	name    string
	entries []mapEntry // by name
	key     Code
}

func (t *mapTest) values(e *evaluation, i int) map[string]string {
	if t.name == "labels" {
		return e.roots[i].Manifest.Labels
	}
	return e.roots[i].Manifest.Annotations
}

// known says whether the values are all there are.
func (t *mapTest) known(e *evaluation, i int) bool {
	if t.name == "labels" {
		return e.inspected(i)
	}
	return e.readable(i)
}

func (t *mapTest) truth(e *evaluation, i int) Truth {
	if !t.known(e, i) {
		return Unknown
	}
	values, truth := t.values(e, i), True
	for _, entry := range t.entries {
		switch value, there := values[entry.name]; {
		case t.name == "labels" && slices.Contains(e.roots[i].Manifest.Disputed, entry.name):
			truth = Unknown
		case !there || !entry.list.Match(value):
			return False
		}
	}
	return truth
}

func (t *mapTest) missing(e *evaluation, i int) string {
	if t.known(e, i) {
		return factShared
	}
	return unread(e, i)
}
func (t *mapTest) facts(e *evaluation, i int) map[string]any {
	facts := map[string]any{}
	for _, entry := range t.entries {
		facts[entry.name] = t.values(e, i)[entry.name]
	}
	return facts
}
func (t *mapTest) explain(e *evaluation, i int) account {
	if !t.known(e, i) {
		return account{fact: "the " + unread(e, i) + " could not be read"}
	}
	var found []string
	for _, entry := range t.entries {
		if value, there := t.values(e, i)[entry.name]; there {
			found = append(found, entry.name+"="+value)
		} else if t.name == "labels" && slices.Contains(e.roots[i].Manifest.Disputed, entry.name) {
			found = append(found, entry.name+" differs between the platform images")
		} else {
			found = append(found, "no "+entry.name)
		}
	}
	return account{fact: strings.Join(found, ", "), rests: t.rests()}
}
func (t *mapTest) rests() rests {
	if t.name == "labels" {
		return restsLabels
	}
	return restsAnnotations
}
func (t *mapTest) individual() {}
func (t *mapTest) code() Code  { return t.key }
func (t *mapTest) needs() need { return needConfig }
func (t *mapTest) String() string {
	parts := make([]string, len(t.entries))
	for i, entry := range t.entries {
		parts[i] = fmt.Sprintf("%s: %s", entry.name, entry.list)
	}
	return t.name + ": {" + strings.Join(parts, ", ") + "}"
}

// listTest is media_types, artifact_types and platforms.
type listTest struct {
	name string
	list pattern.List
	key  Code
}

func (t *listTest) values(e *evaluation, i int) []string {
	m := e.roots[i].Manifest
	switch t.name {
	case "media_types":
		return []string{m.MediaType}
	case "artifact_types":
		return []string{m.ArtifactType}
	}
	var all []string
	for _, platform := range m.Platforms {
		all = append(all, platform.String())
		if platform.Variant != "" {
			all = append(all, oci.Platform{OS: platform.OS, Architecture: platform.Architecture}.String())
		}
	}
	return all
}

// known says whether the values are all there are.
func (t *listTest) known(e *evaluation, i int) bool {
	switch t.name {
	case "platforms":
		return e.inspected(i)
	case "media_types":
		return e.resolved(i) && e.roots[i].Manifest.MediaType != ""
	}
	return e.readable(i)
}

func (t *listTest) truth(e *evaluation, i int) Truth {
	if !t.known(e, i) {
		return Unknown
	}
	for _, value := range t.values(e, i) {
		if t.list.Match(value) {
			return True
		}
	}
	return False
}

func (t *listTest) missing(e *evaluation, i int) string { return unread(e, i) }
func (t *listTest) facts(e *evaluation, i int) map[string]any {
	return map[string]any{"is": strings.Join(t.values(e, i), ", ")}
}
func (t *listTest) explain(e *evaluation, i int) account {
	if !t.known(e, i) {
		return account{fact: "the " + unread(e, i) + " could not be read"}
	}
	return account{fact: "found " + cond(len(t.values(e, i)) == 0, "none", strings.Join(t.values(e, i), ", ")), rests: t.rests()}
}
func (t *listTest) rests() rests {
	if t.name == "platforms" {
		return restsPlatforms
	}
	return restsManifest
}
func (t *listTest) individual() {}
func (t *listTest) code() Code  { return t.key }
func (t *listTest) needs() need {
	if t.name == "media_types" {
		return 0
	}
	return needConfig
}
func (t *listTest) String() string {
	return t.name + ": " + t.list.String()
}

// sizeTest is size_over.
type sizeTest struct {
	over int64
	text string
}

func (t *sizeTest) truth(e *evaluation, i int) Truth {
	if !e.resolved(i) || e.roots[i].Manifest.Bytes <= 0 {
		return Unknown
	}
	return truthOf(e.roots[i].Manifest.Bytes > t.over)
}

func (t *sizeTest) missing(e *evaluation, i int) string {
	if !e.resolved(i) {
		return unread(e, i)
	}
	return factSize
}
func (t *sizeTest) facts(e *evaluation, i int) map[string]any {
	return map[string]any{"bytes": e.roots[i].Manifest.Bytes, "limit": t.over}
}
func (t *sizeTest) explain(e *evaluation, i int) account {
	if t.truth(e, i) == Unknown {
		return account{fact: "the size is not known"}
	}
	return account{fact: fmt.Sprintf("%d bytes, the limit is %d", e.roots[i].Manifest.Bytes, t.over), rests: restsManifest}
}
func (t *sizeTest) individual()    {}
func (t *sizeTest) code() Code     { return CodeSizeOver }
func (t *sizeTest) needs() need    { return 0 }
func (t *sizeTest) String() string { return fmt.Sprintf("size_over: %dB", t.over) }

// everythingTest is everything: true.
type everythingTest struct{}

func (everythingTest) truth(*evaluation, int) Truth          { return True }
func (everythingTest) missing(*evaluation, int) string       { return "" }
func (everythingTest) facts(*evaluation, int) map[string]any { return nil }
func (everythingTest) explain(*evaluation, int) account {
	return account{fact: "always"}
}
func (everythingTest) code() Code     { return CodeEverything }
func (everythingTest) needs() need    { return 0 }
func (everythingTest) String() string { return "everything: true" }
