package app

import (
	"slices"
	"testing"
)

func chosen(t *testing.T, written ...string) []selection {
	t.Helper()
	var targets []Target
	for _, w := range written {
		target, err := ParseTarget(configured, w)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, target)
	}
	found, err := selections(targets)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOneRepositoryNeedsNoCatalog(t *testing.T) {
	s := chosen(t, "r.example.com/shop/cart", "r.example.com/shop/web")[0]
	if !slices.Equal(s.repositories(), []string{"shop/cart", "shop/web"}) || s.all {
		t.Errorf("%+v", s)
	}
}

func TestPatternsNeedTheCatalog(t *testing.T) {
	s := chosen(t, "r.example.com/shop/*", "r.example.com/data/etl")[0]
	if s.repositories() != nil {
		t.Errorf("read without the catalog: %v", s.repositories())
	}
	for name, want := range map[string]bool{"shop/cart": true, "data/etl": true, "data/etl2": false, "shop/a/b": false} {
		if s.matches()(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestTheWholeRegistryIncludesItsParts(t *testing.T) {
	s := chosen(t, "r.example.com/shop/cart", "r.example.com")[0]
	if s.matches() != nil || s.repositories() != nil || s.target.Name != "r.example.com" {
		t.Errorf("%+v", s)
	}
}

func TestTheOrderOfTargetsChangesNothing(t *testing.T) {
	a := chosen(t, "b.example.com", "a.example.com/x/*", "prod")
	b := chosen(t, "prod", "b.example.com", "a.example.com/x/*", "prod")
	names := func(all []selection) (names []string) {
		for _, s := range all {
			names = append(names, s.target.Name+"/"+s.match.String())
		}
		return names
	}
	if !slices.Equal(names(a), names(b)) || len(a) != 3 || !slices.IsSorted(names(a)) {
		t.Errorf("%v and %v", names(a), names(b))
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	if _, err := selections([]Target{{Name: "r.example.com", Pattern: "/[/"}}); KindOf(err) != Usage || err == nil {
		t.Errorf("%v", err)
	}
}
