package inventory_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
)

// A cold scan of tags of which two are on each image: one listing, a manifest
// a tag, a config an image. Where the listing tells digests, a manifest an
// image.
func BenchmarkScan(b *testing.B) {
	for name, options := range map[string]memory.Options{"names listed": {}, "digests listed": {Rich: true}} {
		b.Run(name, func(b *testing.B) {
			const tags = 5_000
			r := memory.Load(shared(tags), options)
			requests := 0
			b.ReportAllocs()
			for b.Loop() {
				s := scanner(b, r, inventory.Options{Workers: 16})
				only(b, s, configs)
				requests = len(r.Calls())
			}
			b.ReportMetric(float64(requests)/tags, "requests/tag")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tags, "ns/tag")
		})
	}
}

// What stays in memory of a repository while it is decided about.
func BenchmarkMemory(b *testing.B) {
	const tags = 20_000
	r := memory.Load(shared(tags), memory.Options{})
	s := scanner(b, r, inventory.Options{})
	var before, after runtime.MemStats
	for b.Loop() {
		r.Forget()
		runtime.GC()
		runtime.ReadMemStats(&before)
		var repo *inventory.Repository
		for one, err := range s.Scan(context.Background(), configs) {
			if err != nil {
				b.Fatal(err)
			}
			repo = one
		}
		r.Forget()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(repo)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/tags, "B-kept/tag")
}
