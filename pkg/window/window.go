// Package window keeps the last minutes of the series that some program wants.
//
// A Window belongs to one source. Each of its targets has a ring of
// timestamps, one row a scrape, that all series of the target share; a series
// is a column of values beside it. All columns of a target lie in one block,
// which has room for as many rows as the retention wants, and are cut together.
// Of its labels a series keeps those that it has of itself, which are one text
// for all targets of a fleet; those that the target lends are put beside them
// for an evaluation only. Rows of a column without a sample hold a
// marker: metric.Absent where the target answered without the series,
// metric.Unknown where the series was not kept at that time, or the target was gone
// and the series had not been seen.
//
// A View reads one or several windows for one program.
package window

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Window holds the kept series of one source. One goroutine changes it; any
// number may read it through Views.
type Window struct {
	// rank orders the windows of a process: a View that reads several locks
	// them in this order.
	rank uint64
	// results: the targets are metrics, the rows what they returned.
	results bool

	mu         changes
	interval   int64 // ms between two scrapes
	retention  int64 // ms that rows are kept behind a target's newest
	wants      wants
	change     uint64 // how often they changed
	targets    map[string]*target
	listed     []*target // the same, by ID
	names      renamed
	generation uint64 // grows whenever the set of series or targets changes
}

var ranks, editions atomic.Uint64

// New returns an empty window for a source that is scraped every interval
// milliseconds. With an interval of 0 it is not for a source but for what
// metrics returned: their series keep the labels that they have, and none of
// the targets continues another.
func New(interval int64) *Window {
	return &Window{rank: ranks.Add(1), results: interval == 0, interval: interval, targets: map[string]*target{}}
}

// SetInterval changes the time between two scrapes.
func (w *Window) SetInterval(interval int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interval = interval
	w.retention = w.wants.retention(w.lookback())
}

// Lookback returns how far back an instant looks for its sample, in
// milliseconds: two intervals, and 10 s at least.
func (w *Window) Lookback() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.lookback()
}

func (w *Window) lookback() int64 { return max(2*w.interval, 10_000) }

// SetWants says which series are to be kept and for how long. Series that
// nobody wants any more are dropped. It reports whether anything changed: then
// parsers have to ask Wanted again.
func (w *Window) SetWants(selectors []metric.Selector) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := newWants(selectors, w.wants, w.change+1)
	if next.equal(w.wants) {
		return false
	}
	w.wants = next
	w.change++
	w.retention = next.retention(w.lookback())
	for _, t := range w.targets {
		t.keepOnly(next.wantsSeries, w.room())
		t.changed(w.change)
	}
	w.generation++
	return true
}

// room returns how many rows a target needs room for: those that are kept, with
// the base of an increase, and some that may be cut, so that not every scrape
// moves the rest. It is 0 where nobody knows.
func (w *Window) room() int {
	if w.interval == 0 {
		return 0
	}
	kept := int(w.retention/w.interval) + 2
	return kept + max(2, kept/4)
}

// Wanted reports whether a series with these scraped labels, those of the
// target not yet added, is kept.
func (w *Window) Wanted(scraped labels.Labels) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.wants.wantsScraped(scraped)
}

// SetTargets makes targets those of the source. A target that is not among
// them departs at the time given: its instants end, its rows stay until they
// leave the retention. One that is terminating when it is first seen has
// departed until it answers, and one that Depart ended stays so, too.
func (w *Window) SetTargets(targets []metric.Target, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	listed := make(map[string]bool, len(targets))
	for _, d := range targets {
		listed[d.ID] = true
	}
	for id, t := range w.targets {
		if listed[id] {
			continue
		}
		t.ended = false
		if !t.departed {
			t.depart(at)
			w.generation++
		}
	}
	others := false
	for _, d := range targets {
		t, ok := w.targets[d.ID]
		if !ok {
			others = true
			t = w.heir(d, listed)
			t.ended = d.Terminating
			t.departed = t.departed || t.ended
			w.targets[d.ID] = t
			w.generation++
		}
		t.ended = t.ended && d.Terminating
		if t.departed && !t.ended {
			t.departed = false
			w.generation++
		}
		if !labels.Equal(t.Labels, d.Labels) {
			w.generation++
		}
		if d.Expected && !t.Expected {
			t.awaited = at
		}
		t.describe(d)
	}
	for id, t := range w.targets {
		if t.departed && !listed[id] && t.newest() < at-w.retention {
			delete(w.targets, id)
			w.generation++
			others = true
		}
	}
	if others {
		w.list()
	}
}

// list brings the list of the targets up to date.
func (w *Window) list() {
	w.listed = slices.SortedFunc(maps.Values(w.targets), func(a, b *target) int { return strings.Compare(a.ID, b.ID) })
}

// heir returns the rows for a new target: those of a departed one with the
// same labels, whose series it continues, or none.
func (w *Window) heir(d metric.Target, listed map[string]bool) *target {
	for id, t := range w.targets {
		if t.departed && !listed[id] && !w.results && labels.Equal(t.Labels, d.Labels) {
			delete(w.targets, id)
			return t
		}
	}
	return &target{bare: w.results}
}

// Depart ends a target that is still listed, such as that of a terminating pod
// that does not answer any more: it departs at the time given, and is there
// again from its next Append on. It reports whether the target was there.
func (w *Window) Depart(id string, at int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.targets[id]
	if t == nil || t.departed {
		return false
	}
	t.depart(at)
	t.ended = true
	w.generation++
	return true
}

// Clear drops all rows; targets and wants stay.
func (w *Window) Clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.targets {
		t.clear()
	}
	w.generation++
}

// Drop drops the rows of one target.
func (w *Window) Drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.targets[id]; t != nil {
		t.clear()
		w.generation++
	}
}

// Append adds a scrape of a target; one that Depart ended is there again. A
// batch that is not newer than the target's newest row, or whose target is gone,
// is refused with an error.
func (w *Window) Append(id string, b metric.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.targets[id]
	if !ok || t.departed && !t.ended {
		return fmt.Errorf("target %s is gone", id)
	}
	if len(t.t) > 0 && b.Time <= t.newest() {
		return fmt.Errorf("scrape of %s at %d ms is not newer than the one before at %d ms", id, b.Time, t.newest())
	}
	if t.ended {
		t.ended, t.departed = false, false
		w.generation++
	}
	w.resumes(t, b.Time)
	if t.append(b, w) {
		w.generation++
	}
	return nil
}

// Oldest returns the time of the first row that any live target has, in
// milliseconds, and false where there is none.
func (w *Window) Oldest() (int64, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	first, ok := int64(0), false
	for _, t := range w.targets {
		if len(t.t) > 0 && (!ok || t.first < first) {
			first, ok = t.first, true
		}
	}
	return first, ok
}

// Size counts what is kept: targets, series and samples (rows of all series).
func (w *Window) Size() (targets, series, samples int) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, t := range w.targets {
		targets++
		series += len(t.series)
		samples += len(t.series) * len(t.t)
	}
	return targets, series, samples
}
