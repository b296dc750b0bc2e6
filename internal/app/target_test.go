package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/config"
)

var configured = func() *config.File {
	file, err := config.Parse("regkeep.yaml", []byte(`
registries:
  prod: {url: registry.example.com}
  nexus: {url: "https://nexus.example.com/repo/"}
`))
	if err != nil {
		panic(err)
	}
	return file
}()

func TestParseTarget(t *testing.T) {
	for written, want := range map[string]Target{
		"registry.example.com":           {Name: "registry.example.com"},
		"registry.example.com/":          {Name: "registry.example.com"},
		"registry.example.com/**":        {Name: "registry.example.com"},
		"localhost":                      {Name: "localhost"},
		"localhost:5000/shop/*":          {Name: "localhost:5000", Pattern: "shop/*"},
		"registry:5000/shop/cart":        {Name: "registry:5000", Pattern: "shop/cart"},
		"127.0.0.1:5000/shop/":           {Name: "127.0.0.1:5000", Pattern: "shop/**"},
		"[::1]:5000":                     {Name: "[::1]:5000"},
		"prod":                           {Name: "prod", Configured: true},
		"prod/shop/**":                   {Name: "prod", Configured: true, Pattern: "shop/**"},
		"https://registry.example.com":   {Name: "https://registry.example.com"},
		"https://nexus.example.com/repo": {Name: "nexus", Configured: true},
		"http://nexus:8081/base/":        {Name: "http://nexus:8081/base"},
		"registry.example.com/!old/**":   {Name: "registry.example.com", Pattern: "!old/**"},
		"registry.example.com//team-.*/": {Name: "registry.example.com", Pattern: "/team-.*/"},
	} {
		got, err := ParseTarget(configured, written)
		if err != nil {
			t.Errorf("%s: %v", written, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", written, diff)
		}
	}
}

func TestTargetsThatAreNone(t *testing.T) {
	for written, want := range map[string]string{
		"":                                  "the target is empty",
		"prd":                               `"prd" is neither a host (no dot, no port) nor a configured registry (regkeep.yaml has prod, nexus)`,
		"shop/cart":                         `"shop" is neither a host`,
		"ann:s3cret@registry.example.com":   "never on the command line",
		"https://ann:s3cret@registry.local": "never on the command line",
		"ftp://registry.example.com":        "http or https, not ftp",
		"https://":                          "not a URL with a host",
		"https://registry.example.com/a/**": "a base URL has no pattern; write registry.example.com/REPOSITORY-PATTERN",
		"registry:port":                     "neither a host",
		"-x.example.com\n":                  "neither a host",
	} {
		_, err := ParseTarget(configured, written)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", written, err)
			continue
		}
		if KindOf(err) != Usage {
			t.Errorf("%q: kind %v", written, KindOf(err))
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the message shows the password: %v", written, err)
		}
	}
}

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for written, want := range map[string]string{
		"registry.example.com/shop/cart:v1":            "registry.example.com/shop/cart:v1",
		"prod/shop/cart:v1":                            "prod/shop/cart:v1",
		"localhost:5000/a@" + digest:                   "localhost:5000/a@" + digest,
		"localhost:5000/a:v1@" + digest:                "localhost:5000/a:v1@" + digest,
		"https://nexus.example.com/repo/docker/app:v1": "nexus/docker/app:v1",
		"https://registry.example.com/app:v1":          "https://registry.example.com/app:v1",
	} {
		got, err := ParseReference(configured, written)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", written, got, err)
		}
	}
	for _, written := range []string{"", "registry.example.com", "registry.example.com/a", "a:v1", "registry.example.com/A:v1", "registry.example.com/a:", "prod/a@sha256:12"} {
		if got, err := ParseReference(configured, written); err == nil || KindOf(err) != Usage {
			t.Errorf("%q: %s, %v", written, got, err)
		}
	}
}
