package script

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// A lateGateway counts requests, of which those that are fast or fail are
// counted for the first time half a minute after the first scrape.
type lateGateway struct {
	t      *testing.T
	window *window.Window
	table  *metric.Table
	now    int64
	row    int
}

func newLateGateway(t *testing.T, wants ...metric.Selector) *lateGateway {
	t.Helper()
	g := &lateGateway{t: t, window: window.New(interval), table: &metric.Table{}, now: testNow}
	for _, series := range []string{
		`requests{code="200"}`, `latency_bucket{le="+Inf"}`, `latency_bucket{le="1"}`, `latency_bucket{le="0.1"}`, `requests{code="500"}`,
	} {
		g.table.Series = append(g.table.Series, parseLabels(series))
	}
	g.window.SetWants(wants)
	g.window.SetTargets([]metric.Target{{ID: "a", Expected: true, Labels: labels.FromStrings("pod", "a")}}, g.now)
	return g
}

// scrape scrapes up to a row.
func (g *lateGateway) scrape(last int) {
	g.t.Helper()
	for ; g.row <= last; g.row++ {
		g.now = testNow + int64(g.row)*interval
		n := float64(g.row * g.row)
		ids, values := []uint32{0, 1, 2}, []float64{5 * n, 5 * n, 4 * n}
		if late := float64(g.row - 5); late > 0 {
			ids, values = append(ids, 3, 4), append(values, 2*late*late, 5*late)
		}
		b := metric.Batch{Time: g.now, Table: g.table}
		for i, id := range ids {
			if g.window.Wanted(g.table.Series[id]) {
				b.IDs, b.Values = append(b.IDs, id), append(b.Values, values[i])
			}
		}
		if err := g.window.Append("a", b); err != nil {
			g.t.Fatal(err)
		}
	}
}

// run runs a program over the window.
func (g *lateGateway) run(source string) string {
	g.t.Helper()
	v := window.NewView(window.Covered, window.Part{Window: g.window})
	v.Begin(g.now)
	defer v.End()
	return run(g.t, source, Env{Now: g.now, Lookback: v.Lookback(), Data: v})
}

var lateWants = []metric.Selector{{Name: "requests", Range: 60_000}, {Name: "latency_bucket", Range: 60_000}}

// TestLateSeriesThatWereWanted: a series that comes late was not there before,
// though another program has come after the first scrape.
func TestLateSeriesThatWereWanted(t *testing.T) {
	t.Parallel()
	alone, g := newLateGateway(t, lateWants...), newLateGateway(t, lateWants...)
	g.scrape(0)
	g.window.SetWants(append([]metric.Selector{{Name: "other"}}, lateWants...))
	for row := range 24 {
		alone.scrape(row)
		g.scrape(row)
		for _, source := range []string{
			`rps(requests["1m"], by("code"))`, `p50(latency["1m"])`, `p50(latency["1m"], by("pod"))`, `rps(latency_bucket["1m"], by("le"))`,
		} {
			if got, want := g.run(source), alone.run(source); got != want {
				t.Errorf("row %d: %s gives %s, not %s", row, source, got, want)
			}
		}
	}
	g = newLateGateway(t, lateWants...)
	g.scrape(0)
	g.window.SetWants(lateWants[:1])
	g.scrape(12)
	const want = `[{code="200"} 12, {code="500"} 0.58333333333333] over 1m` // 35 in 60 s
	if got := g.run(`rps(requests["1m"], by("code"))`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBucketsThatWereNotWanted: where one bucket of a histogram was kept before
// the others were, a percentile is the one since then.
func TestBucketsThatWereNotWanted(t *testing.T) {
	t.Parallel()
	one := metric.Selector{Name: "latency_bucket", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "le", "+Inf")}, Range: 60_000}
	g, since := newLateGateway(t, one), newLateGateway(t, lateWants...)
	g.scrape(2)
	g.window.SetWants(append([]metric.Selector{one}, lateWants...))
	since.row = 3
	for row := 3; row < 24; row++ {
		g.scrape(row)
		since.scrape(row)
		for _, source := range []string{`p50(latency["1m"])`, `p50(latency["1m"], by("pod"))`, `p95(latency["1m"])`} {
			if got, want := g.run(source), since.run(source); got != want {
				t.Errorf("row %d: %s gives %s, not %s", row, source, got, want)
			}
		}
	}
}
