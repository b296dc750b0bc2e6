// Package pattern matches names: globs anchored at both ends, and regular
// expressions between slashes, anchored too.
//
// It promises that matching takes time linear in the name for expressions, and
// never more than the product of both lengths for globs, and that nothing
// matches in the middle unless it was written so. It does not know what the
// names stand for.
package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// longest keeps a pattern from being a program.
const longest = 1000

// Pattern is one glob or expression, perhaps an exclusion. The zero value
// matches nothing.
type Pattern struct {
	text    string // as written, with its leading "!"
	exclude bool
	expr    bool
	re      *regexp.Regexp
	prefix  string // every match of an expression begins with it
	globs   []glob // the fast way for names without a slash; nil: use re
	literal string
	fixed   bool
}

// Parse reads a pattern. In a glob, * stands for any characters but a slash,
// ** for any at all, ? for one, [a-z] and [!a-z] for one of a set, {a,b} for
// either, and a backslash takes the meaning from what follows. Text between two slashes is an
// RE2 expression. A leading "!" excludes.
func Parse(text string) (Pattern, error) {
	p := Pattern{text: text}
	body, excluded := strings.CutPrefix(text, "!")
	p.exclude = excluded
	switch {
	case body == "":
		return Pattern{}, fmt.Errorf("pattern %q is empty; every name is written \"**\"", text)
	case len(text) > longest:
		return Pattern{}, fmt.Errorf("pattern %q… is longer than %d characters", text[:40], longest)
	case len(body) > 1 && body[0] == '/' && body[len(body)-1] == '/':
		return p.expression(body[1 : len(body)-1])
	case body[0] == '/':
		return Pattern{}, fmt.Errorf("pattern %q begins with a slash: an expression ends with one too, and names never begin with one", text)
	}
	return p.glob(body)
}

func (p Pattern) expression(body string) (Pattern, error) {
	p.expr = true
	if _, err := regexp.Compile(body); err != nil {
		return Pattern{}, fmt.Errorf("pattern %q is no RE2 expression: %s", p.text, misread(body, err))
	}
	bare, err := regexp.Compile("(?s:" + body + ")")
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", p.text, err)
	}
	if p.re, err = regexp.Compile(`\A(?s:` + body + `)\z`); err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", p.text, err)
	}
	p.prefix, _ = bare.LiteralPrefix()
	return p, nil
}

// misread says what is wrong with an expression and where, counted in the
// pattern with its slash.
func misread(body string, err error) string {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return err.Error()
	}
	text := string(fault.Code)
	if fault.Code == syntax.ErrInvalidPerlOp {
		text = "RE2 has no lookahead, lookbehind or back reference"
	}
	if at := strings.Index(body, fault.Expr); at >= 0 && fault.Expr != "" && fault.Expr != body {
		return fmt.Sprintf("%s: %q, at character %d", text, fault.Expr, at+2)
	}
	return text
}

func (p Pattern) glob(body string) (Pattern, error) {
	alternatives, err := expand(body)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", p.text, err)
	}
	exprs := make([]string, len(alternatives))
	fast := true
	for i, alternative := range alternatives {
		g, err := compile(alternative)
		if err != nil {
			return Pattern{}, fmt.Errorf("pattern %q: %w", p.text, err)
		}
		exprs[i] = g.expression()
		p.globs = append(p.globs, g)
		fast = fast && !g.slash()
	}
	if p.re, err = regexp.Compile(`\A(?s:` + strings.Join(exprs, "|") + `)\z`); err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", p.text, err)
	}
	if len(p.globs) == 1 {
		p.literal, p.fixed = p.globs[0].literal()
	}
	if !fast {
		p.globs = nil
	}
	return p, nil
}

// Match says whether the whole name fits, whether or not the pattern excludes.
func (p Pattern) Match(name string) bool {
	switch {
	case p.re == nil:
		return false
	case p.fixed:
		return name == p.literal
	case p.globs != nil && strings.IndexByte(name, '/') < 0:
		for _, g := range p.globs {
			if g.match(name) {
				return true
			}
		}
		return false
	case p.expr && !strings.HasPrefix(name, p.prefix):
		return false
	}
	return p.re.MatchString(name)
}

// Captures gives the named groups of an expression that matches; nil for a
// glob and for a name that does not match.
func (p Pattern) Captures(name string) map[string]string {
	if !p.expr {
		return nil
	}
	found := p.re.FindStringSubmatch(name)
	if found == nil {
		return nil
	}
	groups := map[string]string{}
	for i, group := range p.re.SubexpNames() {
		if group != "" {
			groups[group] = found[i]
		}
	}
	return groups
}

// Capture gives one named group of a matching expression.
func (p Pattern) Capture(name, group string) (string, bool) {
	if !p.expr {
		return "", false
	}
	index := p.re.SubexpIndex(group)
	if index < 0 {
		return "", false
	}
	found := p.re.FindStringSubmatchIndex(name)
	if found == nil || found[2*index] < 0 {
		return "", false
	}
	return name[found[2*index]:found[2*index+1]], true
}

// Groups lists the named groups of an expression.
func (p Pattern) Groups() []string {
	if p.re == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.re.SubexpNames()), func(name string) bool { return name == "" })
}

// Literal gives the only name that a glob without wildcards matches.
func (p Pattern) Literal() (string, bool) { return p.literal, p.fixed }

// Excludes says whether the pattern was written with a leading "!".
func (p Pattern) Excludes() bool { return p.exclude }

// Expression says whether the pattern is a regular expression.
func (p Pattern) Expression() bool { return p.expr }

// String is the pattern as written.
func (p Pattern) String() string { return p.text }

// All says whether the pattern is known to match every name.
func (p Pattern) All() bool {
	body := strings.TrimPrefix(p.text, "!")
	return body == "**" || body == "/.*/"
}
