package main

import "testing"

// A small heap grows until it is worth clearing, a large one by the least.
func TestHowMuchTheHeapMayGrow(t *testing.T) {
	for live, want := range map[uint64]int{0: leastGrowth, 1 << 20: 1000, 6 << 20: 300, 12 << 20: 100, 16 << 20: 50, 20 << 20: leastGrowth, 24 << 20: leastGrowth, 1 << 30: leastGrowth} {
		if got := growth(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d %%", live>>20, got, want)
		}
	}
}
