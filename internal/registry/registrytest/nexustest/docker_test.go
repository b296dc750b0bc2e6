package nexustest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

const below = "/repository/docker-hosted/v2/"

func (c caller) v2(t *testing.T, method, path string) answer {
	t.Helper()
	return c.ask(t, method, below+path, "", "Accept", strings.Join(oci.AcceptManifests, ", "))
}

func TestManifestHeaders(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	digest := s.Push(hosted, "team/app", "1", nexustest.Image{Docker: true}, ago(9))
	a := admin(s).v2(t, "HEAD", "team/app/manifests/1").want(http.StatusOK)
	for header, want := range map[string]string{
		"Docker-Content-Digest": string(digest), "Content-Type": oci.MediaTypeDockerImage,
		"Docker-Distribution-Api-Version": "registry/2.0", "Last-Modified": "Mon, 16 Mar 2026 12:00:00 GMT",
	} {
		if got := a.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if tag := a.header.Get("ETag"); len(tag) != 42 || a.header.Get("Content-Length") == "" || a.body != "" {
		t.Errorf("ETag %q, length %s, body %q", tag, a.header.Get("Content-Length"), a.body)
	}
	admin(s).ask(t, "GET", below+"team/app/manifests/1", "", "Accept", "*/*", "If-None-Match", a.header.Get("ETag")).want(http.StatusNotModified)
	body := admin(s).v2(t, "GET", "team/app/manifests/1").want(http.StatusOK).body
	if oci.FromBytes([]byte(body)) != digest {
		t.Error("the body has another digest")
	}
	admin(s).ask(t, "GET", below+"team/app/manifests/1", "").want(http.StatusNotFound)
	admin(s).ask(t, "GET", below+"team/app/manifests/1", "", "Accept", oci.MediaTypeImage).want(http.StatusNotFound)
}

func TestListsOfTheRegistryAPI(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		for _, tag := range []string{"c", "a", "b"} {
			s.Push(hosted, "team/app", tag, nexustest.Image{}, ago(9))
		}
		s.Push(hosted, "web", "1", nexustest.Image{}, ago(9))
		if a := admin(s).v2(t, "GET", "_catalog").want(200); a.body != `{"repositories":["team/app","web"]}` {
			t.Errorf("catalog %s", a.body)
		}
		if a := admin(s).v2(t, "GET", "team/app/tags/list?n=0").want(200); a.body != `{"name":"team/app","tags":["a","b","c"]}` {
			t.Errorf("tags %s", a.body)
		}
		a := admin(s).v2(t, "GET", "team/app/tags/list?n=2").want(200)
		link := `</repository/docker-hosted/v2/team/app/tags/list?last=b&n=2>; rel="next"`
		if d == nexustest.V371 {
			link = strings.Replace(link, "/repository/docker-hosted", "", 1)
		}
		if a.body != `{"name":"team/app","tags":["a","b"]}` || a.header.Get("Link") != link {
			t.Errorf("first page %s with Link %q", a.body, a.header.Get("Link"))
		}
		if a := admin(s).v2(t, "GET", "team/app/tags/list?n=2&last=b").want(200); a.body != `{"name":"team/app","tags":["c"]}` || a.header.Get("Link") != "" {
			t.Errorf("last page %s with Link %q", a.body, a.header.Get("Link"))
		}
		if a := admin(s).v2(t, "GET", "none/tags/list").want(404); !strings.Contains(a.body, "NAME_UNKNOWN") {
			t.Errorf("unknown image: %s", a.body)
		}
	})
}

// Deleting by tag removes that tag alone; by digest every tag on it, but for
// the releases of nexus-public#925, which leave tags that no longer pull.
func TestDeletingManifests(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		digest := s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
		for _, tag := range []string{"2", "3"} {
			s.Retag(hosted, "app", "1", tag, ago(8))
		}
		admin(s).v2(t, "DELETE", "app/manifests/1").want(http.StatusAccepted)
		if tags := s.Tags(hosted, "app"); len(tags) != 2 || s.Whole(hosted, "app", "2") != nil {
			t.Errorf("after deleting one tag: %v", tags)
		}
		admin(s).v2(t, "DELETE", "app/manifests/1").want(http.StatusNotFound)
		admin(s).v2(t, "DELETE", "app/manifests/"+string(digest)).want(http.StatusAccepted)
		left := len(s.Tags(hosted, "app"))
		if d == nexustest.V389 {
			if left != 2 {
				t.Errorf("%d tags left, want 2 broken ones", left)
			}
			admin(s).v2(t, "GET", "app/manifests/2").want(http.StatusNotFound)
		} else if left != 0 {
			t.Errorf("%d tags left", left)
		}
		if a := admin(s).v2(t, "DELETE", "app/manifests/"+string(digest)).want(http.StatusNotFound); !strings.Contains(a.body, "MANIFEST_UNKNOWN") {
			t.Errorf("repeated: %s", a.body)
		}
	})
}

// A pull of a tag marks the tag, one of a digest marks the digest and never
// the tag, and neither is written twice in twelve hours.
func TestLastDownloaded(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	digest := s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
	s.Retag(hosted, "app", "1", "2", ago(9))
	marked := func() (paths []string) {
		for path, when := range s.LastDownloads(hosted) {
			if when.Equal(c.at) {
				paths = append(paths, path)
			}
		}
		slices.Sort(paths)
		return paths
	}
	for _, ref := range []string{"1", string(digest)} {
		c.pass(time.Hour)
		admin(s).v2(t, "HEAD", "app/manifests/"+ref).want(200)
		if got := marked(); !slices.Equal(got, []string{"/v2/app/manifests/" + ref}) {
			t.Errorf("HEAD of %s marks %v", ref, got)
		}
	}
	c.pass(10 * time.Hour)
	admin(s).v2(t, "GET", "app/manifests/1").want(200)
	if got := marked(); len(got) != 0 {
		t.Errorf("marked again within twelve hours: %v", got)
	}
	c.pass(time.Hour)
	admin(s).v2(t, "GET", "app/manifests/1").want(200)
	if got := marked(); len(got) != 1 {
		t.Errorf("marked after twelve hours: %v", got)
	}
	admin(s).get(t, "/components?repository="+hosted)
	admin(s).get(t, "/assets?repository="+hosted)
	if got := marked(); len(got) != 1 {
		t.Errorf("REST marks %v", got)
	}
}

func TestHeadCanBeNoDownload(t *testing.T) {
	s := nexustest.New(nexustest.Options{HeadIsNoDownload: true})
	s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
	admin(s).v2(t, "HEAD", "app/manifests/1").want(200)
	for path, when := range s.LastDownloads(hosted) {
		if !when.IsZero() {
			t.Errorf("HEAD marks %s", path)
		}
	}
}

// Undo on Nexus: the manifest goes back under its tag while collection has not
// run; afterwards its blobs are missing.
func TestPuttingAManifestBack(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		digest := s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
		body := admin(s).v2(t, "GET", "app/manifests/1").body
		put := func() answer {
			return admin(s).ask(t, "PUT", below+"app/manifests/1", body, "Content-Type", oci.MediaTypeImage)
		}
		admin(s).rest(t, "DELETE", "/components/"+s.ComponentID(hosted, "app", "1")).want(204)
		if a := put().want(http.StatusCreated); a.header.Get("Docker-Content-Digest") != string(digest) {
			t.Errorf("put back as %s", a.header.Get("Docker-Content-Digest"))
		}
		if err := s.Whole(hosted, "app", "1"); err != nil {
			t.Error(err)
		}
		s.DeleteTag(hosted, "app", "1")
		s.RunTask(s.AddTask(nexustest.Task{Type: nexustest.TaskDockerGC, Name: "gc", Properties: map[string]string{"repositoryName": "*", "deployOffset": "0"}}))
		if a := put().want(http.StatusBadRequest); !strings.Contains(a.body, "MANIFEST_BLOB_UNKNOWN") {
			t.Errorf("after collection: %s", a.body)
		}
	})
}

func TestRefusedPushes(t *testing.T) {
	s := nexustest.New(nexustest.Options{Dialect: nexustest.V371, Repositories: []nexustest.Repository{
		{Name: hosted}, {Name: "once", WritePolicy: "ALLOW_ONCE"}, {Name: "closed", WritePolicy: "DENY"}}})
	body := `{"schemaVersion":2,"mediaType":"` + oci.MediaTypeIndex + `","manifests":[]}`
	put := func(repository, path, body string) answer {
		return admin(s).ask(t, "PUT", "/repository/"+repository+"/v2/"+path, body, "Content-Type", oci.MediaTypeIndex)
	}
	put("once", "app/manifests/1", body).want(201)
	put("once", "app/manifests/1", body).want(400)
	put("closed", "app/manifests/1", body).want(400)
	for path, code := range map[string]string{
		"a__b/manifests/1": "NAME_INVALID", "app/manifests/-x": "TAG_INVALID",
		"app/manifests/sha256:" + strings.Repeat("0", 64): "DIGEST_INVALID",
	} {
		if a := put(hosted, path, body).want(400); !strings.Contains(a.body, code) {
			t.Errorf("%s: %s, want %s", path, a.body, code)
		}
	}
	if a := put(hosted, "app/manifests/1", "{").want(400); !strings.Contains(a.body, "MANIFEST_INVALID") {
		t.Errorf("broken manifest: %s", a.body)
	}
	dangling := strings.Replace(body, "[]", `[{"mediaType":"`+oci.MediaTypeImage+`","digest":"sha256:`+strings.Repeat("0", 64)+`","size":1}]`, 1)
	if a := put(hosted, "app/manifests/1", dangling).want(400); !strings.Contains(a.body, "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("index over nothing: %s", a.body)
	}
}

func TestReferrersAPI(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{{Name: hosted}, {Name: "artifacts", Format: "oci"}}})
	for repository, want := range map[string]int{hosted: 404, "artifacts": 200} {
		subject := s.Push(repository, "app", "1", nexustest.Image{}, ago(9))
		attached := s.Attach(repository, "app", subject, "application/sbom", ago(9))
		a := admin(s).ask(t, "GET", "/repository/"+repository+"/v2/app/referrers/"+string(subject), "").want(want)
		if want == 200 && (!strings.Contains(a.body, string(attached)) || len(s.Tags(repository, "app")) != 1) {
			t.Errorf("referrers: %s", a.body)
		}
	}
}

func TestPathRouting(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{{Name: hosted, PathEnabled: true}, {Name: "closed"}}})
	s.Push(hosted, "team/app", "1", nexustest.Image{}, ago(9))
	s.Push("closed", "app", "1", nexustest.Image{}, ago(9))
	for path, want := range map[string]int{
		"/v2/": 200, "/v2/_catalog": 404, "/v2/docker-hosted/_catalog": 404,
		"/v2/docker-hosted/team/app/tags/list": 200, "/v2/docker-hosted/team/app/manifests/1": 200,
		"/v2/closed/app/tags/list": 404, "/v2/nowhere/app/tags/list": 404,
	} {
		admin(s).ask(t, "GET", path, "", "Accept", "*/*").want(want)
	}
	old := nexustest.New(nexustest.Options{Dialect: nexustest.V377})
	admin(old).ask(t, "GET", "/v2/", "").want(404)
}

func TestBearerTokens(t *testing.T) {
	s := nexustest.New(nexustest.Options{Anonymous: true, Repositories: []nexustest.Repository{{Name: hosted, BearerAuth: true}}})
	s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
	nobody(s).v2(t, "GET", "app/manifests/1").want(200)
	closed := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{{Name: hosted, BearerAuth: true}}})
	challenge := nobody(closed).v2(t, "GET", "").want(401).header.Get("WWW-Authenticate")
	if want := `Bearer realm="http://nexus.example.com/repository/docker-hosted/v2/token",service=`; !strings.HasPrefix(challenge, want) {
		t.Errorf("challenge %s", challenge)
	}
	nobody(closed).v2(t, "GET", "token").want(404)
	var token struct{ Token string }
	admin(closed).v2(t, "GET", "token").want(200).into(&token)
	if !strings.HasPrefix(token.Token, "DockerToken.") {
		t.Errorf("token %q", token.Token)
	}
	nobody(closed).ask(t, "GET", below, "", "Authorization", "Bearer "+token.Token).want(200)
	nobody(closed).ask(t, "GET", below, "", "Authorization", "Bearer DockerToken.other").want(401)
}

// Blobs belong to the repository, not to the image; from another repository
// they can be mounted.
func TestMountingBlobs(t *testing.T) {
	s := nexustest.New(nexustest.Options{
		Users:        []nexustest.User{{Name: "admin", Password: "admin123", Privileges: []string{nexustest.View("*", "*")}}, {Name: "one", Password: "secret", Privileges: []string{nexustest.View("one", "*")}}},
		BlobStores:   []nexustest.BlobStore{{Name: "default"}, {Name: "other"}},
		Repositories: []nexustest.Repository{{Name: "one"}, {Name: "two"}, {Name: "far", BlobStore: "other"}},
	})
	mount := func(as caller, to string, digest oci.Digest, from string) int {
		return as.ask(t, "POST", "/repository/"+to+"/v2/app/blobs/uploads/?mount="+string(digest)+"&from="+from, "").status
	}
	near, far := s.PushBlob("two", "near", "", ago(9)), s.PushBlob("far", "far", "", ago(9))
	if got := mount(user(s, "one"), "one", near, "two/app"); got != http.StatusAccepted {
		t.Errorf("mounted what the caller may not read: %d", got)
	}
	if got := mount(admin(s), "one", oci.FromBytes(nil), "two/app"); got != http.StatusAccepted {
		t.Errorf("mounted what is not there: %d", got)
	}
	blobs := s.Stored("default").Blobs
	for _, c := range []struct {
		digest oci.Digest
		from   string
		blobs  int
	}{{near, "two/app", blobs}, {far, "far/app", blobs + 1}, {near, "nowhere/app", blobs + 1}} {
		if got := mount(admin(s), "one", c.digest, c.from); got != http.StatusCreated || !s.HasBlob("one", c.digest) {
			t.Errorf("mount from %s: %d", c.from, got)
		}
		if got := s.Stored("default").Blobs; got != c.blobs {
			t.Errorf("after mounting from %s: %d blobs, want %d", c.from, got, c.blobs)
		}
	}
}

func TestUploads(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	content := "content"
	digest := oci.FromBytes([]byte(content))
	at := func(method, location, body string) answer {
		return admin(s).ask(t, method, "/repository/docker-hosted"+location, body)
	}
	begin := func() string { return at("POST", "/v2/app/blobs/uploads/", "").want(202).header.Get("Location") }
	location := begin()
	if strings.Contains(location, hosted) {
		t.Errorf("Location %s has the prefix that it lacks on real servers", location)
	}
	at("PATCH", location, content[:3]).want(202)
	if got := at("GET", location, "").want(204).header.Get("Range"); got != "0-2" {
		t.Errorf("Range %s", got)
	}
	at("PUT", location+"?digest="+string(digest), content[3:]).want(201)
	at("PUT", location+"?digest="+string(digest), "").want(404)
	admin(s).v2(t, "GET", "app/blobs/"+string(digest)).want(200)
	at("PUT", begin()+"?digest="+string(digest), "other").want(400)
	at("POST", "/v2/app/blobs/uploads/?digest="+string(oci.FromBytes([]byte("whole"))), "whole").want(201)
	location = begin()
	at("DELETE", location, "").want(204)
	at("PATCH", location, "x").want(404)
	at("POST", location, "x").want(404)
	admin(s).v2(t, "DELETE", "app/blobs/"+string(digest)).want(405)
	admin(s).v2(t, "GET", "app/blobs/"+string(oci.FromBytes([]byte("none")))).want(404)
}

func TestWhereNothingIs(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	for _, path := range []string{"/repository/nowhere/v2/", "/repository/docker-hosted/v1/", "/elsewhere", "/repository/docker-hosted/v2/app/unknown"} {
		admin(s).ask(t, "GET", path, "").want(http.StatusNotFound)
	}
}
