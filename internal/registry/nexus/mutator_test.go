package nexus_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
	"github.com/regkeep/regkeep/internal/registry/nexus"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

const app = "docker-hosted/team/app"

// shop is a server with what deletions can hurt: shared digests, an index, a
// signature.
func shop(dialect nexustest.Dialect) *nexustest.Server {
	s := nexustest.New(nexustest.Options{Dialect: dialect, Users: []nexustest.User{
		{Name: "admin", Password: "admin123", Privileges: []string{nexustest.PrivilegeAll}},
		{Name: "reader", Password: "secret", Privileges: []string{nexustest.View("*", "browse,read")}},
	}, Repositories: []nexustest.Repository{{Name: "docker-hosted"}, {Name: "other"}, {Name: "all", Type: "group", Members: []string{"docker-hosted", "other"}}}})
	s.Push("docker-hosted", "team/app", "old", nexustest.Image{}, daysAgo(90))
	s.Retag("docker-hosted", "team/app", "old", "sibling", daysAgo(80))
	index := s.PushIndex("docker-hosted", "team/app", "multi", []nexustest.Image{{}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}, daysAgo(70))
	s.Sign("docker-hosted", "team/app", index, daysAgo(70))
	s.Push("docker-hosted", "team/app", "new", nexustest.Image{}, daysAgo(1))
	return s
}

func target(t *testing.T, r *nexus.Registry, name string) mutate.Tag {
	t.Helper()
	tag, found := tagsOf(t, r, app)[name]
	if !found {
		t.Fatalf("no tag %s", name)
	}
	return mutate.Tag{Repository: app, Name: name, Digest: tag.Digest, Handle: tag.Handle}
}

func without(tags map[string]oci.Digest, gone ...string) map[string]oci.Digest {
	left := maps.Clone(tags)
	for _, name := range gone {
		delete(left, name)
	}
	return left
}

// Deleting a tag deletes one component: mlabouardy/nexus-cli#46 deleted by
// digest and wiped the protected tags on it.
func TestUntagTakesOneTag(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		r := open(t, s)
		m := nexus.NewMutator(r)
		before, downloads := s.Tags("docker-hosted", "team/app"), s.LastDownloads("docker-hosted")
		s.ClearRequests()
		old := target(t, r, "old")
		for _, tag := range []mutate.Tag{old, target(t, r, "multi")} {
			if err := m.Untag(t.Context(), tag); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := s.Tags("docker-hosted", "team/app"), without(before, "old", "multi"); !maps.Equal(got, want) {
			t.Errorf("tags left %v, want %v", keys(got), keys(want))
		}
		for _, reference := range []string{"sibling", "new", string(before["multi"])} {
			if err := s.Whole("docker-hosted", "team/app", reference); err != nil {
				t.Errorf("no longer pulls: %v", err)
			}
		}
		if err := m.Untag(t.Context(), old); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if _, err := r.Head(t.Context(), app, "old"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("looked after: %v", err)
		}
		if n := s.Count(nexustest.ClassRegistry); n != 0 {
			t.Errorf("%d requests to the registry API", n)
		}
		for path, at := range s.LastDownloads("docker-hosted") {
			if !at.Equal(downloads[path]) {
				t.Errorf("%s looks used", path)
			}
		}
		if err := m.DeleteManifest(t.Context(), app, before["new"]); !errors.Is(err, registry.ErrUnsupported) {
			t.Errorf("delete by digest: %v", err)
		}
	})
}

func TestUntagComparesFirst(t *testing.T) {
	for name, change := range map[string]func(s *nexustest.Server, tag *mutate.Tag){
		"pushed again with new content": func(s *nexustest.Server, _ *mutate.Tag) {
			s.Push("docker-hosted", "team/app", "old", nexustest.Image{}, time.Now())
		},
		"pushed again with the same": func(s *nexustest.Server, _ *mutate.Tag) {
			s.Retag("docker-hosted", "team/app", "sibling", "old", time.Now())
		},
		"another digest was seen": func(s *nexustest.Server, tag *mutate.Tag) { tag.Digest = oci.FromBytes(nil) },
		"no digest was seen":      func(s *nexustest.Server, tag *mutate.Tag) { tag.Digest = "" },
		"the handle of another tag": func(s *nexustest.Server, tag *mutate.Tag) {
			tag.Handle = strings.Replace(tag.Handle, s.ComponentID("docker-hosted", "team/app", "old"), s.ComponentID("docker-hosted", "team/app", "sibling"), 1)
		},
		"the id through a group": func(s *nexustest.Server, tag *mutate.Tag) {
			tag.Handle = strings.Replace(tag.Handle, s.ComponentID("docker-hosted", "team/app", "old"), throughGroup(s.ComponentID("docker-hosted", "team/app", "old")), 1)
		},
		"the content was lost": func(s *nexustest.Server, _ *mutate.Tag) { s.DropContent("docker-hosted", "team/app", "old") },
		"the asset was lost":   func(s *nexustest.Server, _ *mutate.Tag) { s.Hollow("docker-hosted", "team/app", "old") },
	} {
		t.Run(name, func(t *testing.T) {
			onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
				s := shop(dialect)
				r := open(t, s)
				tag := target(t, r, "old")
				change(s, &tag)
				before := keys(s.Tags("docker-hosted", "team/app"))
				s.ClearRequests()
				if err := nexus.NewMutator(r).Untag(t.Context(), tag); !errors.Is(err, registry.ErrChanged) {
					t.Errorf("error %v, want changed", err)
				}
				if n := s.Count(nexustest.ClassComponent, http.MethodDelete); n != 0 {
					t.Errorf("%d deletions were sent", n)
				}
				if got := keys(s.Tags("docker-hosted", "team/app")); name != "the asset was lost" && !slices.Equal(got, before) {
					t.Errorf("tags %v, want %v", got, before)
				}
			})
		})
	}
}

func throughGroup(id string) string {
	decoded, _ := base64.RawURLEncoding.DecodeString(id)
	_, number, _ := strings.Cut(string(decoded), ":")
	return base64.RawURLEncoding.EncodeToString([]byte("all:" + number))
}

// What only the id gives away: the component of a sibling with the same
// content, pushed at the same time, and the same component through a group.
func TestUntagKnowsWhoseComponentItIs(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		digest := s.Retag("docker-hosted", "team/app", "old", "twin-a", daysAgo(50))
		s.Retag("docker-hosted", "team/app", "old", "twin-b", daysAgo(50))
		r := open(t, s)
		tagsOf(t, r, app)
		m, before := nexus.NewMutator(r), s.Tags("docker-hosted", "team/app")
		for id, looks := range map[string]int{
			s.ComponentID("docker-hosted", "team/app", "twin-b"):               2, // it, and the tag itself
			throughGroup(s.ComponentID("docker-hosted", "team/app", "twin-a")): 0,
		} {
			s.ClearRequests()
			err := m.Untag(t.Context(), mutate.Tag{Repository: app, Name: "twin-a", Digest: digest, Handle: `{"component":"` + id + `","pushed":"0001-01-01T00:00:00Z"}`})
			if !errors.Is(err, registry.ErrChanged) {
				t.Errorf("error %v, want changed", err)
			}
			if n := len(s.Requests()); n != looks {
				t.Errorf("%d requests, want %d", n, looks)
			}
		}
		if err := m.Untag(t.Context(), mutate.Tag{Repository: app, Name: "twin-a", Digest: digest}); err != nil {
			t.Errorf("without a handle: %v", err)
		}
		if got, want := s.Tags("docker-hosted", "team/app"), without(before, "twin-a"); !maps.Equal(got, want) {
			t.Errorf("tags %v, want %v", keys(got), keys(want))
		}
	})
}

// A component that the server shows under another repository, as it does when
// it is listed through a group, is not deleted.
func TestUntagOfAnotherRepository(t *testing.T) {
	const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for repository, want := range map[string]error{"a": nil, "all": registry.ErrChanged} {
		r := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodDelete:
				w.WriteHeader(http.StatusNoContent)
			case r.URL.Path == "/service/rest/v1/repositories":
				_, _ = w.Write([]byte(`[{"name":"a","format":"docker","type":"hosted"}]`))
			default:
				_, _ = w.Write([]byte(`{"id":"opaque","repository":"` + repository + `","name":"app","version":"1","assets":[{"path":"/v2/app/manifests/1","checksum":{"sha256":"` + digest + `"},"lastModified":"2024-06-27T02:21:58Z"}]}`))
			}
		}))
		err := nexus.NewMutator(r).Untag(t.Context(), mutate.Tag{Repository: "a/app", Name: "1", Digest: "sha256:" + digest, Handle: `{"component":"opaque","pushed":"2024-06-27T02:21:58Z"}`})
		if !errors.Is(err, want) {
			t.Errorf("shown under %s: %v, want %v", repository, err, want)
		}
	}
}

// Each way in which a deletion can go wrong ends with a true answer: whatever
// is reported, exactly the tag is gone or nothing is.
func TestUntagFaults(t *testing.T) {
	const deletion = `/v1/components/`
	for name, c := range map[string]struct {
		fault nexustest.Fault
		user  string
		err   error // nil: it must be gone
		gone  bool
		words string
	}{
		"500, not done":                {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 500}, gone: true},
		"503, done":                    {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 503, Done: true}, gone: true},
		"connection lost, done":        {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Drop: true, Done: true}, gone: true},
		"500 for ever, not done":       {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 500, Times: -1}, err: registry.ErrUnavailable},
		"404 to the deletion":          {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 404, Done: true}, err: registry.ErrNotFound, gone: true},
		"a page in place of an answer": {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 200, Body: "<html>"}, err: registry.ErrMalformed},
		"redirected":                   {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 302, Header: http.Header{"Location": {"https://sso.example.com/"}}}, err: registry.ErrMalformed},
		"locked out":                   {fault: nexustest.Fault{Method: "DELETE", Path: deletion, Status: 429, Body: "Too many authentication attempts", Times: -1}, err: registry.ErrDenied, words: "15 minutes"},
		"not allowed":                  {user: "reader", err: registry.ErrDenied, words: "nx-repository-view-docker-docker-hosted-delete"},
		"look fails":                   {fault: nexustest.Fault{Method: "GET", Path: deletion, Status: 502, Times: -1}, err: registry.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
				s := shop(dialect)
				var who []func(*registry.Endpoint)
				if c.user != "" {
					who = append(who, as(c.user))
				}
				r := open(t, s, who...)
				tag := target(t, r, "old")
				before := s.Tags("docker-hosted", "team/app")
				if c.fault.Path != "" {
					s.Inject(c.fault)
				}
				err := nexus.NewMutator(r).Untag(t.Context(), tag)
				if !errors.Is(err, c.err) || (c.err == nil) != (err == nil) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if c.words != "" && !strings.Contains(err.Error(), c.words) {
					t.Errorf("error %q does not say %q", err, c.words)
				}
				want := before
				if c.gone {
					want = without(before, "old")
				}
				if got := s.Tags("docker-hosted", "team/app"); !maps.Equal(got, want) {
					t.Errorf("tags %v, want %v", keys(got), keys(want))
				}
			})
		})
	}
}

// A tag that is pushed again while its deletion is being repeated stays.
func TestUntagRetryComparesAgain(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		r := open(t, s)
		tag := target(t, r, "old")
		s.Inject(nexustest.Fault{Method: "DELETE", Path: "/components/", Status: 502, After: func() {
			s.Push("docker-hosted", "team/app", "old", nexustest.Image{}, time.Now())
		}})
		if err := nexus.NewMutator(r).Untag(t.Context(), tag); !errors.Is(err, registry.ErrChanged) {
			t.Errorf("error %v, want changed", err)
		}
		if _, there := s.Tags("docker-hosted", "team/app")["old"]; !there {
			t.Error("the new image is gone")
		}
	})
}

func TestProbe(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		before := s.Tags("docker-hosted", "team/app")
		for user, want := range map[string]registry.Support{"admin": registry.SupportYes, "reader": registry.SupportNo} {
			var who []func(*registry.Endpoint)
			if user != "admin" {
				who = append(who, as(user))
			}
			found, err := nexus.NewMutator(open(t, s, who...)).Probe(t.Context(), app)
			if err != nil || found.TagDelete != want || found.ComponentDelete != want || found.DigestDelete != registry.SupportNo {
				t.Errorf("%s: %+v, %v", user, found, err)
			}
		}
		if !maps.Equal(before, s.Tags("docker-hosted", "team/app")) {
			t.Error("probing changed something")
		}
	})
}

// A removed tag comes back while its manifest is still there: read by digest,
// put under the tag, under its old digest.
func TestPutBack(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		r := open(t, s)
		m := nexus.NewMutator(r)
		before := s.Tags("docker-hosted", "team/app")
		for _, name := range []string{"new", "multi"} {
			if err := m.Untag(t.Context(), target(t, r, name)); err != nil {
				t.Fatal(err)
			}
			manifest, err := r.Manifest(t.Context(), app, string(before[name]))
			if err != nil {
				t.Fatal(err)
			}
			if err := m.PutManifest(t.Context(), app, name, manifest); err != nil {
				t.Fatal(err)
			}
			found, err := r.Head(t.Context(), app, name)
			if err != nil || found.Digest != before[name] || found.MediaType != manifest.MediaType {
				t.Errorf("%s put back: %+v, %v", name, found, err)
			}
			if err := s.Whole("docker-hosted", "team/app", name); err != nil {
				t.Error(err)
			}
		}
		if got := s.Tags("docker-hosted", "team/app"); !maps.Equal(got, before) {
			t.Errorf("tags %v, want %v", got, before)
		}
		wrong := oci.RawManifest{MediaType: oci.MediaTypeImage, Digest: before["new"], Body: []byte("{}")}
		if err := m.PutManifest(t.Context(), app, "x", wrong); !errors.Is(err, registry.ErrMalformed) {
			t.Errorf("bytes that are not those of the digest: %v", err)
		}
		if err := nexus.NewMutator(open(t, s, as("reader"))).PutManifest(t.Context(), app, "x", oci.RawManifest{MediaType: oci.MediaTypeImage, Body: []byte("{}")}); !errors.Is(err, registry.ErrDenied) {
			t.Errorf("put without the right: %v", err)
		}
	})
}

func TestPutBlob(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {
		s := shop(dialect)
		m := nexus.NewMutator(open(t, s))
		content := []byte(nexustest.Filler("blob", 70_000))
		digest := oci.FromBytes(content)
		for range 2 {
			if err := m.PutBlob(t.Context(), app, digest, int64(len(content)), bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			if !s.HasBlob("docker-hosted", digest) {
				t.Fatal("the blob is not there")
			}
		}
		if n := s.Count(nexustest.ClassRegistry, http.MethodPost); n != 1 {
			t.Errorf("%d uploads, want 1: the second time the blob was there", n)
		}
		if err := m.PutBlob(t.Context(), app, oci.FromBytes([]byte("x")), 1, strings.NewReader("y")); err == nil {
			t.Error("a blob that has another digest was accepted")
		}
	})
}

// Deleting while listing leaves no hole, because pages are keyset pages.
func TestDeletingWhileListing(t *testing.T) {
	onAll(t, func(t *testing.T, dialect nexustest.Dialect) {

		s := nexustest.New(nexustest.Options{Dialect: dialect})
		var names []string
		for i := range 250 {
			names = append(names, string(rune('a'+i%26))+strings.Repeat("x", i/26))
			s.Push("docker-hosted", "app", names[i], nexustest.Image{Layers: []string{"x"}}, daysAgo(3))
		}
		s.Inject(nexustest.Fault{Path: "/components", Skip: 1, Before: func() {
			for _, name := range names[:9] {
				s.DeleteTag("docker-hosted", "app", name)
			}
		}})
		found := tagsOf(t, open(t, s), "docker-hosted/app")
		for _, name := range names[9:] {
			if _, there := found[name]; !there {
				t.Fatalf("tag %s is missing", name)
			}
		}
	})
}
