package window

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

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

// End ends the evaluation; series from Select are no longer to be read.
func (v *View) End() {
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
// The slice is valid until the same selector is asked for again.
func (v *View) Select(sel *metric.Selector) []metric.Series {
	s, ok := v.cache[sel]
	if !ok {
		if len(v.cache) >= maxSelections {
			clear(v.cache)
		}
		s = &selection{generations: make([]uint64, len(v.parts))}
		v.cache[sel] = s
	}
	if !ok || !s.current(v.parts) {
		s.resolve(v.parts, sel)
	}
	v.window = max(v.window, sel.Range)
	s.series = s.series[:0]
	for _, e := range s.entries {
		w := v.parts[e.part].Window
		live := !e.target.departed
		if v.mode == Covered && live && (!w.covered(e.target, v.now) || w.filling(e.target, v.now, v.full) > 0) {
			continue
		}
		rows := len(e.target.t)
		if v.mode == Past {
			rows, _ = slices.BinarySearch(e.target.t, v.now)
		}
		if rows == 0 {
			continue
		}
		out := metric.Series{Labels: e.column.labels, T: e.target.t[:rows], F: e.column.f[:rows]}
		if e.column.h != nil {
			out.H = e.column.h[:rows]
		}
		s.series = append(s.series, out)
		if live && (metric.IsSample(out.F[rows-1]) || out.H != nil && out.H[rows-1] != nil) {
			if newest := out.T[rows-1]; v.oldest == 0 || newest < v.oldest {
				v.oldest = newest
			}
		}
	}
	if len(s.series) == 0 {
		v.empty = append(v.empty, sel)
	} else {
		v.matched[sel.Name] = true
	}
	return s.series
}

// A selection is the series of one selector, found anew when series or
// targets come or go.
type selection struct {
	generations []uint64
	entries     []entry
	series      []metric.Series
}

type entry struct {
	part   int
	target *target
	column *column
}

func (s *selection) current(parts []Part) bool {
	for i, p := range parts {
		if s.generations[i] != p.Window.generation {
			return false
		}
	}
	return true
}

func (s *selection) resolve(parts []Part, sel *metric.Selector) {
	s.entries = s.entries[:0]
	for i, p := range parts {
		s.generations[i] = p.Window.generation
		for _, t := range p.Window.targets {
			for _, c := range t.byName[sel.Name] {
				if matchAll(sel.Matchers, c.labels) && matchAll(p.Matchers, c.labels) {
					s.entries = append(s.entries, entry{part: i, target: t, column: c})
				}
			}
		}
	}
	slices.SortFunc(s.entries, func(a, b entry) int {
		if c := labels.Compare(a.column.labels, b.column.labels); c != 0 {
			return c
		}
		return cmp.Compare(a.target.ID, b.target.ID)
	})
}

func matchAll(matchers []*labels.Matcher, lset labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return false
		}
	}
	return true
}
