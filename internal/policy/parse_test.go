package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestProblems(t *testing.T) {
	rule := func(body string) string { return oneRule("{tags: [\"**\"], " + body + "}") }
	for name, c := range map[string]struct{ text, want string }{
		"mistyped condition":     {rule("remove: [{older_then: 30d}]"), `p.yaml:5:34: unknown key "older_then" in a remove condition (did you mean "older_than"?)`},
		"mistyped key":           {"version: 1\npolicis: []\n", `p.yaml:2:1: unknown key "policis" in a policy file (did you mean "policies"?)`},
		"camel case":             {rule("remove: [{olderThan: 30d}]"), `(did you mean "older_than"?)`},
		"wrong place":            {rule("remove: [{newest: 5}]"), `newest stands under keep, not under remove (did you mean "beyond"?)`},
		"no unit":                {rule("remove: [{older_than: 30}]"), `older_than: "30" has no unit (did you mean "30d"?)`},
		"long unit":              {rule("remove: [{older_than: 30days}]"), `(did you mean "30d"?)`},
		"no length":              {rule("remove: [{older_than: 0d}]"), `older_than: "0d" has no length`},
		"negative":               {rule("remove: [{older_than: -30d}]"), "is negative"},
		"absurd":                 {rule("remove: [{older_than: 4000y}]"), "longer than 100 years"},
		"keep 0":                 {rule("keep: [{newest: 0}]"), "newest: 0 would mean nothing at all; the least is 1"},
		"keep -1":                {rule("keep: [{newest: -1}]"), "newest: -1 is not a whole number"},
		"keep a text":            {rule(`keep: [{newest: "5"}]`), `newest must be a whole number, not the text "5"`},
		"keep a fraction":        {rule("keep: [{newest: 1.5}]"), "must be a whole number"},
		"duplicate key":          {"version: 1\nversion: 1\n", `p.yaml:2:1: the key "version" is there twice, first on line 1`},
		"duplicate condition":    {rule("remove: [{older_than: 1d, older_than: 2d}]"), "is there twice"},
		"empty list":             {rule("remove: []"), "remove is an empty list"},
		"empty item":             {rule("remove: [{}]"), "a remove condition is empty"},
		"empty file":             {"", "the file is empty"},
		"two documents":          {"version: 1\n---\nversion: 1\n", "more than one document"},
		"not YAML":               {"version: [1\n", "not valid YAML"},
		"a list":                 {"- version: 1\n", "a policy file must be a mapping, not a list"},
		"no version":             {"policies: [{repositories: [a], rules: [{tags: [b]}]}]\n", `a policy file needs the key "version"`},
		"another version":        {"version: 2\npolicies: []\n", `version "2" of the policy language is not known`},
		"no selector":            {oneRule("{remove: [{older_than: 1d}]}"), "the rule claims nothing"},
		"everything, unguarded":  {rule("remove: [{everything: true}]"), "needs a keep condition"},
		"everything, in a group": {rule("remove: [{any: [{older_than: 1y}, {everything: true}]}]"), "needs a keep condition"},
		"everything, negated":    {rule("remove: [{not: {not: {everything: true}}}]"), "needs a keep condition"},
		"a group of nothing":     {rule("remove: [{any: [{}]}]"), "is empty"},
		"everything: false":      {rule("remove: [{everything: false}], keep: [{newest: 1}]"), "everything can only be true"},
		"bad expression":         {rule("remove: [{when: 'tga == \"x\"'}]"), `(did you mean "tag"?)`},
		"expression no boolean":  {rule("remove: [{when: 'tag'}]"), "not true or false"},
		"bad pattern":            {oneRule("{tags: [\"/[/\"], remove: [{older_than: 1d}]}"), "missing closing ]"},
		"bad range":              {rule("keep: [{semver: {range: \">=x.y.z.\"}}]"), "range"},
		"no such group":          {rule("keep: [{newest: 1, per: branch}]"), "has no group (?P<branch>…)"},
		"by without ranking":     {rule("keep: [{within: 1d, by: name}]"), "by stands beside newest"},
		"untimed calendar":       {rule("keep: [{daily: 1, by: name}]"), "daily needs times to order by, not name"},
		"negated ranking":        {rule("remove: [{not: {beyond: 5}}]"), "beyond cannot stand under not"},
		"negated use":            {rule("keep: [{not: {in_use: true}}]"), "in_use cannot stand under not"},
		"no time zone":           {"version: 1\ntimezone: Mars/Olympus\npolicies: []\n", "is not a name of the IANA"},
		"null protect":           {"version: 1\nprotect:\npolicies: []\n", "protect has no value"},
		"merge key":              {"version: 1\n<<: {a: 1}\n", "merge keys"},
		"alias to itself":        {"version: 1\nprotect: &a [*a]\n", "contains itself"},
		"a share over all":       {"version: 1\nmax_share: 150%\n", "is not a share"},
		"unknown choice":         {rule("unknown_age: delete, remove: [{older_than: 1d}]"), `"delete" is not one of hold, old`},
	} {
		_, err := Parse("p.yaml", []byte(c.text))
		var problems Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: no problem found", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n%v\nwant %s", name, err, c.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("p.yaml", []byte("version: 3\nfoo: 1\npolicies:\n  - repositories: []\n    rules:\n      - {tags: [a], remove: [{older_than: 3}, {bar: 1}]}\n"))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("%d problems, want 5:\n%v", len(lines), err)
	}
}

// A few hundred bytes of aliases must not become gigabytes.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for _, line := range strings.Fields("a1 a2 a3 a4 a5 a6 a7 a8 a9") {
		last := "*a" + string('0'+line[1]-'1')
		b.WriteString(line + ": &" + line + " [" + strings.TrimSuffix(strings.Repeat(last+", ", 10), ", ") + "]\n")
	}
	if _, err := Parse("p.yaml", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "aliases") {
		t.Errorf("%.200v", err)
	}
	// An alias by itself is fine.
	parse(t, "version: 1\nprotect: &keep [{tags: [prod]}]\npolicies: [{repositories: [\"**\"], rules: [{tags: [\"**\"], keep: *keep, remove: [{older_than: 1d}]}]}]\n")
}

func TestForeignKeysAreLeftAlone(t *testing.T) {
	parse(t, "registries: {any: [thing]}\nserver: 1\n"+request)
}

func TestHash(t *testing.T) {
	first := parse(t, request).Hash()
	for name, text := range map[string]string{
		"a comment":       "# why\n" + request,
		"a name":          strings.Replace(request, "      - tags", "      - name: all\n        tags", 1),
		"another writing": strings.Replace(request, "30d", "4w2d", 1),
		"foreign keys":    "state: x\n" + request,
	} {
		if parse(t, text).Hash() != first {
			t.Errorf("%s changed the hash", name)
		}
	}
	for name, text := range map[string]string{
		"a duration": strings.Replace(request, "30d", "31d", 1), "a number": strings.Replace(request, "newest: 5", "newest: 6", 1),
		"protect": "protect: []\n" + request, "a setting": "floor: 2\n" + request, "the grace": "grace: 1h\n" + request,
	} {
		if parse(t, text).Hash() == first {
			t.Errorf("%s did not change the hash", name)
		}
	}
}

func TestSettings(t *testing.T) {
	p := parse(t, "version: 1\nfloor: 2\nmax_removals: 10\npolicies:\n  - {repositories: [a], floor: 3, max_share: 30%, max_removals: unlimited, untag: overwrite, attachments: {orphans: remove}, grace: 2d, rules: [{tags: [b]}]}\n")
	s := p.Settings(0)
	if s.Floor != 3 || s.MaxShare != 0.3 || s.MaxRemovals.Set || !s.Overwrite || !s.RemoveOrphans || s.Grace.Hours() != 48 {
		t.Errorf("%+v", s)
	}
	if s := p.Settings(-1); s.Floor != 2 || s.MaxRemovals != (Limit{Set: true, N: 10}) || s.Overwrite {
		t.Errorf("%+v", s)
	}
}

func TestFromFlags(t *testing.T) {
	for want, flags := range map[string]Flags{
		"remove: [{beyond: 3}]":                       {Keep: 3},
		"remove: [{older_than: 90d}]\n":               {OlderThan: "90d"},
		"tags: [\"pr-*\", \"/x\\\\.[0-9]+/\"]":        {OlderThan: "1d", Tags: []string{"pr-*", `/x\.[0-9]+/`}},
		"protect: [{tags: [\"prod\", \"v*\"]}]\npoli": {OlderThan: "1d", Protect: []string{"prod", "v*"}},
	} {
		text, err := FromFlags(flags)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%v:\n%s\nwant %s", err, text, want)
		}
		parse(t, string(text))
	}
	for want, flags := range map[string]Flags{
		"--older-than or": {}, "--keep -1": {Keep: -1}, `--older-than "30" has no unit (did you mean "30d"?)`: {OlderThan: "30"},
		"--tags: pattern": {Keep: 1, Tags: []string{"["}}, "--protect: pattern": {Keep: 1, Protect: []string{""}}, "no length": {OlderThan: "0d"},
	} {
		want = strings.TrimSuffix(want, " or")
		if _, err := FromFlags(flags); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", flags, err, want)
		}
	}
}
