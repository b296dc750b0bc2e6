package usage

import (
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
)

const digestText = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func testNames(t *testing.T) *Names {
	t.Helper()
	names, err := NewNames([]Registry{
		{Name: "registry.example.com"},
		{Name: "prod-nexus", Addresses: []string{"https://nexus.example.com/nx/"}},
		{Name: "docker.io"},
	}, []Alias{
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
	} {
		got, err := names.Parse(written)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", written, got, err, want)
		}
	}
	for _, bad := range []string{"", "UPPER/Case:1", "a:b:c", "x@sha256:12"} {
		if got, err := names.Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestAliasNeedsBothSides(t *testing.T) {
	if _, err := NewNames(nil, []Alias{{From: "a"}}); err == nil || !strings.Contains(err.Error(), "both sides") {
		t.Errorf("err = %v", err)
	}
}

func TestEvidenceOfNoSourceIsNotKnown(t *testing.T) {
	var none *Evidence
	if none.Known() || (&Evidence{}).Known() {
		t.Error("evidence without a source counts as known")
	}
	if none.Tag("r", "a", "t") != nil || none.Digest("r", "a", oci.Digest(digestText)) != nil {
		t.Error("no evidence has witnesses")
	}
}
