package plan

import "container/heap"

// places is a queue of places in an order, the first first.
type places struct{ list placeList }

func (p *places) push(i int) { heap.Push(&p.list, i) }

func (p *places) pop() (int, bool) {
	if len(p.list) == 0 {
		return 0, false
	}
	return heap.Pop(&p.list).(int), true
}

type placeList []int

func (l placeList) Len() int           { return len(l) }
func (l placeList) Less(i, j int) bool { return l[i] < l[j] }
func (l placeList) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *placeList) Push(x any)        { *l = append(*l, x.(int)) }

func (l *placeList) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
