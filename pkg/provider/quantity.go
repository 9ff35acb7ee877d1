package provider

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// MaxMagnitude is the largest value, of either sign, that an answer may hold.
// The HorizontalPodAutoscaler reads and adds thousandths as int64, which ends
// at 9.2e15 and wraps around; 9e15 leaves room for rounding up.
const MaxMagnitude = 9e15

// Quantity returns v with nano precision: the multiple of 1e-9 that is nearest
// to v, of two equally near ones the even one. So what is left over when
// floating-point numbers cancel out (0.1 + 0.2 - 0.3) is 0 and not 1n, which
// the HorizontalPodAutoscaler, rounding thousandths up, would take for 1m; for
// the same reason values of at most 0.5n in magnitude are 0. Minus zero is 0.
//
// From 1e9 on it is the nearest multiple of 1e-6, from 1e12 of 1e-3, from 1e15
// of 1: a Quantity of more than 18 digits is kept in another form, whose
// MilliValue wraps around for negative numbers, and a float has 17.
//
// NaN, Inf and magnitudes beyond [MaxMagnitude] are errors.
//
// The quantity's text is already cached in it, so that concurrent encoders
// only read it.
func Quantity(v float64) (resource.Quantity, error) {
	magnitude := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return resource.Quantity{}, fmt.Errorf("%g is not a number that an autoscaler can read: guard divisions with ratio(a, b, default)", v)
	case magnitude > MaxMagnitude:
		return resource.Quantity{}, fmt.Errorf("%g is beyond the %g that an autoscaler can read: choose a larger unit", v, float64(MaxMagnitude))
	}
	decimals := 9
	switch {
	case magnitude >= 1e15:
		decimals = 0
	case magnitude >= 1e12:
		decimals = 3
	case magnitude >= 1e9:
		decimals = 6
	}
	// Multiplying by a power of ten would round a second time; printing does not.
	digits := strings.Replace(strconv.FormatFloat(v, 'f', decimals, 64), ".", "", 1)
	unscaled, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return resource.Quantity{}, fmt.Errorf("quantity of %g: %w", v, err)
	}
	q := resource.NewScaledQuantity(unscaled, resource.Scale(-decimals))
	_ = q.String()
	return *q, nil
}
