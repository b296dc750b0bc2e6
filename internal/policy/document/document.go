// Package document reads YAML into values that know their place in the file.
//
// It promises that every duplicate key is found, that aliases cannot make a
// small file into a large value, and that a file is one document. It knows no
// policies.
package document

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Bounds of a file that a person could have written.
const (
	maxBytes  = 4 << 20
	maxValues = 100_000
	maxDepth  = 64
)

// Kind is the kind of a Value.
type Kind uint8

// Kinds of values. Null is a key without a value.
const (
	Null Kind = iota
	Text
	Int
	Float
	Bool
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"nothing", "a text", "a whole number", "a number", "true or false", "a list", "a mapping"}[k]
}

// Value is one value of a document. Text is what was written, for every scalar.
type Value struct {
	Kind         Kind
	Line, Column int
	Path         string
	Text         string
	Items        []*Value
	Fields       []Field

	// Where the text of a scalar begins, behind its quote or below its |, if the
	// lines of the file read like those of the text; zero if they were folded or
	// hold escapes.
	textLine, textColumn int
}

// Within is the value with the place of something in its text: there a line
// from 1 and a column from 0. What cannot be found in the file is where the
// value is.
func (v *Value) Within(line, column int) *Value {
	at := *v
	if v.textLine > 0 {
		at.Line, at.Column = v.textLine+line-1, v.textColumn+column
	}
	return &at
}

// Field is one key of a mapping with its value.
type Field struct {
	Key          string
	Line, Column int
	Value        *Value
}

// Field finds a key of a mapping; nil when it is not there.
func (v *Value) Field(key string) *Value {
	for _, field := range v.Fields {
		if field.Key == key {
			return field.Value
		}
	}
	return nil
}

// Fault is something wrong with the document itself.
type Fault struct {
	Line, Column int
	Path         string
	Message      string
}

type reader struct {
	lines  []string
	values int
	faults []Fault
	above  map[*yaml.Node]bool
	full   bool
}

// Read reads one document. Where faults are given, the value holds what could
// be read, or is nil.
func Read(data []byte) (*Value, []Fault) {
	if len(data) > maxBytes {
		return nil, []Fault{{Line: 1, Column: 1, Message: fmt.Sprintf("the file has more than %d MiB", maxBytes>>20)}}
	}
	var root yaml.Node
	if err := yaml.Load(data, &root, yaml.WithUniqueKeys(false)); err != nil {
		return nil, faultsOf(err, linesOf(data))
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil, []Fault{{Line: 1, Column: 1, Message: "the file is empty"}}
	}
	r := reader{lines: linesOf(data), above: map[*yaml.Node]bool{}}
	value := r.read(root.Content[0], "", 0)
	return value, r.faults
}

// breaks ends a line in YAML 1.2 (section 5.4), and so in the places its parser tells.
var breaks = regexp.MustCompile("\r\n|\r|\n")

func linesOf(data []byte) []string { return breaks.Split(string(data), -1) }

func (r *reader) fault(n *yaml.Node, path, message string) {
	r.faults = append(r.faults, Fault{Line: n.Line, Column: n.Column, Path: path, Message: message})
}

func (r *reader) read(n *yaml.Node, path string, depth int) *Value {
	if r.full {
		return &Value{Line: n.Line, Column: n.Column, Path: path}
	}
	if r.values++; r.values > maxValues || depth > maxDepth {
		r.full = true
		r.fault(n, path, fmt.Sprintf("the file stands for more than %d values or is nested deeper than %d (do aliases repeat themselves?)", maxValues, maxDepth))
		return &Value{Line: n.Line, Column: n.Column, Path: path}
	}
	v := &Value{Line: n.Line, Column: n.Column, Path: path}
	switch n.Kind {
	case yaml.AliasNode:
		if n.Alias == nil || r.above[n.Alias] {
			r.fault(n, path, fmt.Sprintf("the alias *%s contains itself", n.Value))
			return v
		}
		aliased := *r.read(n.Alias, path, depth+1)
		aliased.Line, aliased.Column = n.Line, n.Column
		return &aliased
	case yaml.SequenceNode:
		v.Kind = List
		r.above[n] = true
		for i, item := range n.Content {
			v.Items = append(v.Items, r.read(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
		delete(r.above, n)
	case yaml.MappingNode:
		v.Kind = Map
		r.above[n] = true
		r.readFields(n, v, depth)
		delete(r.above, n)
	case yaml.ScalarNode:
		v.Text = n.Value
		v.Kind = scalarKind(n)
		if line, column := r.begins(n); r.reads(n.Value, line, column) {
			v.textLine, v.textColumn = line, column
		}
		if tag := n.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
			r.fault(n, path, fmt.Sprintf("%s without quotes is a tag of YAML: write %q", tag, strings.TrimSpace(tag+" "+n.Value)))
			v.Text, v.Kind = tag, Text
		}
	}
	return v
}

func (r *reader) readFields(n *yaml.Node, v *Value, depth int) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		path := key.Value
		if v.Path != "" {
			path = v.Path + "." + key.Value
		}
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			r.fault(key, v.Path, "merge keys (<<) are not understood: write the keys out")
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.fault(key, v.Path, "a key must be a plain word")
			continue
		}
		if scalarKind(key) == Null {
			r.fault(key, v.Path, "a key is missing before the colon (one that is called null or ~ needs quotes)")
			continue
		}
		if line, seen := first[key.Value]; seen {
			r.fault(key, path, fmt.Sprintf("the key %q is there twice, first on line %d", key.Value, line))
			continue
		}
		first[key.Value] = key.Line
		v.Fields = append(v.Fields, Field{Key: key.Value, Line: key.Line, Column: key.Column, Value: r.read(n.Content[i+1], path, depth+1)})
	}
}

// begins says where the text of a scalar begins.
func (r *reader) begins(n *yaml.Node) (line, column int) {
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return n.Line, n.Column + 1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		return n.Line, n.Column
	}
	for line = n.Line; line < len(r.lines); line++ { // lines count from 1, so this is the next one
		if text := strings.TrimLeft(r.lines[line], " "); strings.TrimSpace(text) != "" {
			return line + 1, len(r.lines[line]) - len(text) + 1
		}
	}
	return n.Line, n.Column
}

// reads says whether a text stands at a place of the file as it reads.
func (r *reader) reads(text string, line, column int) bool {
	for part := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if line > len(r.lines) {
			return false
		}
		there := []rune(r.lines[line-1])
		if part != "" && (column > len(there) || !strings.HasPrefix(string(there[column-1:]), part)) {
			return false
		}
		line++
	}
	return true
}

func scalarKind(n *yaml.Node) Kind {
	switch n.ShortTag() {
	case "!!null":
		return Null
	case "!!int":
		return Int
	case "!!float":
		return Float
	case "!!bool":
		return Bool
	default:
		return Text
	}
}
