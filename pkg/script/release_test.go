package script

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// usesUp returns a program that has used so many nodes before the rest of it, of 8
// at least: 3 for each sum and 5 for each rps, of which no other has the groups.
func usesUp(nodes int, name, rest string) string {
	var others strings.Builder
	n := 0
	for ; (nodes-5*n)%3 != 0; n++ {
		fmt.Fprintf(&others, `vector = rps(other_total["30s"], by("%s_%d")) `, name, n)
	}
	return fmt.Sprintf("local n, vector = 0 for i = 1, %d do n = n + sum(queue_length) end %s return %s", (nodes-5*n)/3, &others, rest)
}

// releasing are programs that release memory: with and without groups, several
// that need the same, and some that run out of nodes amid it.
func releasing() []string {
	out := []string{
		`rps(requests_total["30s"])`, `rps(requests_total["30s"])`,
		`rps(requests_total["30s"], by("pod"))`, `rps(requests_total["30s"], by("code"))`,
		`rps(requests_total["30s"], without("pod"))`,
		`rps(requests_total["30s"], by("code")) + rps(requests_total["30s"], by("code"))`,
		`rps(requests_total{code="500"}["30s"]) / rps(requests_total["30s"])`,
		`rps(other_total["30s"])`,
		`p50(latency_seconds["30s"])`, `p95(latency_seconds["30s"])`,
		`p95(latency_seconds["30s"], by("pod"))`, `p99(latency_seconds["30s"], by("code"))`,
		`p50(native_seconds["30s"])`, `p95(native_seconds["30s"], by("pod"))`,
		`histogram_count(rps(native_seconds["30s"], by("pod")))`,
		`histogram_sum(rps(native_seconds["30s"], by("pod"))) / histogram_count(rps(native_seconds["30s"], by("pod")))`,
		`p95(fallback(native_seconds["30s"], latency_seconds["30s"]), by("pod"))`,
	}
	for nodes := maxNodes - 6; nodes <= maxNodes; nodes++ {
		out = append(out,
			usesUp(nodes, fmt.Sprintf("a%d", nodes), `rps(requests_total["30s"], by("pod", "code")) + n`),
			usesUp(nodes, fmt.Sprintf("b%d", nodes), `rps(requests_total["30s"], by("pod")) + n`),
			usesUp(nodes, fmt.Sprintf("c%d", nodes), `p95(latency_seconds["30s"], by("pod")) + n`))
	}
	return out
}

// releasingWindow is a source of pods that come, go and are reset.
type releasingWindow struct {
	window *window.Window
	views  *window.Selections
}

func newReleasingWindow(t *testing.T) *releasingWindow {
	t.Helper()
	w := &releasingWindow{window: window.New(interval)}
	var wants []metric.Selector
	for _, s := range releasing() {
		wants = append(wants, compile(t, s).Wants()...)
	}
	w.window.SetWants(wants)
	w.views = window.NewSelections(window.Covered, window.Part{Window: w.window})
	return w
}

// scrape appends what the pods show in a round: one of them goes at the sixth, and
// another comes.
func (w *releasingWindow) scrape(round int, now int64) error {
	pods := []string{"a", "b", "c"}
	if round >= 6 {
		pods = []string{"a", "c", "d"}
	}
	var targets []metric.Target
	for _, pod := range pods {
		targets = append(targets, metric.Target{ID: pod, Expected: true, Labels: labels.FromStrings("pod", pod)})
	}
	w.window.SetTargets(targets, now)
	for i, target := range targets {
		n := float64(round % 10 * (i + 1)) // they are reset in the tenth
		b := metric.Batch{Time: now, Table: &metric.Table{}}
		add := func(name string, value float64, h *histogram.FloatHistogram) {
			b.Table.Series = append(b.Table.Series, parseLabels(name))
			b.IDs = append(b.IDs, uint32(len(b.IDs)))
			b.Values = append(b.Values, value)
			b.Histograms = append(b.Histograms, h)
		}
		for j, code := range []string{"200", "404", "500"} {
			add(fmt.Sprintf("requests_total{code=%q}", code), n*float64(7-j), nil)
			for k, le := range []string{"0.1", "0.5", "+Inf"} {
				add(fmt.Sprintf("latency_seconds_bucket{code=%q,le=%q}", code, le), n*float64(k+1+j), nil)
			}
		}
		add(`other_total{}`, 3*n, nil)
		add(`queue_length{}`, n, nil)
		add(`native_seconds{}`, 0, &histogram.FloatHistogram{
			Schema: 0, Count: 3 * n, Sum: 2 * n,
			PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []float64{n, 2 * n},
		})
		if err := w.window.Append(target.ID, b); err != nil {
			return err
		}
	}
	return nil
}

// A scribbler takes what memory was released and writes other values there.
type scribbler struct {
	taken []*promath.Covered
	of    [][]int32
}

// scribbled is how fast what a scribbler wrote rises per second.
const scribbled = 1e6

func (s *scribbler) scribble() {
	for _, n := range []int{3, 9, 27} {
		var series []metric.Series
		for range n {
			series = append(series, newSeries("garbage", counter(4, 1, scribbled*interval/1000)...))
		}
		of := []int32{}
		r := promath.Range{Start: testNow - 2*interval, End: testNow, Now: testNow, Series: series, Of: &of}
		s.taken, s.of = append(s.taken, promath.Increases(r)), append(s.of, of)
	}
}

// kept reports whether nobody else has written to what was taken.
func (s *scribbler) kept() bool {
	for i, c := range s.taken {
		rates, _ := c.Rate(promath.Grouping{})
		for j, rate := range rates {
			if rate.F != scribbled || rate.H != nil || s.of[i][j] != int32(j) {
				return false
			}
		}
	}
	return true
}

// TestReleasedMemoryIsNobodysAnyMore compares what programs give alone and over
// labelled series with what they give over a window and with a Memo, while the memory
// that they released gets other values after each run: in rounds with other programs
// and orders than the one before, so that values are used more and less often than
// expected, and in several sources at a time.
func TestReleasedMemoryIsNobodysAnyMore(t *testing.T) {
	t.Parallel()
	var sources sync.WaitGroup
	for source := range 3 {
		sources.Go(func() { releaseInRounds(t, source) })
	}
	sources.Wait()
}

func releaseInRounds(t *testing.T, source int) {
	w := newReleasingWindow(t)
	texts := releasing()
	var alone, together []*Program
	var views []*window.View
	for _, text := range texts {
		alone, together = append(alone, compile(t, text)), append(together, compile(t, text))
		views = append(views, w.views.View())
	}
	memo := NewRoom(1 << 20).NewMemo()
	var others scribbler
	for round := range 24 {
		now := testNow + int64(round)*interval
		if err := w.scrape(round, now); err != nil {
			t.Error(err)
			return
		}
		reference := window.NewView(window.Covered, window.Part{Window: w.window})
		reference.Begin(now)
		lookback := reference.Lookback()
		want := make([]string, len(texts))
		for i, p := range alone {
			others.scribble()
			v, err := p.Run(Env{Now: now, Lookback: lookback, Data: plainData{reference}})
			want[i] = outcome(p, v, err)
		}
		reference.End()
		memo.Begin(now, lookback)
		for at, i := range permuted(len(texts), round+source) {
			if (at+round)%5 == source {
				continue
			}
			views[i].Begin(now)
			v, err := together[i].Run(Env{Now: now, Lookback: lookback, Data: views[i], Memo: memo})
			views[i].End()
			if got := outcome(together[i], v, err); got != want[i] {
				t.Errorf("source %d, round %d: %s\ngives %s\nalone %s", source, round, texts[i], got, want[i])
			}
			others.scribble()
		}
		memo.End()
	}
	if memo.Shared() == 0 {
		t.Error("nothing was shared")
	}
	if !others.kept() {
		t.Error("what was taken has other values: somebody has it still")
	}
}

// TestMemoryIsNotReleasedWhileAnotherProgramHoldsTheRates: the run that uses the
// increases last may have no node left for the rates, which others wait for.
func TestMemoryIsNotReleasedWhileAnotherProgramHoldsTheRates(t *testing.T) {
	t.Parallel()
	w := newReleasingWindow(t)
	for round := range 6 {
		if err := w.scrape(round, testNow+int64(round)*interval); err != nil {
			t.Fatal(err)
		}
	}
	now := int64(testNow + 5*interval) // the window is filled: the rates are those of all groups
	// Of different groups, so that all need the increases. The second and the third
	// have nodes for the selection, the result and the increases, and for no more.
	of := func(groups string) string { return `rps(requests_total["15s"], by(` + groups + `))` }
	first, between := compile(t, of(`"code"`)), compile(t, usesUp(maxNodes-3, "a", of(`"pod"`)))
	another, last := compile(t, usesUp(maxNodes-3, "b", of(`"pod", "code"`))), compile(t, of(`"__name__"`))
	view := w.views.View()
	view.Begin(now)
	defer view.End()
	env := Env{Now: now, Lookback: view.Lookback(), Data: view, Memo: NewRoom(1 << 20).NewMemo()}
	var others scribbler
	run := func(programs ...*Program) string {
		env.Memo.Begin(now, env.Lookback)
		defer env.Memo.End()
		said := ""
		for _, p := range programs {
			v, err := p.Run(env)
			if err != nil {
				t.Fatal(err)
			}
			said = format(v)
			others.scribble()
		}
		return said
	}
	want := run(first, between, last)
	if got := run(first, between, another, last); got != want {

		t.Errorf("it gives %s, want %s", got, want)
	}
}

// TestUsesUp: what the tests above leave of a run's nodes is what they say.
func TestUsesUp(t *testing.T) {
	t.Parallel()
	for nodes := 8; nodes <= maxNodes; nodes++ {
		env := gateway()
		env.Memo = NewRoom(1 << 20).NewMemo()
		env.Memo.Begin(env.Now, env.Lookback)
		p := compile(t, usesUp(nodes, "a", "n"))
		if _, err := p.Run(env); err != nil {
			t.Fatal(err)
		}
		if got := p.machine().nodes; got != nodes {
			t.Errorf("%d nodes are used, want %d", got, nodes)
		}
	}
}
