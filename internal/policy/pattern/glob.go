package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// most is how many globs one with braces may stand for.
const most = 64

type tokenKind uint8

const (
	text tokenKind = iota
	star           // any characters but a slash
	globstar
	one // one character but a slash
	set // one character of a set
)

type token struct {
	kind   tokenKind
	text   string
	ranges []rune // pairs from, to
	invert bool
}

// glob is a glob without braces.
type glob []token

// expand writes out braces.
func expand(body string) ([]string, error) {
	open, depth := -1, 0
	start := 0
	var parts []string
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '{':
			if depth++; depth == 1 {
				open, start = i, i+1
			}
		case ',':
			if depth == 1 {
				parts, start = append(parts, body[start:i]), i+1
			}
		case '}':
			if depth--; depth < 0 {
				return nil, errors.New("a closing brace without an opening one (write \\} for the character)")
			}
			if depth > 0 {
				continue
			}
			parts = append(parts, body[start:i])
			var all []string
			for _, part := range parts {
				more, err := expand(body[:open] + part + body[i+1:])
				if err != nil {
					return nil, err
				}
				if all = append(all, more...); len(all) > most {
					return nil, fmt.Errorf("braces stand for more than %d patterns", most)
				}
			}
			return all, nil
		}
	}
	if depth > 0 {
		return nil, errors.New("an opening brace without a closing one (write \\{ for the character)")
	}
	return []string{body}, nil
}

func compile(body string) (glob, error) {
	var g glob
	literal := func(s string) {
		if n := len(g); n > 0 && g[n-1].kind == text {
			g[n-1].text += s
		} else {
			g = append(g, token{kind: text, text: s})
		}
	}
	for i := 0; i < len(body); {
		r, width := utf8.DecodeRuneInString(body[i:])
		switch r {
		case '\\':
			if i+1 == len(body) {
				return nil, errors.New("a backslash at the end")
			}
			_, next := utf8.DecodeRuneInString(body[i+1:])
			literal(body[i+1 : i+1+next])
			i += 1 + next
			continue
		case '*':
			run := len(body[i:]) - len(strings.TrimLeft(body[i:], "*"))
			kind := star
			if run > 1 {
				kind = globstar
			}
			g = append(g, token{kind: kind})
			i += run
			continue
		case '?':
			g = append(g, token{kind: one})
		case '[':
			t, length, err := parseSet(body[i:])
			if err != nil {
				return nil, err
			}
			g = append(g, t)
			i += length
			continue
		default:
			literal(body[i : i+width])
		}
		i += width
	}
	return g, nil
}

func parseSet(s string) (token, int, error) {
	t := token{kind: set}
	i := 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		t.invert = true
		i++
	}
	next := func() (rune, bool) {
		if i < len(s) && s[i] == '\\' {
			i++
		}
		if i >= len(s) {
			return 0, false
		}
		r, width := utf8.DecodeRuneInString(s[i:])
		i += width
		return r, true
	}
	for first := true; i < len(s) && (s[i] != ']' || first); first = false {
		from, ok := next()
		if !ok {
			break
		}
		to := from
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			i++
			if to, ok = next(); !ok {
				break
			}
		}
		if to < from {
			return token{}, 0, fmt.Errorf("the range %c-%c runs backwards", from, to)
		}
		t.ranges = append(t.ranges, from, to)
	}
	if i >= len(s) {
		return token{}, 0, errors.New("an opening bracket without a closing one (write \\[ for the character)")
	}
	return t, i + 1, nil
}

func (t token) has(r rune) bool {
	for i := 0; i < len(t.ranges); i += 2 {
		if t.ranges[i] <= r && r <= t.ranges[i+1] {
			return !t.invert
		}
	}
	return t.invert
}

// match is for names without a slash, where * and ** are the same.
func (g glob) match(name string) bool {
	at, pos := 0, 0
	backAt, backPos := -1, 0
	for {
		if at < len(g) {
			t := g[at]
			switch t.kind {
			case star, globstar:
				if at == len(g)-1 {
					return true
				}
				backAt, backPos = at, pos
				at++
				continue
			case text:
				if strings.HasPrefix(name[pos:], t.text) {
					pos += len(t.text)
					at++
					continue
				}
			default:
				if pos < len(name) {
					r, width := utf8.DecodeRuneInString(name[pos:])
					if t.kind == one || t.has(r) {
						pos += width
						at++
						continue
					}
				}
			}
		} else if pos == len(name) {
			return true
		}
		if backAt < 0 || backPos >= len(name) {
			return false
		}
		_, width := utf8.DecodeRuneInString(name[backPos:])
		backPos += width
		at, pos = backAt+1, backPos
	}
}

// expression writes the glob as RE2, for names with slashes.
func (g glob) expression() string {
	var b strings.Builder
	for i := 0; i < len(g); i++ {
		t := g[i]
		switch t.kind {
		case text:
			b.WriteString(regexp.QuoteMeta(t.text))
		case star:
			b.WriteString("[^/]*")
		case one:
			b.WriteString("[^/]")
		case globstar:
			// "**/" at the start of a component may stand for no component.
			starts := i == 0 || g[i-1].kind == text && strings.HasSuffix(g[i-1].text, "/")
			if starts && i+1 < len(g) && g[i+1].kind == text && strings.HasPrefix(g[i+1].text, "/") {
				b.WriteString("(?:.*/)?" + regexp.QuoteMeta(g[i+1].text[1:]))
				i++
				continue
			}
			if starts && i == len(g)-1 && i > 0 {
				b.WriteString(".+")
				continue
			}
			b.WriteString(".*")
		case set:
			b.WriteString("[")
			if t.invert {
				b.WriteString("^/")
			}
			for j := 0; j < len(t.ranges); j += 2 {
				fmt.Fprintf(&b, `\x{%x}-\x{%x}`, t.ranges[j], t.ranges[j+1])
			}
			b.WriteString("]")
		}
	}
	return b.String()
}

func (g glob) slash() bool {
	for _, t := range g {
		if t.kind == text && strings.Contains(t.text, "/") {
			return true
		}
	}
	return false
}

func (g glob) literal() (string, bool) {
	if len(g) == 1 && g[0].kind == text {
		return g[0].text, true
	}
	return "", false
}
