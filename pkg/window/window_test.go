package window

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const second = int64(1000)

// feed is a window with one table for each target, as a parser numbers it.
type feed struct {
	t      *testing.T
	w      *Window
	tables map[string]*metric.Table
}

func newFeed(t *testing.T, interval int64, wants ...metric.Selector) *feed {
	w := New(interval)
	w.SetWants(wants)
	return &feed{t: t, w: w, tables: map[string]*metric.Table{}}
}

func endpoint(id string) metric.Target {
	return metric.Target{ID: id, Labels: labels.FromStrings("instance", id), Expected: true}
}

func (f *feed) targets(at int64, ids ...string) {
	targets := make([]metric.Target, len(ids))
	for i, id := range ids {
		targets[i] = endpoint(id)
	}
	f.w.SetTargets(targets, at)
}

// scrape appends series given as `name{label}` = value.
func (f *feed) scrape(id string, at int64, samples map[string]float64) {
	f.t.Helper()
	table := f.tables[id]
	if table == nil {
		table = &metric.Table{}
		f.tables[id] = table
	}
	batch := metric.Batch{Time: at, Table: table}
	for text, v := range samples {
		lset := parse(text)
		n := -1
		for i, known := range table.Series {
			if labels.Equal(known, lset) {
				n = i
			}
		}
		if n < 0 {
			n = len(table.Series)
			table.Series = append(table.Series, lset)
		}
		batch.IDs, batch.Values = append(batch.IDs, uint32(n)), append(batch.Values, v)
	}
	if err := f.w.Append(id, batch); err != nil {
		f.t.Fatal(err)
	}
}

// parse reads name{label=value}.
func parse(text string) labels.Labels {
	name, rest, ok := strings.Cut(strings.TrimSuffix(text, "}"), "{")
	if !ok {
		return labels.FromStrings(labels.MetricName, name)
	}
	k, v, _ := strings.Cut(rest, "=")
	return labels.FromStrings(labels.MetricName, name, k, v)
}

// rows prints what a view shows: labels, then time:value of each row.
func rows(series []metric.Series) string {
	var b strings.Builder
	for _, s := range series {
		fmt.Fprintf(&b, "%s", s.Labels)
		for i, at := range s.T {
			switch {
			case s.H != nil && s.H[i] != nil:
				fmt.Fprintf(&b, " %d:h%g", at/second, s.H[i].Count)
			case metric.IsUnknown(s.F[i]):
				fmt.Fprintf(&b, " %d:?", at/second)
			case !metric.IsSample(s.F[i]):
				fmt.Fprintf(&b, " %d:-", at/second)
			default:
				fmt.Fprintf(&b, " %d:%g", at/second, s.F[i])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (f *feed) expect(v *View, now int64, sel *metric.Selector, want string) {
	f.t.Helper()
	v.Begin(now)
	defer v.End()
	if got := rows(v.Select(sel)); got != want {
		f.t.Errorf("at %d s:\n%swant\n%s", now/second, got, want)
	}
}

func TestRowsOfATargetShareTheirTimes(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x{l=1}": 1})
	f.scrape("a", 10*second, map[string]float64{"x{l=1}": 2, "x{l=2}": math.NaN()})
	f.scrape("a", 15*second, map[string]float64{"x{l=2}": 3})
	f.expect(v, 15*second, sel, `{__name__="x", instance="a", l="1"} 5:1 10:2 15:-
{__name__="x", instance="a", l="2"} 5:- 10:NaN 15:3
`)
}

func TestHistogramsLieBesideFloats(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x"}
	f := newFeed(t, 5*second, *sel)
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	table := f.tables["a"]
	err := f.w.Append("a", metric.Batch{
		Time: 10 * second, Table: table, IDs: []uint32{0}, Values: []float64{0},
		Histograms: []*histogram.FloatHistogram{{Count: 7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.scrape("a", 15*second, map[string]float64{"x": 2})
	f.expect(NewView(All, Part{Window: f.w}), 15*second, sel, `{__name__="x", instance="a"} 5:1 10:h7 15:2
`)
}

func TestOldRowsGoButForTheBaseOfAnIncrease(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 10 * second}
	f := newFeed(t, 5*second, *sel)
	f.targets(0, "a")
	for at := int64(5); at <= 60; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x": float64(at)})
	}
	f.expect(NewView(All, Part{Window: f.w}), 60*second, sel, `{__name__="x", instance="a"} 45:45 50:50 55:55 60:60
`)
}

func TestASeriesThatWasNotWantedIsUnknownBefore(t *testing.T) {
	t.Parallel()
	x, y := metric.Selector{Name: "x", Range: 60 * second}, metric.Selector{Name: "y", Range: 60 * second}
	f := newFeed(t, 5*second, x)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	if !f.w.SetWants([]metric.Selector{x, y}) {
		t.Error("a new want is no change")
	}
	if f.w.SetWants([]metric.Selector{y, x}) {
		t.Error("the same wants in another order are a change")
	}
	f.scrape("a", 10*second, map[string]float64{"x": 2})
	f.scrape("a", 15*second, map[string]float64{"x": 3, "y": 1})
	f.expect(v, 15*second, &y, `{__name__="y", instance="a"} 5:? 10:- 15:1
`)
	f.w.SetWants([]metric.Selector{y})
	f.expect(v, 15*second, &x, "")
	if _, series, _ := f.w.Size(); series != 1 {
		t.Errorf("%d series are kept, want 1", series)
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	pod := labels.MustNewMatcher(labels.MatchEqual, "pod", "p")
	code := labels.MustNewMatcher(labels.MatchRegexp, "code", "5..")
	w := New(second)
	w.SetWants([]metric.Selector{{Name: "x", Matchers: []*labels.Matcher{pod, code}}})
	f := func(series string, want bool) {
		t.Helper()
		if got := w.Wanted(parse(series)); got != want {
			t.Errorf("wanted %s: %v, want %v", series, got, want)
		}
	}
	f("x{code=500}", true) // the target's pod is not known yet
	f("x{code=200}", false)
	f("x", false)
	f("y{code=500}", false)
}

func TestADepartedTargetKeepsItsRangesAndEndsItsInstants(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 30 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(Covered, Part{Window: f.w})
	f.targets(0, "a", "b")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	f.scrape("b", 5*second, map[string]float64{"x": 10})
	f.targets(10*second, "b")
	f.scrape("b", 10*second, map[string]float64{"x": 11})
	f.expect(v, 10*second, sel, `{__name__="x", instance="a"} 5:1 9:-
{__name__="x", instance="b"} 5:10 10:11
`)
	if covered, expected := f.w.Coverage(10 * second); covered != 1 || expected != 1 {
		t.Errorf("coverage %d of %d, want 1 of 1", covered, expected)
	}
	v.Begin(10 * second)
	v.Select(sel)
	if got := v.Oldest(); got != 10*second {
		t.Errorf("oldest %d ms: a departed target must not count", got)
	}
	v.End()
	f.targets(45*second, "b")
	f.expect(NewView(All, Part{Window: f.w}), 45*second, sel, `{__name__="x", instance="b"} 5:10 10:11
`)
}

func TestATargetThatReturnsOrIsReplacedGoesOn(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	f.targets(10 * second)
	f.targets(15*second, "a")
	f.scrape("a", 15*second, map[string]float64{"x": 3})
	// Another pod behind the same address, as hostNetwork gives: one series.
	f.w.SetTargets([]metric.Target{{ID: "other", Labels: endpoint("a").Labels, Expected: true}}, 20*second)
	f.scrape("other", 20*second, map[string]float64{"x": 1})
	f.expect(v, 20*second, sel, `{__name__="x", instance="a"} 5:1 9:- 15:3 19:- 20:1
`)
}

// coverage prints targets, covered and expected ones at a time.
func (f *feed) coverage(at int64) string {
	covered, expected := f.w.Coverage(at)
	return fmt.Sprintf("%d targets, %d of %d", f.w.Targets(), covered, expected)
}

func TestATerminatingTargetIsThereUntilItStopsAnswering(t *testing.T) {
	t.Parallel()
	instant, ranged := &metric.Selector{Name: "x"}, &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 5*second, *instant, *ranged)
	v := NewView(Covered, Part{Window: f.w})
	leaving := endpoint("a")
	list := func(at int64, terminating bool) {
		leaving.Terminating = terminating
		f.w.SetTargets([]metric.Target{leaving, endpoint("b")}, at)
	}
	coverage := func(at int64, want string) {
		t.Helper()
		if got := f.coverage(at); got != want {
			t.Errorf("at %d s: %s, want %s", at/second, got, want)
		}
	}
	list(0, false)
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	f.scrape("b", 5*second, map[string]float64{"x": 2})
	list(10*second, true)
	f.scrape("a", 10*second, map[string]float64{"x": 3})
	f.scrape("b", 10*second, map[string]float64{"x": 4})
	coverage(10*second, "2 targets, 2 of 2")

	list(15*second, true)
	f.scrape("b", 15*second, map[string]float64{"x": 5})
	if !f.w.Depart("a", 15*second) || f.w.Depart("a", 15*second) || f.w.Depart("z", 15*second) {
		t.Error("Depart does not say whether the target was there")
	}
	const gone = `{__name__="x", instance="a"} 5:1 10:3 14:-
{__name__="x", instance="b"} 5:2 10:4 15:5
`
	coverage(15*second, "1 targets, 1 of 1")
	f.expect(v, 15*second, ranged, gone)
	list(20*second, true)
	coverage(15*second, "1 targets, 1 of 1")
	f.expect(v, 15*second, ranged, gone)

	f.scrape("a", 20*second, map[string]float64{"x": 6})
	coverage(20*second, "2 targets, 2 of 2")
	f.w.Depart("a", 25*second)
	list(600*second, true)
	coverage(600*second, "1 targets, 0 of 1") // it is not forgotten while it is listed
	list(605*second, false)
	coverage(605*second, "2 targets, 0 of 2")

	list(610*second, true)
	f.w.Depart("a", 610*second)
	f.w.SetTargets([]metric.Target{endpoint("b")}, 615*second)
	if err := f.w.Append("a", metric.Batch{Time: 620 * second, Table: f.tables["a"]}); err == nil {
		t.Error("what is not listed any more was scraped")
	}
}

func TestATargetFirstSeenTerminatingCountsFromItsFirstAnswerOn(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	leaving := endpoint("a")
	leaving.Terminating = true
	f.w.SetTargets([]metric.Target{leaving}, 0)
	if got := f.coverage(0); got != "0 targets, 0 of 0" {
		t.Error(got)
	}
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	if got := f.coverage(5 * second); got != "1 targets, 1 of 1" {
		t.Error(got)
	}
}

func TestATargetThatWasSilentCountsAgainOnceItFillsTheWindow(t *testing.T) {
	t.Parallel()
	ranged := &metric.Selector{Name: "x", Range: 30 * second}
	f := newFeed(t, 5*second, *ranged)
	v := NewView(Covered, Part{Window: f.w})
	v.Fill(30 * second)
	f.targets(0, "a", "b")
	expect := func(at int64, want Coverage, shown int) {
		t.Helper()
		if got := f.w.CoverageOver(at, 30*second); got != want {
			t.Errorf("at %d s: %+v, want %+v", at/second, got, want)
		}
		if covered, expected := f.w.Coverage(at); covered != want.Covered+want.Filling || expected != want.Expected {
			t.Errorf("at %d s: without a window %d of %d", at/second, covered, expected)
		}
		v.Begin(at)
		defer v.End()
		if got := len(v.Select(ranged)); got != shown {
			t.Errorf("at %d s: %d series, want %d", at/second, got, shown)
		}
	}
	one := map[string]float64{"x": 1}
	scrape := func(at int64, ids ...string) {
		t.Helper()
		for _, id := range ids {
			f.scrape(id, at, one)
		}
	}
	for at := 5 * second; at <= 60*second; at += 5 * second {
		scrape(at, "a", "b")
	}
	expect(60*second, Coverage{Covered: 2, Expected: 2}, 2)
	for at := 65 * second; at <= 120*second; at += 5 * second {
		scrape(at, "a")
	}
	expect(120*second, Coverage{Covered: 1, Expected: 2}, 1)
	scrape(125*second, "a", "b")
	expect(125*second, Coverage{Covered: 1, Expected: 2, Filling: 1, Wait: 22500}, 1)
	for at := 130 * second; at <= 145*second; at += 5 * second {
		scrape(at, "a", "b")
	}
	expect(145*second, Coverage{Covered: 1, Expected: 2, Filling: 1, Wait: 2500}, 1)
	scrape(150*second, "a", "b")
	expect(150*second, Coverage{Covered: 2, Expected: 2}, 2)

	// One that is new counts at once, and so does one that missed a scrape.
	f.targets(151*second, "a", "b", "c")
	scrape(155*second, "a", "b", "c")
	scrape(160*second, "a", "c")
	scrape(165*second, "a", "b", "c")
	for at := 170 * second; at <= 210*second; at += 5 * second {
		scrape(at, "a", "b", "c")
		expect(at, Coverage{Covered: 3, Expected: 3}, 3)
	}
}

func TestATargetThatJoinsOthersIsExpectedOnceItHasAnsweredOrHadTwoIntervalsToDoSo(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	f.targets(0, "a", "b")
	one := map[string]float64{"x": 1}
	check := func(at int64, want string) {
		t.Helper()
		if got := f.coverage(at); got != want {
			t.Errorf("at %d ms: %s, want %s", at, got, want)
		}
	}
	// Those that are there from the start join nobody.
	f.scrape("a", 0, one)
	check(1*second, "2 targets, 1 of 2")
	f.scrape("a", 5*second, one)
	f.scrape("b", 5*second, one)
	check(6*second, "2 targets, 2 of 2")

	f.targets(10*second, "a", "b", "c", "d")
	f.scrape("a", 10*second, one)
	check(11*second, "4 targets, 2 of 2")
	f.targets(15*second, "a", "b", "c", "d")
	f.scrape("a", 15*second, one)
	f.scrape("c", 15*second, one)
	check(16*second, "4 targets, 2 of 3") // b is silent
	f.scrape("b", 16*second, one)
	check(20*second-1, "4 targets, 3 of 3")
	check(20*second, "4 targets, 3 of 4") // and so is d
}

func TestATargetThatBecomesReadyJoinsThen(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	starting := endpoint("b")
	starting.Expected = false
	list := func(at int64, ready bool) {
		starting.Expected = ready
		f.w.SetTargets([]metric.Target{endpoint("a"), starting}, at)
		f.scrape("a", at, map[string]float64{"x": 1})
	}
	for i, want := range []string{"1 of 1", "1 of 1", "1 of 1", "1 of 1", "1 of 1", "1 of 2"} {
		at := int64(i) * 5 * second
		list(at, i >= 3)
		if got := f.coverage(at + second); got != "2 targets, "+want {
			t.Errorf("at %d s: %s, want %s", at/second, got, want)
		}
	}
}

func TestTargetsThatTakeThePlaceOfAllOthersAreExpectedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	one := map[string]float64{"x": 1}
	f.targets(0, "a", "b")
	f.scrape("a", 0, one)
	f.scrape("b", 0, one)
	f.targets(5*second, "c", "d")
	f.scrape("c", 5*second, one)
	if got := f.coverage(6 * second); got != "2 targets, 1 of 2" {
		t.Errorf("nobody is there who served before: %s", got)
	}
	f.targets(10*second, "c", "d", "e")
	f.scrape("d", 10*second, one)
	f.targets(20*second, "c", "d", "e", "f")
	if got := f.coverage(21 * second); got != "4 targets, 0 of 4" {
		t.Errorf("nobody who served before answers: %s", got)
	}
}

// TestTargetsThatTakeThePlaceOfSomeOthersAreExpectedAtOnce: what those served that
// are gone, nobody shows who answers.
func TestTargetsThatTakeThePlaceOfSomeOthersAreExpectedAtOnce(t *testing.T) {
	t.Parallel()
	one := map[string]float64{"x": 1}
	// Three of a, b, c and d go at 20 s, and so many come, some seconds after that.
	check := func(come []string, after int64, want string) {
		t.Helper()
		f := newFeed(t, 5*second, metric.Selector{Name: "x"})
		all := []string{"a", "b", "c", "d"}
		for at := int64(0); at < 20*second; at += 5 * second {
			f.targets(at, all...)
			for _, id := range all {
				f.scrape(id, at, one)
			}
		}
		at := 20 * second
		for ; at < 20*second+after; at += 5 * second {
			f.targets(at, "a")
			f.scrape("a", at, one)
		}
		f.targets(at, append(come, "a")...)
		f.scrape("a", at, one)
		if got := f.coverage(at + second); !strings.HasSuffix(got, ", "+want) {
			t.Errorf("%v come %d s after: %s, want %s", come, after/second, got, want)
		}
	}
	check([]string{"e", "f", "g"}, 0, "1 of 4")
	check([]string{"e"}, 0, "1 of 2")
	check([]string{"e", "f", "g", "h", "i"}, 0, "1 of 4") // two of them join
	check([]string{"e", "f", "g"}, 5*second, "1 of 1")    // a has served all since
}

func TestATargetThatJoinsBeforeAnotherGoesTakesItsPlace(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	one := map[string]float64{"x": 1}
	f.targets(0, "a", "b")
	f.scrape("a", 0, one)
	f.scrape("b", 0, one)
	f.targets(5*second, "a", "b", "c")
	f.scrape("a", 5*second, one)
	f.scrape("b", 5*second, one)
	if got := f.coverage(6 * second); got != "3 targets, 2 of 2" {
		t.Errorf("it joins: %s", got)
	}
	f.targets(10*second, "a", "c")
	f.scrape("a", 10*second, one)
	if got := f.coverage(11 * second); got != "2 targets, 1 of 2" {
		t.Errorf("another one is gone: %s", got)
	}
}

func TestASilentTargetIsLeftOutOnceItIsNotCovered(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x"}
	f := newFeed(t, 5*second, *sel)
	v := NewView(Covered, Part{Window: f.w})
	f.targets(0, "a", "b")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	f.scrape("b", 5*second, map[string]float64{"x": 1})
	f.scrape("b", 10*second, map[string]float64{"x": 2})
	f.scrape("b", 15*second, map[string]float64{"x": 3})
	check := func(now int64, covered int, want string) {
		t.Helper()
		f.expect(v, now, sel, want)
		if got, expected := f.w.Coverage(now); got != covered || expected != 2 {
			t.Errorf("coverage at %d ms is %d of %d, want %d of 2", now, got, expected, covered)
		}
	}
	b := "{__name__=\"x\", instance=\"b\"} 5:1 10:2 15:3\n"
	check(15*second-1, 2, "{__name__=\"x\", instance=\"a\"} 5:1\n"+b)
	check(15*second, 1, b)
}

func TestTimeGoesForward(t *testing.T) {
	t.Parallel()
	f := newFeed(t, 5*second, metric.Selector{Name: "x"})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	b := metric.Batch{Time: 5 * second, Table: f.tables["a"]}
	if err := f.w.Append("a", b); err == nil {
		t.Error("a row as old as the last was taken")
	}
	b.Time++
	if err := f.w.Append("gone", b); err == nil {
		t.Error("a row of an unknown target was taken")
	}
	f.w.Clear()
	b.Time = second
	if err := f.w.Append("a", b); err != nil {
		t.Errorf("after Clear: %v", err)
	}
}

func TestSelectFindsNewSeriesAndSortsByLabels(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x"}
	f := newFeed(t, 5*second, *sel)
	g := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: g.w}, Part{Window: f.w, Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchNotEqual, "l", "secret")}})
	f.targets(0, "a")
	g.targets(0, "b")
	f.expect(v, 5*second, sel, "")
	v.Begin(5 * second)
	v.Select(sel)
	if len(v.Empty()) != 1 {
		t.Error("a selector without series is not reported")
	}
	v.End()
	f.scrape("a", 5*second, map[string]float64{"x{l=2}": 1, "x{l=secret}": 1})
	g.scrape("b", 5*second, map[string]float64{"x{l=1}": 2})
	f.expect(v, 5*second, sel, `{__name__="x", instance="a", l="2"} 5:1
{__name__="x", instance="b", l="1"} 5:2
`)
	g.scrape("b", 10*second, map[string]float64{"x{l=1}": 2, "x{a=1}": 2})
	f.expect(v, 10*second, sel, `{__name__="x", a="1", instance="b"} 5:- 10:2
{__name__="x", instance="a", l="2"} 5:1
{__name__="x", instance="b", l="1"} 5:2 10:2
`)
}

func TestPastHidesTheRowOfNow(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(Past, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x": 1})
	f.scrape("a", 10*second, map[string]float64{"x": 2})
	f.expect(v, 10*second, sel, "{__name__=\"x\", instance=\"a\"} 5:1\n")
	f.expect(v, 10*second+1, sel, "{__name__=\"x\", instance=\"a\"} 5:1 10:2\n")
}

func TestLookbackIsTwoIntervalsAndTenSecondsAtLeast(t *testing.T) {
	t.Parallel()
	w := New(second)
	if got := w.Lookback(); got != 10*second {
		t.Errorf("got %d ms", got)
	}
	w.SetInterval(60 * second)
	if got := w.Lookback(); got != 120*second {
		t.Errorf("got %d ms", got)
	}
}

// A counter that returns after longer than its rows are kept did not begin at
// 0: nothing is known of what it did.
func TestASeriesThatWasAwayForLongIsUnknownNotNew(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 10 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x{l=1}": 1e6, "x{l=2}": 1})
	for at := int64(10); at <= 45; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x{l=2}": 1})
	}
	f.scrape("a", 50*second, map[string]float64{"x{l=1}": 1e6 + 1, "x{l=2}": 1})
	f.expect(v, 50*second, sel, `{__name__="x", instance="a", l="1"} 35:? 40:? 45:? 50:1.000001e+06
{__name__="x", instance="a", l="2"} 35:1 40:1 45:1 50:1
`)
}

func TestSeriesOfALayoutThatWasDroppedGo(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 10 * second}
	f := newFeed(t, 5*second, *sel)
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x{l=1}": 1, "x{l=2}": 1})
	for at := int64(10); at <= 45; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x{l=2}": 1})
	}
	if _, series, _ := f.w.Size(); series != 2 {
		t.Errorf("%d series before the parser forgot", series)
	}
	f.tables["a"] = &metric.Table{}
	f.scrape("a", 50*second, map[string]float64{"x{l=2}": 1})
	if _, series, _ := f.w.Size(); series != 1 {
		t.Errorf("%d series after the parser forgot", series)
	}
}

func TestShapesOfAHistogramAreNotMissedWhereAnotherIsThere(t *testing.T) {
	t.Parallel()
	classic, native, other := &metric.Selector{Name: "x_bucket"}, &metric.Selector{Name: "x"}, &metric.Selector{Name: "y"}
	f := newFeed(t, 5*second, *classic, *native, *other)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	check := func(want ...string) {
		t.Helper()
		v.Begin(5 * second)
		defer v.End()
		for _, sel := range []*metric.Selector{classic, native, other} {
			v.Select(sel)
		}
		var got []string
		for _, sel := range v.Empty() {
			got = append(got, sel.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("empty are %v, want %v", got, want)
		}
	}
	check("x_bucket", "x", "y")
	f.scrape("a", 5*second, map[string]float64{"x_bucket{le=1}": 1})
	check("y")
}

// A counter whose last sample before a gap is no longer kept did not begin at
// 0 either, though it has returned by then.
func TestASeriesThatReturnedIsUnknownOnceWhatItWasIsCut(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 15 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x{l=1}": 1e6, "x{l=2}": 1})
	for at := int64(10); at <= 25; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x{l=2}": 1})
	}
	f.scrape("a", 30*second, map[string]float64{"x{l=1}": 1e6 + 1, "x{l=2}": 1, "x{l=3}": 1})
	f.scrape("a", 35*second, map[string]float64{"x{l=1}": 1e6 + 2, "x{l=2}": 1, "x{l=3}": 2})
	f.expect(v, 35*second, sel, `{__name__="x", instance="a", l="1"} 15:? 20:? 25:? 30:1.000001e+06 35:1.000002e+06
{__name__="x", instance="a", l="2"} 15:1 20:1 25:1 30:1 35:1
{__name__="x", instance="a", l="3"} 15:- 20:- 25:- 30:1 35:2
`)
}

// A target whose labels change is the same target: its series go on under the
// new labels, and do not begin at 0 a second time.
func TestSeriesFollowTheLabelsOfTheirTarget(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 5*second, *sel)
	v := NewView(All, Part{Window: f.w})
	f.targets(0, "a")
	f.scrape("a", 5*second, map[string]float64{"x{pod=p}": 1})
	f.expect(v, 5*second, sel, "{__name__=\"x\", exported_pod=\"p\", instance=\"a\"} 5:1\n")
	renamed := metric.Target{ID: "a", Labels: labels.FromStrings("instance", "a/path", "node", "n"), Expected: true}
	f.w.SetTargets([]metric.Target{renamed}, 10*second)
	f.tables["a"] = nil
	f.scrape("a", 10*second, map[string]float64{"x{pod=p}": 2})
	f.expect(v, 10*second, sel, "{__name__=\"x\", exported_pod=\"p\", instance=\"a/path\", node=\"n\"} 5:1 10:2\n")
}

// In a window of results the series alone say
// what they are: no target continues another, and no label is renamed.
func TestResultsKeepTheirLabels(t *testing.T) {
	t.Parallel()
	sel := &metric.Selector{Name: "x", Range: 60 * second}
	f := newFeed(t, 0, *sel, metric.Selector{Name: "y", Range: 60 * second})
	v := NewView(All, Part{Window: f.w})
	x, y := metric.Target{ID: "x"}, metric.Target{ID: "y"}
	f.w.SetTargets([]metric.Target{x}, 0)
	f.scrape("x", 5*second, map[string]float64{"x{pod=p}": 1})
	f.w.SetTargets([]metric.Target{y}, 10*second)
	f.scrape("y", 10*second, map[string]float64{"y": 1})
	f.w.SetTargets([]metric.Target{x, y}, 15*second)
	f.scrape("x", 15*second, map[string]float64{"x{pod=p}": 3})
	f.expect(v, 15*second, sel, "{__name__=\"x\", pod=\"p\"} 5:1 9:- 15:3\n")
}
