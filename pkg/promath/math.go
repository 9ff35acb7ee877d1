package promath

import "math"

// The functions in this file compute on each float of a vector by itself and
// drop the metric name. Unless said otherwise they leave histograms out, NaN
// gives NaN, and elements that differ in their metric names only are an error.

// Abs returns absolute values.
func Abs(v Vector) (Vector, error) { return eachFloat(v, math.Abs) }

// Ceil rounds up to integers.
func Ceil(v Vector) (Vector, error) { return eachFloat(v, math.Ceil) }

// Floor rounds down to integers.
func Floor(v Vector) (Vector, error) { return eachFloat(v, math.Floor) }

// Round rounds to the nearest multiple of to, and up where two are equally
// near. to = 0 gives NaN.
func Round(v Vector, to float64) (Vector, error) {
	inverse := 1.0 / to
	return eachFloat(v, func(f float64) float64 { return math.Floor(f*inverse+0.5) / inverse })
}

// Sqrt returns square roots; of negative numbers NaN.
func Sqrt(v Vector) (Vector, error) { return eachFloat(v, math.Sqrt) }

// Exp returns e to the power of each float, which may overflow to +Inf.
func Exp(v Vector) (Vector, error) { return eachFloat(v, math.Exp) }

// Ln returns natural logarithms: of 0 -Inf, of negative numbers NaN.
func Ln(v Vector) (Vector, error) { return eachFloat(v, math.Log) }

// Log2 returns binary logarithms: of 0 -Inf, of negative numbers NaN.
func Log2(v Vector) (Vector, error) { return eachFloat(v, math.Log2) }

// Log10 returns decimal logarithms: of 0 -Inf, of negative numbers NaN.
func Log10(v Vector) (Vector, error) { return eachFloat(v, math.Log10) }

// Sgn returns 1 for positive, -1 for negative numbers and 0 for 0.
func Sgn(v Vector) (Vector, error) {
	return eachFloat(v, func(f float64) float64 {
		switch {
		case f < 0:
			return -1
		case f > 0:
			return 1
		}
		return f
	})
}

// Clamp limits floats to min and max; there is no result if max < min. A limit
// that is NaN makes all NaN.
func Clamp(v Vector, min, max float64) (Vector, error) {
	if max < min {
		return nil, nil
	}
	return eachFloat(v, func(f float64) float64 { return math.Max(min, math.Min(max, f)) })
}

// ClampMin raises floats below min to it.
func ClampMin(v Vector, min float64) (Vector, error) { return Clamp(v, min, math.Inf(+1)) }

// ClampMax lowers floats above max to it.
func ClampMax(v Vector, max float64) (Vector, error) { return Clamp(v, math.Inf(-1), max) }

// Neg returns the elements with the sign changed, histograms too: PromQL's
// unary minus.
func Neg(v Vector) (Vector, error) {
	var out Vector
	names := newStripper(metadataLabels)
	for i := range v {
		s := Sample{Labels: names.strip(v[i].Labels), F: -v[i].F}
		if v[i].H != nil {
			s.F, s.H = 0, v[i].H.Copy().Mul(-1)
		}
		out = append(out, s)
	}
	return names.checked(out)
}

func eachFloat(v Vector, f func(float64) float64) (Vector, error) {
	out := make(Vector, 0, len(v))
	names := newStripper(metadataLabels)
	for i := range v {
		if v[i].H == nil {
			out = append(out, Sample{Labels: names.strip(v[i].Labels), F: f(v[i].F)})
		}
	}
	return names.checked(out)
}
