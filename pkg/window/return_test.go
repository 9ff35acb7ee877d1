package window

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A gateway is a target whose bodies are parsed as those of a scrape are, and what
// is kept of it: of x a minute, of y as long as some program wants it.
type gateway struct {
	t      *testing.T
	w      *Window
	parser *exposition.Parser
	now    int64
	lines  map[string]float64
}

var (
	wantX = metric.Selector{Name: "x_total", Range: 60 * second}
	wantY = metric.Selector{Name: "y_total", Range: 60 * second}
)

func newGateway(t *testing.T) *gateway {
	g := &gateway{t: t, w: New(5 * second), lines: map[string]float64{}}
	g.w.SetTargets([]metric.Target{endpoint("a")}, 0)
	g.want(wantX)
	return g
}

// want makes others wanted; parsers ask again then.
func (g *gateway) want(selectors ...metric.Selector) {
	g.w.SetWants(selectors)
	g.parser = exposition.NewParser(exposition.Options{Want: g.w.Wanted})
}

// scrape scrapes n times, an interval apart.
func (g *gateway) scrape(n int) {
	g.t.Helper()
	for range n {
		var body strings.Builder
		for line, v := range g.lines {
			fmt.Fprintf(&body, "%s %g\n", line, v)
		}
		g.take(body.String())
	}
}

// take takes the next body in.
func (g *gateway) take(body string) {
	g.t.Helper()
	g.now += 5 * second
	batch, _, err := g.parser.Parse([]byte(body), "text/plain", g.now)
	if err == nil {
		err = g.w.Append("a", batch)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// show lets the gateway show n series of x, which count nothing, from 0 on.
func (g *gateway) show(n int) {
	clear(g.lines)
	for i := range n {
		g.lines[fmt.Sprintf("x_total{route=\"%d\"}", i)] = 1000
	}
}

// rate returns how fast x rose over the last minute, all series together.
func (g *gateway) rate() float64 {
	g.t.Helper()
	v := NewView(Covered, Part{Window: g.w})
	v.Begin(g.now)
	defer v.End()
	rates, err := promath.CoveredRate(promath.Range{Series: v.Select(&wantX), Start: g.now - 60*second, End: g.now, Now: g.now}, promath.Grouping{})
	if err != nil {
		g.t.Fatal(err)
	}
	sum := 0.0
	for _, r := range rates {
		sum += r.F
	}
	return sum
}

const away = `x_total{route="away"}`

// TestACounterThatReturnsDidNotBeginAtZero: what a counter had counted before it
// went is no increase when it is back, whatever was forgotten of it meanwhile.
// Prometheus, with samples only of after that in the window, says the same.
func TestACounterThatReturnsDidNotBeginAtZero(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		meanwhile func(*gateway)
	}{
		{"its column is there", func(g *gateway) { g.scrape(30) }},
		{"the parser has forgotten what most of the target was", func(g *gateway) {
			table := func() *metric.Table { return g.w.targets["a"].table }
			g.scrape(30)
			before := table()
			g.show(2)
			g.scrape(11)
			if table() == before {
				g.t.Error("the parser has forgotten nothing")
			}
			if _, series, _ := g.w.Size(); series != 20 {
				g.t.Errorf("%d series are kept, want those of the last minute", series)
			}
		}},
		{"what is wanted has changed", func(g *gateway) {
			g.scrape(30)
			g.want(wantX, wantY)
			g.scrape(2)
		}},
		{"it was not wanted for a while", func(g *gateway) {
			g.want(wantY)
			g.scrape(30)
			g.want(wantX)
			g.scrape(2)
		}},
		{"all rows were dropped", func(g *gateway) {
			g.w.Clear()
			g.scrape(2)
		}},
		{"it went and came more than once", func(g *gateway) {
			for range 3 {
				g.scrape(30)
				g.want(wantX, wantY)
				g.scrape(1)
				g.lines[away] = 1e6
				g.scrape(1)
				delete(g.lines, away)
				g.scrape(30)
				g.want(wantX)
				g.scrape(1)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.show(20)
			g.lines[away] = 1e6
			g.scrape(13)
			delete(g.lines, away)
			g.scrape(2)
			tt.meanwhile(g)

			g.lines[away] = 1e6 + 500
			g.scrape(1)
			if got := g.rate(); got != 0 {
				t.Errorf("%g a second when it is back, want 0", got)
			}
			g.lines[away] += 10
			g.scrape(1)
			if got := g.rate(); got != 2 {
				t.Errorf("%g a second when it has counted on, want 2", got)
			}
		})
	}
}

// TestACounterThatNeverWasBeganAtZero: also where others have gone for good.
func TestACounterThatNeverWasBeganAtZero(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.show(20)
	g.scrape(13)
	g.show(2)
	g.scrape(30)
	g.lines[`x_total{route="new"}`] = 600
	g.scrape(1)
	if got := g.rate(); got != 10 {
		t.Errorf("%g a second, want 10", got)
	}
}

// TestATargetThatWasGoneDidNotAnswerWithoutASeries: the row that ends a target says
// nothing of series that come later.
func TestATargetThatWasGoneDidNotAnswerWithoutASeries(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, wantX)
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x_total{l=1}": 1})
	f.targets(10 * second)
	f.targets(15*second, "a")
	f.scrape("a", 15*second, map[string]float64{"x_total{l=1}": 3, "x_total{l=2}": 100})
	f.scrape("a", 20*second, map[string]float64{"x_total{l=1}": 4, "x_total{l=2}": 110, "x_total{l=3}": 10})
	f.expect(NewView(All, Part{Window: f.w}), 20*second, &wantX, `{__name__="x_total", instance="a", l="1"} 5:1 9:- 15:3 20:4
{__name__="x_total", instance="a", l="2"} 5:? 9:? 15:100 20:110
{__name__="x_total", instance="a", l="3"} 5:? 9:? 15:- 20:10
`)
}

// TestASeriesThatComesLateAfterARowOfTime0: as in cases of presets.
func TestASeriesThatComesLateAfterARowOfTime0(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, wantX)
	f.targets(0, "a")
	f.scrape("a", 0, map[string]float64{"x_total{l=1}": 1})
	f.scrape("a", 5*second, map[string]float64{"x_total{l=2}": 1})
	f.expect(NewView(All, Part{Window: f.w}), 5*second, &wantX, `{__name__="x_total", instance="a", l="1"} 0:1 5:-
{__name__="x_total", instance="a", l="2"} 0:- 5:1
`)
}

// TestWhatWasDroppedIsKnownForGood: also where the set is full; and one that is not
// takes hardly any new series for a known one.
func TestWhatWasDroppedIsKnownForGood(t *testing.T) {
	t.Parallel()
	series := func(kind string, n int) labels.Labels {
		return labels.FromStrings(labels.MetricName, "x_bucket", "le", fmt.Sprint(n%16), kind, fmt.Sprint(n/16))
	}
	for _, tt := range []struct{ dropped, mistaken int }{
		{0, 0},
		{2_400, 10}, // of 10,000
		{100_000, 10_000},
	} {
		target := &target{}
		for n := range tt.dropped {
			target.series = append(target.series, series("known", n))
		}
		target.clear()
		for n := range tt.dropped {
			if !target.dropped.has(series("known", n)) {
				t.Fatalf("of %d, series %d is not known", tt.dropped, n)
			}
		}
		mistaken := 0
		for n := range 10_000 {
			if target.dropped.has(series("new", n)) {
				mistaken++
			}
		}
		if mistaken > tt.mistaken {
			t.Errorf("after %d were dropped, %d of 10,000 new series are taken for known ones, want %d at most", tt.dropped, mistaken, tt.mistaken)
		}
	}
}

// TestABodyThatWasNotReadWholeSaysNothingOfTheRest: what it lacks may have been
// there, unless the target's bodies are always so.
func TestABodyThatWasNotReadWholeSaysNothingOfTheRest(t *testing.T) {
	t.Parallel()
	const whole = "x_total{route=\"a\"} 1000000\nx_total{route=\"b\"} 1000000\n"
	tests := []struct {
		name   string
		bodies []string // 5 s apart
		want   float64  // a second
	}{
		{"cut amid a line", []string{"x_total{route=\"a\"} 1000000\nx_total{rou", whole}, 0},
		{"cut amid a number", []string{"x_total{route=\"a\"} 1000000", whole}, 0},
		{"a line that cannot be read", []string{"x_total{route=\"a\"} 1000000\nx_total{route=\"b\"} -\n", whole}, 0},
		{"cut once, whole after that", []string{"x_total{route=\"a\"} 1\nx_total{rou", "x_total{route=\"a\"} 1\n", "x_total{route=\"a\"} 1\nx_total{route=\"b\"} 10\n"}, 2},
		{"always a line that cannot be read", []string{"x_total{route=\"a\"} 1\n!\n", "x_total{route=\"a\"} 1\n!\nx_total{route=\"b\"} 10\n"}, 2},
		{"never a last newline", []string{"x_total{route=\"a\"} 1", "x_total{route=\"a\"} 1\nx_total{route=\"b\"} 10"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			for _, body := range tt.bodies {
				g.take(body)
			}
			if got := g.rate(); got != tt.want {
				t.Errorf("%g a second, want %g", got, tt.want)
			}
		})
	}
}
