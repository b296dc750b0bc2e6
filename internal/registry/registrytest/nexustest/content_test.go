package nexustest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

func pageSize(d nexustest.Dialect) int {
	if d == nexustest.Orient370 || d == nexustest.V371 {
		return 10
	}
	return 100
}

// A full last page promises another one, and that one is empty.
func TestFullLastPageIsFollowedByAnEmptyOne(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		size := pageSize(d)
		for i := range 2 * size {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"shared"}}, ago(9))
		}
		sizes, versions := admin(s).pages(t, "/components?repository=docker-hosted", nil)
		if want := []int{size, size, 0}; !slices.Equal(sizes, want) {
			t.Errorf("pages of %v, want %v", sizes, want)
		}
		for i, version := range versions {
			if version != fmt.Sprint(i) {
				t.Fatalf("item %d is tag %s: not the order of creation", i, version)
			}
		}
		s.DeleteTag("docker-hosted", "app", "0")
		if sizes, _ := admin(s).pages(t, "/components?repository=docker-hosted", nil); !slices.Equal(sizes, []int{size, size - 1}) {
			t.Errorf("with one less: pages of %v", sizes)
		}
	})
}

func TestDeletingWhilePagingSkipsNothing(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		n := 2*pageSize(d) + 3
		for i := range n {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"shared"}}, ago(9))
		}
		page := 0
		_, versions := admin(s).pages(t, "/components?repository=docker-hosted", func() {
			page++
			for i := range pageSize(d) / 2 { // with the row that the token names
				s.DeleteTag("docker-hosted", "app", fmt.Sprint(page*pageSize(d)-1-i))
			}
		})
		if len(versions) != n {
			t.Errorf("listed %d of %d", len(versions), n)
		}
	})
}

func TestItemErrors(t *testing.T) {
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
		id := s.ComponentID("docker-hosted", "app", "1")
		_, external, _ := strings.Cut(decode(t, id), ":")
		for path, want := range map[string]int{
			"/components":                                                422,
			"/components?repository=nowhere":                             404,
			"/components?repository=docker-hosted":                       200,
			"/components?repository=docker-hosted&continuationToken=xyz": 422,
			"/components/" + id:                                          200,
			"/components/***":                                            404,
			"/components/" + encode("docker-hosted"):                     422,
			"/components/" + encode("a:b:c"):                             422,
			"/components/" + encode("docker-hosted:xyz"):                 422,
			"/components/" + encode("nowhere:"+external):                 404,
			"/assets":                                422,
			"/assets?repository=nowhere":             404,
			"/assets/" + encode("docker-hosted:xyz"): 422,
		} {
			if got := admin(s).get(t, path).status; got != want {
				t.Errorf("GET %s: %d, want %d", path, got, want)
			}
		}
		admin(s).rest(t, "DELETE", "/components/"+id).want(http.StatusNoContent)
		a := admin(s).rest(t, "DELETE", "/components/"+id).want(http.StatusNotFound)
		if bodies := d == nexustest.V389 || d == nexustest.V396; bodies != (a.body != "") || a.header.Get("X-Siesta-FaultId") == "" {
			t.Errorf("404 with body %q and headers %v", a.body, a.header)
		}
	})
}

func decode(t *testing.T, id string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Deleting a component removes one tag: siblings on the same digest, the
// manifest and its blobs stay until garbage collection.
func TestDeletingAComponentRemovesOneTag(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		digest := s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
		s.Retag("docker-hosted", "app", "1", "stable", ago(8))
		admin(s).rest(t, "DELETE", "/components/"+s.ComponentID("docker-hosted", "app", "1")).want(http.StatusNoContent)
		tags := s.Tags("docker-hosted", "app")
		if len(tags) != 1 || tags["stable"] != digest {
			t.Errorf("tags %v", tags)
		}
		if err := s.Whole("docker-hosted", "app", "stable"); err != nil {
			t.Error(err)
		}
		s.DeleteTag("docker-hosted", "app", "stable")
		if !s.HasManifest("docker-hosted", "app", string(digest)) {
			t.Error("the manifest went with its last tag")
		}
	})
}

func TestRepushKeepsTheComponentAndMovesItsTime(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	s.Push("docker-hosted", "app", "latest", nexustest.Image{}, ago(9))
	id := s.ComponentID("docker-hosted", "app", "latest")
	s.Push("docker-hosted", "app", "latest", nexustest.Image{}, ago(1))
	var found struct {
		Assets []struct{ LastModified, BlobCreated, BlobUpdated string }
	}
	admin(s).get(t, "/components/"+id).want(http.StatusOK).into(&found)
	asset := found.Assets[0]
	if !strings.HasPrefix(asset.LastModified, "2026-03-24") || !strings.HasPrefix(asset.BlobUpdated, "2026-03-24") || !strings.HasPrefix(asset.BlobCreated, "2026-03-16") {
		t.Errorf("modified %s, updated %s, row created %s", asset.LastModified, asset.BlobUpdated, asset.BlobCreated)
	}
}

func TestDeletingTheLastAssetRemovesTheComponent(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	var p listing
	admin(s).get(t, "/components?repository=docker-hosted").into(&p)
	asset := p.Items[0].Assets[0]["id"].(string)
	admin(s).get(t, "/assets/"+asset).want(http.StatusOK)
	admin(s).rest(t, "DELETE", "/assets/"+asset).want(http.StatusNoContent)
	if tags := s.Tags("docker-hosted", "app"); len(tags) != 0 {
		t.Errorf("tags %v", tags)
	}
}

// A group lists its members' content under its own name, and its ids reach
// through to the members.
func TestGroups(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{
		{Name: "one"}, {Name: "two"}, {Name: "mirror", Type: "proxy", RemoteURL: "https://registry.example.com"},
		{Name: "all", Type: "group", Members: []string{"one", "two", "mirror"}},
	}})
	s.Push("one", "a", "1", nexustest.Image{}, ago(9))
	s.Push("two", "b", "2", nexustest.Image{}, ago(9))
	s.Push("mirror", "library/c", "3", nexustest.Image{}, ago(9))
	s.Push("one", "d", "4", nexustest.Image{}, ago(9))
	var p listing
	admin(s).get(t, "/components?repository=all").want(http.StatusOK).into(&p)
	var got []string
	for _, item := range p.Items {
		got = append(got, item.Repository+"/"+item.Name)
	}
	if want := []string{"all/a", "all/b", "all/library/c", "all/d"}; !slices.Equal(got, want) {
		t.Errorf("group lists %v, want %v", got, want)
	}
	admin(s).rest(t, "DELETE", "/components/"+p.Items[1].ID).want(http.StatusNoContent)
	if len(s.Tags("two", "b")) != 0 {
		t.Error("the group's id did not reach the member's component")
	}
	admin(s).ask(t, "GET", "/repository/all/v2/a/manifests/1", "", "Accept", "*/*").want(http.StatusOK)
	admin(s).ask(t, "DELETE", "/repository/all/v2/a/manifests/1", "").want(http.StatusMethodNotAllowed)
}

func TestWhatAListingCannotTell(t *testing.T) {
	s := nexustest.New(nexustest.Options{Users: []nexustest.User{
		{Name: "admin", Password: "admin123", Privileges: []string{nexustest.PrivilegeAll}},
		{Name: "partial", Password: "secret", Privileges: []string{nexustest.PrivilegeAll}, HideUploader: true,
			Paths: func(path string) bool { return !strings.Contains(path, "secret") }},
	}})
	s.Push("docker-hosted", "app", "hollow", nexustest.Image{}, ago(9))
	s.Push("docker-hosted", "app", "gone", nexustest.Image{}, ago(9))
	s.Push("docker-hosted", "secret", "1", nexustest.Image{}, ago(9))
	s.Hollow("docker-hosted", "app", "hollow")
	s.DropContent("docker-hosted", "app", "gone")
	var p listing
	admin(s).get(t, "/components?repository=docker-hosted").into(&p)
	if len(p.Items) != 3 || len(p.Items[0].Assets) != 0 {
		t.Fatalf("listed %+v", p.Items)
	}
	asset := p.Items[1].Assets[0]
	if len(asset["checksum"].(map[string]any)) != 0 || asset["contentType"] != nil || asset["fileSize"] != 0.0 || asset["lastModified"] == nil {
		t.Errorf("asset without content: %v", asset)
	}
	user(s, "partial").get(t, "/components?repository=docker-hosted").into(&p)
	if len(p.Items) != 3 || len(p.Items[2].Assets) != 0 || p.Items[1].Assets[0]["uploader"] != nil {
		t.Errorf("content selector: %+v", p.Items)
	}
	user(s, "partial").rest(t, "DELETE", "/components/"+p.Items[2].ID).want(http.StatusForbidden)
}

func TestDuplicateBlobCreated(t *testing.T) {
	s := nexustest.New(nexustest.Options{Dialect: nexustest.Orient370, DuplicateBlobCreated: true})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	a := admin(s).get(t, "/components?repository=docker-hosted")
	if n := strings.Count(a.body, `"blobCreated"`); n != 2 || !json.Valid([]byte(a.body)) {
		t.Errorf("%d times blobCreated in %s", n, a.body)
	}
}

func TestRepositoryResources(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{
		{Name: "docker-hosted", HTTPPort: 8082, Cleanup: []string{"weekly"}}, {Name: "artifacts", Format: "oci"},
		{Name: "mirror", Type: "proxy", RemoteURL: "https://registry.example.com"}, {Name: "all", Type: "group", Members: []string{"docker-hosted"}},
	}})
	var all []struct {
		Name, Format, Type, URL string
		Attributes              struct{ Proxy struct{ RemoteURL string } }
	}
	admin(s).get(t, "/repositories").want(http.StatusOK).into(&all)
	if len(all) != 4 || all[1].Format != "oci" || all[2].Attributes.Proxy.RemoteURL == "" || all[3].URL != "http://nexus.example.com/repository/all" {
		t.Errorf("repositories %+v", all)
	}
	var settings []map[string]any
	if admin(s).get(t, "/repositorySettings").want(http.StatusOK).into(&settings); len(settings) != 4 {
		t.Errorf("%d settings", len(settings))
	}
	var group struct {
		Group struct{ MemberNames []string }
	}
	admin(s).get(t, "/repositories/docker/group/all").want(http.StatusOK).into(&group)
	if !slices.Equal(group.Group.MemberNames, []string{"docker-hosted"}) {
		t.Errorf("members %v", group.Group.MemberNames)
	}
	admin(s).get(t, "/repositories/docker/proxy/all").want(http.StatusNotFound)
	admin(s).get(t, "/repositories/nowhere").want(http.StatusNotFound)
}

func TestBlobStoreResources(t *testing.T) {
	s := nexustest.New(nexustest.Options{BlobStores: []nexustest.BlobStore{
		{Name: "default"}, {Name: "small", QuotaType: "spaceUsedQuota", Quota: 1}}, Repositories: []nexustest.Repository{{Name: "docker-hosted", BlobStore: "small"}}})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	for store, want := range map[string]bool{"default": false, "small": true} {
		var quota struct {
			IsViolation   bool
			BlobStoreName string
		}
		admin(s).get(t, "/blobstores/"+store+"/quota-status").want(http.StatusOK).into(&quota)
		if quota.IsViolation != want || quota.BlobStoreName != store {
			t.Errorf("%s: %+v", store, quota)
		}
	}
	admin(s).get(t, "/blobstores/none/quota-status").want(http.StatusNotFound)
}

// What OrientDB servers are suspected of: a component named by a digest. And
// last use as seeded, in the listing.
func TestSeededOddities(t *testing.T) {
	s := nexustest.New(nexustest.Options{Dialect: nexustest.Orient370})
	digest := s.Push("docker-hosted", "app", "1", nexustest.Image{}, ago(9))
	s.AddDigestComponent("docker-hosted", "app", digest, ago(9))
	s.SetLastDownloaded("docker-hosted", "app", "1", ago(3))
	var p listing
	admin(s).get(t, "/components?repository=docker-hosted").into(&p)
	if len(p.Items) != 2 || p.Items[1].Version != string(digest) {
		t.Errorf("components %+v", p.Items)
	}
	if got := p.Items[0].Assets[0]["lastDownloaded"]; got != "2026-03-22T12:00:00.000+00:00" {
		t.Errorf("lastDownloaded %v", got)
	}
	admin(s).get(t, "/status/check").want(http.StatusOK)
}
