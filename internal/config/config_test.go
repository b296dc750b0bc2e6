package config

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/registry"
)

func TestParse(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	got, err := Parse("regkeep.yaml", []byte(`
version: 1
state: /var/lib/regkeep/state.db
plan_max_age: 1d12h
registries:
  prod:
    url: https://registry.example.com
    kind: distribution
    ca_file: ~/ca.pem
    concurrency: 8
    rate: 20
    timeout: 90s
    username: cleaner
    password: {env: PROD_PASSWORD}
  lab: {url: "lab:5000", plain_http: true}
in_use:
  remember: 2w
  aliases: {mirror.example.com: registry.example.com}
  sources:
    - kubernetes: {context: prod, namespaces: [shop]}
    - docker: {host: "tcp://build:2376"}
    - files: [~/deploy]
    - list: {path: in-use.txt, max_age: 2h}
    - images: ["registry.example.com/base/os:12"]
    - command: [show-images, --all]
    - url: https://inventory.example.com/images
policies:
  - repositories: ["**"]
    rules: []
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Path: "regkeep.yaml", Text: got.Text, Policies: true,
		State: "/var/lib/regkeep/state.db", PlanMaxAge: 36 * time.Hour,
		Registries: []Registry{
			{
				Endpoint: registry.Endpoint{
					Name: "prod", Address: "https://registry.example.com", Kind: "distribution", CAFile: "/home/ann/ca.pem",
					Concurrency: 8, Rate: 20, Timeout: 90 * time.Second,
				},
				Secret: Secret{Username: "cleaner", Password: Reference{Env: "PROD_PASSWORD"}},
			},
			{Endpoint: registry.Endpoint{Name: "lab", Address: "lab:5000", PlainHTTP: true}},
		},
		InUse: InUse{
			Remember: 14 * 24 * time.Hour,
			Aliases:  []Alias{{From: "mirror.example.com", To: "registry.example.com"}},
			Sources: []Source{
				{Kubernetes: &Kubernetes{Context: "prod", Namespaces: []string{"shop"}}},
				{Docker: &Docker{Host: "tcp://build:2376"}},
				{Files: []string{"/home/ann/deploy"}},
				{List: &List{Path: "in-use.txt"}, MaxAge: 2 * time.Hour},
				{Images: []string{"registry.example.com/base/os:12"}},
				{Command: []string{"show-images", "--all"}},
				{URL: "https://inventory.example.com/images"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakesHaveAPlaceAndAWayOut(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"mistyped setting", "registries:\n  prod:\n    url: x\n    usrname: ann\n", `c.yaml:4:5: "usrname" is no setting of registry prod; did you mean "username"?`},
		{"far from any setting", "in_use:\n  wat: 1\n", `c.yaml:2:3: "wat" is no setting of in_use; there are aliases, remember, sources, timeout`},
		{"no url", "registries:\n  prod: {kind: nexus}\n", `c.yaml:2:3: registry prod has no url`},
		{"name with a slash", "registries:\n  a/b: {url: x}\n", `c.yaml:2:3: "a/b" cannot name a registry`},
		{"written twice", "state: a\nstate: b\n", `c.yaml:2:1: "state" was already written in line 1`},
		{"password in the url", "registries:\n  p: {url: 'https://ann:s3cret@host'}\n", `c.yaml:2:12: registry p: the url carries a user name or password`},
		{"password as text", "registries:\n  p: {url: h, username: ann, password: s3cret}\n", `c.yaml:2:40: secrets are named, not written`},
		{"two ways to one secret", "registries:\n  p: {url: h, username: a, password: {env: A, file: B}}\n", `a secret has exactly one of env, file, command and literal; this one has 2`},
		{"password without a user", "registries:\n  p: {url: h, password: {env: A}}\n", `registry p has a password and no username`},
		{"certificate without key", "registries:\n  p: {url: h, client_cert: c.pem}\n", `client_cert and client_key belong together`},
		{"flag", "registries:\n  p: {url: h, plain_http: yes}\n", `"yes" is neither true nor false`},
		{"duration", "plan_max_age: 1 day\n", `c.yaml:1:15: "1 day" is not a duration`},
		{"two kinds of source", "in_use: {sources: [{url: a, files: [b]}]}\n", `this one has 2`},
		{"longer than anything is kept", "in_use:\n  remember: 400d\n", `c.yaml:2:13: remember: sightings are kept for a year`},
		{"empty list", "in_use: {sources: [{files: []}]}\n", `files must not be empty`},
		{"list where a mapping belongs", "registries: [a]\n", `c.yaml:1:13: registries must be a mapping (name: value lines), not a list`},
		{"not YAML", "state: [1\nplan: 2\n", `c.yaml:2:`},
		{"state that is a list", "state: [a]\n", `c.yaml:1:8: a text is needed here, not a list`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("c.yaml", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the message shows the secret: %v", err)
			}
		})
	}
}

func TestEveryMistakeIsToldInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse("c.yaml", []byte("registries:\n  a: {kind: x}\n  b: {url: h, rate: fast}\nstate: []\n"))
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		place, _, _ := strings.Cut(line, ": ")
		lines = append(lines, place)
	}
	if diff := cmp.Diff([]string{"c.yaml:2:3", "c.yaml:3:21", "c.yaml:4:8"}, lines); diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestEmptyFilesSayNothing(t *testing.T) {
	for _, text := range []string{"", "  \n", "# only words\n"} {
		if f, err := Parse("c.yaml", []byte(text)); err != nil || len(f.Registries) != 0 || f.Policies {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
}

func TestSecretsAreReadWhenNeeded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REGKEEP_TEST_SECRET", "from env")
	for _, test := range []struct {
		secret Secret
		want   registry.Credential
	}{
		{Secret{Username: "ann", Password: Reference{Env: "REGKEEP_TEST_SECRET"}}, registry.Credential{Username: "ann", Password: "from env"}},
		{Secret{Username: "ann", Password: Reference{File: file}}, registry.Credential{Username: "ann", Password: "from file"}},
		{Secret{Username: "ann", Password: Reference{Command: []string{"echo", "from command"}}}, registry.Credential{Username: "ann", Password: "from command"}},
		{Secret{Username: "ann", Password: Reference{Literal: "as is"}}, registry.Credential{Username: "ann", Password: "as is"}},
		{Secret{Token: Reference{Env: "REGKEEP_TEST_SECRET"}}, registry.Credential{RefreshToken: "from env"}},
	} {
		got, err := Registry{Secret: test.secret}.Credentials()(context.Background(), "host")
		if err != nil || got != test.want {
			t.Errorf("%+v: got user %q, error %v", test.secret, got.Username, err)
		}
	}
	if (Registry{}).Credentials() != nil {
		t.Error("a registry without a secret has a source of credentials")
	}
}

func TestSecretsThatCannotBeReadAreErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, reference := range []Reference{
		{Env: "REGKEEP_TEST_NOT_SET"},
		{File: empty},
		{File: filepath.Join(t.TempDir(), "missing")},
		{Command: []string{"true"}},
		{Command: []string{"sh", "-c", "echo s3cret; exit 3"}},
		{Command: []string{"no-such-program-here"}},
	} {
		r := Registry{Endpoint: registry.Endpoint{Name: "prod"}, Secret: Secret{Username: "ann", Password: reference}}
		_, err := r.Credentials()(context.Background(), "host")
		if err == nil || !strings.Contains(err.Error(), "password of registry prod") {
			t.Errorf("%+v: %v", reference, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows what the program printed: %v", err)
		}
	}
}

func TestLiteralSecretsNeverShow(t *testing.T) {
	f, err := Parse("c.yaml", []byte("registries:\n  p: {url: h, username: ann, password: {literal: s3cret}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(f.Registries[0].Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", f.Registries, f.Registries, f.Registries), string(asJSON)} {
		if strings.Contains(shown, "s3cret") {
			t.Errorf("shown: %s", shown)
		}
	}
}

func TestWhereTheConfigurationIsFound(t *testing.T) {
	folder := t.TempDir()
	if f, err := Find(env{"XDG_CONFIG_HOME": folder}.get); err != nil || f.Path != "" {
		t.Errorf("no file: %+v, %v", f, err)
	}
	path := filepath.Join(folder, "regkeep", "regkeep.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("state: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Find(env{"XDG_CONFIG_HOME": folder}.get); err != nil || f.State != "here" {
		t.Errorf("in its place: %+v, %v", f, err)
	}
	if f, err := Find(env{"REGKEEP_CONFIG": path}.get); err != nil || f.State != "here" {
		t.Errorf("named by the environment: %+v, %v", f, err)
	}
	if _, err := Find(env{"REGKEEP_CONFIG": path + "x"}.get); err == nil {
		t.Error("a named file that is missing is no error")
	}
	if state, err := DefaultState(env{"HOME": "/home/ann"}.get); err != nil || state != "/home/ann/.local/state/regkeep/state.db" {
		t.Errorf("state: %q, %v", state, err)
	}
	if _, err := DefaultState(env{}.get); err == nil {
		t.Error("no home and no error")
	}
}

type env map[string]string

func (e env) get(name string) string { return e[name] }

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1w2d": 9 * 24 * time.Hour, "36h": 36 * time.Hour, "15m": 15 * time.Minute} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0s", "-1h", "1", "h", "1.5h", "1y", "99999999999999999999w", "9999999999999w"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
