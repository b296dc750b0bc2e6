package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// field is one field of a line: its JSON type, and whether it must be there.
type field struct {
	kind     string // string, number, integer, bool, array, object, time
	required bool
}

// lines is the contract: every type of line with its fields. Others may be
// added; these keep their meaning.
var lines = map[string]map[string]field{
	"plan": {
		"version": {"integer", true}, "id": {"string", true}, "created": {"time", true}, "now": {"time", true}, "expires": {"time", true},
		"tool": {"string", true}, "policy_hash": {"string", true}, "registries": {"array", true}, "evidence": {"array", true},
	},
	"verdict": {
		"registry": {"string", true}, "repository": {"string", true}, "tag": {"string", false}, "digest": {"string", false},
		"media_type": {"string", false}, "verdict": {"string", true}, "reasons": {"array", true}, "created": {"time", false},
		"pushed": {"time", false}, "pulled": {"time", false}, "seen": {"time", false}, "age_from": {"string", false}, "size": {"integer", false},
	},
	"step": {
		"seq": {"integer", true}, "registry": {"string", true}, "repository": {"string", true}, "action": {"string", true}, "tag": {"string", false},
		"digest": {"string", true}, "takes": {"array", false}, "why": {"string", true}, "undo": {"string", true},
	},
	"blocked": {"registry": {"string", true}, "repository": {"string", true}, "tag": {"string", false}, "digest": {"string", true}, "code": {"string", true}, "by": {"array", true}},
	"gap":     {"code": {"string", true}, "scope": {"string", true}, "message": {"string", true}},
	"warning": {"code": {"string", true}, "scope": {"string", true}, "message": {"string", true}, "lift": {"string", false}},
	"refusal": {"code": {"string", true}, "scope": {"string", true}, "message": {"string", true}, "lift": {"string", false}},
	"run":     {"id": {"string", true}, "plan": {"string", true}},
	"outcome": {
		"seq": {"integer", true}, "registry": {"string", true}, "repository": {"string", true}, "tag": {"string", false}, "digest": {"string", true},
		"action": {"string", true}, "status": {"string", true}, "error": {"string", false},
	},
	"verify":  {"registry": {"string", true}, "repository": {"string", true}, "tag": {"string", false}, "digest": {"string", true}, "ok": {"bool", true}, "error": {"string", false}},
	"summary": {},
}

var summaries = map[string]map[string]field{
	"plan": {
		"repositories": {"integer", true}, "roots": {"integer", true}, "keep": {"integer", true}, "remove": {"integer", true}, "hold": {"integer", true},
		"steps": {"integer", true}, "blocked": {"integer", true}, "bytes_freed": {"integer", true}, "requests": {"integer", true}, "seconds": {"number", true}, "hash": {"string", true},
	},
	"run": {"run": {"string", true}, "plan": {"string", true}, "steps": {"integer", true}, "outcomes": {"object", true}, "verified": {"integer", true}, "broken": {"integer", true}, "seconds": {"number", true}},
}

var values = map[string][]string{
	"verdict": {"keep", "remove", "hold"},
	"action":  {"untag", "delete-manifest", "delete-component", "overwrite-tag", "put-manifest", "put-tag"},
	"why":     {"root", "child", "attachment"},
	"undo":    {"full", "until-gc", "none"},
	"status":  {"done", "already-gone", "already-there", "changed", "refused", "blocked", "failed", "unknown"},
}

// jsonLines: jsonl FILE FIRST checks that every line has the fields of the
// contract, that the first is of type FIRST and the last a summary of it.
func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	all := strings.Split(text, "\n")
	for i, line := range all {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			ts.Fatalf("line %d: %v: %s", i+1, err, line)
		}
		kind, _ := object["type"].(string)
		fields, known := lines[kind]
		if !known {
			ts.Fatalf("line %d is of type %q", i+1, kind)
		}
		if kind == "summary" {
			fields = summaries[args[1]]
		}
		if i == 0 && kind != args[1] || (i == len(all)-1) != (kind == "summary") {
			ts.Fatalf("line %d of %d is of type %q", i+1, len(all), kind)
		}
		for name, want := range fields {
			value, there := object[name]
			if !there && want.required {
				ts.Fatalf("line %d: %s has no %q: %s", i+1, kind, name, line)
			}
			if there && !fits(value, want.kind) {
				ts.Fatalf("line %d: %q of %s is no %s: %s", i+1, name, kind, want.kind, line)
			}
		}
		for name, allowed := range values {
			if value, there := object[name].(string); there && !slices.Contains(allowed, value) {
				ts.Fatalf("line %d: %s is %q", i+1, name, value)
			}
		}
	}
}

func fits(value any, kind string) bool {
	switch kind {
	case "string":
		_, ok := value.(string)
		return ok
	case "time":
		s, ok := value.(string)
		return ok && strings.HasSuffix(s, "Z") && strings.Contains(s, "T")
	case "number":
		_, ok := value.(float64)
		return ok
	case "integer":
		n, ok := value.(float64)
		return ok && n == float64(int64(n))
	case "bool":
		_, ok := value.(bool)
		return ok
	case "array":
		_, ok := value.([]any)
		return ok
	case "object":
		_, ok := value.(map[string]any)
		return ok
	default:
		fmt.Fprintln(os.Stderr, "no kind", kind)
		return false
	}
}
