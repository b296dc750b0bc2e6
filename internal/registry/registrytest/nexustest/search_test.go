package nexustest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

func TestSearch(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		digest := s.Push("docker-hosted", "team/app", "1", nexustest.Image{}, ago(9))
		s.Push("docker-hosted", "team/web", "1", nexustest.Image{}, ago(9))
		for query, want := range map[string]int{
			"": 2, "?repository=docker-hosted": 2, "?repository=nowhere": 0, "?format=docker": 2, "?format=raw": 0,
			"?name=team/app": 1, "?name=Team/app": 0, "?name=team*": 2, "?q=team/a*": 1, "?group=x": 0,
			"?docker.imageName=team/app&docker.imageTag=1": 1, "?docker.imageTag=2": 0,
			"?docker.contentDigest=" + string(digest): 1,
		} {
			var found listing
			if admin(s).get(t, "/search"+query).want(http.StatusOK).into(&found); len(found.Items) != want {
				t.Errorf("%s finds %d, want %d", query, len(found.Items), want)
			}
			admin(s).get(t, "/search/assets"+query).want(http.StatusOK).into(&found)
			if len(found.Items) != want {
				t.Errorf("%s finds %d assets, want %d", query, len(found.Items), want)
			}
		}
		admin(s).get(t, "/search?name=*app").want(http.StatusBadRequest)
		status := http.StatusOK
		if d == nexustest.V396 {
			status = http.StatusBadRequest
		}
		a := admin(s).get(t, "/search?name=te*").want(status)
		if status == http.StatusBadRequest && a.header.Get("Content-Type") != "application/vnd.siesta-validation-errors-v1+json" {
			t.Errorf("validation error as %s", a.header.Get("Content-Type"))
		}
	})
}

func TestSearchOrder(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	for _, tag := range []string{"2", "3", "1"} {
		s.Push("docker-hosted", "app", tag, nexustest.Image{}, ago(9))
	}
	_, versions := admin(s).pages(t, "/search?sort=version&direction=desc", nil)
	if !slices.Equal(versions, []string{"3", "2", "1"}) {
		t.Errorf("order %v", versions)
	}
}

// The reason why nothing may be decided on a search: its offsets move when
// somebody deletes between two pages.
func TestSearchSkipsWhileDeleting(t *testing.T) {
	s := nexustest.New(nexustest.Options{})
	for i := range 120 {
		s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"shared"}}, ago(9))
	}
	sizes, versions := admin(s).pages(t, "/search?name=app", nil)
	if !slices.Equal(sizes, []int{50, 50, 20}) || len(versions) != 120 {
		t.Errorf("pages of %v", sizes)
	}
	deleted := false
	_, versions = admin(s).pages(t, "/search?name=app", func() {
		if !deleted {
			deleted = true
			s.DeleteTag("docker-hosted", "app", "0")
		}
	})
	if slices.Contains(versions, "50") {
		t.Error("nothing was skipped: offsets should move")
	}
}

func TestSearchTokens(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s := nexustest.New(nexustest.Options{Dialect: d})
		for i := range 51 {
			s.Push("docker-hosted", "app", fmt.Sprint(i), nexustest.Image{Layers: []string{"shared"}}, ago(9))
		}
		var first listing
		admin(s).get(t, "/search?name=app").into(&first)
		token := url.QueryEscape(*first.ContinuationToken)
		if d == nexustest.Orient370 {
			admin(s).get(t, "/search?name=app&continuationToken="+token).want(http.StatusOK)
			admin(s).get(t, "/search?name=ap*&continuationToken="+token).want(http.StatusNotAcceptable)
			return
		}
		if token != "50" {
			t.Errorf("token %q, want an offset", token)
		}
		admin(s).get(t, "/search?continuationToken=abc").want(http.StatusBadRequest)
	})
}

func TestSearchLags(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	s.Push("docker-hosted", "app", "1", nexustest.Image{}, noon)
	hits := func() int {
		var found listing
		admin(s).get(t, "/search").into(&found)
		return len(found.Items)
	}
	if n := hits(); n != 0 {
		t.Errorf("found %d at once", n)
	}
	c.pass(2 * time.Second)
	if n := hits(); n != 1 {
		t.Errorf("found %d after two seconds", n)
	}
	s.DeleteTag("docker-hosted", "app", "1")
	if n := hits(); n != 0 {
		t.Errorf("found %d after its deletion", n)
	}
}
