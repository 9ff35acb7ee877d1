package window

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Part is a window as one program may see it.
type Part struct {
	Window *Window
	// Matchers limit the series: all must match. Empty: all series.
	Matchers []*labels.Matcher
}

// Values returns the matchers that admit series whose labels have one of the
// values given for them; a series without the label has the value "".
func Values(allowed map[string][]string) []*labels.Matcher {
	var matchers []*labels.Matcher
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		quoted := make([]string, len(allowed[name]))
		for i, v := range allowed[name] {
			quoted[i] = regexp.QuoteMeta(v)
		}
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchRegexp, name, strings.Join(quoted, "|")))
	}
	return matchers
}

// A View reads the windows of a metric's sources for one program. It belongs
// to one goroutine at a time. Between Begin and End the windows do not change.
type View struct {
	parts []Part
	mode  Mode
	cache map[*metric.Selector]*selection

	full     int64
	now      int64
	lookback int64
	oldest   int64
	window   int64
	empty    []*metric.Selector
	matched  map[string]bool // names of which a series matched

	scratch *scratch     // nil before the first selector since Begin
	given   []*selection // those whose series were given since
}

// Mode says what of its windows a View shows.
type Mode int

// The modes of a View.
const (
	// All rows.
	All Mode = iota
	// Covered leaves out targets that are silent for more than two intervals:
	// what they last said is not what is. Where Fill was called, it also leaves
	// out those that were silent for much of the window.
	Covered
	// Past leaves out rows that are not before Begin's time: what a program
	// remembers does not depend on the order of evaluation.
	Past
)

// maxSelections bounds the cache of a View whose program builds selectors at
// run time.
const maxSelections = 256

// NewView returns a view of the parts.
func NewView(mode Mode, parts ...Part) *View {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(a.Window.rank, b.Window.rank) })
	return &View{parts: parts, mode: mode, cache: map[*metric.Selector]*selection{}, matched: map[string]bool{}}
}

// Fill says that the program reads low until a window of so many milliseconds is
// filled: targets of which it is not are left out, as CoverageOver counts them.
func (v *View) Fill(full int64) { v.full = full }

// Begin starts an evaluation at the time given, in milliseconds.
func (v *View) Begin(now int64) {
	v.now, v.lookback, v.oldest, v.window, v.empty = now, 0, 0, 0, v.empty[:0]
	clear(v.matched)
	for _, p := range v.parts {
		p.Window.mu.RLock()
		v.lookback = max(v.lookback, p.Window.lookback())
	}
}

// End ends the evaluation; series from Select are no longer to be read. Their
// labels stay what they are.
func (v *View) End() {
	if v.scratch != nil {
		for _, s := range v.given {
			clear(s.series)
			v.scratch.spare = append(v.scratch.spare, s.series[:0])
			s.series = nil
		}
		clear(v.scratch.shown)
		scratches.Put(v.scratch)
		v.scratch, v.given = nil, v.given[:0]
	}
	for _, p := range v.parts {
		p.Window.mu.RUnlock()
	}
}

// Lookback returns the longest lookback of the windows since Begin, in milliseconds.
func (v *View) Lookback() int64 { return v.lookback }

// Oldest returns the oldest newest-sample among the live series that were
// selected since Begin, in milliseconds; 0 where there were none.
func (v *View) Oldest() int64 { return v.oldest }

// Window returns the longest range selected since Begin, in milliseconds.
func (v *View) Window() int64 { return v.window }

// Empty returns the selectors that matched no series since Begin. Of the shapes
// of one histogram, x_bucket and x, none is empty where the other matched.
func (v *View) Empty() []*metric.Selector {
	return slices.DeleteFunc(slices.Clone(v.empty), func(sel *metric.Selector) bool {
		return v.matched[sel.Name+bucketSuffix] || strings.HasSuffix(sel.Name, bucketSuffix) && v.matched[strings.TrimSuffix(sel.Name, bucketSuffix)]
	})
}

const bucketSuffix = "_bucket"

// Select returns the series that match, in label order, with all rows kept.
// The slice is valid until End.
func (v *View) Select(sel *metric.Selector) []metric.Series {
	v.Count(sel)
	return v.Series(sel)
}

// Count returns how many series Select gives and how many rows they have in all.
// For Oldest, Window and Empty the selector counts as selected.
func (v *View) Count(sel *metric.Selector) (series, rows int) {
	v.window = max(v.window, sel.Range)
	for _, e := range v.selection(sel).entries {
		t := &v.scratch.shown[e.target]
		if t.rows == 0 {
			continue
		}
		series++
		rows += t.rows
		if t.live && (v.oldest == 0 || t.newest < v.oldest) && sample(t.column(e.column), t.histograms[e.column], t.rows-1) {
			v.oldest = t.newest
		}
	}
	if series == 0 {
		v.empty = append(v.empty, sel)
	} else {
		v.matched[sel.Name] = true
	}
	return series, rows
}

// Series returns what Select does, of a selector that was counted.
func (v *View) Series(sel *metric.Selector) []metric.Series {
	s := v.selection(sel)
	if s.series != nil {
		return s.series
	}
	out := v.scratch.take(len(s.entries))
	for _, e := range s.entries {
		t := &v.scratch.shown[e.target]
		if t.rows == 0 {
			continue
		}
		one := metric.Series{Labels: v.scratch.join.labels(t.target, e.column), T: t.t[:t.rows], F: t.column(e.column)[:t.rows]}
		if h := t.histograms[e.column]; h != nil {
			one.H = h[:t.rows]
		}
		out = append(out, one)
	}
	s.series = out
	v.given = append(v.given, s)
	return out
}

// selection returns what a selector matches, and makes the scratch ready.
func (v *View) selection(sel *metric.Selector) *selection {
	if v.scratch == nil {
		v.scratch = scratches.Get().(*scratch)
		v.show()
	}
	s, ok := v.cache[sel]
	if !ok {
		if len(v.cache) >= maxSelections {
			clear(v.cache)
		}
		s = &selection{generations: make([]uint64, len(v.parts))}
		v.cache[sel] = s
	}
	if !ok || !s.current(v.parts) {
		s.resolve(v.parts, sel, v.scratch)
	}
	return s
}

// show decides what is shown of each target.
func (v *View) show() {
	shown := v.scratch.shown[:0]
	for _, p := range v.parts {
		w := p.Window
		for _, t := range w.listed {
			one := shownTarget{target: t, live: !t.departed, rows: len(t.t), newest: t.newest()}
			switch {
			case v.mode == Covered && one.live && (!w.covered(t, v.now) || w.filling(t, v.now, v.full) > 0):
				one.rows = 0
			case v.mode == Past:
				one.rows, _ = slices.BinarySearch(t.t, v.now)
			}
			if one.rows > 0 {
				one.newest = t.t[one.rows-1]
			}
			shown = append(shown, one)
		}
	}
	v.scratch.shown = shown
}

// A shownTarget is what an evaluation sees of a target.
type shownTarget struct {
	*target
	live   bool
	rows   int   // the first ones; 0 hides the target
	newest int64 // of these rows
}

// A scratch is what Views need during an evaluation. They take turns with it.
type scratch struct {
	shown []shownTarget // of all windows of the View, one after the other
	found []found
	join  joiner
	spare [][]metric.Series
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// take returns an empty slice that has room for n series.
func (s *scratch) take(n int) []metric.Series {
	var out []metric.Series
	if last := len(s.spare) - 1; last >= 0 {
		out, s.spare = s.spare[last], s.spare[:last]
	}
	return slices.Grow(out, max(n, 1))
}

// A selection is the series of one selector, found anew when series or
// targets come or go.
type selection struct {
	generations []uint64
	entries     []entry
	series      []metric.Series // nil until they are asked for, and after End
}

// An entry is a series, by the place of its target among those of all windows.
type entry struct{ target, column uint32 }

// found is an entry that is being sorted.
type found struct {
	entry
	labels labels.Labels
}

func (s *selection) current(parts []Part) bool {
	for i, p := range parts {
		if s.generations[i] != p.Window.generation {
			return false
		}
	}
	return true
}

func (s *selection) resolve(parts []Part, sel *metric.Selector, by *scratch) {
	all := by.found[:0]
	place := uint32(0)
	for i, p := range parts {
		s.generations[i] = p.Window.generation
		for _, t := range p.Window.listed {
			for _, c := range t.matching(sel, p.Matchers) {
				all = append(all, found{entry{place, c}, by.join.labels(t, c)})
			}
			place++
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		if c := labels.Compare(a.labels, b.labels); c != 0 {
			return c
		}
		return cmp.Compare(by.shown[a.target].ID, by.shown[b.target].ID)
	})
	s.entries = make([]entry, len(all))
	for i := range all {
		s.entries[i] = all[i].entry
	}
	clear(all)
	by.found = all
}

// matching returns the columns that match.
func (t *target) matching(sel *metric.Selector, also []*labels.Matcher) []uint32 {
	columns := t.byName[sel.Name]
	if len(columns) == 0 {
		return nil
	}
	var own []*labels.Matcher
	for _, m := range slices.Concat(sel.Matchers, also) {
		switch {
		case !t.lends(m.Name):
			own = append(own, m)
		case !m.Matches(t.Labels.Get(m.Name)):
			return nil
		}
	}
	var out []uint32
	for _, c := range columns {
		if matchAll(own, t.series[c]) {
			out = append(out, c)
		}
	}
	return out
}

func matchAll(matchers []*labels.Matcher, lset labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return false
		}
	}
	return true
}
