package app

import (
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
)

var (
	one, two, loose = oci.FromBytes([]byte("1")), oci.FromBytes([]byte("2")), oci.FromBytes([]byte("3"))
	signature       = oci.FromBytes([]byte("s"))
)

func shop() *inventory.Repository {
	manifest := func(d oci.Digest) *inventory.Manifest { return &inventory.Manifest{Digest: d, Read: true} }
	return &inventory.Repository{
		Registry: "r.example.com", Name: "shop/cart", Depth: inventory.Graph,
		Tags: []inventory.Tag{
			{Name: "a", Digest: one}, {Name: "b", Digest: one}, {Name: "c", Digest: two},
			{Name: oci.FallbackTag(one) + ".sig", Digest: signature},
		},
		Manifests: map[oci.Digest]*inventory.Manifest{one: manifest(one), two: manifest(two), loose: manifest(loose), signature: manifest(signature)},
	}
}

func refs(t *testing.T, written ...string) []Reference {
	t.Helper()
	var all []Reference
	for _, w := range written {
		ref, err := ParseReference(configured, "r.example.com/shop/cart"+w)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ref)
	}
	return all
}

func TestRemovalNamesOnlyWhatWasNamed(t *testing.T) {
	report, err := removal(shop(), refs(t, ":a", "@"+string(loose)))
	if err != nil {
		t.Fatal(err)
	}
	var removed []string
	for _, d := range report.Decisions {
		if d.Verdict == policy.Remove {
			removed = append(removed, d.Root.Name()+"@"+d.Root.Digest.Short())
		}
	}
	if got, want := strings.Join(removed, " "), "a@"+one.Short()+" @"+loose.Short(); got != want {
		t.Errorf("removes %s, want %s", got, want)
	}
	if len(report.Decisions) != 4 {
		t.Errorf("%d decisions, want one per root", len(report.Decisions))
	}
}

func TestRemovalsThatWouldTakeMoreAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		refs []string
		kind Kind
		want string
	}{
		"a digest with tags":     {[]string{"@" + string(one)}, Refused, "has the tags a, b, which would all go with it"},
		"a tag that moved":       {[]string{":a@" + string(two)}, Refused, "the tag points at"},
		"everything":             {[]string{":a", ":b", ":c", "@" + string(loose)}, Refused, "would be left without any image"},
		"a tag that is not":      {[]string{":z"}, Failed, "the repository has no such tag"},
		"a digest that is not":   {[]string{"@" + string(oci.FromBytes([]byte("z")))}, Failed, "no such manifest"},
		"the tag of a signature": {[]string{":" + oci.FallbackTag(one) + ".sig"}, Failed, "is attached to"},
	} {
		_, err := removal(shop(), refs(t, test.refs...))
		if err == nil || KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsRemovedWhereSomethingCouldNotBeRead(t *testing.T) {
	repo := shop()
	repo.Gaps = []inventory.Gap{{Code: "tags", Message: "page 3 failed"}}
	if _, err := removal(repo, refs(t, ":a")); err == nil || !strings.Contains(err.Error(), "page 3 failed") {
		t.Errorf("%v", err)
	}
}
