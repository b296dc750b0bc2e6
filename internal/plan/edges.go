package plan

import "slices"

// edge leads from one number to another.
type edge uint64

func edgeFrom(from, to node) edge { return edge(uint32(from))<<32 | edge(uint32(to)) }

func (e edge) ends() (from, to node) { return node(int32(e >> 32)), node(int32(e)) }

// turned are edges that lead the other way.
func turned(list []edge) []edge {
	other := make([]edge, len(list))
	for i, e := range list {
		from, to := e.ends()
		other[i] = edgeFrom(to, from)
	}
	return other
}

// edges are edges by where they begin. Its zero value has none.
type edges[T ~int32] struct {
	first []int32 // of each number, where its ends begin in all
	all   []T
}

// edgesOf sorts the edges of n numbers, each once, without those that lead
// nowhere or come from there.
func edgesOf[T ~int32](n int, list []edge) edges[T] {
	whole := make([]edge, 0, len(list))
	for _, one := range list {
		if from, to := one.ends(); from != nowhere && to != nowhere {
			whole = append(whole, one)
		}
	}
	if len(whole) == 0 {
		return edges[T]{}
	}
	slices.Sort(whole)
	whole = slices.Compact(whole)
	e := edges[T]{first: make([]int32, n+1), all: make([]T, len(whole))}
	for i, one := range whole {
		from, to := one.ends()
		e.first[from+1]++
		e.all[i] = T(to)
	}
	for i := range n {
		e.first[i+1] += e.first[i]
	}
	return e
}

// of are the ends of the edges from a number, in their order.
func (e edges[T]) of(n node) []T {
	if len(e.first) == 0 || n == nowhere {
		return nil
	}
	return e.all[e.first[n]:e.first[n+1]:e.first[n+1]]
}
