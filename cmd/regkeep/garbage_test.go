package main

import "testing"

// A small heap grows until it is worth clearing, a large one by the least.
func TestHowMuchTheHeapMayGrow(t *testing.T) {
	for live, want := range map[uint64]int{0: leastGrowth, 1 << 20: 1000, 4 << 20: 300, 8 << 20: 100, 12 << 20: leastGrowth, 16 << 20: leastGrowth, 24 << 20: leastGrowth, 1 << 30: leastGrowth} {
		if got := growth(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d %%", live>>20, got, want)
		}
	}
}
