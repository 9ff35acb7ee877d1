package window

import (
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
	parts  []Part
	of     *Selections
	cache  map[*metric.Selector]*viewed
	sight  *sight // nil before the first selector since Begin
	lent   *scratch
	full   int64
	now    int64
	oldest int64
	window int64

	lookback int64
	empty    []*metric.Selector
	matched  map[string]bool // names of which a series matched
}

// viewed is what one View has of a selection.
type viewed struct {
	*selection
	asked  bool            // since Begin
	series []metric.Series // nil until they are asked for, and after End
	bare   []metric.Series // the same without labels
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

// NewView returns a view of the parts that shares its selections with no other.
func NewView(mode Mode, parts ...Part) *View { return NewSelections(mode, parts...).View() }

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
	for sel, c := range v.cache {
		if !c.asked {
			delete(v.cache, sel)
			continue
		}
		v.lent.give(c.series)
		v.lent.give(c.bare)
		c.asked, c.series, c.bare = false, nil, nil
	}
	if v.lent != nil {
		scratches.Put(v.lent)
	}
	v.lent, v.sight = nil, nil
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
	s := v.selection(sel).selection
	c := v.of.count(v.sight, s)
	if c.oldest != 0 && (v.oldest == 0 || c.oldest < v.oldest) {
		v.oldest = c.oldest
	}
	if c.series == 0 {
		v.empty = append(v.empty, sel)
	} else {
		v.matched[sel.Name] = true
	}
	return c.series, c.rows
}

// Series returns what Select does, of a selector that was counted.
func (v *View) Series(sel *metric.Selector) []metric.Series {
	c := v.selection(sel)
	if c.series == nil {
		c.series = v.lent.take(len(c.entries))
		for _, e := range c.entries {
			if t := &v.sight.shown[e.target]; t.rows > 0 {
				c.series = append(c.series, t.seriesOf(e.column, v.lent.join.labels(t.target, e.column)))
			}
		}
	}
	return c.series
}

// Bare returns what Series does, but without the labels, which take longer to
// put together than most functions take for the values.
func (v *View) Bare(sel *metric.Selector) []metric.Series {
	c := v.selection(sel)
	if c.series != nil {
		return c.series
	}
	if c.bare == nil {
		c.bare = v.lent.take(len(c.entries))
		for _, e := range c.entries {
			if t := &v.sight.shown[e.target]; t.rows > 0 {
				c.bare = append(c.bare, t.seriesOf(e.column, labels.EmptyLabels()))
			}
		}
	}
	return c.bare
}

// selection returns what a selector matches, and makes ready what reading it
// takes.
func (v *View) selection(sel *metric.Selector) *viewed {
	if v.sight == nil {
		v.look()
	}
	if v.lent == nil {
		v.lent = scratches.Get().(*scratch)
	}
	c := v.cache[sel]
	if c == nil {
		if len(v.cache) >= maxSelections {
			clear(v.cache)
		}
		c = &viewed{selection: v.of.find(sel)}
		v.cache[sel] = c
	}
	if !c.asked {
		c.asked = true
		v.of.follow(c.selection)
	}
	return c
}

func (v *View) look() { v.sight = v.of.sight(v.now, v.full, v.Version()) }

// seriesOf returns the rows that are shown of a column.
func (t *shownTarget) seriesOf(c uint32, lset labels.Labels) metric.Series {
	s := metric.Series{Labels: lset, T: t.t[:t.rows], F: t.column(c)[:t.rows]}
	if h := t.histograms[c]; h != nil {
		s.H = h[:t.rows]
	}
	return s
}

// A scratch is what Views need during an evaluation. They take turns with it.
type scratch struct {
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

// give takes back what take gave.
func (s *scratch) give(series []metric.Series) {
	if series != nil {
		clear(series)
		s.spare = append(s.spare, series[:0])
	}
}
