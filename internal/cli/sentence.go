package cli

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// sentences writes the reasons of one root for people.
func sentences(line plan.Verdict, now time.Time) string {
	var parts []string
	for _, reason := range line.Reasons {
		parts = append(parts, sentence(reason, line, now))
	}
	return strings.Join(parts, "; ")
}

// facts are the facts of a reason. Numbers may have gone through JSON.
type facts map[string]any

func (f facts) text(name string) string {
	switch v := f[name].(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

func (f facts) number(name string) (int64, bool) {
	switch v := f[name].(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	default:
		return 0, false
	}
}

func (f facts) words(name string) []string {
	switch v := f[name].(type) {
	case []string:
		return v
	case []any:
		var words []string
		for _, word := range v {
			words = append(words, fmt.Sprint(word))
		}
		return words
	default:
		return nil
	}
}

// in names the group of a ranking, where there is one.
func (f facts) in() string {
	if group := f.text("group"); group != "" {
		return " in " + group
	}
	return ""
}

// rank is the place in an order with the limit: "2nd newest of 12, the newest
// 5 stay".
func (f facts) rank() string {
	limit, _ := f.number("limit")
	rank, known := f.number("rank")
	of, counted := f.number("of")
	switch {
	case counted && of <= limit:
		return fmt.Sprintf("all stay: there are no more than %d%s", limit, orElse(f.in(), " here"))
	case rank == 1 && counted:
		return fmt.Sprintf("the newest of %d%s, the newest %d stay", of, f.in(), limit)
	case known && counted:
		return fmt.Sprintf("%s newest of %d%s, the newest %d stay", ordinal(rank), of, f.in(), limit)
	default:
		return fmt.Sprintf("among the newest %d%s", limit, f.in())
	}
}

func sentence(reason plan.Reason, line plan.Verdict, now time.Time) string {
	f := facts(reason.Facts)
	at := knownTime(line)
	old := age(now, at)
	if not := f.text("not"); not != "" {
		return "not " + not
	}
	switch policy.Code(reason.Code) {
	case policy.CodeNoPolicy:
		return "no policy is about this repository"
	case policy.CodeNoRule:
		return "no rule is about this tag"
	case policy.CodeNotDue:
		return "not due: no condition removes it"
	case policy.CodeProtected:
		return protected(f)
	case policy.CodeInUse:
		return inUse(f)
	case policy.CodeUnknownAge:
		return "its age is not known" + untrusted(line)
	case policy.CodeUnreadable:
		if f.text("unknown") == "shared label" {
			return "its platform images differ in a label that decides"
		}
		return "its " + orElse(f.text("unknown"), "content") + " is not known"
	case policy.CodeTie:
		return "as new as the last one that stays" + f.in()
	case policy.CodeFloor:
		return fmt.Sprintf("the repository would be left with fewer than %s", countFact(f, "floor", "image"))
	case policy.CodeGap:
		return "the repository could not be read whole"
	case policy.CodeArchived:
		if long := f.text("for"); long != "" {
			return fmt.Sprintf("in quarantine since %s, for %s", dayOf(f.text("since")), long)
		}
		return "kept in an archive"
	case policy.CodeOlderThan:
		if old == f.text("limit") {
			old = closer(now.Sub(at))
		}
		return fmt.Sprintf("%s old (%s), more than %s", old, orElse(line.AgeFrom, "age"), f.text("limit"))
	case policy.CodeWithin:
		return fmt.Sprintf("%s old, not more than %s", old, f.text("limit"))
	case policy.CodeNotPulledFor:
		return "neither pulled nor pushed for " + f.text("limit")
	case policy.CodePulledWithin:
		return "pulled or pushed within " + f.text("limit")
	case policy.CodeNewest:
		return f.rank()
	case policy.CodeBeyond:
		limit, _ := f.number("limit")
		return fmt.Sprintf("not among the newest %d%s", limit, f.in())
	case policy.CodeExpired:
		return "its own time to live has passed (" + f.text("by") + ", " + f.text("expired") + ")"
	case policy.CodeEverything:
		return "everything goes that nothing keeps"
	case policy.CodeHourly, policy.CodeDaily, policy.CodeWeekly, policy.CodeMonthly, policy.CodeYearly:
		return fmt.Sprintf("the %s image of one of the last %s%s", reason.Code, countFact(f, "limit", periods[policy.Code(reason.Code)]), f.in())
	case policy.CodeTags:
		if named := f.text("named"); named != "" || f["named"] != nil {
			return "named on the command line"
		}
		return "its tag matches " + f.text("patterns")
	case policy.CodeImageTags:
		return "by the tags of the image: " + some(f.words("tags"))
	case policy.CodeSizeOver:
		bytes, _ := f.number("bytes")
		limit, _ := f.number("limit")
		return fmt.Sprintf("%s large, more than %s", exactSize(bytes), exactSize(limit))
	default:
		return plainFacts(reason.Code, f)
	}
}

var periods = map[policy.Code]string{
	policy.CodeHourly: "hour", policy.CodeDaily: "day", policy.CodeWeekly: "week", policy.CodeMonthly: "month", policy.CodeYearly: "year",
}

// protected says which protection holds.
func protected(f facts) string {
	if tag := f.text("tag"); tag != "" {
		return tag + " is always protected"
	}
	switch policy.Code(f.text("condition")) {
	case policy.CodeTags:
		return "protected: its tag matches " + f.text("patterns")
	case policy.CodeNewest:
		return "protected: " + f.rank()
	case policy.CodeWithin:
		return "protected: not older than " + f.text("limit")
	case "":
		return "protected"
	default:
		return "protected: " + strings.ReplaceAll(f.text("condition"), "-", " ")
	}
}

func inUse(f facts) string {
	for _, name := range []string{"what", "witness", "by"} {
		what := f.text(name)
		if last := f.text("last_seen"); what != "" && last != "" {
			return "was in use by " + what + ", last seen " + last
		}
		if what != "" {
			return "in use by " + what
		}
	}
	return "in use"
}

// untrusted names a date that is there and cannot be true.
func untrusted(line plan.Verdict) string {
	if line.Created == nil {
		return ""
	}
	return ": the build says " + line.Created.Format("2006-01-02")
}

// plainFacts is the sentence of conditions whose facts speak for themselves.
func plainFacts(code string, f facts) string {
	var names, parts []string
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		parts = append(parts, name+" "+f.text(name))
	}
	words := strings.ReplaceAll(code, "-", " ")
	if len(parts) == 0 {
		return words
	}
	return words + ": " + strings.Join(parts, ", ")
}

func countFact(f facts, name, noun string) string {
	n, _ := f.number(name)
	return count(n, noun)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func ordinal(n int64) string {
	suffix := "th"
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		suffix = "st"
	case n%10 == 2:
		suffix = "nd"
	case n%10 == 3:
		suffix = "rd"
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

// blockedCodes say what is in the way of a removal.
func blockedSentence(line plan.Blocked) string {
	name := tagName(line.Tag, line.Digest)
	switch line.Code {
	case "missing-blob":
		return fmt.Sprintf("%s cannot be put back: the registry has collected %s, and no archive has them", name, blobs(line.By))
	case "missing-manifest":
		return fmt.Sprintf("%s cannot be put back without %s", name, some(line.By))
	case "not-archived":
		return fmt.Sprintf("%s cannot be put back: its manifest was not archived", name)
	case "moved":
		return fmt.Sprintf("%s points to %s by now and is left alone (--overwrite moves it back)", name, some(line.By))
	}
	if len(line.By) == 0 {
		return fmt.Sprintf("%s cannot go (%s)", name, strings.ReplaceAll(line.Code, "-", " "))
	}
	return fmt.Sprintf("%s cannot go alone: this registry removes images only with all their tags, and %s stays (%s)", name, some(line.By), strings.ReplaceAll(line.Code, "-", " "))
}

// dayOf is the day of a time as facts carry it.
func dayOf(at string) string { return at[:min(len(at), len("2006-01-02"))] }

func blobs(digests []string) string {
	if len(digests) == 1 {
		return "its blob " + digests[0]
	}
	return "its blobs " + and(digests)
}
