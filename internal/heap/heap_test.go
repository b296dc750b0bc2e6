package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestHowMuchTheHeapMayGrow(t *testing.T) {
	for live, want := range map[uint64]int{0: leastGrowth, 1 << 20: 1000, 8 << 20: 300, 12 << 20: 166, 16 << 20: 100, 20 << 20: smallGrowth, 32 << 20: smallGrowth, small - 1: smallGrowth, small: leastGrowth, large: largeGrowth, 1 << 30: largeGrowth} {
		if got := growth(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d %%", live>>20, got, want)
		}
	}
}

// What was prepared is free, and not yet given back to the system.
func TestPreparedMemoryIsLeftToTheHeap(t *testing.T) {
	if !enlarge(make([]byte, largePage)) {
		t.Skip("no large pages here")
	}
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // or what is free is given back beside this test
	Prepare()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if free := stats.HeapIdle - stats.HeapReleased; free < ready*9/10 {
		t.Errorf("%d MiB are free, want %d", free>>20, ready>>20)
	}
}
