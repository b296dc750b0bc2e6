package store_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
)

// BenchmarkStep is what the state has to do for one step of a run: its manifest
// is read, with those of the next ones, archived and gone, with as many steps
// side by side as apply has.
func BenchmarkStep(b *testing.B) {
	ctx, s := b.Context(), open(b)
	const together, all = 64, 64 * 80
	var contents []oci.RawManifest
	var digests []oci.Digest
	for n := range all {
		contents = append(contents, manifest(n))
		digests = append(digests, contents[n].Digest)
	}
	check(b, s.KeepContents(ctx, t0, contents...))
	check(b, s.Begin(ctx, journal.Run{ID: "run", Started: t0}, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }))
	b.SetParallelism(32)
	b.ReportAllocs()
	var seq atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(seq.Add(1))
			if n%together == 0 {
				if found, err := s.Contents(ctx, digests[n%all:][:together]); err != nil || len(found) != together {
					b.Errorf("%d, %v", len(found), err)
					return
				}
			}
			raw := contents[n%all]
			check(b, s.Keep(ctx, archive.Entry{Run: "run", Seq: n, Registry: "r", Repository: "app", Manifest: raw, At: t0}, nil))
			check(b, s.Intend(ctx, journal.Intent{Run: "run", Seq: n, At: t0}))
			check(b, s.Record(ctx, journal.Outcome{Run: "run", Seq: n, Registry: "r", Repository: "app", Digest: raw.Digest, Status: journal.Done, At: t0.Add(time.Second)}))
		}
	})
}

// What a scan finds in the cache: five hundred manifests and their configs, kept
// together or with others between them.
func BenchmarkContents(b *testing.B) {
	const wanted, others = 1000, 20
	for name, apart := range map[string]int{"together": 1, "scattered": others} {
		b.Run(name, func(b *testing.B) {
			ctx, s := b.Context(), open(b)
			var contents []oci.RawManifest
			var digests []oci.Digest
			for n := range wanted * others {
				contents = append(contents, manifest(n))
			}
			for n := range wanted {
				digests = append(digests, contents[n*apart].Digest)
			}
			check(b, s.KeepContents(ctx, t0, contents...))
			b.ReportAllocs()
			for b.Loop() {
				if found, err := s.Contents(ctx, digests); err != nil || len(found) < wanted {
					b.Fatalf("%d, %v", len(found), err)
				}
			}
		})
	}
}

func manifest(n int) oci.RawManifest {
	body := fmt.Appendf(nil, "%d %s", n, strings.Repeat("x", 600))
	return oci.RawManifest{Digest: oci.FromBytes(body), MediaType: oci.MediaTypeImage, Body: body}
}

// What a scan puts into the cache, a thousand at a time.
func BenchmarkKeepContents(b *testing.B) {
	const at, all = 1000, 20000
	var contents []oci.RawManifest
	for n := range all {
		contents = append(contents, manifest(n))
	}
	b.ReportAllocs()
	for b.Loop() {
		s := open(b)
		for n := 0; n < all; n += at {
			check(b, s.KeepContents(b.Context(), t0, contents[n:n+at]...))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/all, "us/content")
}
