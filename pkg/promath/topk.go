package promath

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
)

// Topk returns the k greatest floats of each group, greatest first, with all
// their labels; groups come in the order in which they first appear. NaN counts
// as less than any number. k is truncated; below 1 there is no result, and NaN
// or more than an int64 holds is an error. Histograms are ignored.
func Topk(k float64, v Vector, g Grouping) (Vector, error) {
	return pickK(k, v, g, func(a, b float64) bool { return a < b })
}

// Bottomk returns the k least floats of each group, least first. NaN counts as
// greater than any number. In all else it is like Topk.
func Bottomk(k float64, v Vector, g Grouping) (Vector, error) {
	return pickK(k, v, g, func(a, b float64) bool { return a > b })
}

// maxK is the least k that is refused: the greatest float below 1<<63.
const maxK = 1<<63 - 1<<10

// pickK keeps, of each group, the k floats that come last in the order of
// worse.
func pickK(k float64, v Vector, g Grouping, worse func(a, b float64) bool) (Vector, error) {
	switch {
	case k < 1:
		return nil, nil
	case math.IsNaN(k):
		return nil, errors.New("parameter k is NaN: give a number")
	case k >= maxK:
		return nil, fmt.Errorf("parameter k is %g, which overflows int64: give a smaller number", k)
	}
	keep := min(int(k), len(v))

	gs := g.divide(v)
	heaps := make([]worstFirst, len(gs.labels))
	for i := range heaps {
		heaps[i] = worstFirst{v: v, worse: worse}
	}
	for i := range v {
		if v[i].H != nil {
			continue
		}
		h := &heaps[gs.of[i]]
		if len(h.best) < keep {
			heap.Push(h, i)
			continue
		}
		worst := v[h.best[0]].F
		if worse(worst, v[i].F) || math.IsNaN(worst) && !math.IsNaN(v[i].F) {
			h.best[0] = i
			heap.Fix(h, 0)
		}
	}

	var out Vector
	for i := range heaps {
		sort.Sort(sort.Reverse(&heaps[i]))
		out = slices.Grow(out, len(heaps[i].best))
		for _, j := range heaps[i].best {
			out = append(out, v[j])
		}
	}
	return out, nil
}

// worstFirst is a heap of indices into a vector. Its order among equals, and
// with it that of the result, is the one that PromQL's heap has.
type worstFirst struct {
	v     Vector
	worse func(a, b float64) bool
	best  []int
}

var _ heap.Interface = (*worstFirst)(nil)

func (h *worstFirst) Len() int      { return len(h.best) }
func (h *worstFirst) Swap(i, j int) { h.best[i], h.best[j] = h.best[j], h.best[i] }
func (h *worstFirst) Push(x any)    { h.best = append(h.best, x.(int)) }

func (h *worstFirst) Less(i, j int) bool {
	a, b := h.v[h.best[i]].F, h.v[h.best[j]].F
	return math.IsNaN(a) || h.worse(a, b)
}

func (h *worstFirst) Pop() any {
	last := h.best[len(h.best)-1]
	h.best = h.best[:len(h.best)-1]
	return last
}
