// Package window keeps the last minutes of the series that some program wants.
//
// A Window belongs to one source. Each of its targets has a ring of
// timestamps, one row a scrape, that all series of the target share; a series
// is a column of values beside it. Rows of a column without a sample hold a
// marker: metric.Absent where the target answered without the series,
// metric.Unknown where the series was not kept at that time.
//
// A View reads one or several windows for one program.
package window

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
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
	targets    map[string]*target
	generation uint64 // grows whenever the set of series or targets changes
}

var ranks atomic.Uint64

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
	next := newWants(selectors)
	w.mu.Lock()
	defer w.mu.Unlock()
	if next.equal(w.wants) {
		return false
	}
	w.wants = next
	w.retention = next.retention(w.lookback())
	for _, t := range w.targets {
		t.keepOnly(next.wantsSeries)
		t.wantsSince = t.newest()
	}
	w.generation++
	return true
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
	for _, d := range targets {
		t, ok := w.targets[d.ID]
		if !ok {
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
			t.relabel(d.Labels)
			w.generation++
		}
		t.Target = d
	}
	for id, t := range w.targets {
		if t.departed && !listed[id] && t.newest() < at-w.retention {
			delete(w.targets, id)
			w.generation++
		}
	}
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
	return &target{Target: d, bare: w.results, byName: map[string][]*column{}}
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
	for id, t := range w.targets {
		w.targets[id] = t.empty()
	}
	w.generation++
}

// Drop drops the rows of one target.
func (w *Window) Drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.targets[id]; t != nil {
		w.targets[id] = t.empty()
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
	if t.append(b, b.Time-w.retention) {
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
		series += len(t.columns)
		samples += len(t.columns) * len(t.t)
	}
	return targets, series, samples
}

// A target is the rows of one endpoint.
type target struct {
	metric.Target
	bare     bool // its series have the labels of the batch and no others
	departed bool
	// ended: it is listed and has departed all the same, until it answers.
	ended bool
	// first is the time of the first row ever, and resumed that of the last one
	// that ended a silence; 0 for none.
	first, resumed int64
	// wantsSince is the newest row's time when the wants last changed: of rows
	// up to it nothing is known for a series that is new.
	wantsSince int64

	// t holds the rows' times, oldest first. Column values lie at the same
	// offsets: all grow and are cut together.
	t       []int64
	columns []*column
	byName  map[string][]*column

	// table is the numbering of the last batch, ids maps it to columns, nil
	// where a number was not used since.
	table *metric.Table
	ids   []*column
}

// A column is one series.
type column struct {
	labels labels.Labels
	hash   uint64
	// lost: it had samples, and none of them is kept. When it returns, it is not
	// a counter that began at 0, so its rows are unknown rather than absent.
	lost bool
	f    []float64
	h    []*histogram.FloatHistogram // nil until the first histogram
}

// empty returns the target without rows.
func (t *target) empty() *target {
	return &target{Target: t.Target, bare: t.bare, departed: t.departed, ended: t.ended, byName: map[string][]*column{}}
}

func (t *target) newest() int64 {
	if len(t.t) == 0 {
		return 0
	}
	return t.t[len(t.t)-1]
}

// append adds a row and drops old ones. It reports whether series came or went.
func (t *target) append(b metric.Batch, keep int64) (changed bool) {
	if len(t.t) == 0 {
		t.first = b.Time
	}
	t.cut(keep)
	t.addRow(b.Time)
	if t.table != b.Table {
		changed = t.forget() || changed
		t.table, t.ids = b.Table, t.ids[:0]
	}
	for len(t.ids) < len(b.Table.Series) {
		t.ids = append(t.ids, nil)
	}
	row := len(t.t) - 1
	for i, id := range b.IDs {
		c := t.ids[id]
		if c == nil {
			var added bool
			c, added = t.column(t.seriesLabels(b.Table.Series[id]))
			t.ids[id] = c
			changed = changed || added
		}
		c.f[row], c.lost = b.Values[i], false
		if b.Histograms != nil && b.Histograms[i] != nil {
			c.setHistogram(row, b.Histograms[i])
		}
	}
	return changed
}

func (t *target) seriesLabels(given labels.Labels) labels.Labels {
	if t.bare {
		return given
	}
	return t.SeriesLabels(given)
}

// relabel gives the series other labels of their target: it is the same target,
// and they go on.
func (t *target) relabel(of labels.Labels) {
	for _, c := range t.columns {
		b := labels.NewBuilder(c.labels)
		t.Labels.Range(func(l labels.Label) { b.Del(l.Name) })
		of.Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
		c.labels = b.Labels()
		c.hash = c.labels.Hash()
	}
}

// addRow adds a row without samples.
func (t *target) addRow(at int64) {
	t.t = append(t.t, at)
	for _, c := range t.columns {
		c.f = append(c.f, c.nothing())
		if c.h != nil {
			c.h = append(c.h, nil)
		}
	}
}

// nothing is the marker of a row without a sample.
func (c *column) nothing() float64 {
	if c.lost {
		return metric.Unknown
	}
	return metric.Absent
}

func (c *column) setHistogram(row int, h *histogram.FloatHistogram) {
	if c.h == nil {
		c.h = make([]*histogram.FloatHistogram, len(c.f), cap(c.f))
	}
	c.h[row] = h
	c.f[row] = metric.Absent
}

// column returns the column of a series, adding one where it is new. In rows
// before it a new series was absent, or unknown where it was not asked for.
func (t *target) column(lset labels.Labels) (c *column, added bool) {
	name, hash := lset.Get(labels.MetricName), lset.Hash()
	for _, c := range t.byName[name] {
		if c.hash == hash && labels.Equal(c.labels, lset) {
			return c, false
		}
	}
	c = &column{labels: lset, hash: hash, f: make([]float64, len(t.t), cap(t.t))}
	for i, at := range t.t {
		if at <= t.wantsSince {
			c.f[i] = metric.Unknown
		} else {
			c.f[i] = metric.Absent
		}
	}
	t.columns = append(t.columns, c)
	t.byName[name] = append(t.byName[name], c)
	return c, true
}

// cut drops rows before keep once they are a quarter of all, so that the cost
// of moving the rest is spread over the scrapes. One row before keep stays: it
// is the base of an increase.
func (t *target) cut(keep int64) {
	n, _ := slices.BinarySearch(t.t, keep)
	n--
	if n <= 0 || 4*n < len(t.t) {
		return
	}
	t.t = slices.Delete(t.t, 0, n)
	for _, c := range t.columns {
		ended := c.endedBefore(n)
		c.f = slices.Delete(c.f, 0, n)
		if c.h != nil {
			c.h = slices.Delete(c.h, 0, n)
		}
		if !c.lost && c.empty() {
			c.lost, ended = true, true
		}
		for i := 0; ended && i < len(c.f) && !c.sample(i); i++ {
			c.f[i] = metric.Unknown
		}
	}
}

// forget drops the series that are lost, as the parser that numbered them did.
// It reports whether there were any.
func (t *target) forget() bool {
	if !slices.ContainsFunc(t.columns, func(c *column) bool { return c.lost }) {
		return false
	}
	t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return c.lost })
	t.reindex()
	return true
}

// empty reports whether the column has no sample in any row.
func (c *column) empty() bool {
	for i := len(c.f) - 1; i >= 0; i-- {
		if c.sample(i) {
			return false
		}
	}
	return true
}

// sample reports whether a row has a sample.
func (c *column) sample(row int) bool {
	return metric.IsSample(c.f[row]) || c.h != nil && c.h[row] != nil
}

// endedBefore reports whether the column has no sample at a row, but had some
// before: if it returns, it does not begin at 0.
func (c *column) endedBefore(row int) bool {
	for i := row; i >= 0; i-- {
		if c.sample(i) {
			return i < row
		}
	}
	return false
}

// keepOnly drops the columns that wanted does not name.
func (t *target) keepOnly(wanted func(labels.Labels) bool) {
	t.columns = slices.DeleteFunc(t.columns, func(c *column) bool { return !wanted(c.labels) })
	t.reindex()
}

func (t *target) reindex() {
	t.columns = slices.Clip(t.columns)
	t.table, t.ids = nil, nil
	t.byName = make(map[string][]*column, len(t.byName))
	for _, c := range t.columns {
		name := c.labels.Get(labels.MetricName)
		t.byName[name] = append(t.byName[name], c)
	}
}

// depart ends all series: a last row without samples.
func (t *target) depart(at int64) {
	t.departed = true
	if len(t.t) == 0 {
		return
	}
	// Before the scrape that its heir may get at this very time.
	t.addRow(max(at-1, t.newest()+1))
}
