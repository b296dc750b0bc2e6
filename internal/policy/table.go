package policy

// kind is what may stand as the value of a key. Parser, schema and reference
// are made from the same tables.
type kind uint8

const (
	kindDuration kind = iota
	kindCount         // a whole number from 1
	kindNumber        // a whole number from 0
	kindLimit         // a whole number from 0, or unlimited
	kindShare         // 0.5 or 50%
	kindSize
	kindTrue
	kindBool
	kindText
	kindZone
	kindRepository
	kindChoice
	kindPatterns
	kindPatternMap
	kindExpression
	kindSemver
	kindImageTags
	kindItem
	kindItems
	kindOrder
	kindOrphans
	kindVersion
	kindRules
	kindPolicies
	kindForeign // another part of the program reads it
)

// places where a condition may stand.
type place uint8

const (
	inRemove place = 1 << iota
	inKeep
	inProtect
	everywhere = inRemove | inKeep | inProtect
)

func (p place) String() string {
	switch p {
	case inRemove:
		return "remove"
	case inKeep:
		return "keep"
	case inProtect:
		return "protect"
	case inKeep | inProtect:
		return "keep, protect"
	}
	return "remove, keep, protect"
}

// key is one key of a policy file.
type key struct {
	name     string
	kind     kind
	choices  []string
	required bool
	summary  string // ends a sentence that begins with the key
	example  string
	fallback any // what holds where the key is not written; nil: nothing
	// Conditions only.
	where place
	code  Code
}

var topKeys = []key{
	{name: "version", kind: kindVersion, required: true, summary: "The version of the language; always 1.", example: "version: 1"},
	{name: "protect", kind: kindItems, summary: "What stays in every repository, whatever the rules say. Written out or not, it holds the tag `latest`; `protect: []` lifts that, and so does a rule that names `latest` literally.", example: "protect: [{in_use: true}]"},
	{name: "policies", kind: kindPolicies, required: true, summary: "The policies. The first whose patterns match a repository governs it; a repository without a policy keeps everything."},
}

// foreignKeys belong to the configuration, which may share the file.
var foreignKeys = []key{
	{name: "registries", kind: kindForeign}, {name: "in_use", kind: kindForeign}, {name: "state", kind: kindForeign}, {name: "archive", kind: kindForeign},
	{name: "schedule", kind: kindForeign}, {name: "server", kind: kindForeign}, {name: "plan_max_age", kind: kindForeign},
}

// settingKeys stand at the top of the file, for all policies, or in one policy.
var settingKeys = []key{
	{name: "timezone", kind: kindZone, fallback: "UTC", summary: "The time zone of the calendar rules, a name of the IANA database. Default UTC.", example: "timezone: Europe/Berlin"},
	{name: "grace", kind: kindDuration, fallback: "24h", summary: "How long an untagged manifest or a child is left alone after its push: it may belong to a push in flight. Default 24h.", example: "grace: 48h"},
	{name: "floor", kind: kindNumber, fallback: 1, summary: "How many images of a repository stay whatever the rules say: where fewer would, the newest ones do. Default 1.", example: "floor: 3"},
	{name: "max_removals", kind: kindLimit, fallback: "unlimited", summary: "A repository that would lose more roots than this is refused. Default unlimited.", example: "max_removals: 200"},
	{name: "max_share", kind: kindShare, fallback: "50%", summary: "A repository with more than 20 root tags that would lose more than this share is refused by `regkeep run --yes`, where nobody looks at the plan. Default 50%.", example: "max_share: 30%"},
	{name: "attachments", kind: kindOrphans, summary: "What happens to attachments whose subject is gone: `keep` or `remove`. Default keep.", example: "attachments: {orphans: remove}"},
	{name: "untag", kind: kindChoice, choices: []string{"native", "overwrite"}, fallback: "native", summary: "Whether a tag may be removed by overwriting it with a placeholder where the registry cannot delete a tag. Default native.", example: "untag: overwrite"},
	{name: "unknown_age", kind: kindChoice, choices: []string{"hold", "old"}, fallback: "hold", summary: "What an image without a trusted time is: held, or older than everything. An image that could not be read is always held. Default hold.", example: "unknown_age: old"},
	{name: "quarantine", kind: kindRepository, fallback: "quarantine", summary: "How the names of holding repositories begin, in which `action: quarantine` keeps images: on the same registry, and on Nexus in the same Nexus repository. Default quarantine.", example: "quarantine: held/back"},
	{name: "expiry_label", kind: kindText, summary: "One more label or annotation that says when an image expires.", example: "expiry_label: com.example.ttl"},
}

var policyKeys = []key{
	{name: "repositories", kind: kindPatterns, required: true, summary: "Patterns of the repositories that the policy governs.", example: `repositories: ["team-a/**", "!team-a/base"]`},
	{name: "rules", kind: kindRules, required: true, summary: "The rules. The first whose selector matches a root claims it; what no rule claims is kept."},
	{name: "name", kind: kindText, summary: "A name for people.", example: "name: nightly builds"},
}

var ruleKeys = []key{
	{name: "tags", kind: kindPatterns, summary: "Patterns of the tags that the rule claims.", example: `tags: ["pr-*"]`},
	{name: "untagged", kind: kindBool, fallback: false, summary: "Whether the rule claims untagged manifests (that are neither children nor attachments) too.", example: "untagged: true"},
	{name: "remove", kind: kindItems, summary: "Conditions of which any makes a root go, unless something keeps it. A rule without them keeps all that it claims.", example: "remove: [{older_than: 30d}]"},
	{name: "keep", kind: kindItems, summary: "Conditions of which any makes a root stay. Not needed.", example: "keep: [{newest: 5}]"},
	{name: "action", kind: kindChoice, choices: []string{"remove", "quarantine"}, fallback: "remove", summary: "What becomes of images that go: `remove` removes them; `quarantine` first copies them whole into a holding repository, from which they are removed after `for`, unless somebody pulled them there. `regkeep undo` brings them back at any time in between. Default remove.", example: "action: quarantine, for: 14d"},
	{name: "for", kind: kindDuration, summary: "How long images stay in quarantine. Needed there, and only there.", example: "action: quarantine, for: 14d"},
	{name: "age_from", kind: kindChoice, choices: []string{"pushed", "created", "seen"}, summary: "The one time that ages of this rule are counted from. Default: the latest trusted one.", example: "age_from: pushed"},
	{name: "unknown_age", kind: kindChoice, choices: []string{"hold", "old"}, summary: "As the setting, for this rule.", example: "unknown_age: old"},
	{name: "name", kind: kindText, summary: "A name for people.", example: "name: releases"},
}

var conditionKeys = []key{
	{name: "older_than", kind: kindDuration, where: inRemove, code: CodeOlderThan, example: "older_than: 30d", summary: "The age is more than that."},
	{name: "not_pulled_for", kind: kindDuration, where: inRemove, code: CodeNotPulledFor, example: "not_pulled_for: 90d", summary: "Neither pulled nor pushed in that time, so one that was never pulled counts from its push. Where the registry does not record pulls, this is unknown and the root is held."},
	{name: "beyond", kind: kindCount, where: inRemove, code: CodeBeyond, example: "beyond: 10", summary: "Not among the newest N of the rule in this repository."},
	{name: "expired", kind: kindTrue, where: inRemove, code: CodeExpired, example: "expired: true", summary: "The image's own time to live has passed: label `quay.expires-after` (a duration, from where the age counts), annotation or label `org.opencontainers.image.expires` (a time or a duration), or the `expiry_label`. An image without one does not expire."},
	{name: "everything", kind: kindTrue, where: inRemove, code: CodeEverything, example: "everything: true", summary: "Always. The rule needs a keep, or the file a protect condition, beside it."},
	{name: "newest", kind: kindCount, where: inKeep, code: CodeNewest, example: "newest: 5", summary: "Among the newest N images of the rule in this repository."},
	{name: "within", kind: kindDuration, where: inKeep | inProtect, code: CodeWithin, example: "within: 30d", summary: "The age is at most that."},
	{name: "pulled_within", kind: kindDuration, where: inKeep | inProtect, code: CodePulledWithin, example: "pulled_within: 30d", summary: "Pulled or pushed in that time."},
	{name: "hourly", kind: kindCount, where: inKeep, code: CodeHourly, example: "hourly: 24", summary: "The newest image of one of the last N hours that have one."},
	{name: "daily", kind: kindCount, where: inKeep, code: CodeDaily, example: "daily: 7", summary: "The newest image of one of the last N days that have one."},
	{name: "weekly", kind: kindCount, where: inKeep, code: CodeWeekly, example: "weekly: 4", summary: "The newest image of one of the last N ISO weeks that have one."},
	{name: "monthly", kind: kindCount, where: inKeep, code: CodeMonthly, example: "monthly: 12", summary: "The newest image of one of the last N months that have one."},
	{name: "yearly", kind: kindCount, where: inKeep, code: CodeYearly, example: "yearly: 3", summary: "The newest image of one of the last N years that have one."},
	{name: "semver", kind: kindSemver, where: inKeep, code: CodeSemver, example: `semver: {range: ">=1.2", newest: 3, per: minor}`, summary: "The tag is a version, in the range if there is one, and among the newest N versions (of those in the range) of its major, minor or patch line."},
	{name: "tags", kind: kindPatterns, where: everywhere, code: CodeTags, example: `tags: ["v*", "!v0.*"]`, summary: "The root's own tag matches; whether other tags of the image do is for `image_tags`. Never true of an untagged root."},
	{name: "image_tags", kind: kindImageTags, where: everywhere, code: CodeImageTags, example: "image_tags: {any: [prod, stage]}", summary: "Any, all or none of the root tags on the same digest match. `all` is false of an untagged root."},
	{name: "labels", kind: kindPatternMap, where: everywhere, code: CodeLabels, example: `labels: {com.example.hold: "true"}`, summary: "The image has every label named, with a value that matches; of an index, every platform image; where they differ in one of these, this is unknown."},
	{name: "annotations", kind: kindPatternMap, where: everywhere, code: CodeAnnotations, example: `annotations: {org.example.stage: [prod, dr]}`, summary: "The manifest has every annotation named, with a value that matches."},
	{name: "media_types", kind: kindPatterns, where: everywhere, code: CodeMediaTypes, example: `media_types: ["application/vnd.oci.image.index.*"]`, summary: "The media type of the manifest matches."},
	{name: "artifact_types", kind: kindPatterns, where: everywhere, code: CodeArtifactTypes, example: `artifact_types: ["application/vnd.cncf.helm.*"]`, summary: "The artifact type of the manifest, or else the media type of its config, matches."},
	{name: "platforms", kind: kindPatterns, where: everywhere, code: CodePlatforms, example: "platforms: [linux/arm64]", summary: "One of the image's platforms matches, written os/architecture or os/architecture/variant."},
	{name: "size_over", kind: kindSize, where: everywhere, code: CodeSizeOver, example: "size_over: 2GiB", summary: "Config and layers over all platforms, each blob counted once, are larger than that."},
	{name: "in_use", kind: kindTrue, where: inKeep | inProtect, code: CodeInUse, example: "in_use: true", summary: "An [in-use source](in-use.md) saw the tag or the digest, an index that lists it, or one of its children; the other tags of that image are in use too. Without a source, or where one did not answer, this is unknown."},
	{name: "when", kind: kindExpression, where: everywhere, code: CodeWhen, example: `when: 'tag.startsWith("rc") && size > 1000000'`, summary: "The CEL expression is true. An error or a missing field is unknown."},
}

// nestingKeys join conditions inside an item.
var nestingKeys = []key{
	{name: "any", kind: kindItems, where: everywhere, example: "any: [{newest: 5}, {within: 7d}]", summary: "One of the items holds."},
	{name: "all", kind: kindItems, where: everywhere, example: "all: [{tags: [\"v*\"]}, {within: 1y}]", summary: "Every item holds."},
	{name: "not", kind: kindItem, where: everywhere, example: `not: {tags: ["v*"]}`, summary: "The item does not hold. Unknown stays unknown."},
}

// modifierKeys change how the ranking conditions of the same item rank.
var modifierKeys = []key{
	{name: "by", kind: kindOrder, fallback: "age", choices: orderNames, where: inRemove | inKeep, example: "by: semver", summary: "What `newest`, `beyond` and the calendar conditions order by: `age` (default), `created`, `pushed`, `pulled` (or pushed, whichever is later), `semver`, `name` (natural order: 9 before 10), or `captured`, the number or date in a named group of the rule's expression: `{captured: build}`, or `captured` where there is only one group. Calendar conditions need a time."},
	{name: "per", kind: kindText, where: inRemove | inKeep, example: "per: branch", summary: "A named group of the rule's expressions; every value has a ranking of its own."},
	{name: "count", kind: kindChoice, fallback: "images", choices: []string{"images", "tags"}, where: inRemove | inKeep, example: "count: tags", summary: "What uses a place: an image with all its tags (default), or every tag by itself."},
}

var orderNames = []string{"age", "created", "pushed", "pulled", "semver", "name", "captured"}

var semverKeys = []key{
	{name: "range", kind: kindText, summary: "A version range such as `>=1.2 <3` or `~1.4`.", example: `range: ">=1.2"`},
	{name: "newest", kind: kindCount, summary: "How many versions of a line.", example: "newest: 3"},
	{name: "per", kind: kindChoice, choices: []string{"major", "minor", "patch"}, summary: "What a line is: with `minor`, 1.2.0 and 1.2.7 are of one line and 1.3.0 of another. Without it there is one line.", example: "per: minor"},
	{name: "prereleases", kind: kindBool, fallback: false, summary: "Whether versions such as 1.2.0-rc.1 count. Default false.", example: "prereleases: true"},
}

var imageTagsKeys = []key{
	{name: "any", kind: kindPatterns, summary: "One of the tags matches."},
	{name: "all", kind: kindPatterns, summary: "Every tag matches, and there is one."},
	{name: "none", kind: kindPatterns, summary: "No tag matches."},
}

var orderKeys = []key{
	{name: "captured", kind: kindText, required: true, summary: "The named group."},
	{name: "as", kind: kindChoice, choices: []string{"number", "date"}, summary: "How to read it. Default: dates under a calendar condition, else numbers where all are digits, else dates."},
}

var orphanKeys = []key{
	{name: "orphans", kind: kindChoice, choices: []string{"keep", "remove"}, required: true, summary: "What happens to them."},
}

func names(tables ...[]key) []string {
	var all []string
	for _, table := range tables {
		for _, k := range table {
			all = append(all, k.name)
		}
	}
	return all
}

func find(name string, tables ...[]key) (key, bool) {
	for _, table := range tables {
		for _, k := range table {
			if k.name == name {
				return k, true
			}
		}
	}
	return key{}, false
}
