package credentials

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/registry"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func save(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestEnvironment(t *testing.T) {
	file := save(t, "password", "geheim\n", 0o600)
	empty := save(t, "empty", "\n", 0o600)
	want := registry.Credential{Username: "me", Password: "geheim"}
	for name, c := range map[string]struct {
		set   []string
		want  registry.Credential
		wrong string
	}{
		"nothing":          {},
		"password":         {set: []string{UsernameVariable, "me", PasswordVariable, "geheim"}, want: want},
		"file":             {set: []string{UsernameVariable, "me", PasswordFileVariable, file}, want: want},
		"no password":      {set: []string{UsernameVariable, "me"}, wrong: PasswordVariable},
		"no user":          {set: []string{PasswordVariable, "geheim"}, wrong: UsernameVariable},
		"no user, file":    {set: []string{PasswordFileVariable, file}, wrong: UsernameVariable},
		"both":             {set: []string{UsernameVariable, "me", PasswordVariable, "geheim", PasswordFileVariable, file}, wrong: "both"},
		"file missing":     {set: []string{UsernameVariable, "me", PasswordFileVariable, file + "x"}, wrong: PasswordFileVariable},
		"file with a line": {set: []string{UsernameVariable, "me", PasswordFileVariable, empty}, wrong: "is empty"},
	} {
		got, err := Environment(environment(c.set...))(t.Context(), "r.example")
		if got != c.want || (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %v", got, got, got, err), "geheim") {
			t.Errorf("%s: shows the password", name)
		}
	}
}

func TestFiles(t *testing.T) {
	file := save(t, "config.json", fmt.Sprintf(`{"auths":{
		"r.example:5000":{"auth":%q},
		"https://old.example/v1/":{"auth":%q},
		"https://index.docker.io/v1/":{"auth":%q},
		"token.example":{"auth":%q,"identitytoken":"refresh"},
		"broken.example":{"auth":"!!geheim!!"}}}`, basic("me", "geheim"), basic("old", "o"), basic("hub", "h"), basic("00000000-0000-0000-0000-000000000000", "")), 0o600)
	podman := save(t, "auth.json", fmt.Sprintf(`{"auths":{"docker.io":{"auth":%q},"only.example":{"auth":%q}}}`, basic("p", "p"), basic("only", "o")), 0o600)
	missing := filepath.Join(t.TempDir(), "none.json")
	source := Files(missing, "", file, podman)
	for host, want := range map[string]registry.Credential{
		"r.example:5000":       {Username: "me", Password: "geheim"},
		"old.example":          {Username: "old", Password: "o"},
		"registry-1.docker.io": {Username: "hub", Password: "h"},
		"token.example":        {RefreshToken: "refresh"},
		"only.example":         {Username: "only", Password: "o"},
		"r.example":            {},
	} {
		got, err := source(t.Context(), host)
		if err != nil || got.RefreshToken != want.RefreshToken || got.RefreshToken == "" && got != want {
			t.Errorf("%s: %s, %v", host, got, err)
		}
	}
	if got, err := Files(podman)(t.Context(), "registry-1.docker.io"); err != nil || got.Username != "p" {
		t.Errorf("Docker Hub as Podman writes it: %v, %v", got, err)
	}
	if got, err := source(t.Context(), "broken.example"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v, %v", got, err)
	}
	garbage := save(t, "config.json", `{"auths": "geheim`, 0o600)
	if got, err := Files(garbage)(t.Context(), "r.example"); err == nil || !strings.Contains(err.Error(), garbage) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v, %v", got, err)
	}
}

// helper puts a credential helper of that name on the path.
func helper(t *testing.T, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Fatal("credential helpers are tried as shell scripts")
	}
	file := save(t, "docker-credential-"+name, "#!/bin/sh\n"+script, 0o700)
	t.Setenv("PATH", filepath.Dir(file)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestHelpers(t *testing.T) {
	helper(t, "works", `read host
case "$host" in
r.example) echo '{"ServerURL":"r.example","Username":"me","Secret":"geheim"}' ;;
identity.example) echo '{"ServerURL":"identity.example","Username":"<token>","Secret":"refresh"}' ;;
*) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`)
	helper(t, "fails", "echo 'the keychain is locked'; exit 1\n")
	file := save(t, "config.json", `{"credsStore":"works","credHelpers":{"f.example":"fails","n.example":"nowhere"}}`, 0o600)
	for host, want := range map[string]registry.Credential{
		"r.example":        {Username: "me", Password: "geheim"},
		"identity.example": {RefreshToken: "refresh"},
		"other.example":    {},
	} {
		if got, err := Files(file)(t.Context(), host); err != nil || got != want {
			t.Errorf("%s: %s, %v", host, got, err)
		}
	}
	for host, name := range map[string]string{"f.example": "docker-credential-fails", "n.example": "docker-credential-nowhere"} {
		if got, err := Files(file)(t.Context(), host); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %s, %v; want an error that names %s", host, got, err, name)
		}
	}
}

func TestWhereFilesLie(t *testing.T) {
	if got := DockerConfig(environment("DOCKER_CONFIG", "/d"), "/home/me"); got != "/d/config.json" {
		t.Error(got)
	}
	if got := DockerConfig(environment(), "/home/me"); got != "/home/me/.docker/config.json" {
		t.Error(got)
	}
	if got := DockerConfig(environment(), ""); got != "" {
		t.Error(got)
	}
	for want, set := range map[string][]string{
		"[/a.json]": {"REGISTRY_AUTH_FILE", "/a.json", "XDG_RUNTIME_DIR", "/run"},
		"[/home/me/.config/containers/auth.json]": nil,
		"[/c/containers/auth.json]":               {"XDG_CONFIG_HOME", "/c"},
	} {
		if got := fmt.Sprint(PodmanAuth(environment(set...), "/home/me")); got != want {
			t.Errorf("%v: %s, want %s", set, got, want)
		}
	}
	if got := PodmanAuth(environment("XDG_RUNTIME_DIR", "/run/user/1"), ""); runtime.GOOS == "linux" && fmt.Sprint(got) != "[/run/user/1/containers/auth.json]" {
		t.Error(got)
	}
}

func TestFirst(t *testing.T) {
	none := func(context.Context, string) (registry.Credential, error) { return registry.Credential{}, nil }
	some := func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{Username: "me"}, nil
	}
	fails := func(context.Context, string) (registry.Credential, error) {
		return registry.Credential{}, errors.New("broken")
	}
	if got, err := First(none, some, fails)(t.Context(), "x"); err != nil || got.Username != "me" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := First(none, fails, some)(t.Context(), "x"); err == nil {
		t.Errorf("%v: what comes after a failure was used", got)
	}
}

func TestDefaultReadsWhatOtherToolsWrote(t *testing.T) {
	file := save(t, "config.json", fmt.Sprintf(`{"auths":{"r.example":{"auth":%q}}}`, basic("me", "geheim")), 0o600)
	for _, name := range []string{UsernameVariable, PasswordVariable, PasswordFileVariable, "REGISTRY_AUTH_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("DOCKER_CONFIG", filepath.Dir(file))
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if got, err := Default()(t.Context(), "r.example"); err != nil || got.Username != "me" {
		t.Errorf("%v, %v", got, err)
	}
	t.Setenv(UsernameVariable, "other")
	t.Setenv(PasswordVariable, "x")
	if got, err := Default()(t.Context(), "r.example"); err != nil || got.Username != "other" {
		t.Errorf("%v, %v", got, err)
	}
}
