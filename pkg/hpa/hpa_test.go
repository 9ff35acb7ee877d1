package hpa

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestMilli(t *testing.T) {
	t.Parallel()
	f := func(v float64, want int64) {
		t.Helper()
		got, err := Milli(v)
		if err != nil || got != want {
			t.Errorf("Milli(%v) = %d, %v, want %d", v, got, err, want)
		}
	}
	f(0, 0)
	f(1, 1000)
	f(431.2, 431200)
	f(0.0004, 1)   // 400 us in seconds
	f(0.4312, 432) // up
	f(0.431, 431)  // no spurious digit from the binary fraction
	f(4.001, 4001) // likewise
	f(1e-12, 0)    // below nano precision
	f(-0.0004, -1) // away from zero
	f(-1.5, -1500) //
	f(1e12, 1e15)  //
	f(1e-10, 0)    // less than half a nano

	bad := func(v float64, want string) {
		t.Helper()
		if got, err := Milli(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Milli(%v) = %d, %v, want an error with %q", v, got, err, want)
		}
	}
	bad(math.NaN(), "no number")
	bad(math.Inf(1), "no number")
	bad(math.Inf(-1), "no number")
	bad(1e18, "choose a larger unit")
	bad(-1e18, "choose a larger unit")
}

// The controller reads Quantity.MilliValue of the decimal that is served. Of
// negative numbers with some 18 digits and more, MilliValue
// rounds to the wrong side; those are left out.
func FuzzMilli(f *testing.F) {
	for _, v := range []float64{0, 1e-9, 0.000999999, 0.001, 1.000000001, 431.2, 431.200001, 0.1 + 0.2, -1e-9, -1.5, 12.345678901, 1e15} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if v < -1e8 {
			t.Skip()
		}
		got, err := Milli(v)
		if err != nil {
			if math.Abs(v) <= 9e15 {
				t.Errorf("Milli(%v): %v", v, err)
			}
			return
		}
		q := resource.MustParse(strconv.FormatFloat(v, 'f', 9, 64))
		if want := q.MilliValue(); got != want {
			t.Errorf("Milli(%v) = %d, want %d", v, got, want)
		}
	})
}

func TestFormatMilli(t *testing.T) {
	t.Parallel()
	f := func(milli int64, want string) {
		t.Helper()
		if got := FormatMilli(milli); got != want {
			t.Errorf("FormatMilli(%d) = %q, want %q", milli, got, want)
		}
	}
	f(0, "0")
	f(1, "0.001")
	f(431200, "431.2")
	f(50000, "50")
	f(50050, "50.05")
	f(-1, "-0.001")
	f(-431200, "-431.2")
	f(math.MaxInt64, "9223372036854775.807")
	f(math.MinInt64, "-9223372036854775.808")
}

func TestSum(t *testing.T) {
	t.Parallel()
	f := func(want int64, items ...int64) {
		t.Helper()
		if got, err := Sum(items); err != nil || got != want {
			t.Errorf("Sum(%v) = %d, %v, want %d", items, got, err, want)
		}
	}
	f(5, 5)
	f(6, 1, 2, 3)
	f(-1, 1, -2)
	f(math.MaxInt64, math.MaxInt64, 1)
	f(math.MaxInt64, math.MaxInt64-1, 1)
	if _, err := Sum(nil); err == nil {
		t.Error("Sum of no items: want an error")
	}
}

func TestTargetValidate(t *testing.T) {
	t.Parallel()
	f := func(target Target, want string) {
		t.Helper()
		err := target.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", target, err, want)
		}
	}
	f(Target{Value, 1}, "")
	f(Target{AverageValue, 50000}, "")
	f(Target{"Utilization", 1}, "use Value or AverageValue")
	f(Target{Value, 0}, "at least 1m")
	f(Target{Value, -1}, "at least 1m")
}

func TestTargetString(t *testing.T) {
	t.Parallel()
	f := func(target Target, want string) {
		t.Helper()
		if got := target.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Target{Value, 250000}, "250")
	f(Target{AverageValue, 1500}, "1.5 (avg)")
}

func TestToleranceWithin(t *testing.T) {
	t.Parallel()
	f := func(tol Tolerance, ratio float64, want bool) {
		t.Helper()
		if got := tol.Within(ratio); got != want {
			t.Errorf("%+v.Within(%v) = %v", tol, ratio, got)
		}
	}
	tol := DefaultTolerance()
	f(tol, 1, true)
	f(tol, 0.9, true)
	f(tol, 1.1, true)
	f(tol, 0.8999, false)
	f(tol, 1.1001, false)
	f(tol, math.NaN(), false)
	f(tol, math.Inf(1), false)
	f(Tolerance{ScaleUp: 0, ScaleDown: 0.5}, 1.001, false)
	f(Tolerance{ScaleUp: 0, ScaleDown: 0.5}, 0.5, true)
}

func TestPropose(t *testing.T) {
	t.Parallel()
	f := func(typ TargetType, target, usage int64, r Replicas, want int32, text string) {
		t.Helper()
		p := Target{typ, target}.Propose(usage, r, DefaultTolerance())
		if p.Replicas != want || p.String() != text {
			t.Errorf("%s %d, usage %d, %+v: %d %q, want %d %q", typ, target, usage, r, p.Replicas, p, want, text)
		}
	}
	// AverageValue: the total over the target.
	f(AverageValue, 50_000, 431_200, Steady(3), 9, "ceil(431.2/50)=9")
	f(AverageValue, 50_000, 431_200, Steady(9), 9, "431.2/(50*9)=0.9582 within 0.1: 9")
	f(AverageValue, 50_000, 450_000, Steady(9), 9, "450/(50*9)=1 within 0.1: 9")
	f(AverageValue, 50_000, 495_000, Steady(9), 9, "495/(50*9)=1.1 within 0.1: 9")
	f(AverageValue, 50_000, 495_001, Steady(9), 10, "ceil(495.001/50)=10")
	f(AverageValue, 50_000, 400_000, Steady(9), 8, "ceil(400/50)=8")
	f(AverageValue, 50_000, 0, Steady(9), 0, "ceil(0/50)=0")
	f(AverageValue, 50_000, -100_000, Steady(2), -2, "ceil(-100/50)=-2")
	// AverageValue divides by status.replicas, ready or not, whatever the spec says.
	f(AverageValue, 50_000, 450_000, Replicas{Spec: 3, Status: 9, Ready: 1}, 9, "450/(50*9)=1 within 0.1: 9")
	f(AverageValue, 50_000, 1, Steady(0), 1, "ceil(0.001/50)=1")
	f(AverageValue, 50_000, 0, Steady(0), 0, "ceil(0/50)=0")
	f(AverageValue, 1, math.MaxInt64, Steady(1), math.MaxInt32, "ceil(9223372036854775.807/0.001)=2147483647")

	// Value: the ratio times the ready pods.
	f(Value, 250_000, 431_200, Steady(3), 6, "ceil(431.2/250*3)=6")
	f(Value, 250_000, 262_500, Steady(3), 3, "262.5/250=1.05 within 0.1: 3")
	f(Value, 250_000, 125_000, Steady(3), 2, "ceil(125/250*3)=2")
	f(Value, 250_000, 500_000, Replicas{Spec: 6, Status: 6, Ready: 3}, 6, "ceil(500/250*3)=6")
	f(Value, 250_000, 500_000, Replicas{Spec: 6, Status: 6, Ready: 0}, 0, "ceil(500/250*0)=0")
	f(Value, 250_000, 250_000, Replicas{Spec: 6, Status: 3, Ready: 3}, 6, "250/250=1 within 0.1: 6")
	// From zero there is no tolerance and no pods to count.
	f(Value, 250_000, 1, Steady(0), 1, "ceil(0.001/250)=1")
	f(Value, 250_000, 0, Steady(0), 0, "ceil(0/250)=0")
	f(Value, 250_000, 600_000, Steady(0), 3, "ceil(600/250)=3")
	f(Value, 1, math.MaxInt64, Steady(1000), math.MaxInt32, "ceil(9223372036854775.807/0.001*1000)=2147483647")
	f(Value, 1, math.MinInt64, Steady(1000), math.MinInt32, "ceil(-9223372036854775.808/0.001*1000)=-2147483648")
}

func TestHighest(t *testing.T) {
	t.Parallel()
	late := errors.New("late")
	ok := func(n int32) Outcome { return Outcome{Proposal: Proposal{Replicas: n}} }
	bad := Outcome{Err: late}
	f := func(spec int32, outcomes []Outcome, want int32, index int, wantErr string) {
		t.Helper()
		got, i, err := Highest(spec, outcomes)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != want || i != index || text != wantErr {
			t.Errorf("got %d, %d, %q, want %d, %d, %q", got, i, text, want, index, wantErr)
		}
	}
	f(3, []Outcome{ok(5)}, 5, 0, "")
	f(3, []Outcome{ok(5), ok(7), ok(7), ok(1)}, 7, 1, "")
	f(3, []Outcome{ok(1), ok(2)}, 2, 1, "")
	f(3, []Outcome{ok(-4)}, 0, 0, "")
	f(3, []Outcome{bad, ok(2)}, 3, -1, "1 of 2 metrics without a value, the first: late") // no scale-down
	f(3, []Outcome{bad, ok(3)}, 3, 1, "1 of 2 metrics without a value, the first: late")  // no change
	f(3, []Outcome{ok(5), bad}, 5, 0, "1 of 2 metrics without a value, the first: late")  // scale-up goes on
	f(3, []Outcome{bad, {Err: errors.New("other")}}, 3, -1, "2 of 2 metrics without a value, the first: late")
	f(3, nil, 3, -1, "no metrics: an autoscaler needs at least one")
	if _, _, err := Highest(3, []Outcome{bad}); !errors.Is(err, late) {
		t.Errorf("%v does not wrap the cause", err)
	}
}
