package plan_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
)

// large is a repository of n tags, two on each index of two platforms that
// share a base layer, and the report that removes nine of ten.
func large(n int) addition {
	repo := &inventory.Repository{Registry: "r", Name: "app", Depth: inventory.Graph, Manifests: map[oci.Digest]*inventory.Manifest{}}
	digest := func(kind string, i int) oci.Digest { return oci.FromBytes(fmt.Appendf(nil, "%s %d", kind, i)) }
	for i := range n / 2 {
		index := &inventory.Manifest{Digest: digest("index", i), MediaType: oci.MediaTypeIndex, Kind: oci.KindIndex, Read: true}
		for _, platform := range []string{"amd64", "arm64"} {
			image := &inventory.Manifest{
				Digest: digest(platform, i), MediaType: oci.MediaTypeImage, Kind: oci.KindImage, Read: true,
				Config: &inventory.Blob{Digest: digest("config "+platform, i), Size: 2000},
				Layers: []inventory.Blob{{Digest: digest("base", 0), Size: 30e6}, {Digest: digest("layer "+platform, i), Size: 1e6}},
			}
			repo.Manifests[image.Digest] = image
			index.Children = append(index.Children, oci.Descriptor{MediaType: oci.MediaTypeImage, Digest: image.Digest})
		}
		repo.Manifests[index.Digest] = index
		for _, form := range []string{"build-%06d", "v1.%06d"} {
			repo.Tags = append(repo.Tags, inventory.Tag{Name: fmt.Sprintf(form, i), Digest: index.Digest})
		}
	}
	slices.SortFunc(repo.Tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) })
	report := policy.Report{Repository: "app"}
	for i, root := range repo.Roots() {
		d := policy.Decision{Root: root, Reasons: []policy.Reason{{Code: policy.CodeOlderThan, Rule: "policies[0].rules[0].remove[0]", Line: 6, Facts: map[string]any{"days": 40}}}}
		if i%(n/2)%10 > 0 {
			d.Verdict = policy.Remove
		}
		report.Decisions = append(report.Decisions, d)
	}
	return addition{repo, report}
}

func settings() policy.Settings {
	s := policy.DefaultSettings()
	s.Grace = 0
	return s
}

func buildLarge(t failer, a addition) *plan.Plan {
	p := &plan.Plan{}
	b := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Into(p))
	if err := b.Add(a.repo, a.report, settings()); err != nil {
		t.Fatal(err)
	}
	finish(t, b)
	return p
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		a := large(n)
		b.Run(fmt.Sprintf("%d tags", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buildLarge(b, a)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/tag")
		})
	}
}

// BenchmarkStream is what a plan costs that is written while it is made.
func BenchmarkStream(b *testing.B) {
	for _, n := range []int{100, 5_000, 100_000} {
		a := large(n)
		b.Run(fmt.Sprintf("%d tags", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				builder := plan.NewBuilder(plan.Header{}, plan.Options{}, plan.Stream(io.Discard, &plan.Held{}))
				if err := builder.Add(a.repo, a.report, settings()); err != nil {
					b.Fatal(err)
				}
				finish(b, builder)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/tag")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	p := buildLarge(b, large(10_000))
	var text bytes.Buffer
	if err := plan.Write(&text, p, plan.All); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if err := plan.Write(io.Discard, p, plan.All); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	var text bytes.Buffer
	if err := plan.Write(&text, buildLarge(b, large(10_000)), plan.All); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := plan.Read(bytes.NewReader(text.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
