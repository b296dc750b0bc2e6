package pattern

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no string // names with spaces between
	}{
		{"v*", "v v1 v1.2.3", "xv1 V1"},
		{"*", "a a.b-c", ""},
		{"**", "a a/b a/b/c", ""},
		{"team/*", "team/a", "team team/a/b xteam/a"},
		{"team/**", "team/a team/a/b", "team teams/a"},
		{"**/app", "app a/app a/b/app", "xapp a/xapp app/x"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "az a/bz"},
		{"v?.?", "v1.2", "v1 v1.22 v1/2"},
		{"[ab]-[!0-9]", "a-x b-y", "c-x a-1 a-/"},
		{"{main,release-*}", "main release-1", "mainx release"},
		{"{a,b{c,d}}x", "ax bcx bdx", "bx abx"},
		{`\*`, "*", "a"},
		{"1.2", "1.2", "1x2 11.2"},
		{"*-rc*", "v1-rc v1-rc.2", "v1-r rc"},
		{"*a*b*c", "abc xaxbxc aabbcc", "ab acb abcd"},
		{"/v[0-9]+/", "v1 v22", "v xv1 v1x"},
		{"/.*-rc.*/", "a-rc b-rc1", "arc"},
		{"/a|b/", "a b", "ab ax xb"},
		{"/(?i)main/", "MAIN Main", "mainx"},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(c.yes) {
			if !p.Match(name) {
				t.Errorf("%s does not match %s", c.pattern, name)
			}
		}
		for _, name := range strings.Fields(c.no) {
			if p.Match(name) {
				t.Errorf("%s matches %s", c.pattern, name)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "!", "/[/", "[a", "{a", "a}", `a\`, "[b-a]", "/abs/path", "{" + strings.Repeat("{a,b}", 9) + "}", strings.Repeat("a", 2000)} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%.40q was read as %v", text, p)
		}
	}
}

func TestList(t *testing.T) {
	list := func(texts ...string) List {
		var patterns []Pattern
		for _, text := range texts {
			p, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, p)
		}
		return NewList(patterns)
	}
	for _, c := range []struct {
		list List
		name string
		want bool
	}{
		{list("v*", "!v0*"), "v1", true},
		{list("!v0*", "v*"), "v01", false},
		{list("!prod"), "dev", true},
		{list("!prod"), "prod", false},
		{List{}, "x", false},
	} {
		if got := c.list.Match(c.name); got != c.want {
			t.Errorf("%v.Match(%q) = %v", c.list, c.name, got)
		}
	}
	if p, err := Parse(`/(?P<a>x+)-(?P<b>y+)/`); err != nil || len(p.Groups()) != 2 || len(p.Groups()) != 2 {
		t.Errorf("groups %v, %v", p.Groups(), err)
	} else if got, _ := p.Capture("xx-y", "a"); got != "xx" {
		t.Errorf("after asking for the groups, group a is %q", got)
	}
	captures := list("x", `/(?P<branch>.+)-(?P<n>\d+)/`)
	if got, found := captures.Capture("feat-12", "n"); !found || got != "12" {
		t.Errorf("Capture = %q, %v", got, found)
	}
	if !list("latest", "!x").Names("latest") || list("lat*").Names("latest") || list("!latest").Names("latest") {
		t.Error("Names is about literal inclusions")
	}
}

// The fast way for names without a slash and the expression must agree.
func TestGlobAgreesWithExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab*?.]{1,6}(\[[ab!]b\])?[ab*]{0,3}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abc.]{0,8}`).Draw(t, "name")
		p, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.Match(name), p.re.MatchString(name); got != want {
			t.Errorf("%q on %q: %v, as an expression %v", text, name, got, want)
		}
	})
}
