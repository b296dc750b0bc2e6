package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// leastGrowth is how much the heap may grow, in percent, before it is
	// cleared. Less than Go's own 100: a plan of 135,133 tags in one repository
	// peaks at 242 MB instead of 336, for 16 % more CPU time (docs/benchmarks.md,
	// with GOGC=100 beside it).
	leastGrowth = 40
	// roomy is how large the heap may become in any case, in bytes. Most plans
	// hold less, and clearing for the sake of so little took a fifth of their CPU
	// time, for 17 MB.
	roomy = 16 << 20
	// least is what Go makes the first heap grow to at 100 percent, in bytes
	// (runtime, GC guide: "minimum total heap size").
	least = 4 << 20
)

// growth is how much a heap of which so much lives may grow, in percent.
func growth(live uint64) int {
	if live == 0 || live >= roomy {
		return leastGrowth
	}
	return int(max(leastGrowth, min(1000, 100*(roomy-live)/live)))
}

// clearGarbage says when garbage is cleared, anew after every time, unless the
// user does with GOGC.
func clearGarbage() {
	if os.Getenv("GOGC") != "" {
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
