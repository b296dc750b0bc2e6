package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// https://zotregistry.dev/latest/articles/retention/
type zotRetention struct {
	DryRun   bool        `json:"dryRun,omitempty"`
	Delay    string      `json:"delay,omitempty"`
	Policies []zotPolicy `json:"policies"`
}

type zotPolicy struct {
	Repositories    []string  `json:"repositories"`
	DeleteReferrers bool      `json:"deleteReferrers,omitempty"`
	DeleteUntagged  *bool     `json:"deleteUntagged,omitempty"`
	KeepTags        []zotKeep `json:"keepTags,omitempty"`
	KeepUntagged    *zotKeep  `json:"keepUntagged,omitempty"`
}

type zotKeep struct {
	Patterns     []string `json:"patterns,omitempty"`
	Pulled       int      `json:"mostRecentlyPulledCount,omitempty"`
	Pushed       int      `json:"mostRecentlyPushedCount,omitempty"`
	PulledWithin string   `json:"pulledWithin,omitempty"`
	PushedWithin string   `json:"pushedWithin,omitempty"`
}

// zot: the first policy that names the repository governs it, the first entry
// of keepTags that matches a tag decides about it, and a tag that no entry
// matches goes.
func zot(data []byte, d *draft) error {
	var config struct {
		Storage *struct {
			GC        *bool           `json:"gc"`
			Retention json.RawMessage `json:"retention"`
			SubPaths  map[string]struct {
				Retention json.RawMessage `json:"retention"`
			} `json:"subPaths"`
		} `json:"storage"`
		Retention json.RawMessage `json:"retention"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return decode(data, &config)
	}
	var elsewhere []string
	switch {
	case config.Storage != nil && config.Storage.GC != nil && !*config.Storage.GC:
		d.note(Exact, "storage.gc", "the garbage collection is switched off, and with it all retention: nothing is removed")
		return nil
	case config.Storage != nil:
		data = config.Storage.Retention
		for path := range config.Storage.SubPaths {
			path = strings.Trim(path, "/")
			elsewhere = append(elsewhere, "!"+literal(path), "!"+literal(path)+"/**")
			d.note(Dropped, "storage.subPaths", "repositories below %s have a retention of their own: import it by itself; here they stay", path)
		}
		slices.Sort(elsewhere)
	case config.Retention != nil:
		data = config.Retention
	}
	if len(data) == 0 {
		return errors.New("storage.retention is missing")
	}
	var original zotRetention
	if err := decode(data, &original); err != nil {
		return err
	}
	if original.DryRun {
		d.note(Wider, "retention.dryRun", "zot only logs what this policy removes, and regkeep removes it")
	}
	for i, p := range original.Policies {
		where := fmt.Sprintf("policies[%d]", i)
		g := governing{comment: where}
		for _, pattern := range p.Repositories {
			globs, err := doublestar(pattern, true)
			if err != nil {
				d.note(Dropped, where, "%s; its repositories and those of the policies behind it stay", err)
				return nil
			}
			g.repositories = append(g.repositories, globs...)
		}
		if len(g.repositories) == 0 {
			d.note(Exact, where, "it names no repository")
			continue
		}
		// A zot list has no exclusions, so theirs are not undone by these.
		g.repositories = append(g.repositories, elsewhere...)
		if p.DeleteUntagged == nil || *p.DeleteUntagged {
			d.note(Stricter, where, "untagged manifests stay: leave them to zot's garbage collection")
		} else {
			d.note(Wider, where+".deleteUntagged", "zot leaves the manifests of removed tags, to be pulled by digest; regkeep deletes a manifest with its last tag")
		}
		if err := p.entries(&g, where, d); err != nil {
			d.note(Dropped, where, "%s; everything in its repositories stays", err)
			g.rules = nil
		}
		d.policies = append(d.policies, g)
	}
	return nil
}

func (p zotPolicy) entries(g *governing, where string, d *draft) error {
	if len(p.KeepTags) == 0 {
		d.note(Exact, where, "without keepTags all tags stay")
		return nil
	}
	for i, entry := range p.KeepTags {
		at := fmt.Sprintf("%s.keepTags[%d]", where, i)
		r := rule{comment: at, ageFrom: "pushed", tags: []string{"**"}}
		if len(entry.Patterns) > 0 {
			r.tags = nil
		}
		for _, expression := range entry.Patterns {
			if err := portable(expression); err != nil {
				return err
			}
			r.tags = append(r.tags, within(expression))
		}
		if err := accepted(r.tags...); err != nil {
			return err
		}
		keep, why := entry.keeps()
		switch {
		case why != "":
			d.note(Dropped, at, "%s; all that it matches stays", why)
		case len(keep) == 0:
			d.note(Exact, at, "all that it matches stays")
		default:
			r.remove, r.keep = []item{{"everything: true", ""}}, keep
			d.note(Exact, at, "any of its conditions keeps a tag")
		}
		g.rules = append(g.rules, r)
	}
	if slices.ContainsFunc(g.rules, func(r rule) bool { return slices.Contains(r.tags, "**") }) {
		return nil
	}
	g.rules = append(g.rules, rule{comment: "what no entry of keepTags matches goes", tags: []string{"**"}, remove: []item{{`tags: ["**"]`, ""}}})
	return nil
}

func (k zotKeep) keeps() (keep []item, why string) {
	if k.Pulled != 0 {
		return nil, "mostRecentlyPulledCount ranks what was never pulled behind all others, and regkeep ranks it by its push"
	}
	if k.Pushed < 0 {
		return nil, "mostRecentlyPushedCount is negative"
	}
	if k.Pushed > 0 {
		keep = append(keep, item{fmt.Sprintf("newest: %d, by: pushed, count: tags", k.Pushed), "mostRecentlyPushedCount"})
	}
	for _, age := range []struct{ name, text, condition string }{{"pulledWithin", k.PulledWithin, "pulled_within"}, {"pushedWithin", k.PushedWithin, "within"}} {
		if age.text == "" {
			continue
		}
		d, err := time.ParseDuration(age.text)
		if err != nil || d <= 0 {
			return nil, fmt.Sprintf("%s: %q is not a length of time", age.name, age.text)
		}
		length, err := span(d)
		if err != nil {
			return nil, err.Error()
		}
		keep = append(keep, item{age.condition + ": " + length, age.name})
	}
	return keep, ""
}
