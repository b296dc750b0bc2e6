package nexustest

import (
	"encoding/base64"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

type numbered int

func (n numbered) number() int { return int(n) }

// The ids of a published recording of a server of 2026.
func TestRecordedIDs(t *testing.T) {
	sql := release{minor: 96}
	for id, n := range map[string]numbered{"ZG9ja2VyLWhvc3RlZDo0ZjFiYmNkZA": 1, "ZG9ja2VyLWhvc3RlZDphMmEwMTBmMw": 15} {
		if got := sql.itemID("docker-hosted", n); got != id {
			t.Errorf("row %d has id %s, recorded %s", n, got, id)
		}
		repository, external, err := splitItemID(id)
		if err != nil || repository != "docker-hosted" {
			t.Errorf("splitItemID(%s) = %s, %s, %v", id, repository, external, err)
		}
		if got, err := sql.reveal(external); err != nil || got != int(n) {
			t.Errorf("reveal(%s) = %d, %v; want %d", external, got, err, n)
		}
	}
}

func TestOrientIDsLookLikeTheRecordedOne(t *testing.T) {
	_, recorded, err := splitItemID("ZG9ja2VyLXFhOjkzYjliOWViOWE3ZWNiMDY1YmViN2Q1ZTE0ODIwMWM5")
	if err != nil || len(recorded) != 32 {
		t.Fatalf("recorded id %q, %v", recorded, err)
	}
	if got := (release{minor: 70}).externalID(numbered(7)); len(got) != len(recorded) {
		t.Errorf("id %q, want 32 hexadecimal digits", got)
	}
}

func TestIDsAreNotPadded(t *testing.T) {
	sql := release{minor: 96}
	short := 0
	for n := range numbered(1000) {
		if len(sql.externalID(n)) < 8 {
			short++
		}
	}
	if short == 0 {
		t.Error("no id of the first thousand rows is shorter than eight digits")
	}
}

func TestIDsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := release{minor: rapid.SampledFrom([]int{70, 96}).Draw(t, "release")}
		n := rapid.IntRange(1, 1<<31-1).Draw(t, "row")
		if got, err := v.reveal(v.externalID(numbered(n))); err != nil || got != n {
			t.Fatalf("row %d came back as %d, %v", n, got, err)
		}
	})
}

func TestMalformedIDs(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for id, want := range map[string]error{
		"%%%":                       errNotBase64,
		encode([]byte("nocolon")):   errNotTwo,
		encode([]byte("a:b:c")):     errNotTwo,
		encode([]byte("repo:1234")): nil,
	} {
		if _, _, err := splitItemID(id); !errors.Is(err, want) {
			t.Errorf("splitItemID(%q) = %v, want %v", id, err, want)
		}
	}
	sql, orient := release{minor: 96}, release{minor: 70}
	for _, bad := range []string{"", "xyz", "123456789abcdef"} {
		if n, err := sql.reveal(bad); err == nil {
			t.Errorf("reveal(%q) = %d, want an error", bad, n)
		}
		if n, err := orient.reveal(bad); err == nil {
			t.Errorf("OrientDB reveal(%q) = %d, want an error", bad, n)
		}
	}
	if n, err := sql.reveal("4294967296"); err == nil {
		t.Errorf("a number beyond both readings = %d, want an error", n)
	}
}

func TestAfterHoldsForRowsThatAreGone(t *testing.T) {
	rows := []numbered{2, 5, 9}
	for n, want := range map[int]int{0: 3, 2: 2, 4: 2, 5: 1, 9: 0, 100: 0} {
		if got := len(after(rows, n)); got != want {
			t.Errorf("after %d: %d rows, want %d", n, got, want)
		}
	}
}
