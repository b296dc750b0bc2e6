package app

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/usage"
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
	report, err := removal(shop(), refs(t, ":a", "@"+string(loose)), &inspection{})
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
		_, err := removal(shop(), refs(t, test.refs...), &inspection{})
		if err == nil || KindOf(err) != test.kind || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsRemovedWhereSomethingCouldNotBeRead(t *testing.T) {
	repo := shop()
	repo.Gaps = []inventory.Gap{{Code: "tags", Message: "page 3 failed"}}
	if _, err := removal(repo, refs(t, ":a"), &inspection{}); err == nil || !strings.Contains(err.Error(), "page 3 failed") {
		t.Errorf("%v", err)
	}
}

// What plan keeps because it is in use is not removed by name either: by tag,
// by digest, through an index, or because nobody says which image is meant.
func TestWhatIsInUseIsNotRemovedByName(t *testing.T) {
	child, index := oci.FromBytes([]byte("child")), oci.FromBytes([]byte("index"))
	repo := shop()
	repo.Tags = append(repo.Tags, inventory.Tag{Name: "multi", Digest: index})
	repo.Manifests[index] = &inventory.Manifest{Digest: index, Kind: oci.KindIndex, Read: true, Children: []oci.Descriptor{{Digest: child}}}
	repo.Manifests[child] = &inventory.Manifest{Digest: child, Kind: oci.KindImage, Read: true}
	for i := range repo.Manifests {
		if repo.Manifests[i].Kind == oci.KindUnknown {
			repo.Manifests[i].Kind = oci.KindImage
		}
	}
	pod := usage.Witness{Source: "kubernetes", What: "pod cart-1"}
	for name, test := range map[string]struct {
		tag    string
		digest oci.Digest
		refs   []string
		want   string
	}{
		"its tag":              {"a", "", []string{":a"}, "r.example.com/shop/cart:a is in use by pod cart-1 (kubernetes), which names a"},
		"a tag beside it":      {"a", "", []string{":b"}, "shop/cart:b is in use by pod cart-1 (kubernetes), which names a"},
		"its digest":           {"", loose, []string{"@" + string(loose)}, "@" + string(loose) + " is in use by pod cart-1"},
		"a child":              {"", child, []string{":multi"}, "shop/cart:multi is in use by pod cart-1"},
		"any of them":          {"", "", []string{":c"}, "which names some image of shop/cart"},
		"one of two":           {"a", "", []string{":c", ":a"}, "shop/cart:a is in use"},
		"something else there": {"a", "", []string{":c"}, ""},
	} {
		evidence := &usage.Evidence{Sources: []usage.Source{{Name: "kubernetes", Complete: true}}}
		evidence.Add("r.example.com", "shop/cart", test.tag, test.digest, pod)
		inspection, err := newInspection(evidence, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_, err = removal(repo, refs(t, test.refs...), inspection)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || KindOf(err) != Refused || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
