package window

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
	"weak"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Selections are what selectors match in some parts, found once for all Views
// that share them. When series or targets come or go, only the targets that have
// changed are looked at again. It is for concurrent use.
type Selections struct {
	parts []Part
	mode  Mode

	mu      sync.Mutex
	byKey   map[string]weak.Pointer[selection] // those that some View has
	most    int                                // len(byKey) from which on it is swept
	roster  *roster                            // nil before anything was selected
	moments [2]moment                          // the last ones
	join    joiner
}

// NewSelections returns the selections of the parts.
func NewSelections(mode Mode, parts ...Part) *Selections {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(a.Window.rank, b.Window.rank) })
	return &Selections{parts: parts, mode: mode, byKey: map[string]weak.Pointer[selection]{}}
}

// View returns a view of the parts.
func (s *Selections) View() *View {
	return &View{parts: s.parts, of: s, cache: map[*metric.Selector]*viewed{}, matched: map[string]bool{}}
}

// A selection is the series of one selector, in label order.
type selection struct {
	of        *metric.Selector
	roster    *roster // as of which the entries are
	entries   []entry
	groupings []*grouping
	// twins: two entries may have the same labels, or would without those that
	// describe the metric.
	twins bool
}

// An entry is a series, by the place of its target in the roster.
type entry struct{ target, column uint32 }

// A found is an entry with its labels.
type found struct {
	entry
	labels labels.Labels
}

// find returns the selection of a selector, which may not be up to date.
func (s *Selections) find(sel *metric.Selector) *selection {
	key := strconv.Itoa(len(sel.Name)) + " " + sel.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.byKey[key].Value(); known != nil {
		return known
	}
	if len(s.byKey) >= s.most {
		for key, p := range s.byKey {
			if p.Value() == nil {
				delete(s.byKey, key)
			}
		}
		s.most = max(64, 2*len(s.byKey))
	}
	x := &selection{of: &metric.Selector{Name: sel.Name, Matchers: sel.Matchers}}
	s.byKey[key] = weak.Make(x)
	return x
}

// follow brings a selection up to date. The windows are locked for reading.
func (s *Selections) follow(x *selection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.upToDate()
	if x.roster == now {
		return
	}
	moved, changed := now.since(x.roster)
	x.roster = now
	lost := x.move(moved)
	var added []found
	for _, place := range changed {
		for _, c := range s.matching(place, x.of) {
			added = append(added, s.found(entry{place, c}))
		}
	}
	if len(added) > 0 {
		slices.SortFunc(added, s.compare)
		x.insert(s, added)
	}
	if x.twins && lost {
		x.twins = false
		for i := range x.entries {
			x.twins = x.twins || s.twin(x, i, s.found(x.entries[i]))
		}
	}
}

// insert puts in what is new, in label order.
func (x *selection) insert(s *Selections, added []found) {
	at := make([]int, len(added)) // before which entry each goes
	near := 4*len(added) > len(x.entries)
	from := 0
	for i := range added {
		from += search(len(x.entries)-from, near, func(j int) bool { return s.compare(s.found(x.entries[from+j]), added[i]) > 0 })
		at[i] = from
		x.twins = x.twins || i > 0 && labels.Equal(added[i-1].labels, added[i].labels) || s.twin(x, from, added[i])
	}
	x.entries = spread(x.entries, at, func(i int) entry { return added[i].entry })
	for _, g := range x.groupings {
		g.of = spread(g.of, at, func(i int) int32 { return g.number(added[i].labels) })
		g.numbers = nil
	}
}

// found returns an entry with its labels.
func (s *Selections) found(e entry) found {
	t, _ := s.at(e.target)
	return found{e, s.join.labels(t, e.column)}
}

// compare orders by labels, and series with the same by their targets.
func (s *Selections) compare(a, b found) int {
	if c := labels.Compare(a.labels, b.labels); c != 0 {
		return c
	}
	t, _ := s.at(a.target)
	u, _ := s.at(b.target)
	return cmp.Compare(t.ID, u.ID)
}

// twin reports whether a series has labels that describe its metric, or the same
// labels as another entry beside place i.
func (s *Selections) twin(x *selection, i int, f found) bool {
	if f.labels.Has("__type__") || f.labels.Has("__unit__") {
		return true
	}
	for j := max(i-1, 0); j < min(i+1, len(x.entries)); j++ {
		if x.entries[j] != f.entry && labels.Equal(s.found(x.entries[j]).labels, f.labels) {
			return true
		}
	}
	return false
}

// search returns the least i below n for which f is true, n where it is true for
// none; f is true from there on. Near says that i is probably small.
func search(n int, near bool, f func(int) bool) int {
	lo, step := 0, n
	if near {
		step = 1
	}
	hi := min(lo+step, n) // f(hi) is true, or hi is n
	for hi < n && !f(hi-1) {
		lo, step = hi, 2*step
		hi = min(hi+step, n)
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); f(mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// spread puts len(at) elements into a list, each before the element that at says,
// counted in the list as it was.
func spread[T any](list []T, at []int, added func(i int) T) []T {
	end := len(list) // of what is still to be moved
	if need := end + len(at); cap(list) < need {
		list = append(make([]T, 0, need+need/32), list...)
	}
	list = list[:end+len(at)]
	for i := len(at) - 1; i >= 0; i-- {
		copy(list[at[i]+i+1:], list[at[i]:end])
		list[at[i]+i] = added(i)
		end = at[i]
	}
	return list
}

// move keeps the entries of targets that have only moved, and reports whether
// there are others.
func (x *selection) move(moved []int32) (lost bool) {
	kept := x.entries[:0]
	for i, e := range x.entries {
		to := moved[e.target]
		if to < 0 {
			continue
		}
		for _, g := range x.groupings {
			g.of[len(kept)] = g.of[i]
		}
		kept = append(kept, entry{uint32(to), e.column})
	}
	if len(kept) == len(x.entries) {
		return false
	}
	x.entries = kept
	for _, g := range x.groupings {
		g.of = g.of[:len(kept)]
		g.drop()
	}
	return true
}
