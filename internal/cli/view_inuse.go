package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/usage"
)

// inUseView shows what is in use.
type inUseView struct {
	p    *program
	seen *app.InUse
}

type (
	inUseLine struct {
		Type       string        `json:"type"` // "in-use"
		Registry   string        `json:"registry"`
		Repository string        `json:"repository"`
		Tag        string        `json:"tag,omitempty"`
		Digest     oci.Digest    `json:"digest,omitempty"`
		Present    string        `json:"present"` // "yes", "no" or "unknown"
		Found      oci.Digest    `json:"found,omitempty"`
		Problem    string        `json:"problem,omitempty"`
		Witnesses  []witnessLine `json:"witnesses"`
	}
	witnessLine struct {
		Source     string    `json:"source"`
		What       string    `json:"what"`
		Seen       time.Time `json:"seen"`
		Remembered bool      `json:"remembered,omitempty"`
	}
	sourceLine struct {
		Type       string    `json:"type"` // "source"
		Source     string    `json:"source"`
		At         time.Time `json:"at"`
		Complete   bool      `json:"complete"`
		References int       `json:"references"`
		Problem    string    `json:"problem,omitempty"`
		Doubts     []string  `json:"doubts,omitempty"`
		Registries []string  `json:"registries,omitempty"`
	}
	elsewhereLine struct {
		Type       string     `json:"type"` // "elsewhere"
		Host       string     `json:"host"`
		References int        `json:"references"`
		Alias      *aliasLine `json:"alias,omitempty"`
	}
	aliasLine struct {
		From         string `json:"from"`
		To           string `json:"to"`
		Repositories int    `json:"repositories"`
	}
	inUseSummary struct {
		Type       string    `json:"type"` // "summary"
		At         time.Time `json:"at"`
		References int       `json:"references"`
		Missing    int       `json:"missing"`
		Unknown    int       `json:"unknown"`
		Elsewhere  int       `json:"elsewhere"`
		Requests   int64     `json:"requests"`
	}
)

var presences = map[app.Presence]string{app.There: "yes", app.Missing: "no", app.Unclear: "unknown"}

func (v inUseView) summary() inUseSummary {
	s := inUseSummary{Type: "summary", At: v.seen.At, References: len(v.seen.Images), Requests: v.seen.Requests}
	for _, image := range v.seen.Images {
		switch image.Presence {
		case app.Missing:
			s.Missing++
		case app.Unclear:
			s.Unknown++
		}
	}
	for _, host := range v.seen.Elsewhere {
		s.Elsewhere += host.References
	}
	return s
}

func (v inUseView) write() error {
	if v.p.json() {
		return v.json()
	}
	w := bufio.NewWriter(v.p.t.out)
	paint := v.p.t.paint
	registry := ""
	var t *grid
	flush := func() {
		if t != nil {
			t.write(w)
			fmt.Fprintln(w)
		}
	}
	for _, image := range v.seen.Images {
		if image.Image.Registry != registry {
			flush()
			registry = image.Image.Registry
			fmt.Fprintln(w, paint.bold(registry))
			t = newTable(v.p.t, "  ", "image", "there", "used by")
		}
		there := "yes"
		switch image.Presence {
		case app.Missing:
			there = paint.red("missing")
		case app.Unclear:
			there = paint.yellow("not known")
		}
		t.row(imageName(image.Image), there, v.users(image))
	}
	flush()
	v.sources(w)
	v.elsewhere(w)
	s := v.summary()
	fmt.Fprintf(w, "%s in use, %s, %d not known\n", count(s.References, "image"), v.missing(s.Missing), s.Unknown)
	return w.Flush()
}

func (v inUseView) missing(n int) string {
	text := fmt.Sprintf("%d of them missing", n)
	if n > 0 {
		text = v.p.t.paint.red(text)
	}
	return text
}

// imageName is the image without its registry.
func imageName(image usage.Image) string {
	name := image.Repository
	switch {
	case image.Whole():
		return name + ", any image"
	case image.Tag != "":
		name += ":" + image.Tag
	}
	if image.Digest != "" {
		name += "@" + short(image.Digest)
	}
	return name
}

// users names the first witness and counts the others.
func (v inUseView) users(image app.ImageInUse) string {
	first := image.Witnesses[0]
	text := first.What + " (" + first.Source + ")"
	if first.Remembered {
		text = "was used by " + text + ", last seen " + age(v.seen.At, first.Seen) + " ago"
	}
	if others := len(image.Witnesses) - 1; others > 0 {
		text += fmt.Sprintf(" and %d more", others)
	}
	if image.Problem != "" {
		text += "; " + v.p.t.paint.yellow(image.Problem)
	}
	return text
}

func (v inUseView) sources(w *bufio.Writer) {
	t := newTable(v.p.t, "", "source", "images", "complete")
	for _, source := range v.seen.Sources {
		complete := "yes"
		switch {
		case !source.Complete:
			complete = v.p.t.paint.red("no: ") + source.Problem
		case len(source.Doubts) > 0:
			complete = v.p.t.paint.yellow("yes, but ") + some(source.Doubts)
		}
		t.row(source.Name, fmt.Sprint(source.References), complete)
	}
	t.write(w)
	fmt.Fprintln(w)
}

func (v inUseView) elsewhere(w *bufio.Writer) {
	if len(v.seen.Elsewhere) == 0 {
		return
	}
	t := newTable(v.p.t, "", "other hosts", "images", "alias that may be missing")
	for _, host := range v.seen.Elsewhere {
		alias := ""
		if a := host.Alias; a != nil {
			alias = fmt.Sprintf("%s: %s (%s called the same there)", quoted(a.From), a.To, count(host.Repositories, "repository|repositories"))
		}
		t.row(host.Host, fmt.Sprint(host.References), alias)
	}
	t.write(w)
	fmt.Fprintln(w)
}

// quoted writes a name as YAML needs it for a key.
func quoted(name string) string { return `"` + name + `"` }

func (v inUseView) json() error {
	lines := json.NewEncoder(v.p.t.out)
	for _, image := range v.seen.Images {
		line := inUseLine{
			Type: "in-use", Registry: image.Image.Registry, Repository: image.Image.Repository, Tag: image.Image.Tag, Digest: image.Image.Digest,
			Present: presences[image.Presence], Found: image.Digest, Problem: image.Problem,
		}
		for _, w := range image.Witnesses {
			line.Witnesses = append(line.Witnesses, witnessLine{w.Source, w.What, w.Seen.UTC(), w.Remembered})
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	for _, s := range v.seen.Sources {
		if err := lines.Encode(sourceLine{"source", s.Name, s.At.UTC(), s.Complete, s.References, s.Problem, s.Doubts, s.Covers}); err != nil {
			return err
		}
	}
	for _, host := range v.seen.Elsewhere {
		line := elsewhereLine{Type: "elsewhere", Host: host.Host, References: host.References}
		if a := host.Alias; a != nil {
			line.Alias = &aliasLine{a.From, a.To, host.Repositories}
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return lines.Encode(v.summary())
}
