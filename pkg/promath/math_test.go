package promath_test

import (
	"math"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestMath(t *testing.T) {
	t.Parallel()
	f := func(fn func(promath.Vector) (promath.Vector, error), in, want string) {
		t.Helper()
		if want != "" {
			want = "{} " + want
		}
		check(t, text(fn(vectorOf(t, "x "+in))), want)
	}
	f(promath.Abs, "-2", "2")
	f(promath.Abs, "NaN", "NaN")
	f(promath.Abs, "h2", "")
	f(promath.Ceil, "1.2", "2")
	f(promath.Ceil, "-Inf", "-Inf")
	f(promath.Floor, "-1.2", "-2")
	f(promath.Sqrt, "9", "3")
	f(promath.Sqrt, "-1", "NaN")
	f(promath.Exp, "0", "1")
	f(promath.Exp, "1000", "+Inf")
	f(promath.Ln, "1", "0")
	f(promath.Ln, "0", "-Inf")
	f(promath.Ln, "-1", "NaN")
	f(promath.Log2, "8", "3")
	f(promath.Log10, "1000", "3")
	f(promath.Sgn, "-7", "-1")
	f(promath.Sgn, "7", "1")
	f(promath.Sgn, "0", "0")
	f(promath.Sgn, "NaN", "NaN")
	f(promath.Neg, "7", "-7")
	f(promath.Neg, "0", "-0")
	f(promath.Neg, "h7", "h-7")

	round := func(to float64) func(promath.Vector) (promath.Vector, error) {
		return func(v promath.Vector) (promath.Vector, error) { return promath.Round(v, to) }
	}
	f(round(1), "1.5", "2")
	f(round(1), "-1.5", "-1")
	f(round(5), "12", "10")
	f(round(0.1), "0.26", "0.3")
	f(round(0), "5", "NaN")

	clamp := func(min, max float64) func(promath.Vector) (promath.Vector, error) {
		return func(v promath.Vector) (promath.Vector, error) { return promath.Clamp(v, min, max) }
	}
	f(clamp(1, 5), "7", "5")
	f(clamp(1, 5), "0", "1")
	f(clamp(1, 5), "3", "3")
	f(clamp(5, 1), "3", "")
	f(clamp(1, math.NaN()), "3", "NaN")
	f(clamp(1, 5), "NaN", "NaN")
	f(func(v promath.Vector) (promath.Vector, error) { return promath.ClampMin(v, 1) }, "-3", "1")
	f(func(v promath.Vector) (promath.Vector, error) { return promath.ClampMax(v, 1) }, "3", "1")
	f(func(v promath.Vector) (promath.Vector, error) { return promath.ClampMax(v, 1) }, "h3", "")
}
