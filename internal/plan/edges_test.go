package plan

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEdgesAreThoseOfTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "numbers")
		number := rapid.Map(rapid.IntRange(-1, n-1), func(i int) node { return node(i) })
		var list []edge
		want, back := make([]map[node]bool, n), make([]map[node]bool, n)
		for i := range n {
			want[i], back[i] = map[node]bool{}, map[node]bool{}
		}
		for range rapid.IntRange(0, 12).Draw(t, "edges") {
			from, to := number.Draw(t, "from"), number.Draw(t, "to")
			list = append(list, edgeFrom(from, to))
			if from != nowhere && to != nowhere {
				want[from][to], back[to][from] = true, true
			}
		}
		forth, turned := edgesOf[node](n, list), edgesOf[node](n, turned(list))
		for i := range n {
			if got := forth.of(node(i)); !slices.Equal(got, slices.Sorted(maps.Keys(want[i]))) {
				t.Errorf("from %d to %v, want %v", i, got, want[i])
			}
			if got := turned.of(node(i)); !slices.Equal(got, slices.Sorted(maps.Keys(back[i]))) {
				t.Errorf("to %d from %v, want %v", i, got, back[i])
			}
		}
		if got := forth.of(nowhere); got != nil {
			t.Errorf("from nowhere to %v", got)
		}
	})
}
