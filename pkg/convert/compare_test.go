package convert_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/gaugeway/gaugeway/pkg/convert"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// An oracle is Prometheus's engine, in the configuration that promath and
// convert hold themselves to.
type oracle struct {
	engine *promql.Engine
	// whole is the same, but that it reads histograms whole: see wholeHistograms.
	whole *promql.Engine
}

func newOracle(tb testing.TB) *oracle {
	tb.Helper()
	return &oracle{engine: newEngine(tb, newParser()), whole: newEngine(tb, wholeHistograms{newParser()})}
}

func newEngine(tb testing.TB, p parser.Parser) *promql.Engine {
	tb.Helper()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:               1_000_000,
		Timeout:                  time.Minute,
		LookbackDelta:            lookback * time.Millisecond,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   p,
	})
	tb.Cleanup(func() { _ = engine.Close() })
	return engine
}

func newParser() parser.Parser { return parser.NewParser(promqltest.TestParserOpts) }

// lookback of both engines, in milliseconds: that of promqltest.
const lookback = 5 * 60 * 1000

// An answer is a result of either engine: items in label order, without the
// metric name.
type answer struct {
	items []metric.Item
	// histograms: the result holds some, which only Prometheus can return.
	histograms bool
}

// ask evaluates an instant query with Prometheus's engine.
func ask(engine *promql.Engine, data seriesSet, expr string, at int64) (promql.Vector, error) {
	q, err := engine.NewInstantQuery(context.Background(), data, nil, expr, time.UnixMilli(at))
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(context.Background())
	if result.Err != nil {
		return nil, result.Err
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		return slices.Clone(v), nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, fmt.Errorf("the result is a %s", result.Value.Type())
}

var errSameLabels = errors.New("two items have the same labels")

// answerOf gives a vector the form of an answer. It is an error if that has two
// items of the same labels, as it is to gaugeway.
func answerOf(v promql.Vector) (answer, error) {
	var a answer
	for _, s := range v {
		if s.H != nil {
			a.histograms = true
			continue
		}
		a.items = append(a.items, metric.Item{Labels: withoutName(s.Metric), Value: s.F})
	}
	slices.SortFunc(a.items, func(x, y metric.Item) int { return labels.Compare(x.Labels, y.Labels) })
	for i := range a.items {
		if i > 0 && labels.Equal(a.items[i-1].Labels, a.items[i].Labels) {
			return answer{}, errSameLabels
		}
	}
	return a, nil
}

func withoutName(l labels.Labels) labels.Labels {
	return l.DropReserved(func(name string) bool { return name == labels.MetricName })
}

// runLua compiles and runs Lua.
func runLua(lua string, data seriesSet, at int64) (answer, error) {
	program, err := script.Compile(lua, script.Options{Name: "test", Clock: stopped})
	if err != nil {
		return answer{}, fmt.Errorf("compiling: %w", err)
	}
	value, err := program.Run(script.Env{Now: at, Lookback: lookback, Data: data})
	if err != nil {
		return answer{}, err
	}
	return answer{items: value.Items}, nil
}

// differences compares two answers, floats bit by bit but for the payload of a
// NaN; empty if there are none.
func differences(want, got answer) string {
	if len(want.items) != len(got.items) {
		return fmt.Sprintf("%d items, not %d", len(got.items), len(want.items))
	}
	for i, w := range want.items {
		g := got.items[i]
		if !labels.Equal(w.Labels, g.Labels) {
			return fmt.Sprintf("item %d has the labels %s, not %s", i, g.Labels, w.Labels)
		}
		if !sameFloat(w.Value, g.Value) {
			return fmt.Sprintf("%s is %v (%#x), not %v (%#x)", w.Labels, g.Value, math.Float64bits(g.Value), w.Value, math.Float64bits(w.Value))
		}
	}
	return ""
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// probes take histograms apart into floats: where all of them agree, so do the
// histograms.
var probes = [...]string{
	"clamp_min(%s, -Inf)",
	"histogram_count(%s)",
	"histogram_sum(%s)",
	"histogram_avg(%s)",
	"histogram_stdvar(%s)",
	"histogram_quantile(0, %s)",
	"histogram_quantile(0.1, %s)",
	"histogram_quantile(0.37, %s)",
	"histogram_quantile(0.5, %s)",
	"histogram_quantile(0.83, %s)",
	"histogram_quantile(0.99, %s)",
	"histogram_quantile(1, %s)",
	"histogram_fraction(-0.01, 0.01, %s)",
	"histogram_fraction(-Inf, 1.3, %s)",
	"histogram_fraction(3, +Inf, %s)",
}

// A mismatch is an expression on which the two engines differ.
type mismatch struct {
	expr, lua string
	want, got string
	what      string
}

func (m *mismatch) Error() string {
	return fmt.Sprintf("%s\n  PromQL: %s\n  Lua:    %s\n  engine: %s\n  script: %s", m.what, m.expr, strings.ReplaceAll(m.lua, "\n", "\n          "), m.want, m.got)
}

// compare evaluates a query in both engines. The error is what FromPromQL says,
// or a *mismatch.
func (o *oracle) compare(data seriesSet, expr string, at int64) (outcome, error) {
	lua, err := convert.FromPromQL(expr)
	if convert.IsUnsupported(err) {
		return notTranslated, err
	}
	vector, wantErr := ask(o.engine, data, expr, at)
	if err != nil {
		if wantErr != nil {
			return bothFailed, nil
		}
		return notTranslated, err
	}
	var want answer
	if wantErr == nil {
		want, wantErr = answerOf(vector)
	}
	if want.histograms {
		return o.compareProbes(data, expr, lua, at)
	}
	got, gotErr := runLua(lua, data, at)
	m := &mismatch{expr: expr, lua: lua, want: describe(want, wantErr), got: describe(got, gotErr)}
	var own *script.Error
	switch {
	case gotErr != nil && !errors.As(gotErr, &own):
		m.what = "not an error of the program"
		return bothFailed, m
	case wantErr == nil && isDuplicate(gotErr) && o.mergesKinds(data, expr, at):
		return bothFailed, nil
	case (wantErr != nil) != (gotErr != nil):
		m.what = "one of the engines fails"
		return bothFailed, m
	case wantErr != nil:
		return bothFailed, nil
	}
	if m.what = differences(want, got); m.what != "" {
		if o.skipsBuckets(data, expr, at, got) {
			return bothEqual, nil
		}
		return bothEqual, m
	}
	if len(want.items) == 0 {
		return bothEmpty, nil
	}
	return bothEqual, nil
}

// isDuplicate reports whether an error is that two elements have the same labels.
func isDuplicate(err error) bool {
	return err != nil && strings.Contains(err.Error(), "vector cannot contain metrics with the same labelset")
}

// mergesKinds reports whether an expression may give a float and a histogram the
// same labels by label_replace, label_join or a minus. Prometheus keeps one of
// the two without a word; to gaugeway, it is an error. It is the only known
// difference.
func (o *oracle) mergesKinds(data seriesSet, expr string, at int64) bool {
	tree, err := newParser().ParseExpr(expr)
	if err != nil {
		return false
	}
	found := false
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		var arg parser.Expr
		switch n := n.(type) {
		case *parser.Call:
			if n.Func.Name != "label_replace" && n.Func.Name != "label_join" {
				return nil
			}
			arg = n.Args[0]
		case *parser.UnaryExpr:
			arg = n.Expr
		default:
			return nil
		}
		v, err := ask(o.engine, data, arg.String(), at)
		histograms := 0
		for _, s := range v {
			if s.H != nil {
				histograms++
			}
		}
		found = found || err == nil && histograms > 0 && histograms < len(v)
		return nil
	})
	return found
}

// wholeHistograms is a parser for an engine that reads histograms whole.
// Prometheus's engine leaves out their buckets where only count and sum seem to
// matter, and then detects resets of gauge histograms by their count alone; its
// result is not that of the same rate otherwise. Under another name, it does not
// recognise the functions that this is done for.
type wholeHistograms struct{ parser.Parser }

const wholePrefix = "whole_"

var countsOnly = [...]string{"histogram_count", "histogram_sum", "histogram_avg"}

func TestMain(m *testing.M) {
	for _, name := range countsOnly {
		promql.FunctionCalls[wholePrefix+name] = promql.FunctionCalls[name]
	}
	os.Exit(m.Run())
}

func (p wholeHistograms) ParseExpr(expr string) (parser.Expr, error) {
	tree, err := p.Parser.ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		if c, ok := n.(*parser.Call); ok && slices.Contains(countsOnly[:], c.Func.Name) {
			renamed := *c.Func
			renamed.Name = wholePrefix + c.Func.Name
			c.Func = &renamed
		}
		return nil
	})
	return tree, nil
}

// skipsBuckets reports whether Prometheus gives an answer as soon as it reads
// histograms whole.
func (o *oracle) skipsBuckets(data seriesSet, expr string, at int64, got answer) bool {
	if !strings.Contains(expr, "histogram_") {
		return false
	}
	v, err := ask(o.whole, data, expr, at)
	if err != nil {
		return false
	}
	want, err := answerOf(v)
	return err == nil && differences(want, got) == ""
}

// compareProbes compares a result with histograms in it, which Lua cannot return.
func (o *oracle) compareProbes(data seriesSet, expr, lua string, at int64) (outcome, error) {
	_, err := runLua(lua, data, at)
	switch {
	case isDuplicate(err) && o.mergesKinds(data, expr, at):
		return bothFailed, nil
	case err == nil || !strings.Contains(err.Error(), "histogram"):
		return bothEqual, &mismatch{expr: expr, lua: lua, what: "no error, though the result has histograms", got: fmt.Sprint(err)}
	}
	for _, probe := range probes {
		if _, err := o.compare(data, fmt.Sprintf(probe, expr), at); err != nil {
			return bothEqual, err
		}
	}
	return bothEqual, nil
}

func describe(a answer, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	items := make([]string, len(a.items))
	for i, item := range a.items {
		items[i] = fmt.Sprintf("%s %v", item.Labels, item.Value)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// stopped is a clock by which no program takes too long.
func stopped() time.Time { return time.Time{} }
