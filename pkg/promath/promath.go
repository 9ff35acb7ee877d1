// Package promath is PromQL's mathematics as pure functions: what rate,
// histogram_quantile, sum by and the binary operators do to samples, without a
// parser, an engine or a storage. It knows neither Lua nor the time of day:
// the caller says which samples there are and where the window lies.
//
// # Shapes
//
// A range function takes a [Range], the kept rows of series with a window laid
// over them, and returns a [Vector], at most one element for each series.
// Everything else takes and returns vectors. No function changes its
// arguments. A result may share labels and histograms with its arguments, so
// histograms in a Vector are read only.
//
// # Exactness
//
// Results are those of Prometheus's engine, v0.314.0 with delayed name removal
// off, for an instant query: bit by bit on amd64, except that a NaN may have
// another payload. Operations run in the order in which that engine runs them,
// and the expressions have its shape where the shape decides the last bit.
// Formulas come from its packages promql (functions.go, engine.go,
// quantile.go) and util/kahansum; a differential test holds the two together.
// What the engine reports as an annotation (mixed floats and histograms,
// incompatible buckets, a bad le label) shows here as it does in its result:
// the element is left out.
//
// The differences:
//   - histogram_quantile and histogram_fraction return native histograms
//     first and then classic ones in order of first appearance; the order of
//     the engine's classic ones is random.
//   - Two elements with the same labels are an error wherever the engine could
//     return both, one as a float and one as a histogram (label_replace,
//     label_join, unary minus).
//   - Factors that double_exponential_smoothing refuses are an error even
//     where no series has samples.
//   - Label sets are compared, not their hashes.
//   - Errors say what to do about them.
//
// [CoveredRate] has no counterpart in PromQL.
package promath

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// A Sample is one element of a Vector: a native histogram where H is not nil,
// else the float F, which may be NaN or infinite.
type Sample struct {
	Labels labels.Labels
	F      float64
	H      *histogram.FloatHistogram
}

// A Vector is an instant vector. Its order is part of the value: sums of
// floats depend on it. No two elements have the same labels.
type Vector []Sample

// VectorOf returns the vector with the one element f, without labels: PromQL's
// vector(f).
func VectorOf(f float64) Vector { return Vector{{Labels: labels.EmptyLabels(), F: f}} }

// ScalarOf returns the value of the only float in v, and NaN where v has none
// or several: PromQL's scalar(v). Histograms are ignored.
func ScalarOf(v Vector) float64 {
	value, found := math.NaN(), false
	for i := range v {
		if v[i].H != nil {
			continue
		}
		if found {
			return math.NaN()
		}
		value, found = v[i].F, true
	}
	return value
}
