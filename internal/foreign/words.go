package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// words splits one shell command into its words. Texts of the command are never
// part of an error: they may be secrets.
func words(data []byte) ([]string, error) {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	var all []string
	var word strings.Builder
	started, ended := false, false
	quoted := byte(0)
	finish := func() {
		if started {
			all = append(all, word.String())
		}
		word.Reset()
		started = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		last := i+1 == len(text)
		switch {
		case quoted == '\'' && c != '\'', quoted == '"' && c != '"' && c != '\\' && c != '$' && c != '`':
			word.WriteByte(c)
		case c == quoted:
			quoted = 0
		case c == '\\' && !last && text[i+1] == '\n':
			i++
		case c == '\\' && quoted == '"' && (last || !strings.ContainsRune(`"\$`+"`", rune(text[i+1]))):
			word.WriteByte(c)
		case c == '\\' && !last:
			i++
			word.WriteByte(text[i])
			started = true
		case c == '`', c == '$' && !last && (text[i+1] == '{' || text[i+1] == '(' && quoted == 0 || letter(text[i+1])):
			return nil, errors.New("the command has a shell variable or substitution: write its value")
		case quoted == 0 && (c == '\'' || c == '"'):
			quoted, started = c, true
		case quoted == 0 && (c == ' ' || c == '\t'):
			finish()
		case quoted == 0 && c == '\n':
			finish()
			ended = len(all) > 0
		case quoted == 0 && c == '#' && !started:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case quoted == 0 && (c == ';' || c == '&' || c == '|' || c == '<' || c == '>'):
			return nil, errors.New("the file holds more than one plain command: import one at a time")
		default:
			if ended {
				return nil, errors.New("the file holds more than one command: import one at a time")
			}
			word.WriteByte(c)
			started = true
		}
		if ended && quoted != 0 {
			return nil, errors.New("the file holds more than one command: import one at a time")
		}
	}
	if quoted != 0 {
		return nil, errors.New("a quote is not closed")
	}
	finish()
	if len(all) == 0 {
		return nil, errors.New("there is no command")
	}
	return all, nil
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// arity is how many values a flag has.
type arity int

const (
	none arity = iota
	one
	many // all words up to the next flag
)

// flag is a flag of a foreign command; names have no dashes.
type flag struct {
	names []string
	takes arity
}

// flags reads the flags behind the name of a command.
func flags(words []string, known []flag) (map[string][]string, error) {
	values := map[string][]string{}
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		if !strings.HasPrefix(words[i], "-") {
			return nil, fmt.Errorf("word %d behind the command is neither a flag nor the value of one", i+1)
		}
		at := slices.IndexFunc(known, func(f flag) bool { return slices.Contains(f.names, name) })
		if at < 0 {
			return nil, unknownFlag(i, words[i], name)
		}
		f := known[at]
		got := values[f.names[0]]
		switch {
		case f.takes == none && joined && (value == "false" || value == "true"):
			if value == "false" {
				continue
			}
		case f.takes == none && joined:
			return nil, fmt.Errorf("the flag -%s takes no value", name)
		case f.takes == none:
		case joined:
			got = append(got, value)
		case i+1 == len(words):
			return nil, fmt.Errorf("the flag -%s has no value", name)
		case f.takes == one:
			i++
			got = append(got, words[i])
		default:
			for i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				i++
				got = append(got, words[i])
			}
		}
		if got == nil {
			got = []string{}
		}
		values[f.names[0]] = got
	}
	return values, nil
}

// unknownFlag names a long flag. A short one may have its value joined to it,
// such as -lUSER:PASSWORD.
func unknownFlag(at int, word, name string) error {
	if !strings.HasPrefix(word, "--") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return fmt.Errorf("word %d behind the command is a flag that is not known", at+1)
	}
	return fmt.Errorf("the flag --%s is not known", name)
}

// last value of a flag, or what it is without.
func last(values []string, otherwise string) string {
	if len(values) == 0 {
		return otherwise
	}
	return values[len(values)-1]
}

// behind finds the flags of a command that ends with the name, wherever its
// program lies.
func behind(words []string, names ...string) []string {
	for i, word := range words {
		if slices.Contains(names, word[strings.LastIndexByte(word, '/')+1:]) {
			return words[i+1:]
		}
		if strings.HasPrefix(word, "-") {
			break
		}
	}
	return words
}
