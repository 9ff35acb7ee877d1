// Package hpa is the arithmetic of Kubernetes' HorizontalPodAutoscaler for the
// metrics that gaugeway serves: what the stock controller makes of an answer.
//
// The source is the Kubernetes documentation, "Horizontal Pod Autoscaling",
// sections "Algorithm details" and "Configurable scaling behavior", and, where
// that is silent, the controller of Kubernetes v1.36 (replica_calculator.go and
// horizontal.go in pkg/controller/podautoscaler). Value and AverageValue
// targets of External metrics are covered; Object metrics use the same two
// formulas. Pods and Resource metrics, which look at each pod, are not covered.
//
// [Target.Propose] is the formula for one metric, [Highest] combines several,
// and an [Autoscaler] adds what needs a memory: stabilisation windows and
// scaling policies. Nothing here reads a clock, a file or the network.
//
// Usages and targets are int64 thousandths, because that is what the
// controller calculates with; [Milli] converts.
package hpa

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Milli returns v in thousandths as the controller reads it from an answer,
// that is Quantity.MilliValue of v at nano precision: rounded to nanos first,
// then up, away from zero. 0.0004 is 1, 0.4312 is 432, -0.0004 is -1, 1e-10 is 0.
//
// NaN, Inf and magnitudes beyond 9e15, where int64 thousandths end, are errors.
func Milli(v float64) (int64, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("value %v is no number that an autoscaler can read: let the expression return nil instead", v)
	}
	if math.Abs(v) > 9e15 {
		return 0, fmt.Errorf("value %v is too large to be read in thousandths: choose a larger unit", v)
	}
	// Decimal digits are exact where v*1000 is not: whole.mmmrrrrrr.
	digits := strconv.FormatFloat(math.Abs(v), 'f', 9, 64)
	point := len(digits) - 10
	milli, err := strconv.ParseInt(digits[:point]+digits[point+1:point+4], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("value %v in thousandths: %w", v, err)
	}
	if digits[point+4:] != "000000" {
		milli++
	}
	if v < 0 {
		milli = -milli
	}
	return milli, nil
}

// FormatMilli prints thousandths as a decimal number without trailing zeros:
// 431200 is "431.2", 50000 is "50", -1 is "-0.001".
func FormatMilli(milli int64) string {
	sign, abs := "", uint64(milli)
	if milli < 0 {
		sign, abs = "-", -abs
	}
	s := sign + strconv.FormatUint(abs/1000, 10)
	if frac := abs % 1000; frac != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%03d", frac), "0")
	}
	return s
}

// Sum adds up the items of an External answer, in thousandths. A sum beyond
// the largest int64 stays there. No items at all are an error, as they are for
// the controller: an empty answer is not zero.
func Sum(items []int64) (int64, error) {
	if len(items) == 0 {
		return 0, fmt.Errorf("the answer holds no items: an autoscaler needs at least one")
	}
	var sum int64
	for _, v := range items {
		if v > 0 && sum > math.MaxInt64-v {
			return math.MaxInt64, nil
		}
		sum += v
	}
	return sum, nil
}

// TargetType says how a usage is held against a target.
type TargetType string

// The target types of External metrics, named as in autoscaling/v2.
const (
	// Value compares the usage itself: a latency, a ratio.
	Value TargetType = "Value"
	// AverageValue compares the usage divided by the number of pods: requests
	// or tokens per second and pod.
	AverageValue TargetType = "AverageValue"
)

// A Target is what an autoscaler wants a metric to be.
type Target struct {
	Type TargetType
	// Milli is the target in thousandths; it is positive.
	Milli int64
}

// Validate reports what the API server would refuse.
func (t Target) Validate() error {
	if t.Type != Value && t.Type != AverageValue {
		return fmt.Errorf("target type %q: use %s or %s", t.Type, Value, AverageValue)
	}
	if t.Milli <= 0 {
		return fmt.Errorf("target %s: it must be at least 1m (0.001); choose a smaller unit for the metric", FormatMilli(t.Milli))
	}
	return nil
}

// String prints the target as kubectl does: "50 (avg)" for AverageValue, "250"
// for Value.
func (t Target) String() string {
	if t.Type == AverageValue {
		return FormatMilli(t.Milli) + " (avg)"
	}
	return FormatMilli(t.Milli)
}

// Replicas are the counts of pods that the formulas use.
type Replicas struct {
	// Spec is how many the scale target was told to have (spec.replicas).
	Spec int32
	// Status is how many there are (status.replicas), ready or not.
	Status int32
	// Ready is how many are running and ready.
	Ready int32
}

// Steady returns the counts of n pods that all exist and are ready.
func Steady(n int32) Replicas { return Replicas{Spec: n, Status: n, Ready: n} }

// Tolerance is how far the ratio of usage to target may be from 1 without any
// change, on either side and inclusive: 0.1 leaves ratios from 0.9 to 1.1 alone.
type Tolerance struct {
	ScaleUp, ScaleDown float64
}

// DefaultTolerance is the controller's default, 0.1 on both sides
// (--horizontal-pod-autoscaler-tolerance).
func DefaultTolerance() Tolerance { return Tolerance{ScaleUp: 0.1, ScaleDown: 0.1} }

// Within reports whether the ratio is too close to 1 to act upon. NaN is not.
func (t Tolerance) Within(ratio float64) bool {
	return 1-t.ScaleDown <= ratio && ratio <= 1+t.ScaleUp
}
