package policy

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"

	"github.com/regkeep/regkeep/internal/policy/document"
)

// costLimit bounds one evaluation of an expression; what is stopped by it is
// unknown.
const costLimit = 100_000

// variable is what an expression can ask for.
type variable struct {
	name, summary string
	kind          *cel.Type
	need          need
}

var variables = []variable{
	{"tag", "The root's tag; missing on an untagged root.", cel.StringType, 0},
	{"untagged", "Whether the root is an untagged manifest.", cel.BoolType, 0},
	{"tags", "All root tags of the image.", cel.ListType(cel.StringType), 0},
	{"captures", "The named groups of the rule's expression that matched the tag.", cel.MapType(cel.StringType, cel.StringType), 0},
	{"repository", "The name of the repository.", cel.StringType, 0},
	{"registry", "The name of the registry.", cel.StringType, 0},
	{"digest", "The digest of the manifest.", cel.StringType, 0},
	{"media_type", "The media type of the manifest.", cel.StringType, 0},
	{"artifact_type", "Its artifact type, or the media type of its config.", cel.StringType, needConfig},
	{"size", "Bytes of config and layers; missing where not known.", cel.IntType, 0},
	{"labels", "The labels of the image; missing where the platform images of an index do not all have the same.", cel.MapType(cel.StringType, cel.StringType), needConfig},
	{"annotations", "The annotations of the manifest.", cel.MapType(cel.StringType, cel.StringType), needConfig},
	{"platforms", "The platforms, as os/architecture or os/architecture/variant.", cel.ListType(cel.StringType), needConfig},
	{"age", "The age; missing where not known.", cel.DurationType, needAge},
	{"created", "The build time; missing where not known or not trusted.", cel.TimestampType, needConfig},
	{"pushed", "The push time; likewise.", cel.TimestampType, 0},
	{"pulled", "The time of the last pull; likewise.", cel.TimestampType, 0},
	{"seen", "When regkeep first saw the root; likewise.", cel.TimestampType, 0},
	{"now", "The instant of the plan.", cel.TimestampType, 0},
}

// exprTest is when.
type exprTest struct {
	text    string
	program cel.Program
	need    need
}

// environment of the expressions of one file.
func (c *compiler) environment() *cel.Env {
	if c.env != nil {
		return c.env
	}
	options := []cel.EnvOption{cel.ParserExpressionSizeLimit(4000), cel.ParserRecursionLimit(50)}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.kind))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		panic(fmt.Sprintf("the variables of expressions contradict each other: %v", err))
	}
	c.env = env
	return env
}

func (c *compiler) expression(v *document.Value) test {
	t := &exprTest{text: strings.TrimRight(c.text(v, "when"), " \n")}
	if t.text == "" {
		return nil
	}
	env := c.environment()
	ast, issues := env.Compile(t.text)
	if issues.Err() != nil {
		for _, issue := range issues.Errors() {
			message, _, _ := strings.Cut(issue.Message, " (did you mean")
			c.problem(v.Within(issue.Location.Line(), issue.Location.Column()), variableFor(message), "when: %s", message)
		}
		return nil
	}
	if ast.OutputType() != cel.BoolType {
		c.problem(v, "", "when: the expression is of type %s, not true or false", ast.OutputType())
		return nil
	}
	program, err := env.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		c.problem(v, "", "when: %v", err)
		return nil
	}
	t.program = program
	for _, v := range variables {
		if v.need != 0 && strings.Contains(t.text, v.name) {
			t.need |= v.need
		}
	}
	return t
}

// variableFor suggests a variable for one that is not declared.
func variableFor(message string) string {
	_, rest, found := strings.Cut(message, "undeclared reference to '")
	if !found {
		return ""
	}
	word, _, _ := strings.Cut(rest, "'")
	known := make([]string, len(variables))
	for i, v := range variables {
		known[i] = v.name
	}
	return document.Suggest(word, known)
}

// subject is one root as an expression sees it.
type subject struct {
	e *evaluation
	i int
}

// Parent makes a subject an interpreter.Activation without one above it.
func (s subject) Parent() interpreter.Activation { return nil }

// ResolveName gives the value of a variable; false where it is not known.
func (s subject) ResolveName(name string) (any, bool) {
	e, i := s.e, s.i
	root := &e.roots[i]
	switch name {
	case "tag":
		return root.Name(), root.Tag != nil
	case "untagged":
		return root.Tag == nil, true
	case "repository":
		return e.repo.Name, true
	case "registry":
		return e.repo.Registry, true
	case "now":
		return e.now, true
	case "captures":
		captures := map[string]string{}
		if r := e.rule(i); r != nil && root.Tag != nil {
			for k, v := range r.tags.Captures(root.Tag.Name) {
				captures[k] = v
			}
		}
		return captures, true
	case "digest":
		return string(root.Digest), root.Digest != ""
	case "tags":
		if root.Digest == "" {
			return nil, false
		}
		return e.tagsOf(i), true
	}
	if !e.resolved(i) {
		return nil, false
	}
	m := root.Manifest
	switch name {
	case "media_type":
		return m.MediaType, m.MediaType != ""
	case "artifact_type":
		return m.ArtifactType, m.Read
	case "size":
		return m.Bytes, m.Bytes > 0
	case "labels":
		return present(m.Labels), e.inspected(i) && len(m.Disputed) == 0
	case "annotations":
		return present(m.Annotations), m.Read
	case "platforms":
		platforms := make([]string, len(m.Platforms))
		for k, p := range m.Platforms {
			platforms[k] = p.String()
		}
		return platforms, e.inspected(i)
	case "age":
		return e.now.Sub(time.Unix(0, e.at[i])), e.sure[i] == ageKnown
	case "created":
		at, whole := e.created(i)
		return time.Unix(0, at).UTC(), at != noTime && whole
	}
	at := noTime
	switch name {
	case "pushed":
		at = e.pushed(i)
	case "pulled":
		at = e.pulled(i)
	case "seen":
		at = e.seen(i)
	}
	return time.Unix(0, at).UTC(), at != noTime
}

func present(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (t *exprTest) eval(e *evaluation, i int) (Truth, error) {
	value, _, err := t.program.Eval(subject{e, i})
	if err != nil {
		return Unknown, err
	}
	yes, ok := value.Value().(bool)
	if !ok {
		return Unknown, fmt.Errorf("no such fact")
	}
	return truthOf(yes), nil
}

func (t *exprTest) truth(e *evaluation, i int) Truth {
	value, _ := t.eval(e, i)
	return value
}

func (t *exprTest) missing(e *evaluation, i int) string {
	if !e.inspected(i) {
		return unread(e, i)
	}
	return factField
}

func (t *exprTest) facts(*evaluation, int) map[string]any { return map[string]any{"when": t.text} }

func (t *exprTest) explain(e *evaluation, i int) account {
	a := account{}
	for name, on := range variableRests {
		if strings.Contains(t.text, name) {
			a.rests |= on
		}
	}
	if _, err := t.eval(e, i); err != nil {
		a.fact = err.Error()
	}
	return a
}

func (t *exprTest) code() Code     { return CodeWhen }
func (t *exprTest) needs() need    { return t.need }
func (t *exprTest) String() string { return fmt.Sprintf("when: %q", t.text) }
