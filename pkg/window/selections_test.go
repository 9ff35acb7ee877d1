package window

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A crowd is windows in which targets and series come and go at random.
type crowd struct {
	t       *testing.T
	rand    *rand.Rand
	windows []*Window
	now     int64
	targets [][]metric.Target
	tables  map[string]*metric.Table
}

func newCrowd(t *testing.T, seed uint64) *crowd {
	c := &crowd{t: t, rand: rand.New(rand.NewPCG(seed, 1)), tables: map[string]*metric.Table{}, now: 1000 * second}
	for range 2 {
		w := New(5 * second)
		w.SetWants([]metric.Selector{{Name: "x", Range: 30 * second}, {Name: "y_bucket"}, {Name: "z"}})
		c.windows, c.targets = append(c.windows, w), append(c.targets, nil)
	}
	return c
}

// step changes something, and lets the targets answer.
func (c *crowd) step() {
	c.now += 5 * second
	for i, w := range c.windows {
		targets := &c.targets[i]
		switch c.rand.IntN(8) {
		case 0, 1:
			id := fmt.Sprintf("%d-%d", i, c.rand.IntN(20))
			if !slices.ContainsFunc(*targets, func(t metric.Target) bool { return t.ID == id }) {
				*targets = append(slices.Clone(*targets), metric.Target{ID: id, Expected: true, Labels: c.labelsOf(id)})
			}
		case 2:
			if n := len(*targets); n > 1 {
				*targets = slices.Delete(slices.Clone(*targets), 0, 1+c.rand.IntN(n/2))
			}
		case 3:
			if n := len(*targets); n > 0 {
				*targets = slices.Clone(*targets)
				t := &(*targets)[c.rand.IntN(n)]
				t.Labels = c.labelsOf(fmt.Sprint(t.ID, c.now))
			}
		case 4:
			if n := len(*targets); n > 0 { // another with the same labels continues it
				*targets = slices.Clone(*targets)
				t := &(*targets)[c.rand.IntN(n)]
				t.ID = fmt.Sprintf("%d-heir-%d", i, c.now)
			}
		case 5:
			w.Clear()
		}
		w.SetTargets(*targets, c.now)
		for _, t := range *targets {
			c.scrape(w, t)
		}
	}
}

func (c *crowd) labelsOf(id string) labels.Labels {
	if c.rand.IntN(5) == 0 {
		return labels.FromStrings("pod", "twin") // several may have these
	}
	return labels.FromStrings("pod", id, "node", fmt.Sprint(len(id)%3))
}

// scrape lets a target answer: mostly with what it had, and at times not at all.
func (c *crowd) scrape(w *Window, t metric.Target) {
	if c.rand.IntN(6) == 0 {
		return
	}
	table := c.tables[t.ID]
	if table == nil || c.rand.IntN(20) == 0 {
		table = &metric.Table{}
		c.tables[t.ID] = table
	}
	if len(table.Series) == 0 || c.rand.IntN(4) == 0 {
		for range 1 + c.rand.IntN(6) {
			name := []string{"x", "y_bucket", "z"}[c.rand.IntN(3)]
			l := labels.FromStrings(labels.MetricName, name, "code", fmt.Sprint(c.rand.IntN(4)), "service", fmt.Sprint(c.rand.IntN(5)))
			if c.rand.IntN(10) == 0 {
				l = labels.FromStrings(labels.MetricName, name, "__type__", "gauge", "zone", "a")
			}
			if !slices.ContainsFunc(table.Series, func(o labels.Labels) bool { return labels.Equal(l, o) }) {
				table.Series = append(table.Series, l)
			}
		}
	}
	batch := metric.Batch{Time: c.now, Table: table}
	for id := range table.Series {
		if c.rand.IntN(10) > 0 {
			batch.IDs, batch.Values = append(batch.IDs, uint32(id)), append(batch.Values, float64(c.now))
		}
	}
	if err := w.Append(t.ID, batch); err != nil {
		c.t.Fatal(err)
	}
}

// TestSharedSelections: what Views that share their selections show, over many
// changes, is what Views show that begin anew.
func TestSharedSelections(t *testing.T) {
	t.Parallel()
	equal := func(name, value string) *labels.Matcher { return labels.MustNewMatcher(labels.MatchEqual, name, value) }
	selectors := []*metric.Selector{
		{Name: "x", Range: 30 * second},
		{Name: "x", Matchers: []*labels.Matcher{equal("service", "1")}},
		{Name: "x", Matchers: []*labels.Matcher{equal("service", "2"), equal("code", "1")}},
		{Name: "x", Matchers: []*labels.Matcher{equal("pod", "twin")}},
		{Name: "x", Matchers: []*labels.Matcher{equal("service", "")}},
		{Name: "y_bucket", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "service", "1|2")}},
		{Name: "z", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchNotEqual, "node", "1")}},
		{Name: "none"},
	}
	for _, full := range []int64{0, 20 * second} {
		for seed := range uint64(10) {
			c := newCrowd(t, seed)
			parts := []Part{{Window: c.windows[0]}, {Window: c.windows[1], Matchers: []*labels.Matcher{equal("service", "1")}}}
			shared := NewSelections(Covered, parts...)
			views := make([]*View, len(selectors))
			for i := range views {
				views[i] = shared.View()
				views[i].Fill(full)
			}
			for step := range 60 {
				c.step()
				for i, sel := range selectors {
					if c.rand.IntN(3) == 0 {
						continue // it is not evaluated each time
					}
					again := *sel // another program's
					fresh := NewView(Covered, parts...)
					fresh.Fill(full)
					fresh.Begin(c.now)
					views[i].Begin(c.now)
					if got, want := seen(t, views[i], []*metric.Selector{sel, &again}[c.rand.IntN(2)]), seen(t, fresh, sel); got != want {
						t.Fatalf("seed %d, step %d: %s\n%s\nwant\n%s", seed, step, sel, got, want)
					}
					views[i].End()
					fresh.End()
				}
			}
		}
	}
}

// seen prints all that a view says of a selector, and checks what it says
// without labels against what it says with them.
func seen(t *testing.T, v *View, sel *metric.Selector) string {
	t.Helper()
	series, rowsCounted := v.Count(sel)
	bare := v.Bare(sel)
	full := v.Series(sel)
	all := make([]int32, len(full))
	total := 0
	for i := range full {
		all[i] = int32(i)
		total += len(full[i].T)
		if len(bare) != len(full) || &bare[i].F[0] != &full[i].F[0] {
			t.Fatal("other series without labels")
		}
	}
	if series != len(full) || rowsCounted != total {
		t.Fatalf("counted %d series with %d rows, not %d with %d", series, rowsCounted, len(full), total)
	}
	for i, l := range v.Labels(sel, all) {
		if !labels.Equal(l, full[i].Labels) {
			t.Fatalf("%s, not %s", l, full[i].Labels)
		}
		if i > 0 && labels.Equal(l, full[i-1].Labels) && v.Distinct(sel) {
			t.Fatalf("%s is there twice", l)
		}
	}
	for _, names := range [][]string{nil, {"service"}, {"service", "code"}, {"pod"}} {
		for _, without := range []bool{false, true} {
			of, groups := v.Groups(sel, without, names)
			for i := range full {
				b := labels.NewBuilder(full[i].Labels)
				if without {
					b.Del(append([]string{labels.MetricName}, names...)...)
				} else {
					b.Keep(names...)
				}
				if !labels.Equal(groups[of[i]], b.Labels()) {
					t.Fatalf("%s is in the group %s by %v", full[i].Labels, groups[of[i]], names)
				}
			}
		}
	}
	return fmt.Sprintf("%soldest %d, window %d, empty %v, lookback %d", rows(full), v.Oldest(), v.Window(), v.Empty(), v.Lookback())
}

// TestSelectionsAreLetGoOf: what no View asks for is not kept.
func TestSelectionsAreLetGoOf(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	v := NewView(All, Part{Window: f.w})
	for i := range 1000 {
		v.Begin(int64(i))
		sel := &metric.Selector{Name: "x", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "l", fmt.Sprint("|", i))}}
		if got := len(v.Select(sel)); got != 1 {
			t.Fatalf("%d series", got)
		}
		v.End()
	}
	if n := len(v.cache); n != 1 {
		t.Errorf("%d selections are kept", n)
	}
}

// BenchmarkFollow replaces one of 200 targets and brings 80 selections up to
// date. It reports how many times longer it takes to find them anew, each for
// itself.
func BenchmarkFollow(b *testing.B) {
	f := newFleet(fleetTargets)
	f.fill(b)
	shared := NewSelections(Covered, Part{Window: f.window})
	views := make([]*View, len(f.wants))
	for i := range views {
		views[i] = shared.View()
	}
	at := int64(fleetScrapes) * fleetInterval
	targets := make([]metric.Target, 0, fleetTargets)
	for _, t := range f.window.listed {
		targets = append(targets, t.Target)
	}
	table := &metric.Table{Series: f.series}
	count := func(views []*View) time.Duration {
		start := time.Now()
		for i, v := range views {
			v.Begin(at)
			if n, _ := v.Count(&f.wants[i]); n < 5*(fleetTargets-1) {
				b.Fatalf("%d series of %s", n, &f.wants[i])
			}
			v.End()
		}
		return time.Since(start)
	}
	count(views)
	var following, anew time.Duration
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		targets[n%len(targets)].ID = fmt.Sprint("replaced-", n)
		targets[n%len(targets)].Labels = labels.FromStrings("pod", fmt.Sprint("kong-", n))
		f.window.SetTargets(targets, at)
		if err := f.window.Append(targets[n%len(targets)].ID, metric.Batch{Time: at, Table: table, IDs: f.ids, Values: f.values}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		following += count(views)
		b.StopTimer()
		fresh := make([]*View, len(views))
		for i := range fresh {
			fresh[i] = NewView(Covered, Part{Window: f.window})
		}
		anew += count(fresh)
		b.StartTimer()
	}
	b.ReportMetric(float64(anew)/float64(following), "anew/followed")
}
