package promath_test

import (
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func on(names ...string) promath.Matching { return promath.Matching{On: true, Labels: names} }
func ignoring(names ...string) promath.Matching {
	return promath.Matching{Labels: names}
}

func groupLeft(m promath.Matching, include ...string) promath.Matching {
	m.Card, m.Include = promath.ManyToOne, include
	return m
}

func groupRight(m promath.Matching, include ...string) promath.Matching {
	m.Card, m.Include = promath.OneToMany, include
	return m
}

func TestScalar(t *testing.T) {
	t.Parallel()
	f := func(a float64, op promath.Op, b, want float64) {
		t.Helper()
		got := promath.Scalar(op, a, b)
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%v %v %v = %v, want %v", a, op, b, got, want)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	f(7, promath.OpAdd, 2, 9)
	f(7, promath.OpSub, 2, 5)
	f(7, promath.OpMul, 2, 14)
	f(7, promath.OpDiv, 2, 3.5)
	f(7, promath.OpDiv, 0, inf)
	f(0, promath.OpDiv, 0, nan)
	f(-7, promath.OpMod, 4, -3)
	f(7, promath.OpMod, 0, nan)
	f(7, promath.OpPow, 2, 49)
	f(-1, promath.OpPow, 0.5, nan)
	f(2, promath.OpEq, 2, 1)
	f(nan, promath.OpEq, nan, 0)
	f(2, promath.OpNe, 2, 0)
	f(nan, promath.OpNe, nan, 1)
	f(2, promath.OpGt, 1, 1)
	f(2, promath.OpGt, 2, 0)
	f(1, promath.OpLt, 2, 1)
	f(2, promath.OpGe, 2, 1)
	f(nan, promath.OpGe, 2, 0)
	f(2, promath.OpLe, 1, 0)
	f(inf, promath.OpLe, inf, 1)
}

func TestUnknownOp(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != "promath: Op(12) is no operator" {
			t.Errorf("got %v", got)
		}
	}()
	promath.Scalar(promath.OpLe+1, 1, 2)
}

func TestBinaryScalar(t *testing.T) {
	t.Parallel()
	const vector = `x{a="1"} 1; x{a="2"} 4; x{a="3"} NaN; x{a="4"} h8`
	f := func(op promath.Op, scalar float64, onLeft bool, want string) {
		t.Helper()
		check(t, text(promath.BinaryScalar(op, vectorOf(t, vector), scalar, onLeft)), want)
	}
	f(promath.OpAdd, 2, false, `{a="1"} 3; {a="2"} 6; {a="3"} NaN`)
	f(promath.OpSub, 2, false, `{a="1"} -1; {a="2"} 2; {a="3"} NaN`)
	f(promath.OpSub, 2, true, `{a="1"} 1; {a="2"} -2; {a="3"} NaN`)
	f(promath.OpMul, 2, false, `{a="1"} 2; {a="2"} 8; {a="3"} NaN; {a="4"} h16`)
	f(promath.OpMul, 2, true, `{a="1"} 2; {a="2"} 8; {a="3"} NaN; {a="4"} h16`)
	f(promath.OpDiv, 2, false, `{a="1"} 0.5; {a="2"} 2; {a="3"} NaN; {a="4"} h4`)
	f(promath.OpDiv, 2, true, `{a="1"} 2; {a="2"} 0.5; {a="3"} NaN`)
	f(promath.OpPow, 2, true, `{a="1"} 2; {a="2"} 16; {a="3"} NaN`)

	// Comparing keeps elements, name and all, whichever side they are on.
	f(promath.OpGt, 2, false, `{__name__="x", a="2"} 4`)
	f(promath.OpGt, 2, true, `{__name__="x", a="1"} 1`)
	f(promath.OpNe, 1, false, `{__name__="x", a="2"} 4; {__name__="x", a="3"} NaN`)
	f(promath.OpEq, math.NaN(), false, ``)
}

func TestBinary(t *testing.T) {
	t.Parallel()
	f := func(lhs string, op promath.Op, m promath.Matching, rhs, want string) {
		t.Helper()
		check(t, text(promath.Binary(op, vectorOf(t, lhs), vectorOf(t, rhs), m)), want)
	}
	all := promath.Matching{}

	// All labels but the name.
	f(`x{a="1"} 6; x{a="2"} 8; x{a="3"} 9`, promath.OpDiv, all, `y{a="2"} 2; y{a="1"} 3; y{a="4"} 5`, `{a="1"} 2; {a="2"} 4`)
	f(`x{a="1"} 6; x{a="2"} 8`, promath.OpGt, all, `y{a="2"} 9; y{a="1"} 3`, `{__name__="x", a="1"} 6`)
	f(`x 6`, promath.OpDiv, all, `y 0`, `{} +Inf`)
	f(`x 6`, promath.OpAdd, all, `y NaN`, `{} NaN`)
	f(`x 6`, promath.OpAdd, all, ``, ``)
	f(``, promath.OpAdd, all, `x 6`, ``)

	// Some labels.
	f(`x{a="1", b="1"} 6`, promath.OpAdd, on("a"), `y{a="1", c="1"} 2`, `{a="1"} 8`)
	f(`x{a="1", b="1"} 6`, promath.OpAdd, ignoring("b", "c"), `y{a="1", c="1"} 2`, `{a="1"} 8`)
	f(`x{a="1", b="1"} 6`, promath.OpGe, on("a"), `y{a="1", c="1"} 2`, `{a="1"} 6`)
	f(`x{a="1", b="1"} 6`, promath.OpGe, ignoring("b", "c"), `y{a="1", c="1"} 2`, `{__name__="x", a="1"} 6`)
	f(`x{a="1"} 6`, promath.OpAdd, on(), `y{b="1"} 2`, `{} 8`)
	f(`x{a="1"} 6`, promath.OpAdd, on("__name__"), `y{a="1"} 2`, ``)
	f(`x{a="1"} 6`, promath.OpGt, on("__name__"), `x{b="1"} 2`, `{__name__="x"} 6`)

	// Many to one.
	f(`x{a="1", b="1"} 6; x{a="1", b="2"} 8`, promath.OpDiv, groupLeft(on("a")), `y{a="1", c="7"} 2`,
		`{a="1", b="1"} 3; {a="1", b="2"} 4`)
	f(`x{a="1", b="1"} 6; x{a="1", b="2"} 8`, promath.OpDiv, groupLeft(on("a"), "c", "d", "b2"), `y{a="1", c="7"} 2`,
		`{a="1", b="1", c="7"} 3; {a="1", b="2", c="7"} 4`)
	f(`x{a="1", c="7"} 2`, promath.OpDiv, groupRight(ignoring("b", "c"), "c"), `y{a="1", b="1"} 6; y{a="1", b="2"} 8`,
		`{a="1", b="1", c="7"} 0.3333333333333333; {a="1", b="2", c="7"} 0.25`)
	f(`x{a="1"} 7`, promath.OpGt, groupRight(on("a")), `y{a="1", b="1"} 6; y{a="1", b="2"} 8`,
		`{__name__="y", a="1", b="1"} 7`) // the left value, with the many side's labels

	// Histograms.
	f(`x h6`, promath.OpAdd, all, `y h2`, `{} h8`)
	f(`x h6`, promath.OpSub, all, `y h2`, `{} h4`)
	f(`x c6`, promath.OpAdd, all, `y c2`, `{} c8`)
	f(`x h6`, promath.OpAdd, all, `y c2`, ``)
	f(`x h6`, promath.OpMul, all, `y h2`, ``)
	f(`x h6`, promath.OpMul, all, `y 2`, `{} h12`)
	f(`x 2`, promath.OpMul, all, `y h6`, `{} h12`)
	f(`x h6`, promath.OpDiv, all, `y 2`, `{} h3`)
	f(`x 2`, promath.OpDiv, all, `y h6`, ``)
	f(`x h6`, promath.OpEq, all, `y h6`, `{__name__="x"} h6`)
	f(`x h6`, promath.OpEq, all, `y h7`, ``)
	f(`x h6`, promath.OpNe, all, `y h7`, `{__name__="x"} h6`)
	f(`x h6`, promath.OpGt, all, `y h5`, ``)
	f(`x h6`, promath.OpEq, all, `y 6`, ``)

	// A filtered match counts as one, one without an operation does not.
	f(`x{a="1"} 1; x{a="2"} 2`, promath.OpGt, on(), `y 1`, `error: two series on the left side of > on() match the same {__name__="y"} on the right: `+
		`{__name__="x", a="1"} and {__name__="x", a="2"}; `+
		`if many go with one, say group_left(...), else match on more labels with on(...) or ignoring(...)`)
	f(`x{a="1"} h1; x{a="2"} 2`, promath.OpGt, on(), `y 1`, `{} 2`)
}

// TestBinaryOfContradictingHistograms: PromQL does not add up, nor subtract,
// a histogram known to follow a reset and one known not to.
func TestBinaryOfContradictingHistograms(t *testing.T) {
	t.Parallel()
	l, r := vectorOf(t, `x h6`), vectorOf(t, `y h2`)
	l[0].H.CounterResetHint = histogram.CounterReset
	f := func(hint histogram.CounterResetHint, sum, difference string) {
		t.Helper()
		r[0].H.CounterResetHint = hint
		check(t, text(promath.Binary(promath.OpAdd, l, r, promath.Matching{})), sum)
		check(t, text(promath.Binary(promath.OpSub, l, r, promath.Matching{})), difference)
	}
	f(histogram.UnknownCounterReset, `{} h8`, `{} h4`)
	f(histogram.CounterReset, `{} h8`, `{} h4`)
	f(histogram.GaugeType, `{} h8`, `{} h4`)
	f(histogram.NotCounterReset, ``, ``)
}

func TestMatchingErrors(t *testing.T) {
	t.Parallel()
	f := func(lhs string, m promath.Matching, rhs, want string) {
		t.Helper()
		check(t, text(promath.Binary(promath.OpDiv, vectorOf(t, lhs), vectorOf(t, rhs), m)), "error: "+want)
	}
	f(`x{a="1"} 6`, ignoring("b"), `y{a="1", b="1"} 2; y{a="1", b="2"} 3`,
		`two series on the right side of / ignoring(b) match the same {a="1"}: {__name__="y", a="1", b="1"} and {__name__="y", a="1", b="2"}; `+
			`match on more labels with on(...) or ignoring(...), or aggregate that side first; if many there go with one on the other side, say group_right(...)`)
	f(`x{a="1"} 6`, groupLeft(on("a")), `y{a="1", b="1"} 2; y{a="1", b="2"} 3`,
		`two series on the right side of / on(a) group_left() match the same {a="1"}: {__name__="y", a="1", b="1"} and {__name__="y", a="1", b="2"}; `+
			`match on more labels with on(...) or ignoring(...), or aggregate that side first`)
	f(`x{a="1", b="1"} 2; x{a="1", b="2"} 3`, groupRight(on("a"), "c"), `y{a="1"} 6`,
		`two series on the left side of / on(a) group_right(c) match the same {a="1"}: {__name__="x", a="1", b="1"} and {__name__="x", a="1", b="2"}; `+
			`match on more labels with on(...) or ignoring(...), or aggregate that side first`)
	f(`x 1; y 2`, promath.Matching{}, `z 3`,
		`two series on the left side of / match the same {__name__="z"} on the right: {__name__="x"} and {__name__="y"}; `+
			`if many go with one, say group_left(...), else match on more labels with on(...) or ignoring(...)`)
	f(`x{a="1", b="1"} 6; x{a="1", b="2"} 8`, groupLeft(on("a"), "b"), `y{a="1"} 2`,
		`two results of / on(a) group_left(b) have the same labels {a="1"}: those of {__name__="x", a="1", b="1"} and {__name__="x", a="1", b="2"}; `+
			`leave out of group_left(...) what tells the two apart`)
	f(`y{a="1"} 2`, groupRight(on("a"), "b"), `x{a="1", b="1"} 6; x{a="1", b="2"} 8`,
		`two results of / on(a) group_right(b) have the same labels {a="1"}: those of {__name__="x", a="1", b="1"} and {__name__="x", a="1", b="2"}; `+
			`leave out of group_right(...) what tells the two apart`)
	f(`x{a="1"} 6`, groupLeft(on("a"), "a"), `y{a="1"} 2`,
		`label "a" is both in on(...) and in group_left(...): it is equal on both sides, leave it out of the latter`)
	f(`x{a="1"} 6; y{a="1"} 7`, on("__name__"), `x{a="1"} 6; y{a="1"} 7`,
		`vector cannot contain metrics with the same labelset: {} is there twice; keep a label that tells the two apart, or aggregate them`)
}

func TestSets(t *testing.T) {
	t.Parallel()
	f := func(lhs string, m promath.Matching, rhs, and, or, unless string) {
		t.Helper()
		l, r := vectorOf(t, lhs), vectorOf(t, rhs)
		check(t, text(promath.And(l, r, m)), and)
		check(t, text(promath.Or(l, r, m)), or)
		check(t, text(promath.Unless(l, r, m)), unless)
	}
	const x1, x2, x3 = `{__name__="x", a="1"} 1; `, `{__name__="x", a="2"} 2; `, `{__name__="x", a="3"} h3; `
	const y1, y4 = `{__name__="y", a="1"} 7; `, `{__name__="y", a="4"} 8; `
	all := promath.Matching{}
	f(x1+x2+x3, all, y1+y4, x1, x1+x2+x3+y4, x2+x3)
	f(x1+x2+x3, ignoring("a"), y1+y4, x1+x2+x3, x1+x2+x3, ``)
	f(x1+x2+x3, on(), y1+y4, x1+x2+x3, x1+x2+x3, ``)
	f(x1+x2+x3, on("__name__"), y1+y4, ``, x1+x2+x3+y1+y4, x1+x2+x3)
	f(x1, all, ``, ``, x1, x1)
	f(``, all, x1, ``, x1, ``)
	f(``, all, ``, ``, ``, ``)
}
