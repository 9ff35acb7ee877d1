package window

import (
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// reserved is for how many rows a target makes room at once, if so many are
// wanted; beyond, its room grows with the rows.
const reserved = 64

// A target is the rows of one endpoint.
type target struct {
	metric.Target
	edition  uint64         // another whenever its labels or series are
	lent     []labels.Label // what it lends to each of its series, by name
	bare     bool           // its series have the labels of the batch and no others
	departed bool
	// ended: it is listed and has departed all the same, until it answers.
	ended bool
	// first is the time of the first row ever, and resumed that of the last one
	// that ended a silence; 0 for none.
	first, resumed int64
	// awaited is since when it is expected.
	awaited int64
	// left is the time of the last row that is a departure and not an answer; 0 for
	// none.
	left int64
	// partial is the time of the last row whose body was not read whole; 0 for none.
	partial int64
	// changes of the wants since the oldest row: of rows up to the one that made
	// it wanted nothing is known for a series that is new.
	changes []wantsChange
	// dropped are the series that had a column; nil for none.
	dropped *dropped

	// t holds the rows' times, oldest first. A column's values lie at the same
	// offsets.
	t []int64
	// series are the columns: of each the labels that it has of itself.
	series []labels.Labels
	byName map[string][]uint32 // columns
	// values are those of the first column, of the second, and so on, stride
	// of each. Behind the rows they hold what a row gets that has no sample, so
	// that one is added by its time alone.
	values []float64
	stride int
	// histograms are those of the columns that ever had one, stride of each.
	histograms map[uint32][]*histogram.FloatHistogram

	// table is the numbering of the last batch, ids maps it to columns, counted
	// from 1; 0 where a number was not used since.
	table *metric.Table
	ids   []uint32
}

// A wantsChange is a change of the wants as a target saw it.
type wantsChange struct {
	number uint64
	newest int64 // the time of its newest row then
}

// changed notes that the wants have changed.
func (t *target) changed(number uint64) {
	t.changes = slices.DeleteFunc(t.changes, func(c wantsChange) bool { return c.newest < t.t[0] })
	if len(t.t) > 0 {
		t.changes = append(t.changes, wantsChange{number, t.newest()})
	}
}

// notKept returns of how many of the oldest rows nothing is known for a new
// column, whose first sample is that of the newest row. The others were scraped
// while it was wanted, after the last partial body and the last departure, and it
// had never been seen. Partial is the time of that body, 0 for none.
func (t *target) notKept(c uint32, w wants, partial int64, join *joiner) int {
	if t.dropped.has(t.series[c]) {
		return len(t.t) - 1
	}
	rows := t.notWanted(c, w, join)
	if at := max(t.left, partial); at != 0 {
		rows = max(rows, t.upTo(at))
	}
	return rows
}

// upTo returns how many rows are not newer than a time.
func (t *target) upTo(at int64) int {
	rows, _ := slices.BinarySearch(t.t, at+1)
	return rows
}

// notWanted returns how many of the oldest rows were scraped before a column was
// wanted.
func (t *target) notWanted(c uint32, w wants, join *joiner) int {
	if last := len(t.changes) - 1; last >= 0 && t.changes[last].newest >= t.t[0] {
		since := w.since(join.labels(t, c), t.changes[last].number)
		for ; last >= 0 && t.changes[last].number >= since; last-- {
			if t.changes[last].number == since {
				return t.upTo(t.changes[last].newest)
			}
		}
	}
	return 0
}

// describe makes the target the one that is given; its rows stay.
func (t *target) describe(d metric.Target) {
	if t.lent == nil || t.ID != d.ID || !labels.Equal(t.Labels, d.Labels) {
		t.edition = editions.Add(1)
		t.lent = make([]labels.Label, 0, d.Labels.Len())
		d.Labels.Range(func(l labels.Label) { t.lent = append(t.lent, l) })
	}
	t.Target = d
}

// clear drops all rows.
func (t *target) clear() {
	for c := range t.series {
		t.drop(uint32(c))
	}
	*t = target{Target: t.Target, edition: editions.Add(1), lent: t.lent, bare: t.bare, departed: t.departed, ended: t.ended, dropped: t.dropped}
}

func (t *target) newest() int64 {
	if len(t.t) == 0 {
		return 0
	}
	return t.t[len(t.t)-1]
}

// append adds a row and drops old ones. It reports whether series came or went.
func (t *target) append(b metric.Batch, w *Window) (changed bool) {
	if len(t.t) == 0 {
		t.first = b.Time
	}
	t.cut(b.Time - w.retention)
	t.addRow(b.Time, w.room())
	if t.table != b.Table {
		changed = t.forget()
		t.table, t.ids = b.Table, nil
	}
	if t.number(b, w) {
		changed = true
	}
	row := len(t.t) - 1
	for i, id := range b.IDs {
		c := t.ids[id] - 1
		f := t.column(c)
		if metric.IsUnknown(f[row]) { // it was lost
			fill(f[row+1:], metric.Absent)
		}
		f[row] = b.Values[i]
		if b.Histograms != nil && b.Histograms[i] != nil {
			f[row] = metric.Absent
			t.setHistogram(c, row, b.Histograms[i])
		}
	}
	if b.Partial {
		t.partial = b.Time
	}
	return changed
}

func (t *target) setHistogram(c uint32, row int, h *histogram.FloatHistogram) {
	if t.histograms == nil {
		t.histograms = map[uint32][]*histogram.FloatHistogram{}
	}
	if t.histograms[c] == nil {
		t.histograms[c] = make([]*histogram.FloatHistogram, t.stride)
	}
	t.histograms[c][row] = h
}

// number makes sure that each series of a batch has a column. It reports whether
// it added any.
func (t *target) number(b metric.Batch, w *Window) (added bool) {
	if n := len(b.Table.Series); n > len(t.ids) {
		t.ids = append(make([]uint32, 0, n), t.ids...)[:n]
	}
	var find finder
	for _, id := range b.IDs {
		if t.ids[id] != 0 {
			continue
		}
		if find.columns == nil {
			find = newFinder(t.series)
		}
		own := b.Table.Series[id]
		if !t.bare {
			own = w.names.own(b.Table.Series, id)
		}
		t.ids[id] = find.column(own) + 1
	}
	if len(find.series) <= len(t.series) {
		return false
	}
	partial := t.partial
	if b.Partial {
		partial = 0 // that is how the target is
	}
	t.add(find.series[len(t.series):], w.wants, partial)
	return true
}

// A finder finds columns by their labels, and numbers those that are new.
type finder struct {
	series  []labels.Labels
	columns map[uint64]uint32 // by hash of the labels
}

func newFinder(series []labels.Labels) finder {
	f := finder{series: slices.Clip(series), columns: make(map[uint64]uint32, len(series))}
	for c, own := range series {
		f.columns[own.Hash()] = uint32(c)
	}
	return f
}

func (f *finder) column(own labels.Labels) uint32 {
	hash := own.Hash()
	c, ok := f.columns[hash]
	if ok && !labels.Equal(f.series[c], own) { // two of one hash
		place := slices.IndexFunc(f.series, func(other labels.Labels) bool { return labels.Equal(other, own) })
		c, ok = uint32(place), place >= 0
	}
	if !ok {
		c = uint32(len(f.series))
		f.columns[hash] = c
		f.series = append(f.series, own)
	}
	return c
}

// add adds columns. In rows before it a new series was absent, or unknown where
// it was not asked for, up to where the target was gone or the last body was
// partial, and in all of them if it had a column once.
func (t *target) add(series []labels.Labels, w wants, partial int64) {
	from, n := len(t.series), len(t.series)+len(series)
	if n > cap(t.series) || n*t.stride > cap(t.values) {
		room := n + from/16 // what comes one by one gets a bit more
		t.series = append(make([]labels.Labels, 0, room), t.series...)
		t.values = append(make([]float64, 0, room*t.stride), t.values...)
	}
	t.series, t.values = append(t.series, series...), t.values[:n*t.stride]
	var join joiner
	for c := from; c < n; c++ {
		f, unknown := t.column(uint32(c)), t.notKept(uint32(c), w, partial, &join)
		fill(f[:unknown], metric.Unknown)
		fill(f[unknown:], metric.Absent)
	}
	t.index()
}

// column returns the values of a column: its rows, and what is behind them.
func (t *target) column(c uint32) []float64 {
	return t.values[int(c)*t.stride:][:t.stride:t.stride]
}

func fill(f []float64, v float64) {
	for i := range f {
		f[i] = v
	}
}

// addRow adds a row without samples. Where there is no room for it, room is made
// as much as is wanted, or more.
func (t *target) addRow(at int64, room int) {
	if len(t.t) == t.stride {
		grown := max(t.stride+t.stride/2, min(room, reserved), 4)
		if t.stride < room {
			grown = min(grown, room)
		}
		t.rebuild(t.those(func(uint32) bool { return true }), grown)
	}
	t.t = append(t.t, at)
}

// cut drops rows before keep once they are a quarter of all, or there is no room
// for another, so that the cost of moving the rest is spread over the scrapes.
// One row before keep stays: it is the base of an increase.
func (t *target) cut(keep int64) {
	n, _ := slices.BinarySearch(t.t, keep)
	n--
	if n <= 0 || 4*n < len(t.t) && len(t.t) < t.stride {
		return
	}
	rows := len(t.t) - n
	t.t = slices.Delete(t.t, 0, n)
	for i := range t.series {
		f, h := t.column(uint32(i)), t.histograms[uint32(i)]
		ended := endedBefore(f, h, n)
		copy(f, f[n:])
		fill(f[rows:], metric.Absent)
		if h != nil {
			copy(h, h[n:])
			clear(h[rows:])
		}
		if sample(f, h, 0) {
			continue
		}
		first := 0
		for first < rows && !sample(f, h, first) {
			first++
		}
		switch {
		case first == rows: // it is lost
			fill(f, metric.Unknown)
		case ended:
			fill(f[:first], metric.Unknown)
		}
	}
}

// sample reports whether a row of a column has a sample.
func sample(f []float64, h []*histogram.FloatHistogram, row int) bool {
	return metric.IsSample(f[row]) || h != nil && h[row] != nil
}

// endedBefore reports whether a column has no sample at a row, but had some
// before: if it returns, it does not begin at 0.
func endedBefore(f []float64, h []*histogram.FloatHistogram, row int) bool {
	for i := row; i >= 0; i-- {
		if sample(f, h, i) {
			return i < row
		}
	}
	return false
}

// lost reports whether a column had samples, and none of them is kept. When it
// returns, it is not a counter that began at 0, so its rows are unknown rather
// than absent, and so are those to come until then.
func (t *target) lost(c uint32) bool {
	return len(t.t) > 0 && metric.IsUnknown(t.column(c)[len(t.t)-1])
}

// forget drops the series that are lost, as the parser that numbered them did.
// It reports whether there were any.
func (t *target) forget() bool {
	kept := t.those(func(c uint32) bool { return !t.lost(c) })
	if len(kept) == len(t.series) {
		return false
	}
	t.rebuild(kept, t.stride)
	return true
}

// keepOnly drops the columns that wanted does not name, and the room that is not
// wanted any more.
func (t *target) keepOnly(wanted func(labels.Labels) bool, room int) {
	var join joiner
	kept := t.those(func(c uint32) bool { return wanted(join.labels(t, c)) })
	stride := t.stride
	if room > 0 {
		stride = min(stride, max(room, len(t.t)))
	}
	t.rebuild(kept, stride)
	t.table, t.ids = nil, nil
}

// those returns the columns to keep.
func (t *target) those(keep func(c uint32) bool) []uint32 {
	kept := make([]uint32, 0, len(t.series))
	for c := range uint32(len(t.series)) {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// rebuild copies the columns that are kept, in order, to a block with a stride.
func (t *target) rebuild(kept []uint32, stride int) {
	for next, c := 0, uint32(0); int(c) < len(t.series); c++ {
		if next < len(kept) && kept[next] == c {
			next++
		} else {
			t.drop(c)
		}
	}
	old := *t
	rows := len(old.t)
	t.t, t.stride = append(make([]int64, 0, stride), old.t...), stride
	t.series = make([]labels.Labels, len(kept))
	t.values = make([]float64, len(kept)*stride)
	t.histograms = nil
	for i, c := range kept {
		t.series[i] = old.series[c]
		f := t.column(uint32(i))
		copy(f, old.column(c)[:rows])
		fill(f[rows:], metric.Absent)
		if old.lost(c) {
			fill(f[rows:], metric.Unknown)
		}
		for row, h := range old.histograms[c] {
			if h != nil {
				t.setHistogram(uint32(i), row, h)
			}
		}
	}
	if len(kept) < len(old.series) {
		t.table, t.ids = nil, nil
		t.index()
	}
}

// index lists the columns by the names of their series.
func (t *target) index() {
	t.edition = editions.Add(1)
	t.byName = map[string][]uint32{}
	for c, own := range t.series {
		name := own.Get(labels.MetricName)
		t.byName[name] = append(t.byName[name], uint32(c))
	}
	for name, columns := range t.byName {
		t.byName[name] = slices.Clip(columns)
	}
}

// depart ends all series: a last row without samples.
func (t *target) depart(at int64) {
	t.departed = true
	if len(t.t) == 0 {
		return
	}
	// Before the scrape that its heir may get at this very time.
	t.left = max(at-1, t.newest()+1)
	t.addRow(t.left, t.stride+1)
}
