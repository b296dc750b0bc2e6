package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/regkeep/regkeep/internal/usage"
)

// cut is the instant a duration of the language before now.
var oracleCuts = map[string]time.Time{
	"36h": now.Add(-36 * time.Hour), "1d": now.Add(-24 * time.Hour), "1w": now.Add(-7 * 24 * time.Hour), "30d": now.Add(-30 * 24 * time.Hour),
	"2mo": time.Date(2026, 4, 15, 12, 0, 0, 0, time.UTC), "1y": time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC),
}

func drawCut(t *rapid.T) (string, time.Time) {
	text := rapid.SampledFrom([]string{"36h", "1d", "1w", "30d", "2mo", "1y"}).Draw(t, "duration")
	return text, oracleCuts[text]
}

// older says whether a root is older than a limit.
func (o *oracle) older(r *oracleRoot, limit time.Time) three {
	at, known := o.age(r)
	if !known && o.old && r.rule >= 0 {
		return yes
	}
	return three3(known, at.Before(limit))
}

func (o *oracle) idle(r *oracleRoot, limit time.Time) three {
	at, known := o.usedAt(r)
	if !at.IsZero() && !at.Before(limit) {
		return no
	}
	return three3(known, true)
}

// expired: any label or annotation that says when; the latest counts.
func (o *oracle) expired(r *oracleRoot) three {
	var latest time.Time
	said, known := false, !slices.ContainsFunc(r.m.Disputed, func(name string) bool { return name == "quay.expires-after" || name == o.ttl })
	for _, text := range []string{r.m.Labels["quay.expires-after"], r.m.Annotations["org.opencontainers.image.expires"], r.m.Labels[o.ttl]} {
		if text == "" {
			continue
		}
		said = true
		age, ageKnown := o.ageFrom(r, "")
		switch text {
		case "2w", "3d":
			known = known && ageKnown
			latest = newest(latest, age.Add(map[string]time.Duration{"2w": 14 * 24 * time.Hour, "3d": 3 * 24 * time.Hour}[text]))
		case "2026-05-01T00:00:00Z":
			latest = newest(latest, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
		default:
			known = false
		}
	}
	return three3(known, said && latest.Before(now))
}

// drawFact draws a condition that may stand anywhere, except under image facts
// that need the rule.
func drawFact(t *rapid.T) oracleItem {
	tags := rapid.SampledFrom(oracleTags).Draw(t, "patterns")
	also := rapid.SampledFrom(oracleTags).Draw(t, "more patterns")
	sure := func(text string, value func(o *oracle, r *oracleRoot) bool) oracleItem {
		return oracleItem{text, func(o *oracle, r *oracleRoot) three { return three3(true, value(o, r)) }}
	}
	tagged := func(o *oracle, r *oracleRoot) []string { return o.siblings(r) }
	return rapid.SampledFrom([]oracleItem{
		sure("tags: "+tags.text, func(_ *oracle, r *oracleRoot) bool { return r.tag != "" && tags.match(r.tag) }),
		sure("image_tags: {any: "+tags.text+"}", func(o *oracle, r *oracleRoot) bool { return slices.ContainsFunc(tagged(o, r), tags.match) }),
		sure("image_tags: {all: "+tags.text+"}", func(o *oracle, r *oracleRoot) bool {
			all := tagged(o, r)
			return len(all) > 0 && !slices.ContainsFunc(all, func(tag string) bool { return !tags.match(tag) })
		}),
		sure("image_tags: {none: "+tags.text+", any: "+also.text+"}", func(o *oracle, r *oracleRoot) bool {
			return !slices.ContainsFunc(tagged(o, r), tags.match) && slices.ContainsFunc(tagged(o, r), also.match)
		}),
		{`labels: {hold: "true"}`, func(_ *oracle, r *oracleRoot) three {
			return three3(!slices.Contains(r.m.Disputed, "hold"), r.m.Labels["hold"] == "true")
		}},
		sure(`annotations: {stage: [prod, "d*"]}`, func(_ *oracle, r *oracleRoot) bool { return r.m.Annotations["stage"] == "prod" }),
		sure(`media_types: ["**index**"]`, func(_ *oracle, r *oracleRoot) bool { return strings.Contains(r.m.MediaType, "index") }),
		sure(`artifact_types: ["application/vnd.cncf.**"]`, func(_ *oracle, r *oracleRoot) bool {
			return strings.HasPrefix(r.m.ArtifactType, "application/vnd.cncf.")
		}),
		sure("platforms: [linux/arm64]", func(_ *oracle, r *oracleRoot) bool {
			return len(r.m.Platforms) > 0 && r.m.Platforms[0].Architecture == "arm64"
		}),
		{"size_over: 1MB", func(_ *oracle, r *oracleRoot) three { return three3(r.m.Bytes > 0, r.m.Bytes > 1_000_000) }},
		{`when: 'tag.startsWith("v1")'`, func(_ *oracle, r *oracleRoot) three { return three3(r.tag != "", strings.HasPrefix(r.tag, "v1")) }},
		{`when: 'age > duration("240h")'`, func(o *oracle, r *oracleRoot) three {
			at, known := o.age(r)
			return three3(known, now.Sub(at) > 240*time.Hour)
		}},
		{`when: 'labels["hold"] == "true"'`, func(_ *oracle, r *oracleRoot) three {
			value, there := r.m.Labels["hold"]
			return three3(there && len(r.m.Disputed) == 0, value == "true")
		}},
		{`when: '"hold" in labels || "v1.0.0" in tags'`, func(o *oracle, r *oracleRoot) three {
			if slices.Contains(tagged(o, r), "v1.0.0") {
				return yes
			}
			_, there := r.m.Labels["hold"]
			return three3(len(r.m.Disputed) == 0, there)
		}},
		{`when: 'size > 100 && untagged'`, func(_ *oracle, r *oracleRoot) three {
			if r.tag != "" {
				return no
			}
			return three3(r.m.Bytes > 0, r.m.Bytes > 100)
		}},
		{`when: 'pulled > now - duration("720h")'`, func(_ *oracle, r *oracleRoot) three {
			return three3(!r.pulled.IsZero(), r.pulled.After(now.Add(-720*time.Hour)))
		}},
	}).Draw(t, "fact")
}

// drawItem draws one item for a place. rank says which named groups there are:
// nil under not, where nothing ranks.
func drawItem(t *rapid.T, where place, depth int, groups []string, negated bool, evidence *usage.Evidence) oracleItem {
	n := rapid.IntRange(1, 4).Draw(t, "n")
	options := []func() oracleItem{func() oracleItem { return drawFact(t) }}
	add := func(f func() oracleItem) { options = append(options, f) }
	cut, limit := drawCut(t)
	if where == inRemove {
		add(func() oracleItem {
			return oracleItem{"older_than: " + cut, func(o *oracle, r *oracleRoot) three { return o.older(r, limit) }}
		})
		add(func() oracleItem {
			return oracleItem{"not_pulled_for: " + cut, func(o *oracle, r *oracleRoot) three { return o.idle(r, limit) }}
		})
		add(func() oracleItem { return oracleItem{"expired: true", (*oracle).expired} })
		add(func() oracleItem {
			return oracleItem{"everything: true", func(*oracle, *oracleRoot) three { return yes }}
		})
	} else {
		add(func() oracleItem {
			return oracleItem{"within: " + cut, func(o *oracle, r *oracleRoot) three { return yes - o.older(r, limit) }}
		})
		add(func() oracleItem {
			return oracleItem{"pulled_within: " + cut, func(o *oracle, r *oracleRoot) three { return yes - o.idle(r, limit) }}
		})
		if !negated {
			add(func() oracleItem {
				return oracleItem{"in_use: true", func(o *oracle, r *oracleRoot) three { return o.inUse(r, evidence) }}
			})
		}
	}
	if !negated && where != inProtect {
		s := drawOrder(t, groups)
		add(func() oracleItem {
			if where == inRemove {
				return oracleItem{fmt.Sprintf("beyond: %d%s", n, s.text()), func(o *oracle, r *oracleRoot) three { return yes - o.among(r, s, n) }}
			}
			return oracleItem{fmt.Sprintf("newest: %d%s", n, s.text()), func(o *oracle, r *oracleRoot) three { return o.among(r, s, n) }}
		})
		if where == inKeep {
			add(func() oracleItem { return oracleSemverKeep(t) })
			if timed(s.by) || strings.Contains(s.by, "date") {
				period := rapid.SampledFrom([]string{"hourly", "daily", "weekly", "monthly", "yearly"}).Draw(t, "period")
				add(func() oracleItem {
					return oracleItem{fmt.Sprintf("%s: %d%s", period, n, s.text()), func(o *oracle, r *oracleRoot) three { return o.calendar(r, s, period, n) }}
				})
			}
		}
	}
	inside := func(negated bool) oracleItem { return drawItem(t, where, depth-1, groups, negated, evidence) }
	if depth > 0 {
		add(func() oracleItem {
			it := inside(!negated)
			return oracleItem{"not: " + it.text, func(o *oracle, r *oracleRoot) three { return yes - it.means(o, r) }}
		})
		add(func() oracleItem {
			a, b := inside(negated), inside(negated)
			return oracleItem{"any: [" + a.text + ", " + b.text + "]", func(o *oracle, r *oracleRoot) three { return max(a.means(o, r), b.means(o, r)) }}
		})
		add(func() oracleItem {
			a, b := inside(negated), inside(negated)
			return oracleItem{"all: [" + a.text + ", " + b.text + "]", func(o *oracle, r *oracleRoot) three { return min(a.means(o, r), b.means(o, r)) }}
		})
	}
	it := rapid.SampledFrom(options).Draw(t, "condition")()
	if rapid.IntRange(0, 3).Draw(t, "and") == 0 {
		and := drawFact(t)
		if name, _, _ := strings.Cut(it.text, ":"); !strings.Contains(and.text, name) || name != strings.SplitN(and.text, ":", 2)[0] {
			first := it
			it = oracleItem{first.text + ", " + and.text, func(o *oracle, r *oracleRoot) three { return min(first.means(o, r), and.means(o, r)) }}
		}
	}
	it.text = "{" + it.text + "}"
	return it
}

func drawOrder(t *rapid.T, groups []string) oracleOrder {
	by := []string{"", "", "created", "pushed", "pulled", "semver", "name"}
	var s oracleOrder
	if slices.Contains(groups, "n") {
		by = append(by, "{captured: n}", "{captured: n, as: number}")
		if rapid.Bool().Draw(t, "per") {
			s.per = "kind"
		}
	}
	if slices.Contains(groups, "day") {
		by = append(by, "{captured: day, as: date}", "{captured: day, as: date}")
	}
	s.by = rapid.SampledFrom(by).Draw(t, "by")
	s.tags = rapid.IntRange(0, 2).Draw(t, "count") == 0
	return s
}

// genOracle draws a policy and its meaning.
func genOracle(t *rapid.T, w *world, evidence *usage.Evidence) (*oracle, string) {
	o := &oracle{w: w, zone: time.UTC}
	text := "version: 1\nfloor: 0\n"
	if rapid.IntRange(0, 2).Draw(t, "old") == 0 {
		o.old = true
		text += "unknown_age: old\n"
	}
	if name := rapid.SampledFrom([]string{"UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"}).Draw(t, "zone"); name != "UTC" {
		o.zone, _ = time.LoadLocation(name)
		text += "timezone: " + name + "\n"
	}
	if rapid.Bool().Draw(t, "ttl") {
		o.ttl = "ttl"
		text += "expiry_label: ttl\n"
	}
	list := func(items []oracleItem) string {
		texts := make([]string, len(items))
		for i, it := range items {
			texts[i] = it.text
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	draw := func(where place, least int, groups []string) []oracleItem {
		items := make([]oracleItem, rapid.IntRange(least, 3).Draw(t, "items"))
		for i := range items {
			items[i] = drawItem(t, where, 2, groups, false, evidence)
		}
		return items
	}
	if rapid.Bool().Draw(t, "protects") {
		o.protect = draw(inProtect, 1, nil)
		text += "protect: " + list(o.protect) + "\n"
	}
	text += "policies:\n  - repositories: [\"team/**\"]\n    rules:\n"
	for _, selector := range []struct{ text, re string }{
		{`tags: ["/(?P<kind>main|dev)-(?P<n>[0-9]+)/"]`, "(?P<kind>main|dev)-(?P<n>[0-9]+)"},
		{`tags: ["/nightly-(?P<day>[0-9]+)/"]`, "nightly-(?P<day>[0-9]+)"},
		{`tags: ["**"], untagged: true`, ".*"},
	} {
		shape := regexp.MustCompile("^(?:" + selector.re + ")$")
		rule := oracleRule{claims: shape.MatchString, untagged: selector.re == ".*", captures: func(tag string) map[string]string {
			found := map[string]string{}
			if values := shape.FindStringSubmatch(tag); values != nil {
				for i, name := range shape.SubexpNames() {
					found[name] = values[i]
				}
			}
			return found
		}}
		groups := shape.SubexpNames()
		rule.remove, rule.keep = draw(inRemove, 1, groups), draw(inKeep, 0, groups)
		text += "      - {" + selector.text
		if from := rapid.SampledFrom([]string{"", "", "pushed", "created", "seen"}).Draw(t, "age_from"); from != "" {
			rule.ageFrom = from
			text += ", age_from: " + from
		}
		text += ", remove: " + list(rule.remove)
		if len(rule.keep) == 0 && len(o.protect) == 0 && strings.Contains(list(rule.remove), "everything") {
			rule.keep = []oracleItem{{`{tags: [nothing]}`, func(*oracle, *oracleRoot) three { return no }}}
		}
		if len(rule.keep) > 0 {
			text += ", keep: " + list(rule.keep)
		}
		text += "}\n"
		o.rules = append(o.rules, rule)
	}
	return o, text
}
