package provider

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestQuantity(t *testing.T) {
	t.Parallel()
	f := func(v float64, want string) {
		t.Helper()
		q, err := Quantity(v)
		if err != nil {
			t.Errorf("Quantity(%g): %v", v, err)
			return
		}
		if got := q.String(); got != want {
			t.Errorf("Quantity(%g) = %s, want %s", v, got, want)
		}
	}
	f(0, "0")
	f(math.Copysign(0, -1), "0")
	f(1, "1")
	f(-1, "-1")
	f(0.25, "250m")
	f(0.1, "100m")
	f(0.4312, "431200u")
	f(1.5e-9, "1n") // the float is a little less
	f(1.6e-9, "2n")
	f(1e-9, "1n")
	f(-1e-9, "-1n")
	f(math.Pi, "3141592654n")
	f(-math.Pi, "-3141592654n")
	f(400e-6, "400u")
	f(1000, "1k")
	f(1234567.891, "1234567891m")

	// What is left over from cancelling is nothing.
	tenth := 0.1
	f(tenth+2*tenth-3*tenth, "0")
	f(tenth+2*tenth, "300m")
	f(4e-10, "0")
	f(-4e-10, "0")
	f(6e-10, "1n")
	f(math.SmallestNonzeroFloat64, "0")

	// Ties between two nanos go to the even one: both ends here are exact floats.
	f(1.0/1024, "976562n")
	f(3.0/1024, "2929688n")

	// Coarser from 1e9 on, so that it never takes more than 18 digits.
	f(999999999.123456789, "999999999123456836n")
	f(-999999999.123456789, "-999999999123456836n")
	f(999999999.9999999999, "1G")
	f(9223372036.854775, "9223372036854774u")
	f(-9223372036.854775, "-9223372036854774u")
	f(999999999999.9375, "999999999999937500u")
	f(123456789012345.625, "123456789012345625m")
	f(-123456789012345.625, "-123456789012345625m")
	f(1e15+0.125, "1P")
	f(1<<52, "4503599627370496")
	f(MaxMagnitude, "9P")
	f(-MaxMagnitude, "-9P")
}

func TestQuantityRefuses(t *testing.T) {
	t.Parallel()
	f := func(v float64, want string) {
		t.Helper()
		q, err := Quantity(v)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Quantity(%g) = %s, %v, want an error with %q", v, q.String(), err, want)
		}
	}
	f(math.NaN(), "is not a number")
	f(math.Inf(1), "is not a number")
	f(math.Inf(-1), "is not a number")
	f(9.1e15, "9.1e+15 is beyond the 9e+15 that an autoscaler can read: choose a larger unit")
	f(-9.1e15, "is beyond")
	f(math.MaxInt64, "is beyond")
	f(math.MaxFloat64, "is beyond")
}

// FuzzQuantity holds each quantity against exact arithmetic: it is within half
// a unit of the value, a client reads back the same, and thousandths, as the
// HorizontalPodAutoscaler reads them, are rounded away from zero and have not
// wrapped around.
func FuzzQuantity(f *testing.F) {
	for _, v := range []float64{
		0, 1, -1, 0.1, 1e-9, -1e-9, 5e-10, 0.3 - 0.1, 1.0 / 3, -1.0 / 3, 999999999.9999999, -9223372036.854775,
		123456789012345.678, -12345678901.2345678, -9e15, 9e15, 1e16, math.MaxFloat64,
		math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1),
	} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		q, err := Quantity(v)
		if fits := math.Abs(v) <= MaxMagnitude; fits != (err == nil) {
			t.Fatalf("Quantity(%g): %v", v, err)
		}
		if err != nil {
			return
		}
		unit := int64(1e9)
		for _, limit := range []float64{1e9, 1e12, 1e15} {
			if math.Abs(v) >= limit {
				unit /= 1000
			}
		}
		decimal := q.DeepCopy() // AsDec changes what it is called on
		exact, ok := new(big.Rat).SetString(decimal.AsDec().String())
		if !ok {
			t.Fatalf("Quantity(%g) = %s, which is no decimal", v, q.String())
		}
		off := new(big.Rat).Sub(exact, new(big.Rat).SetFloat64(v))
		if off.Abs(off).Cmp(big.NewRat(1, 2*unit)) > 0 {
			t.Errorf("Quantity(%g) = %s, off by %s", v, q.String(), off.FloatString(12))
		}

		read, err := resource.ParseQuantity(q.String())
		if err != nil {
			t.Fatalf("a client cannot read %s: %v", q.String(), err)
		}
		if !read.Equal(q) {
			t.Errorf("a client reads %s as %s", q.String(), read.String())
		}
		milli := new(big.Rat).Mul(exact, big.NewRat(1000, 1))
		got := new(big.Rat).SetInt64(read.MilliValue())
		up := new(big.Rat).Sub(got, milli)
		if got.Sign() != exact.Sign() || up.Sign()*exact.Sign() < 0 || up.Abs(up).Cmp(big.NewRat(1, 1)) >= 0 {
			t.Errorf("MilliValue of %s is %d", q.String(), read.MilliValue())
		}
	})
}
