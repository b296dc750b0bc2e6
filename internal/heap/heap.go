// Package heap bounds the memory of the process and has it ready when the work
// begins.
//
// It promises that nothing depends on it but speed and size. Where the user sets
// GOGC, that holds instead.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// smallGrowth is how much a small heap may grow, in percent, before it is
	// cleared: Go's own. A warm plan of 20,000 tags peaks at 100 MB with it and at
	// 91 with leastGrowth, and takes 4 to 9 % less time.
	smallGrowth = 100
	// small is what a heap holds less of that is small, in bytes.
	small = 64 << 20
	// leastGrowth is the same for one that is not: a plan of 135,133 tags in one
	// repository peaks at 242 MB instead of 336, for 16 % more CPU time (measured
	// with GOGC=100 beside it).
	leastGrowth = 40
	// largeGrowth is how much a heap may grow that is large already, in percent: in
	// that plan, when the listing has come and when everything is decided at the
	// end. When warm it peaks at 237 to 244 MB (five runs); at 25 % it is 240 to
	// 260, in the same time.
	largeGrowth = 20
	// large is what a heap must hold to be that, in bytes.
	large = 96 << 20
	// roomy is how large the heap may become in any case, in bytes: most plans
	// hold less, and clearing for the sake of so little costs them time.
	roomy = 32 << 20
	// least is what Go makes the first heap grow to at 100 percent, in bytes
	// (runtime, GC guide: "minimum total heap size").
	least = 4 << 20
	// ready is how much Prepare takes, in bytes: what a heap of roomy bytes
	// occupies with what is free in it.
	ready = 48 << 20
	// largePage is the size of a large page on most machines, in bytes.
	largePage = 2 << 20
)

// Bound has the heap cleared early when it is large and late when it is small.
func Bound() {
	if set() {
		return
	}
	debug.SetGCPercent(100 * roomy / least)
	type cycle struct{ _ *int }
	var again func(*cycle)
	again = func(*cycle) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		debug.SetGCPercent(growth(sample[0].Value.Uint64()))
		runtime.SetFinalizer(&cycle{}, again)
	}
	runtime.SetFinalizer(&cycle{}, again)
}

func growth(live uint64) int {
	switch {
	case live >= large:
		return largeGrowth
	case live == 0 || live >= small:
		return leastGrowth
	}
	return int(max(smallGrowth, min(1000, 100*(roomy-min(live, roomy))/live)))
}

// Prepare takes memory from the system in large pages where it has such, and
// leaves it to the heap. Otherwise the heap touches one small page after the
// other, each with a trap into the kernel, which on some virtual machines takes
// 12 us (docs/benchmarks.md has what that costs a plan).
// Only the first call does anything. It takes some milliseconds, which are to be
// had while a registry is waited for.
var Prepare = sync.OnceFunc(func() {
	if set() || !enlarge(make([]byte, ready)) {
		return
	}
	runtime.GC()
})

func set() bool { return os.Getenv("GOGC") != "" }
