package nexus_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

func TestListing(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect, Repositories: []nexustest.Repository{
			{Name: "docker-hosted"}, {Name: "other"}, {Name: "hub", Type: "proxy"},
			{Name: "all", Type: "group", Members: []string{"docker-hosted", "hub"}}, {Name: "files", Format: "raw"},
		}})
		shared := s.Push("docker-hosted", "team/app", "1.0", nexustest.Image{}, daysAgo(90))
		s.Retag("docker-hosted", "team/app", "1.0", "stable", daysAgo(10))
		index := s.PushIndex("docker-hosted", "team/app", "2.0", []nexustest.Image{{}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}, daysAgo(5))
		signature := s.Sign("docker-hosted", "team/app", index, daysAgo(4))
		s.Push("other", "tool", "latest", nexustest.Image{}, daysAgo(400))
		s.Push("hub", "library/nginx", "1", nexustest.Image{}, daysAgo(400))
		s.SetLastDownloaded("docker-hosted", "team/app", string(shared), daysAgo(2)) // by digest, as Kubernetes pulls

		r := open(t, s)
		info, err := r.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.SplitN(s.Version(), "-", 2)[0]; !strings.HasPrefix(info.Version, want) || info.Kind != "nexus" {
			t.Errorf("described as %s %q, want nexus %s", info.Kind, info.Version, want)
		}
		if said := strings.Join(info.Warnings, "\n"); !strings.Contains(said, "group repositories are left alone: all") || !strings.Contains(said, "proxy repositories are left alone: hub") {
			t.Errorf("warnings do not name group and proxy: %s", said)
		}
		if got, want := collect(t, r.Repositories(t.Context())), []string{"docker-hosted/team/app", "other/tool"}; !slices.Equal(got, want) {
			t.Errorf("repositories %v, want %v", got, want)
		}
		tags := tagsOf(t, r, "docker-hosted/team/app")
		if got, want := keys(tags), []string{"1.0", "2.0", signature, "stable"}; !slices.Equal(got, want) {
			t.Fatalf("tags %v, want %v", got, want)
		}
		for name, want := range map[string]registry.Tag{
			"1.0":    {Digest: shared, Pushed: daysAgo(90), Pulled: daysAgo(2)},
			"stable": {Digest: shared, Pushed: daysAgo(10), Pulled: daysAgo(2)},
			"2.0":    {Digest: index, Pushed: daysAgo(5), Pulled: daysAgo(5), MediaType: oci.MediaTypeIndex},
		} {
			got := tags[name]
			if got.Digest != want.Digest || !got.Pushed.Equal(want.Pushed) || !got.Pulled.Equal(want.Pulled) || got.Problem != "" || got.Handle == "" {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
			if want.MediaType != "" && got.MediaType != want.MediaType {
				t.Errorf("%s: media type %s, want %s", name, got.MediaType, want.MediaType)
			}
		}
		if n := s.Count(nexustest.ClassRegistry) + s.Count(nexustest.ClassSearch); n != 0 {
			t.Errorf("%d requests to the registry API or search, want none", n)
		}
	})
}

// A listing is a hundred requests for ten thousand components where pages hold
// a hundred, and a full last page is followed by an empty one.
func TestListingCost(t *testing.T) {
	for _, c := range []struct {
		dialect           nexustest.Dialect
		components, pages int
	}{
		{nexustest.V396, 10_000, 101}, {nexustest.V396, 9_999, 100}, {nexustest.V371, 1_000, 101}, {nexustest.Orient370, 995, 100},
	} {
		t.Run(fmt.Sprint(c.dialect, c.components), func(t *testing.T) {
			s := nexustest.New(nexustest.Options{Dialect: c.dialect})
			digest := s.Push("docker-hosted", "app0", "0", nexustest.Image{}, daysAgo(9))
			for i := 1; i < c.components; i++ {
				image := fmt.Sprintf("app%d", i%50)
				if i < 50 {
					s.Push("docker-hosted", image, fmt.Sprint(i), nexustest.Image{Layers: []string{"x"}}, daysAgo(9))
					continue
				}
				s.Retag("docker-hosted", image, fmt.Sprint(i%50), fmt.Sprint(i), daysAgo(3))
			}
			before := s.LastDownloads("docker-hosted")
			r := open(t, s)
			tags := 0
			for _, name := range collect(t, r.Repositories(t.Context())) {
				tags += len(tagsOf(t, r, name))
			}
			if tags != c.components {
				t.Errorf("%d tags, want %d", tags, c.components)
			}
			if got := s.Count(nexustest.ClassComponents); got != c.pages {
				t.Errorf("%d pages of components, want %d", got, c.pages)
			}
			assets := len(s.Paths("docker-hosted"))
			size := (c.components + c.pages - 1) / c.pages
			if got, most := s.Count(nexustest.ClassAssets), assets/size+2; got > most {
				t.Errorf("%d pages of assets for %d of them, want at most %d", got, assets, most)
			}
			if n := s.Count(nexustest.ClassRegistry); n != 0 {
				t.Errorf("%d requests to the registry API", n)
			}
			if got := int(r.Requests()); got != len(s.Requests()) {
				t.Errorf("counted %d requests, the server %d", got, len(s.Requests()))
			}
			if _, err := r.Head(t.Context(), "docker-hosted/app0", string(digest)); err != nil {
				t.Error(err)
			}
			if !maps.Equal(before, s.LastDownloads("docker-hosted")) {
				t.Error("reading changed lastDownloaded")
			}
		})
	}
}

// What cannot be trusted about a component is its problem, and never a hole in
// the listing.
func TestComponentsWithProblems(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect, DuplicateBlobCreated: true})
		digest := s.Push("docker-hosted", "app", "good", nexustest.Image{}, daysAgo(3))
		s.Push("docker-hosted", "app", "hollow", nexustest.Image{}, daysAgo(3))
		s.Hollow("docker-hosted", "app", "hollow")
		s.Push("docker-hosted", "app", "dropped", nexustest.Image{}, daysAgo(3))
		s.DropContent("docker-hosted", "app", "dropped")
		s.AddDigestComponent("docker-hosted", "app", digest, daysAgo(3))
		tags := tagsOf(t, open(t, s), "docker-hosted/app")
		if got, want := keys(tags), []string{"dropped", "good", "hollow"}; !slices.Equal(got, want) {
			t.Fatalf("tags %v, want %v (a version that is a digest is no tag)", got, want)
		}
		for name, want := range map[string]string{"good": "", "hollow": "without assets", "dropped": "without a sha256 checksum"} {
			if got := tags[name].Problem; !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("problem of %s: %q, want %q", name, got, want)
			}
		}
	})
}

// documents answers REST requests from a table, to see shapes that no known
// version sends.
type documents map[string]string

func (d documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, found := d[r.URL.RequestURI()]
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func TestStrangeDocuments(t *testing.T) {
	const (
		rest   = "/service/rest/v1"
		digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	)
	component := func(fields, asset string) string {
		return `{"items":[{"id":"YTox","repository":"a","format":"docker","name":"app","version":"1",` + fields + `"assets":[{"id":"YTox","path":"v2/app/manifests/1",` + asset + `}]}],"continuationToken":null}`
	}
	checksum := `"checksum":{"sha256":"` + digest + `"}`
	for name, c := range map[string]struct {
		components string
		problem    string
		err        error
	}{
		"duplicate key, null last":  {components: component("", checksum+`,"lastModified":"2024-06-27T02:21:58.195+00:00","blobCreated":"2024-06-27T02:21:58.195+00:00","blobCreated":null`)},
		"duplicate key, null first": {components: component("", checksum+`,"lastModified":null,"blobCreated":null,"blobCreated":"2024-06-27T02:21:58.195+00:00"`)},
		"only blobUpdated":          {components: component("", checksum+`,"blobUpdated":"2024-06-27T02:21:58Z"`)},
		"no date":                   {components: component("", checksum+`,"lastModified":null`), problem: "without a date"},
		"a date that is none":       {components: component("", checksum+`,"lastModified":"yesterday"`), problem: "without a date"},
		"year one":                  {components: component("", checksum+`,"lastModified":"0001-01-01T00:00:00Z"`), problem: "without a date"},
		"checksum null":             {components: component("", `"checksum":null,"lastModified":"2024-06-27T02:21:58Z"`), problem: "sha256"},
		"checksum cut":              {components: component("", `"checksum":{"sha256":"9f86"},"lastModified":"2024-06-27T02:21:58Z"`), problem: "sha256"},
		"another repository":        {components: strings.Replace(component("", checksum+`,"lastModified":"2024-06-27T02:21:58Z"`), `"repository":"a"`, `"repository":"b"`, 1), problem: `repository "b"`},
		"two components": {components: `{"items":[
			{"id":"YTox","repository":"a","name":"app","version":"1","assets":[{"path":"/v2/app/manifests/1",` + checksum + `,"lastModified":"2024-06-27T02:21:58Z"}]},
			{"id":"YToy","repository":"a","name":"app","version":"1","assets":[{"path":"/v2/app/manifests/1",` + checksum + `,"lastModified":"2024-06-27T02:21:58Z"}]}],"continuationToken":null}`,
			problem: "two components"},
		"no items":           {components: `{}`, err: registry.ErrMalformed},
		"null":               {components: `null`, err: registry.ErrMalformed},
		"a web page":         {components: `<html><title>Sign in</title></html>`, err: registry.ErrMalformed},
		"an endless listing": {components: `{"items":[],"continuationToken":"aa"}`, err: registry.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, documents{
				rest + "/repositories":                                 `[{"name":"a","format":"docker","type":"hosted"}]`,
				rest + "/components?repository=a":                      c.components,
				rest + "/components?continuationToken=aa&repository=a": c.components,
				rest + "/assets?repository=a":                          `{"items":[{"id":"YTox","path":"v2/app/manifests/1",` + checksum + `}],"continuationToken":null}`,
			})
			tags, err := drain(r.Tags(t.Context(), "a/app"))
			if c.err != nil {
				if !errors.Is(err, c.err) {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				return
			}
			if err != nil || len(tags) != 1 {
				t.Fatalf("%d tags, %v", len(tags), err)
			}
			if got := tags[0]; (c.problem == "") != (got.Problem == "") || !strings.Contains(got.Problem, c.problem) {
				t.Errorf("problem %q, want %q", got.Problem, c.problem)
			} else if c.problem == "" && got.Pushed.Year() != 2024 {
				t.Errorf("pushed %v", got.Pushed)
			}
			if !tags[0].Pulled.IsZero() {
				t.Error("a server that does not report downloads was taken to say never")
			}
		})
	}
}

// Images of one pass share a listing; a second look at an image makes a new
// one, which sees what changed.
func TestListingGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := nexustest.New(nexustest.Options{})
		for i := range 5 {
			s.Push("docker-hosted", fmt.Sprintf("app%d", i), "1", nexustest.Image{}, daysAgo(3))
		}
		r := open(t, s)
		pass := func() {
			for i := range 5 {
				tagsOf(t, r, fmt.Sprintf("docker-hosted/app%d", i))
			}
		}
		collect(t, r.Repositories(t.Context()))
		time.Sleep(time.Hour) // a scan may take its time
		pass()
		if got := s.Count(nexustest.ClassComponents); got != 1 {
			t.Errorf("%d listings for a scan, want 1", got)
		}
		s.Push("docker-hosted", "app4", "2", nexustest.Image{}, time.Now())
		pass()
		if got := s.Count(nexustest.ClassComponents); got != 2 {
			t.Errorf("%d listings after a second pass, want 2", got)
		}
		if got := len(tagsOf(t, r, "docker-hosted/app4")); got != 2 {
			t.Errorf("%d tags, want 2", got)
		}
		time.Sleep(time.Minute)
		s.ClearRequests()
		tagsOf(t, r, "docker-hosted/app0")
		if got := s.Count(nexustest.ClassComponents); got != 1 {
			t.Error("an old listing was served")
		}
		if got := s.Count(nexustest.ClassAssets); got != 0 {
			t.Error("last downloads were read again within a pass")
		}
	})
}

func TestNamesThatAreRefused(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: dialect, Repositories: []nexustest.Repository{
			{Name: "docker-hosted"}, {Name: "hub", Type: "proxy"}, {Name: "all", Type: "group", Members: []string{"docker-hosted", "hub"}}, {Name: "files", Format: "raw"},
		}})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, daysAgo(3))
		r := open(t, s)
		for name, want := range map[string]struct {
			kind  error
			words string
		}{
			"all/app":            {registry.ErrUnsupported, "docker-hosted, hub"},
			"hub/app":            {registry.ErrUnsupported, "cache"},
			"files/app":          {registry.ErrUnsupported, "raw"},
			"none/app":           {registry.ErrNotFound, "nx-repository-view-docker-none-browse"},
			"docker-hosted":      {registry.ErrNotFound, "name an image"},
			"docker-hosted/app2": {registry.ErrNotFound, "no image"},
		} {
			_, err := drain(r.Tags(t.Context(), name))
			if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.words) {
				t.Errorf("%s: %v; want %v and %q", name, err, want.kind, want.words)
			}
		}
	})
}
