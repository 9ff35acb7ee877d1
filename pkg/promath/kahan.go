package promath

import "math"

// addCompensated adds x to a sum whose rounding errors are collected in c, and
// returns both anew: the sum proper is sum+c. This is Neumaier's variant of
// Kahan's summation. Once the sum is infinite the compensation is 0, so that it
// cannot turn the sum into NaN.
//
// The conversions forbid the compiler to fuse these operations with the
// caller's, which would change the result.
func addCompensated(x, sum, c float64) (newSum, newC float64) {
	x, sum, c = float64(x), float64(sum), float64(c)
	t := sum + x
	switch {
	case t > math.MaxFloat64 || t < -math.MaxFloat64: // cheaper than math.IsInf
		c = 0
	case math.Abs(sum) >= math.Abs(x):
		c += (sum - t) + x
	default:
		c += (x - t) + sum
	}
	return float64(t), float64(c)
}
