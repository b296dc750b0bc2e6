package files

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// word is a run of the characters that references are made of.
	word = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]`)
	// computed is what comes behind a word that a template goes on with: shell
	// and Terraform, Go templates, make, printf, placeholders in brackets.
	computed = regexp.MustCompile(`^([._:/@-]*)(?:\$[A-Za-z_({]|\{\{|%[sdv{(]|<[A-Za-z])`)
	// joined is a tag that is put behind a text: "registry/app:" + tag.
	joined = regexp.MustCompile("^[:@][\"'`]")
	// computedHost comes in front of a path whose registry is computed.
	computedHost = regexp.MustCompile(`(?:\$\{[^}\n]*\}|\{\{[^}\n]*\}\}|\$\([^)\n]*\))/$`)
)

// text reports every word that names an image of a known registry.
func (r *reading) text(name, text string) {
	for _, at := range word.FindAllStringIndex(text, -1) {
		w := text[at[0]:at[1]]
		rest := text[at[1]:min(at[1]+16, len(text))]
		where := func() string { return fmt.Sprintf("%s line %d", name, 1+strings.Count(text[:at[0]], "\n")) }
		for _, image := range r.candidates(w, text[max(0, at[0]-128):at[0]]) {
			path := image[strings.LastIndexByte(image, '/')+1:]
			repository, _, tagged := strings.Cut(image, "@")
			if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
				repository, tagged = repository[:colon], true
			}
			more := computed.FindStringSubmatch(rest)
			switch {
			case joined.MatchString(rest) && !tagged, more != nil && (tagged || strings.ContainsAny(more[1], ":@")):
				r.consider(repository+":*", where()+", where the tag is computed")
			case more != nil:
				if r.mayBeImage(repository) {
					r.doubts = append(r.doubts, where()+": which repository of "+repository+"… is meant is computed; render the templates, or list the images")
				}
			case strings.ContainsAny(path, ":@") || strings.Contains(image, "/"):
				r.consider(image, where())
			}
		}
	}
}

// candidates are the images that a word may be. One whose registry is computed
// may be of any that is known.
func (r *reading) candidates(w, before string) []string {
	if strings.HasSuffix(before, "$") { // $REGISTRY/path
		_, path, found := strings.Cut(w, "/")
		if !found {
			return nil
		}
		return r.names.InEvery(path)
	}
	if computedHost.MatchString(before) {
		return r.names.InEvery(w)
	}
	return []string{w}
}

// mayBeImage says whether what begins so is in a known registry.
func (r *reading) mayBeImage(beginning string) bool {
	images, err := r.names.Parse(beginning + "/x")
	return err == nil && len(images) > 0 && images[0].Known
}
