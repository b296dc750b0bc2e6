package foreign

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/policy/pattern"
)

// literal writes a text as a glob that matches it alone.
func literal(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`*?[]{}\!/,`, r) && r != '/' && r != ',' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// starred writes a text in which only * is special as a glob. Where slashes may
// be matched too, across is set.
func starred(s string, across bool) string {
	star := "*"
	if across {
		star = "**"
	}
	parts := strings.Split(s, "*")
	for i := range parts {
		parts[i] = literal(parts[i])
	}
	return strings.Join(parts, star)
}

// accepted says whether the language of policies can read the patterns.
func accepted(patterns ...string) error {
	for _, p := range patterns {
		if _, err := pattern.Parse(p); err != nil {
			return err
		}
	}
	return nil
}

// foreignExpression is what other engines read otherwise than RE2 does although
// both accept it.
var foreignExpression = []struct{ what, why string }{
	{"{,", "a repetition without a lower bound"},
	{"&&", "an intersection of character sets"},
	{"(?U", "a flag of another engine"},
}

// portable checks that an expression of another engine means the same in RE2.
func portable(expression string) error {
	if _, err := regexp.Compile(expression); err != nil {
		var fault *syntax.Error
		if errors.As(err, &fault) {
			return fmt.Errorf("the expression %q cannot be said in RE2: %s", expression, fault.Code)
		}
		return err
	}
	for _, f := range foreignExpression {
		if strings.Contains(expression, f.what) {
			return fmt.Errorf("the expression %q has %s, which other engines read in another way", expression, f.why)
		}
	}
	inside := false
	for i := 0; i < len(expression); i++ {
		switch expression[i] {
		case '\\':
			i++
		case '[':
			if inside {
				return fmt.Errorf("the expression %q has a bracket inside a character set, which other engines read in another way", expression)
			}
			inside = true
		case ']':
			inside = false
		}
	}
	return nil
}

// whole is the pattern of names that an expression matches from end to end.
func whole(expression string) string {
	switch {
	case expression == ".*" || expression == ".+":
		return "**"
	case expression != "" && !strings.ContainsAny(expression, `.*+?()[]{}|\^$/!,`):
		if expression != "latest" { // which a rule that names it literally no longer protects
			return expression // a name is a glob of itself
		}
	}
	return "/" + expression + "/"
}

// within is the pattern of names in which an expression is found somewhere.
func within(expression string) string {
	if strings.ContainsAny(expression, "|") || strings.HasPrefix(expression, "(?") {
		return "/.*(?:" + expression + ").*/"
	}
	lead, tail := ".*", ".*"
	if rest, anchored := strings.CutPrefix(expression, "^"); anchored && (rest == "" || !strings.ContainsRune("*+?{", rune(rest[0]))) {
		expression, lead = rest, ""
	}
	if rest, anchored := strings.CutSuffix(expression, "$"); anchored && !strings.HasSuffix(rest, `\`) {
		expression, tail = rest, ""
	}
	if lead != "" && strings.HasPrefix(expression, ".*") {
		lead = ""
	}
	if tail != "" && strings.HasSuffix(expression, ".*") && !strings.HasSuffix(expression, `\.*`) {
		tail = ""
	}
	return whole(lead + expression + tail)
}

// doublestar rewrites a pattern of the doublestar libraries, where ** means any
// number of path components only if it stands alone in one. parent says whether
// team/** matches team too: it does in version 4 of the library, which zot has,
// and does not in version 1, which Harbor has.
func doublestar(p string, parent bool) ([]string, error) {
	switch {
	case p == "" || strings.Contains(p, "["):
		return nil, fmt.Errorf("the pattern %q is empty or has a character set", p)
	case strings.Contains(p, "{") && (strings.Contains(p, "**") || strings.Contains(p, "/")):
		return nil, fmt.Errorf("the pattern %q has braces beside path components", p)
	}
	parts := strings.Split(p, "/")
	for i, part := range parts {
		for part != "**" && strings.Contains(part, "**") {
			part = strings.ReplaceAll(part, "**", "*")
		}
		parts[i] = part
	}
	out := []string{strings.Join(parts, "/")}
	if above, below := strings.CutSuffix(out[0], "/**"); below && parent {
		out = append(out, above) // ** may stand for nothing, and then for no slash
	}
	for i := range out {
		if strings.HasPrefix(out[i], "!") {
			out[i] = `\` + out[i]
		}
	}
	return out, accepted(out...)
}

const day = 24 * time.Hour

// span writes a length of time for a policy, rounded up to whole minutes: both
// a later removal and a longer keeping err on the safe side.
func span(d time.Duration) (string, error) {
	const most = 36500 * day
	if d < 0 || d > most {
		return "", fmt.Errorf("%s is not a length of time from nothing to 100 years", d)
	}
	minutes := int64((d + time.Minute - 1) / time.Minute)
	text := ""
	for _, unit := range []struct {
		name   string
		length int64
	}{{"d", 24 * 60}, {"h", 60}, {"m", 1}} {
		if n := minutes / unit.length; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			minutes %= unit.length
		}
	}
	return text, nil
}

func days(n int) (string, error) {
	if n < 1 || n > 36500 {
		return "", fmt.Errorf("%d days is not a length of time from 1 day to 100 years", n)
	}
	return fmt.Sprintf("%dd", n), nil
}
