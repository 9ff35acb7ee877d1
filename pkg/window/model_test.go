package window

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A model is what a Window should hold, kept without any of its shortcuts.
type model struct {
	t       *testing.T
	rnd     *rand.Rand
	w       *Window
	now     int64
	wants   []metric.Selector
	targets map[*target]*modelTarget // as long as the window has them
	views   []*View
}

// A modelTarget has every sample since its series was wanted last, and when each
// series was seen first, wanted or not.
type modelTarget struct {
	id        string
	listed    bool
	table     *metric.Table
	samples   map[string]map[int64]float64 // by series and time
	firstSeen map[string]int64
	from      int64 // up to which samples may be gone
}

const (
	modelTargets = 3
	modelSeries  = 12 // of each name
)

var modelNames = []string{"x", "y", "z"}

func newModel(t *testing.T, rnd *rand.Rand) *model {
	m := &model{t: t, rnd: rnd, w: New(5 * second), targets: map[*target]*modelTarget{}}
	shared := NewSelections(All, Part{Window: m.w})
	for range 2 {
		m.views = append(m.views, shared.View())
	}
	m.views = append(m.views, NewView(All, Part{Window: m.w}))
	m.changeWants()
	m.list()
	return m
}

// changeWants makes some of the names wanted, each for some time.
func (m *model) changeWants() {
	m.wants = nil
	for _, name := range modelNames {
		if m.rnd.IntN(3) > 0 {
			m.wants = append(m.wants, metric.Selector{Name: name, Range: int64(10+m.rnd.IntN(60)) * second})
		}
	}
	m.w.SetWants(m.wants)
	for _, t := range m.targets {
		for text := range t.samples {
			if !m.wanted(text) {
				delete(t.samples, text)
			}
		}
		t.table = &metric.Table{}
	}
}

func (m *model) wanted(text string) bool {
	return slices.ContainsFunc(m.wants, func(s metric.Selector) bool { return s.Name == text[:1] })
}

// list makes some targets those of the source; one that is replaced has another
// ID, and the same labels. What it continues then, the window decides.
func (m *model) list() {
	var targets []metric.Target
	for n := range modelTargets {
		if m.rnd.IntN(4) == 0 {
			continue
		}
		id := fmt.Sprintf("%d#%d", n, m.rnd.IntN(5)/4)
		targets = append(targets, metric.Target{ID: id, Labels: endpoint(fmt.Sprint(n)).Labels, Expected: true})
	}
	m.w.SetTargets(targets, m.now)
	before := m.targets
	m.targets = map[*target]*modelTarget{}
	for id, t := range m.w.targets {
		known := before[t]
		if known == nil {
			known = &modelTarget{samples: map[string]map[int64]float64{}, firstSeen: map[string]int64{}}
		}
		if known.id != id {
			known.id, known.table = id, &metric.Table{}
		}
		known.listed = slices.ContainsFunc(targets, func(d metric.Target) bool { return d.ID == id })
		m.targets[t] = known
	}
}

// scrape appends what a target shows, in any order.
func (m *model) scrape(t *modelTarget) {
	if m.rnd.IntN(12) == 0 { // as a parser that forgets
		t.table = &metric.Table{}
	}
	var shown []string
	most := 1 + m.rnd.IntN(modelSeries)
	for _, name := range modelNames {
		for n := range most {
			if text := fmt.Sprintf("%s{l=%d}", name, n); m.rnd.IntN(4) > 0 {
				shown = append(shown, text)
			}
		}
	}
	m.rnd.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
	batch := metric.Batch{Time: m.now, Table: t.table}
	for _, text := range shown {
		if !m.wanted(text) {
			continue
		}
		lset := parse(text)
		id := slices.IndexFunc(t.table.Series, func(l labels.Labels) bool { return labels.Equal(l, lset) })
		if id < 0 {
			id = len(t.table.Series)
			t.table.Series = append(t.table.Series, lset)
		}
		v := m.rnd.Float64()
		batch.IDs, batch.Values = append(batch.IDs, uint32(id)), append(batch.Values, v)
		var h *histogram.FloatHistogram
		if m.rnd.IntN(8) == 0 {
			h = &histogram.FloatHistogram{Count: v}
		}
		batch.Histograms = append(batch.Histograms, h)
		if t.samples[text] == nil {
			t.samples[text] = map[int64]float64{}
		}
		t.samples[text][m.now] = v
		if _, ok := t.firstSeen[text]; !ok {
			t.firstSeen[text] = m.now
		}
	}
	if err := m.w.Append(t.id, batch); err != nil {
		m.t.Fatal(err)
	}
	t.from = max(t.from, m.now-m.w.retention)
}

// step lets something happen.
func (m *model) step() {
	m.now += 5 * second
	switch m.rnd.IntN(24) {
	case 0:
		m.changeWants()
	case 1, 2:
		m.list()
	case 3:
		if m.rnd.IntN(4) == 0 {
			m.w.Clear()
			for _, t := range m.targets {
				clear(t.samples)
			}
		}
	}
	for _, of := range m.w.listed {
		if t := m.targets[of]; t.listed && m.rnd.IntN(8) > 0 {
			m.scrape(t)
		}
	}
}

// check compares all that each view shows.
func (m *model) check() {
	m.t.Helper()
	for _, v := range m.views {
		if m.rnd.IntN(3) == 0 {
			continue // it has more to catch up with the next time
		}
		v.Begin(m.now)
		found := 0
		for i := range m.wants {
			series := v.Select(&m.wants[i])
			if !slices.IsSortedFunc(series, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) }) {
				m.t.Fatal("not in label order")
			}
			for _, s := range series {
				found += m.checkSeries(s)
			}
		}
		v.End()
		if want := m.count(); found != want {
			m.t.Fatalf("at %d s: %d samples of those that are to be kept, want %d", m.now/second, found, want)
		}
	}
}

// of returns the model's target of a series.
func (m *model) of(s metric.Series) *modelTarget {
	for of, t := range m.targets {
		if len(of.t) > 0 && &of.t[0] == &s.T[0] {
			return t
		}
	}
	m.t.Fatalf("%s is of no target", s.Labels)
	return nil
}

// checkSeries compares the rows of a series, and returns how many samples of it
// there are that have to be kept.
func (m *model) checkSeries(s metric.Series) (kept int) {
	t := m.of(s)
	text := fmt.Sprintf("%s{l=%s}", s.Labels.Get(labels.MetricName), s.Labels.Get("l"))
	first := -1
	for row, at := range s.T {
		want, ok := t.samples[text][at]
		is := metric.IsSample(s.F[row])
		got := s.F[row]
		if s.H != nil && s.H[row] != nil {
			is, got = true, s.H[row].Count
		}
		if is != ok || ok && got != want {
			m.t.Fatalf("at %d s: %s at %d s is %v (%v), want %v (%v)", m.now/second, text, at/second, got, is, want, ok)
		}
		if ok && first < 0 {
			first = row
		}
		if ok && at >= t.from {
			kept++
		}
	}
	if first > 0 && !metric.IsUnknown(s.F[first-1]) && t.firstSeen[text] != s.T[first] {
		m.t.Fatalf("at %d s: %s began at 0 at %d s, but was seen at %d s", m.now/second, text, s.T[first]/second, t.firstSeen[text]/second)
	}
	return kept
}

func (m *model) count() (kept int) {
	for _, t := range m.targets {
		for text, samples := range t.samples {
			for at := range samples {
				if m.wanted(text) && at >= t.from {
					kept++
				}
			}
		}
	}
	return kept
}

// TestWindowHoldsWhatAModelHolds: whatever comes and goes, in any order.
func TestWindowHoldsWhatAModelHolds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := newModel(t, rand.New(rand.NewPCG(seed, 1)))
			for range 300 {
				m.step()
				m.check()
			}
		})
	}
}
