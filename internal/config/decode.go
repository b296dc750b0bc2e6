package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Problem is one mistake in the file.
type Problem struct {
	File         string
	Line, Column int
	Message      string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// decoder walks nodes and collects every problem, so that a person mends them
// in one go.
type decoder struct {
	file     string
	problems []error
	covers   []*yaml.Node // registries that in-use sources name
}

func (d *decoder) problem(at *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, &Problem{File: d.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) err() error { return errors.Join(d.problems...) }

// mapping calls the function of each key. Keys that have none are a mistake,
// with the nearest known key as a suggestion.
func (d *decoder) mapping(n *yaml.Node, what string, fields map[string]func(*yaml.Node)) {
	known := slices.Sorted(maps.Keys(fields))
	d.pairs(n, what, func(key, value *yaml.Node) {
		if read := fields[key.Value]; read != nil {
			read(value)
			return
		}
		if near := Nearest(key.Value, known); near != "" {
			d.problem(key, "%q is no setting of %s; did you mean %q?", key.Value, what, near)
			return
		}
		d.problem(key, "%q is no setting of %s; there are %s", key.Value, what, strings.Join(known, ", "))
	})
}

// pairs visits the keys of a mapping, each once.
func (d *decoder) pairs(n *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	if n = deref(n); n.Kind != yaml.MappingNode {
		d.problem(n, "%s must be a mapping (name: value lines), not %s", what, kindName(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			d.problem(key, "%q was already written in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		visit(key, deref(value))
	}
}

func (d *decoder) list(n *yaml.Node, what string, visit func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, "%s must be a list, not %s", what, kindName(n))
		return
	}
	for _, item := range n.Content {
		visit(deref(item))
	}
}

func (d *decoder) text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.problem(n, "a text is needed here, not %s", kindName(n))
			return
		}
		*into = n.Value
	}
}

func (d *decoder) texts(into *[]string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		d.list(n, what, func(item *yaml.Node) {
			var s string
			d.text(&s)(item)
			*into = append(*into, s)
		})
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			d.problem(n, "%s must not be empty", what)
		}
	}
}

func (d *decoder) flag(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch n.Value {
		case "true":
			*into = true
		case "false":
			*into = false
		default:
			d.problem(n, "%q is neither true nor false", n.Value)
		}
	}
}

func (d *decoder) duration(into *time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		parsed, err := ParseDuration(n.Value)
		if err != nil {
			d.problem(n, "%s", err)
			return
		}
		*into = parsed
	}
}

func (d *decoder) number(into *float64, least float64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		parsed, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || parsed < least {
			d.problem(n, "%q is not a number of at least %g", n.Value, least)
			return
		}
		*into = parsed
	}
}

func (d *decoder) count(into *int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		parsed, err := strconv.Atoi(n.Value)
		if err != nil || parsed < 1 {
			d.problem(n, "%q is not a whole number of at least 1", n.Value)
			return
		}
		*into = parsed
	}
}

func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	default:
		return strconv.Quote(n.Value)
	}
}

// Nearest finds the known word that was probably meant: the one that is at
// most a third of its letters away; "" when there is none.
func Nearest(word string, known []string) string {
	best, least := "", 1<<30
	for _, candidate := range known {
		if distance := edits(word, candidate); distance < least {
			best, least = candidate, distance
		}
	}
	if least > max(1, len(best)/3) {
		return ""
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// ParseDuration reads sums of 90s, 15m, 36h, 7d and 2w; a day is 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	wrong := fmt.Errorf("%q is not a duration; write for example 90s, 15m, 36h, 7d or 2w", s)
	var total time.Duration
	rest := s
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		unit := rest[digits:]
		if next := strings.IndexAny(unit, "0123456789"); next >= 0 {
			unit = unit[:next]
		}
		n, err := strconv.Atoi(rest[:digits])
		if err != nil || units[unit] == 0 || n > int((1<<62)/units[unit]) {
			return 0, wrong
		}
		total += time.Duration(n) * units[unit]
		rest = rest[digits+len(unit):]
	}
	if total <= 0 {
		return 0, wrong
	}
	return total, nil
}

// position orders problems as they stand in the file.
func position(a, b error) int {
	var p, q *Problem
	if !errors.As(a, &p) || !errors.As(b, &q) {
		return 0
	}
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}
