package promath

import (
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
)

// An Op is a binary operator on numbers.
type Op int

// The operators. Between vectors, and between a vector and a scalar, those
// that compare filter: they keep the left element, or that of the vector,
// where the comparison holds. Between scalars they give 1 or 0.
const (
	OpAdd Op = iota
	OpSub
	OpMul
	OpDiv
	OpMod // as C's fmod: the sign is that of the dividend
	OpPow
	OpEq
	OpNe
	OpGt
	OpLt
	OpGe
	OpLe
)

// String returns the operator as PromQL writes it.
func (op Op) String() string {
	names := [...]string{"+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<="}
	if op < 0 || int(op) >= len(names) {
		return fmt.Sprintf("Op(%d)", int(op))
	}
	return names[op]
}

// compares reports whether op compares, rather than computes.
func (op Op) compares() bool { return op >= OpEq }

// Scalar returns a op b; of a comparison 1 or 0. Division by 0 gives Inf or
// NaN. An op that is none of the constants is a mistake in the program: it
// panics.
func Scalar(op Op, a, b float64) float64 {
	switch op {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpMul:
		return a * b
	case OpDiv:
		return a / b
	case OpMod:
		return math.Mod(a, b)
	case OpPow:
		return math.Pow(a, b)
	}
	if holds(op, a, b) {
		return 1
	}
	return 0
}

// holds reports whether the comparison a op b is true; with NaN only != is.
func holds(op Op, a, b float64) bool {
	switch op {
	case OpEq:
		return a == b
	case OpNe:
		return a != b
	case OpGt:
		return a > b
	case OpLt:
		return a < b
	case OpGe:
		return a >= b
	case OpLe:
		return a <= b
	}
	panic(fmt.Sprintf("promath: %v is no operator", op))
}

// BinaryScalar applies op to each element of v and the scalar f: element op f,
// or f op element where scalarOnLeft. Computing drops the metric name;
// comparing filters, and elements stay as they are. A histogram can be
// multiplied by a scalar and divided by one; with all other operators it is
// left out.
//
// Elements that differ in their metric names only are an error if the names
// are dropped.
func BinaryScalar(op Op, v Vector, f float64, scalarOnLeft bool) (Vector, error) {
	out := make(Vector, 0, len(v))
	drops := metadataLabels
	if op.compares() {
		drops = noLabels
	}
	names := newStripper(drops)
	scalar := Sample{F: f}
	for i := range v {
		left, right := &v[i], &scalar
		if scalarOnLeft {
			left, right = right, left
		}
		s, r := elementwise(op, left, right)
		if r != kept {
			continue
		}
		if op.compares() {
			s.F, s.H = v[i].F, v[i].H
		}
		s.Labels = names.strip(v[i].Labels)
		out = append(out, s)
	}
	return names.checked(out)
}

// outcome is what becomes of two elements.
type outcome int

const (
	kept      outcome = iota
	filtered          // a comparison does not hold
	undefined         // the operator is not defined for such elements
)

// elementwise applies op to two elements, whatever their labels.
func elementwise(op Op, left, right *Sample) (Sample, outcome) {
	switch {
	case left.H == nil && right.H == nil:
		if !op.compares() {
			return Sample{F: Scalar(op, left.F, right.F)}, kept
		}
		if holds(op, left.F, right.F) {
			return Sample{F: left.F}, kept
		}
		return Sample{}, filtered
	case left.H != nil && right.H != nil:
		return betweenHistograms(op, left.H, right.H)
	case left.H != nil && op == OpMul:
		return Sample{H: left.H.Copy().Mul(right.F).Compact(0)}, kept
	case left.H != nil && op == OpDiv:
		return Sample{H: left.H.Copy().Div(right.F).Compact(0)}, kept
	case right.H != nil && op == OpMul:
		return Sample{H: right.H.Copy().Mul(left.F).Compact(0)}, kept
	}
	return Sample{}, undefined
}

// betweenHistograms applies op to two histograms. They can be added,
// subtracted and compared for equality. Exponential and custom buckets do not
// add up; neither, in PromQL, do histograms of which one is known to follow a
// reset and the other is known not to.
func betweenHistograms(op Op, left, right *histogram.FloatHistogram) (Sample, outcome) {
	var (
		result    *histogram.FloatHistogram
		collision bool
		err       error
	)
	switch op {
	case OpAdd:
		result, collision, _, err = left.Copy().Add(right)
	case OpSub:
		result, collision, _, err = left.Copy().Sub(right)
	case OpEq, OpNe:
		if left.Equals(right) == (op == OpEq) {
			return Sample{H: left}, kept
		}
		return Sample{}, filtered
	default:
		return Sample{}, undefined
	}
	if err != nil || collision {
		return Sample{}, undefined
	}
	if op == OpSub {
		result.CounterResetHint = histogram.GaugeType
	}
	return Sample{H: result.Compact(0)}, kept
}
