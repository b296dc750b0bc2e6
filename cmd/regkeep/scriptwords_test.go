package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
)

// hide: hide WORD FILE|FOLDER… fails where the word is found in any file.
func hide(ts *testscript.TestScript, _ bool, args []string) {
	for _, root := range args[1:] {
		if root == "stdout" || root == "stderr" {
			if strings.Contains(ts.ReadFile(root), args[0]) {
				ts.Fatalf("%s shows the secret", root)
			}
			continue
		}
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(text), args[0]) {
				err = fmt.Errorf("%s shows the secret", path)
			}
			return err
		}))
	}
}

// edit: edit FILE OLD NEW replaces text in a file.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// expand: expand FILE… replaces $VARIABLES in files.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// cut: cut FILE TO writes the file without its last line.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text[:strings.LastIndexByte(text, '\n')+1]), 0o600))
}

// digest: digest HOST REPOSITORY:TAG VARIABLE.
func digest(ts *testscript.TestScript, _ bool, args []string) {
	repository, tag, _ := strings.Cut(args[1], ":")
	body, err := get(args[0], repository+"/manifests/"+tag)
	ts.Check(err)
	ts.Setenv(args[2], string(oci.FromBytes(body)))
}

// empty: empty FOLDER fails where there is anything in it.
func empty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s holds %v", args[0], entries)
	}
}

// made are the fields of a plan that say when and by how much effort it was
// made.
var made = regexp.MustCompile(`"(id|created|expires|hash)":"[^"]*"|"(seconds|requests)":[0-9.e+-]+|"seen":"[^"]*",?`)

// samePlan: sameplan FILE FILE compares all lines, apart from those fields.
func samePlan(ts *testscript.TestScript, _ bool, args []string) {
	var texts []string
	for _, file := range args {
		texts = append(texts, made.ReplaceAllString(ts.ReadFile(file), ""))
	}
	if diff := cmp.Diff(strings.Split(texts[0], "\n"), strings.Split(texts[1], "\n")); diff != "" {
		ts.Fatalf("the plans differ: %s", diff)
	}
}

// exits: exits CODE COMMAND ARGUMENT… runs a command that must end with that
// exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// older: older PLAN TO DURATION writes the plan as if it had been made that
// much earlier.
func older(ts *testscript.TestScript, _ bool, args []string) {
	p, err := plan.Read(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	by, err := time.ParseDuration(args[2])
	ts.Check(err)
	p.Header.Created, p.Header.Now, p.Header.Expires = p.Header.Created.Add(-by), p.Header.Now.Add(-by), p.Header.Expires.Add(-by)
	var text strings.Builder
	ts.Check(plan.Write(&text, p, plan.All))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text.String()), 0o600))
}

// passed: passed STATE DAYS makes that many days pass since everything in use
// was seen.
func passed(ts *testscript.TestScript, _ bool, args []string) {
	days, err := strconv.Atoi(args[1])
	ts.Check(err)
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(`UPDATE sightings SET at = at - $1`, (time.Duration(days) * 24 * time.Hour).Microseconds())
	ts.Check(err)
}
