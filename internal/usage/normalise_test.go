package usage

import (
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
)

const digestText = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

const longDigest = "sha512:" + "11111111111111111111111111111111" + "11111111111111111111111111111111" + "11111111111111111111111111111111" + "11111111111111111111111111111111"

func testNames(t *testing.T) *Names {
	t.Helper()
	names, err := NewNames([]Registry{
		{Name: "registry.example.com"},
		{Name: "prod-nexus", Addresses: []string{"https://nexus.example.com/nx/"}},
		{Name: "docker.io"},
		{Name: "localhost:5000"},
	}, []Alias{
		{From: "renamed.example.com", To: "gone.example.com"},
		{From: "mirror.local:5000", To: "registry.example.com"},
		{From: "mirror.local:5000/hub", To: "docker.io"},
		{From: "nexus.example.com:8082", To: "prod-nexus/docker-hosted"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestParseAsAContainerEngineWould(t *testing.T) {
	names := testNames(t)
	for written, want := range map[string]Image{
		"registry.example.com/team/app:1":                               {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "1"},
		"registry.example.com/team/app":                                 {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "latest"},
		"registry.example.com/team/app@" + digestText:                   {Registry: "registry.example.com", Known: true, Repository: "team/app", Digest: digestText},
		"docker-pullable://registry.example.com/team/app@" + digestText: {Registry: "registry.example.com", Known: true, Repository: "team/app", Digest: digestText},
		"mirror.local:5000/team/app:2":                                  {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "2"},
		"mirror.local:5000/hub/library/nginx:1":                         {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "1"},
		"mirror.local:50001/team/app:2":                                 {Registry: "mirror.local:50001", Repository: "team/app", Tag: "2"},
		"nexus.example.com:8082/team/app:3@" + digestText:               {Registry: "prod-nexus", Known: true, Repository: "docker-hosted/team/app", Tag: "3", Digest: digestText},
		"nexus.example.com/nx/docker-hosted/team/app:4":                 {Registry: "prod-nexus", Known: true, Repository: "docker-hosted/team/app", Tag: "4"},
		"nginx":                           {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "latest"},
		"nginx:1.27":                      {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "1.27"},
		"grafana/grafana:11":              {Registry: "docker.io", Known: true, Repository: "grafana/grafana", Tag: "11"},
		"index.docker.io/library/nginx:1": {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "1"},
		"registry-1.docker.io/grafana/grafana:11": {Registry: "docker.io", Known: true, Repository: "grafana/grafana", Tag: "11"},
		"other.example.com/x/y:1":                 {Registry: "other.example.com", Repository: "x/y", Tag: "1"},
		// What people and runtimes write beside that.
		"Registry.Example.COM/team/app:1":             {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "1"},
		"registry.example.com:443/team/app:1":         {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "1"},
		"http://registry.example.com:80/team/app:1":   {Registry: "registry.example.com", Known: true, Repository: "team/app", Tag: "1"},
		"registry.example.com:5000/team/app:1":        {Registry: "registry.example.com:5000", Repository: "team/app", Tag: "1"},
		"oci://registry.example.com/charts/app:1":     {Registry: "registry.example.com", Known: true, Repository: "charts/app", Tag: "1"},
		"registry.example.com/team/app@" + longDigest: {Registry: "registry.example.com", Known: true, Repository: "team/app", Digest: longDigest},
		"registry.example.com/a.b/c:1":                {Registry: "registry.example.com", Known: true, Repository: "a.b/c", Tag: "1"},
		"registry.example.com/team/app:*":             {Registry: "registry.example.com", Known: true, Repository: "team/app"},
		"mirror.local:5000/hub/nginx:1":               {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "1"},
		"mirror.local:5000/hub2/nginx:1":              {Registry: "registry.example.com", Known: true, Repository: "hub2/nginx", Tag: "1"},
		"registry-1.docker.io:443/nginx":              {Registry: "docker.io", Known: true, Repository: "library/nginx", Tag: "latest"},
		"127.0.0.1:5000/app:1":                        {Registry: "localhost:5000", Known: true, Repository: "app", Tag: "1"},
		"[::1]:5000/app:1":                            {Registry: "localhost:5000", Known: true, Repository: "app", Tag: "1"},
		"localhost:5001/app:1":                        {Registry: "localhost:5001", Repository: "app", Tag: "1"},
		"127.0.0.10:5000/app:1":                       {Registry: "127.0.0.10:5000", Repository: "app", Tag: "1"},
		"other.example.com/Weird/Name:1":              {Registry: "other.example.com", Repository: "Weird/Name:1"},
		"other.example.com/x@blake3:00":               {Registry: "other.example.com", Repository: "x@blake3:00"},
		"renamed.example.com/team/app:1":              {Registry: "gone.example.com", Repository: "team/app", Tag: "1"},
	} {
		got, err := names.Parse(written)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", written, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "UPPER/Case:1", "a:b:c", "x@sha256:12", "registry.example.com/", "registry.example.com/Team/app:1",
		"registry.example.com/team/app:1:*", "REGISTRY.example.com:443/x@blake3:00", "mirror.local:5000/x@sha256:1", "/",
	} {
		if got, err := names.Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", bad, got)
		}
	}
}

// A page for people instead of a list (a login, an error) is no list of images
// of other registries.
func TestWhatIsNoReferenceIsAnErrorWhateverIsKnown(t *testing.T) {
	names, err := NewNames([]Registry{{Name: "registry.example.com"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<!DOCTYPE", "<html>", "Please", "{", "</body>"} {
		if got, err := names.Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", bad, got)
		}
	}
}

// One address under two names, and an alias on the name of a registry: the
// image is protected in all of them.
func TestAReferenceCanMeanSeveralRegistries(t *testing.T) {
	names, err := NewNames([]Registry{
		{Name: "one", Addresses: []string{"https://nexus.example.com"}},
		{Name: "two", Addresses: []string{"https://nexus.example.com:443/"}},
	}, []Alias{{From: "nexus.example.com", To: "nexus.example.com/docker-hosted"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := names.Parse("nexus.example.com/team/app:1")
	want := []Image{
		{Registry: "one", Known: true, Repository: "team/app", Tag: "1"}, {Registry: "two", Known: true, Repository: "team/app", Tag: "1"},
		{Registry: "one", Known: true, Repository: "docker-hosted/team/app", Tag: "1"}, {Registry: "two", Known: true, Repository: "docker-hosted/team/app", Tag: "1"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("images = %+v, %v; want %+v", got, err, want)
	}
}

func TestAliasNeedsBothSides(t *testing.T) {
	if _, err := NewNames(nil, []Alias{{From: "a"}}); err == nil || !strings.Contains(err.Error(), "both sides") {
		t.Errorf("err = %v", err)
	}
}

func TestEvidenceOfNoSourceIsNotKnown(t *testing.T) {
	var none *Evidence
	if none.Known("r") || (&Evidence{}).Known("r") {
		t.Error("evidence without a source counts as known")
	}
	if none.Tag("r", "a", "t") != nil || none.Digest("r", "a", oci.Digest(digestText)) != nil || none.Repository("r", "a") != nil || none.Uses() != nil || none.Incomplete("r") != nil {
		t.Error("no evidence has witnesses")
	}
}
