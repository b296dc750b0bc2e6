package document

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// faultsOf says in the words of people what the YAML parser says.
func faultsOf(err error, lines []string) []Fault {
	var one *yaml.LoadError
	if errors.As(err, &one) && one.Mark.Line > 0 {
		fault := Fault{Line: one.Mark.Line, Column: max(1, one.Mark.Column)}
		fits := func(line int) bool { return line >= 1 && line <= len(lines) && fault.Column <= len(lines[line-1])+1 }
		if !fits(fault.Line) { // the parser has the line of what came next, or a column of nothing
			if fits(fault.Line - 1) {
				fault.Line--
			} else {
				fault.Column = 1
			}
		}
		text := ""
		if fault.Line <= len(lines) {
			text = strings.TrimSpace(lines[fault.Line-1])
		}
		fault.Message = "not valid YAML: " + one.Message
		if len(text) > 60 {
			text = text[:60] + "…"
		}
		if text != "" {
			fault.Message += fmt.Sprintf(", in %q", text)
		}
		if hint := hintOf(fault.Line, one.Message, lines); hint != "" {
			fault.Message += " (" + hint + ")"
		}
		return []Fault{fault}
	}
	message := err.Error()
	switch {
	case strings.Contains(message, "multiple"):
		return []Fault{{Line: secondDocument(lines), Column: 1, Message: "the file holds more than one document: leave out the line ---"}}
	case strings.Contains(message, "no documents"):
		message = "the file is empty"
	default:
		message = "not valid YAML: " + message
	}
	return []Fault{{Line: 1, Column: 1, Message: message}}
}

// bare is a pattern that needs quotes.
var bare = regexp.MustCompile(`(?:^|[\s\[,:])([*][^\s,\]}]*)`)

// hintOf guesses what is behind a message of the parser.
func hintOf(line int, message string, lines []string) string {
	at := func(n int) string {
		if n < 1 || n > len(lines) {
			return ""
		}
		return lines[n-1]
	}
	for _, n := range []int{line, line - 1} {
		text := at(n)
		if blank := text[:len(text)-len(strings.TrimLeft(text, " \t"))]; strings.Contains(blank, "\t") {
			return fmt.Sprintf("line %d is indented with a tab: YAML wants spaces", n)
		}
	}
	for _, n := range []int{line, line - 1} {
		if found := bare.FindStringSubmatch(at(n)); found != nil && (strings.Contains(message, "alphabetic") || strings.Contains(message, "anchor")) {
			return fmt.Sprintf("a pattern that begins with a star needs quotes: %q", found[1])
		}
	}
	switch {
	case strings.Contains(message, "expected key"):
		return "is a colon missing, or is it indented unlike what it belongs to?"
	case strings.Contains(message, "expected '-'"), strings.Contains(message, "mapping values are not allowed"):
		return "is it indented like what it belongs to?"
	case strings.Contains(message, "expected ',' or"):
		return "a bracket or a quote is not closed before it"
	case strings.Contains(message, "end of stream"):
		return "a quote is not closed"
	}
	return ""
}

// secondDocument is the line that begins it.
func secondDocument(lines []string) int {
	content := false
	for i, line := range lines {
		if strings.HasPrefix(line, "---") && content {
			return i + 1
		}
		text := strings.TrimSpace(line)
		content = content || text != "" && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "---")
	}
	return 1
}
