package promath_test

import (
	"fmt"
	"math"
	"math/rand"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// An expression is a PromQL query and what computes the same with promath.
type expression struct {
	query string
	eval  func() (promath.Vector, error)
	// calls lists the functions in it.
	calls []string
	// unordered: the engine returns the elements in random order.
	unordered bool
	// opaque: histograms are not what the engine would see below a function
	// for which it reads them without buckets.
	opaque bool
}

// An author writes random expressions about a world at one time.
type author struct {
	*rand.Rand
	world    *world
	at       int64
	lookback int64
}

func newAuthor(w *world, rnd *rand.Rand) *author {
	a := &author{Rand: rnd, world: w, lookback: 1000 * (1 + rnd.Int63n(60))}
	a.at = epoch + rnd.Int63n(duration+60_000)
	if a.Intn(2) == 0 { // exactly at a row
		t := w.targets[rnd.Intn(len(w.targets))]
		a.at = t[rnd.Intn(len(t))]
	}
	return a
}

func oneOf[T any](a *author, choices ...T) T { return choices[a.Intn(len(choices))] }

// number returns a parameter, seldom an odd one.
func (a *author) number(usual ...float64) float64 {
	if a.Intn(12) == 0 {
		return oneOf(a, math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, math.Copysign(0, -1), 1e300, 0.5)
	}
	return oneOf(a, usual...)
}

// format prints a number for PromQL, where -1^2 is -(1^2).
func format(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if strings.HasPrefix(s, "-") {
		return "(" + s + ")"
	}
	return s
}

// selector returns a random selector of one of the metrics, with its offset in
// PromQL.
func (a *author) selector(names ...string) (sel *metric.Selector, offset string) {
	sel = &metric.Selector{Name: oneOf(a, names...)}
	match := func(t labels.MatchType, name, value string) {
		sel.Matchers = append(sel.Matchers, labels.MustNewMatcher(t, name, value))
	}
	switch a.Intn(12) {
	case 0:
		match(labels.MatchEqual, "pod", oneOf(a, "p0", "p1", "none"))
	case 1:
		match(labels.MatchNotEqual, "pod", "p2")
	case 2:
		match(labels.MatchRegexp, "code", "2..|5..")
		match(labels.MatchEqual, "Zone", "")
	case 3:
		match(labels.MatchRegexp, "route", "a|")
		match(labels.MatchEqual, "pod", "p0")
	case 4:
		match(labels.MatchEqual, "code", "200")
		match(labels.MatchEqual, "code", "200")
		match(labels.MatchEqual, "pod", "p3")
	}
	if a.Intn(4) == 0 {
		sel.Offset = 1000 * (a.Int63n(100) - 20)
		offset = fmt.Sprintf(" offset %dms", sel.Offset)
	}
	return sel, offset
}

// instant returns an instant selector.
func (a *author) instant(names ...string) expression {
	sel, offset := a.selector(names...)
	series := a.world.selected(sel)
	return expression{
		query: sel.String() + offset,
		calls: []string{"instant"},
		eval: func() (promath.Vector, error) {
			return promath.Instant(series, a.at-sel.Offset, a.lookback), nil
		},
	}
}

// window returns a range selector.
func (a *author) window(names ...string) (r promath.Range, sel *metric.Selector, query string) {
	sel, offset := a.selector(names...)
	sel.Range = oneOf(a, 999, 5000, 30_000, 60_000, 120_000, 300_000, 1+a.Int63n(120_000), 1+a.Int63n(120_000))
	end := a.at - sel.Offset
	r = promath.Range{Series: a.world.selected(sel), Start: end - sel.Range, End: end, Now: a.at}
	return r, sel, fmt.Sprintf("%s[%dms]%s", sel, sel.Range, offset)
}

var rangeFunctions = []struct {
	name string
	f    func(promath.Range) (promath.Vector, error)
}{
	{"rate", promath.Rate}, {"increase", promath.Increase}, {"delta", promath.Delta},
	{"irate", promath.Irate}, {"idelta", promath.Idelta}, {"deriv", promath.Deriv},
	{"resets", promath.Resets}, {"changes", promath.Changes},
	{"avg_over_time", promath.AvgOverTime}, {"sum_over_time", promath.SumOverTime},
	{"min_over_time", promath.MinOverTime}, {"max_over_time", promath.MaxOverTime},
	{"count_over_time", promath.CountOverTime}, {"present_over_time", promath.PresentOverTime},
	{"first_over_time", promath.FirstOverTime}, {"last_over_time", promath.LastOverTime},
	{"stddev_over_time", promath.StddevOverTime}, {"stdvar_over_time", promath.StdvarOverTime},
	{"mad_over_time", promath.MadOverTime},
	{"ts_of_min_over_time", promath.TsOfMinOverTime}, {"ts_of_max_over_time", promath.TsOfMaxOverTime},
	{"ts_of_first_over_time", promath.TsOfFirstOverTime}, {"ts_of_last_over_time", promath.TsOfLastOverTime},
}

// overRange returns a function of a range selector.
func (a *author) overRange(names ...string) expression {
	r, sel, window := a.window(names...)
	// The engine reads gauge histograms in a way of its own below
	// histogram_count and its like.
	opaque := sel.Name == nativeGage || sel.Name == mixed
	e := expression{opaque: opaque}
	switch a.Intn(len(rangeFunctions) + 4) {
	case 0:
		q := a.number(0, 0.5, 0.9, 1, 0.3333)
		e.calls = []string{"quantile_over_time"}
		e.query = fmt.Sprintf("quantile_over_time(%s, %s)", format(q), window)
		e.eval = func() (promath.Vector, error) { return promath.QuantileOverTime(q, r) }
	case 1:
		seconds := a.number(60, 3600, -5, 0.001)
		e.calls = []string{"predict_linear"}
		e.query = fmt.Sprintf("predict_linear(%s, %s)", window, format(seconds))
		e.eval = func() (promath.Vector, error) { return promath.PredictLinear(r, seconds) }
	case 2:
		sf, tf := oneOf(a, 0.5, 0.1, 0.9999), oneOf(a, 0.5, 0.1, 0.9999)
		e.calls = []string{"double_exponential_smoothing"}
		e.query = fmt.Sprintf("double_exponential_smoothing(%s, %s, %s)", window, format(sf), format(tf))
		e.eval = func() (promath.Vector, error) { return promath.DoubleExponentialSmoothing(r, sf, tf) }
	case 3:
		e.calls = []string{"absent_over_time"}
		e.query = fmt.Sprintf("absent_over_time(%s)", window)
		e.eval = func() (promath.Vector, error) { return promath.AbsentOverTime(r, sel) }
	default:
		fn := rangeFunctions[a.Intn(len(rangeFunctions))]
		e.calls = []string{fn.name}
		e.query = fmt.Sprintf("%s(%s)", fn.name, window)
		e.eval = func() (promath.Vector, error) { return fn.f(r) }
	}
	return e
}

// rated returns a rate or so, as histogram_quantile likes it.
func (a *author) rated(names ...string) expression {
	r, sel, window := a.window(names...)
	fn := rangeFunctions[a.Intn(2)]
	return expression{
		query:  fmt.Sprintf("%s(%s)", fn.name, window),
		calls:  []string{fn.name},
		eval:   func() (promath.Vector, error) { return fn.f(r) },
		opaque: sel.Name == nativeGage || sel.Name == mixed,
	}
}

// vector returns an expression of the given depth at most.
func (a *author) vector(depth int, names ...string) expression {
	if depth == 0 {
		switch a.Intn(3) {
		case 0:
			return a.instant(names...)
		case 1:
			return a.rated(names...)
		}
		return a.overRange(names...)
	}
	switch a.Intn(10) {
	case 0, 1, 2:
		return a.aggregation(a.vector(depth-1, names...))
	case 3, 4:
		return a.elementwise(a.vector(depth-1, names...))
	case 5, 6:
		if a.Intn(4) > 0 { // of one metric, so that something matches
			names = []string{oneOf(a, names...)}
		}
		return a.binary(a.vector(a.Intn(depth), names...), a.vector(a.Intn(depth), names...))
	case 7:
		return a.withScalar(a.vector(depth-1, names...))
	case 8:
		return a.relabelled(a.vector(depth-1, names...))
	}
	return a.set(a.vector(depth-1, names...), a.vector(depth-1, names...))
}

// over returns an expression that applies f to the value of e.
func over(e expression, call, query string, f func(promath.Vector) (promath.Vector, error)) expression {
	inner := e.eval
	e.calls = append(append([]string{}, e.calls...), call)
	e.query = query
	e.eval = func() (promath.Vector, error) {
		v, err := inner()
		if err != nil {
			return nil, err
		}
		return f(v)
	}
	return e
}

// both is over for two expressions.
func both(l, r expression, call, query string, f func(l, r promath.Vector) (promath.Vector, error)) expression {
	return expression{
		query: query, calls: append(append([]string{call}, l.calls...), r.calls...),
		unordered: l.unordered || r.unordered, opaque: true,
		eval: func() (promath.Vector, error) {
			lv, err := l.eval()
			if err != nil {
				return nil, err
			}
			rv, err := r.eval()
			if err != nil {
				return nil, err
			}
			return f(lv, rv)
		},
	}
}

var labelNames = []string{"pod", "code", "route", "le", "Zone", "kind", "model", labels.MetricName, "none"}

// someLabels returns up to three labels, seldom the name.
func (a *author) someLabels() []string {
	var out []string
	for range a.Intn(4) {
		if l := oneOf(a, labelNames...); l != labels.MetricName || a.Intn(3) == 0 {
			out = append(out, l)
		}
	}
	return out
}

func (a *author) grouping() (promath.Grouping, string) {
	g := promath.Grouping{Without: a.Intn(3) == 0, Labels: a.someLabels()}
	list := "(" + strings.Join(g.Labels, ", ") + ")"
	switch {
	case g.Without:
		return g, " without " + list
	case len(g.Labels) == 0 && a.Intn(2) == 0:
		return g, ""
	}
	return g, " by " + list
}

func (a *author) aggregation(e expression) expression {
	g, by := a.grouping()
	plain := []struct {
		name string
		f    func(promath.Vector, promath.Grouping) (promath.Vector, error)
	}{
		{"sum", promath.Sum}, {"avg", promath.Avg}, {"min", promath.Min}, {"max", promath.Max},
		{"count", promath.Count}, {"group", promath.Group}, {"stddev", promath.Stddev}, {"stdvar", promath.Stdvar},
	}
	if e.unordered {
		plain = plain[2:6] // on which the order has no influence
	}
	n := len(plain)
	if !e.unordered {
		n += 3
	}
	i := a.Intn(n)
	if i < len(plain) {
		fn := plain[i]
		return over(e, fn.name, fmt.Sprintf("%s%s (%s)", fn.name, by, e.query),
			func(v promath.Vector) (promath.Vector, error) { return fn.f(v, g) })
	}
	fn := []struct {
		name string
		f    func(float64, promath.Vector, promath.Grouping) (promath.Vector, error)
		p    float64
	}{
		{"topk", promath.Topk, a.number(1, 2, 3, 5, 2.7)},
		{"bottomk", promath.Bottomk, a.number(1, 2, 3, 5, 2.7)},
		{"quantile", promath.Quantile, a.number(0, 0.5, 0.9, 1, 0.3333)},
	}[i-len(plain)]
	return over(e, fn.name, fmt.Sprintf("%s%s (%s, %s)", fn.name, by, format(fn.p), e.query),
		func(v promath.Vector) (promath.Vector, error) { return fn.f(fn.p, v, g) })
}

// A function is a call with one vector, %s.
type function struct {
	query string
	f     func(promath.Vector) (promath.Vector, error)
}

func (a *author) elementwise(e expression) expression {
	p, p2 := a.number(0.1, 5, 100), a.number(0.1, 5, 100)
	functions := []function{
		{"abs(%s)", promath.Abs}, {"ceil(%s)", promath.Ceil}, {"floor(%s)", promath.Floor},
		{"sqrt(%s)", promath.Sqrt}, {"exp(%s)", promath.Exp}, {"ln(%s)", promath.Ln},
		{"log2(%s)", promath.Log2}, {"log10(%s)", promath.Log10}, {"sgn(%s)", promath.Sgn},
		{"-(%s)", promath.Neg},
		{"round(%s)", func(v promath.Vector) (promath.Vector, error) { return promath.Round(v, 1) }},
		{"round(%s, " + format(p) + ")", func(v promath.Vector) (promath.Vector, error) { return promath.Round(v, p) }},
		{"clamp(%s, " + format(p) + ", " + format(p2) + ")", func(v promath.Vector) (promath.Vector, error) { return promath.Clamp(v, p, p2) }},
		{"clamp_min(%s, " + format(p) + ")", func(v promath.Vector) (promath.Vector, error) { return promath.ClampMin(v, p) }},
		{"clamp_max(%s, " + format(p) + ")", func(v promath.Vector) (promath.Vector, error) { return promath.ClampMax(v, p) }},
		{"absent(%s)", func(v promath.Vector) (promath.Vector, error) { return promath.Absent(v, nil), nil }},
		{"vector(scalar(%s))", func(v promath.Vector) (promath.Vector, error) { return promath.VectorOf(promath.ScalarOf(v)), nil }},
	}
	fn := functions[a.Intn(len(functions))]
	if strings.HasPrefix(e.query, "absent") && strings.HasPrefix(fn.query, "absent") {
		return e
	}
	if strings.HasPrefix(fn.query, "absent") && len(e.calls) == 1 && e.calls[0] == "instant" {
		return e // has labels of its own; see absent
	}
	return apply(fn, e)
}

func apply(fn function, e expression) expression {
	call, _, _ := strings.Cut(fn.query, "(")
	if call == "-" {
		call = "unary -"
	}
	return over(e, call, fmt.Sprintf(fn.query, e.query), fn.f)
}

// statistic returns what native histograms tell without quantiles.
func (a *author) statistic(e expression) expression {
	functions := []function{
		{"histogram_stddev(%s)", promath.HistogramStddev},
		{"histogram_stdvar(%s)", promath.HistogramStdvar},
	}
	if !e.opaque {
		functions = append(functions,
			function{"histogram_count(%s)", promath.HistogramCount},
			function{"histogram_sum(%s)", promath.HistogramSum},
			function{"histogram_avg(%s)", promath.HistogramAvg})
	}
	return apply(functions[a.Intn(len(functions))], e)
}

// absent returns absent of a selector.
func (a *author) absent() expression {
	sel, offset := a.selector(append(metricNames, "none")...)
	series := a.world.selected(sel)
	return expression{
		query: fmt.Sprintf("absent(%s%s)", sel, offset),
		calls: []string{"absent"},
		eval: func() (promath.Vector, error) {
			return promath.Absent(promath.Instant(series, a.at-sel.Offset, a.lookback), sel), nil
		},
	}
}

func (a *author) quantileOf(e expression) expression {
	if a.Intn(2) == 0 {
		g := promath.Grouping{Labels: []string{"le", "route"}}
		e = over(e, "sum", fmt.Sprintf("sum by (le, route) (%s)", e.query),
			func(v promath.Vector) (promath.Vector, error) { return promath.Sum(v, g) })
	}
	if a.Intn(3) == 0 {
		lower, upper := a.number(0, 0.2, -3, 1), a.number(0.3, 1, 2, 50)
		e = over(e, "histogram_fraction", fmt.Sprintf("histogram_fraction(%s, %s, %s)", format(lower), format(upper), e.query),
			func(v promath.Vector) (promath.Vector, error) { return promath.HistogramFraction(lower, upper, v) })
	} else {
		q := a.number(0, 0.5, 0.95, 1, 0.3333, 0.999)
		e = over(e, "histogram_quantile", fmt.Sprintf("histogram_quantile(%s, %s)", format(q), e.query),
			func(v promath.Vector) (promath.Vector, error) { return promath.HistogramQuantile(q, v) })
	}
	e.unordered = true
	return e
}

var operators = []promath.Op{
	promath.OpAdd, promath.OpSub, promath.OpMul, promath.OpDiv, promath.OpMod, promath.OpPow,
	promath.OpEq, promath.OpNe, promath.OpGt, promath.OpLt, promath.OpGe, promath.OpLe,
}

func (a *author) matching() promath.Matching {
	m := promath.Matching{}
	switch a.Intn(4) {
	case 0:
		m.On, m.Labels = true, a.someLabels()
	case 1:
		m.Labels = a.someLabels()
	}
	return m
}

func (a *author) binary(l, r expression) expression {
	m := a.matching()
	m.Card = oneOf(a, promath.OneToOne, promath.OneToOne, promath.ManyToOne, promath.OneToMany)
	if m.Card != promath.OneToOne {
		m.Include = a.someLabels()
		if !m.On && len(m.Labels) == 0 {
			m.Labels = []string{"none"}
		}
	}
	op := oneOf(a, operators...)
	return both(l, r, op.String(), fmt.Sprintf("(%s) %s %s (%s)", l.query, op, m, r.query),
		func(l, r promath.Vector) (promath.Vector, error) { return promath.Binary(op, l, r, m) })
}

func (a *author) set(l, r expression) expression {
	m := a.matching()
	set := []struct {
		name string
		f    func(l, r promath.Vector, m promath.Matching) (promath.Vector, error)
	}{{"and", promath.And}, {"or", promath.Or}, {"unless", promath.Unless}}[a.Intn(3)]
	return both(l, r, set.name, fmt.Sprintf("(%s) %s %s (%s)", l.query, set.name, m, r.query),
		func(l, r promath.Vector) (promath.Vector, error) { return set.f(l, r, m) })
}

func (a *author) withScalar(e expression) expression {
	op, f, left := oneOf(a, operators...), a.number(1, 2, 0.1, 100, 1e9), a.Intn(2) == 0
	query := fmt.Sprintf("(%s) %s %s", e.query, op, format(f))
	if left {
		query = fmt.Sprintf("%s %s (%s)", format(f), op, e.query)
	}
	return over(e, "scalar "+op.String(), query,
		func(v promath.Vector) (promath.Vector, error) { return promath.BinaryScalar(op, v, f, left) })
}

// scalars returns an operation on two numbers.
func (a *author) scalars() expression {
	op := oneOf(a, operators...)
	x, y := a.number(1, 2, 0.1, -7.5, 1e9), a.number(1, 2, 3, 0.1, 100)
	modifier := ""
	if op >= promath.OpEq {
		modifier = " bool"
	}
	return expression{
		query: fmt.Sprintf("vector(%s %s%s %s)", format(x), op, modifier, format(y)),
		calls: []string{"scalars"},
		eval:  func() (promath.Vector, error) { return promath.VectorOf(promath.Scalar(op, x, y)), nil },
	}
}

func (a *author) relabelled(e expression) expression {
	dst := oneOf(a, "pod", "zone", labels.MetricName, "code")
	if a.Intn(2) == 0 {
		src := []string{oneOf(a, labelNames...), oneOf(a, labelNames...)}
		sep := oneOf(a, "", "-", ", ")
		return over(e, "label_join", fmt.Sprintf("label_join(%s, %q, %q, %q, %q)", e.query, dst, sep, src[0], src[1]),
			func(v promath.Vector) (promath.Vector, error) { return promath.LabelJoin(v, dst, sep, src...) })
	}
	repl, src, re := oneOf(a, "$1", "x-$1", "", "${n}y$0"), oneOf(a, labelNames...), oneOf(a, "(.*)", "p(?P<n>.)", "(2|4)..", "")
	return over(e, "label_replace", fmt.Sprintf("label_replace(%s, %q, %q, %q, %q)", e.query, dst, repl, src, re),
		func(v promath.Vector) (promath.Vector, error) { return promath.LabelReplace(v, dst, repl, src, re) })
}

// expression returns any expression.
func (a *author) expression() expression {
	names := metricNames
	if a.Intn(2) == 0 {
		names = floatNames
	}
	switch a.Intn(12) {
	case 0:
		switch a.Intn(4) {
		case 0:
			return a.absent()
		case 1:
			return a.scalars()
		}
	case 1, 2:
		e := a.quantileOf(oneOf(a, a.rated, a.instant)(classic, native, custom, conflict, mixed))
		if a.Intn(3) == 0 {
			e = a.elementwise(e)
		}
		return e
	case 3:
		return a.statistic(oneOf(a, a.overRange, a.rated, a.instant)(native, custom, native, custom, mixed))
	case 4:
		e := oneOf(a, a.overRange, a.rated, a.instant)(native, nativeGage, custom, native, custom, mixed)
		switch a.Intn(3) {
		case 0:
			return e
		case 1:
			return a.aggregation(e)
		}
		return a.statistic(a.aggregation(e))
	}
	return a.vector(1+a.Intn(3), names...)
}
