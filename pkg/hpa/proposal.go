package hpa

import (
	"fmt"
	"math"
	"strconv"
)

// A Proposal is how many replicas one metric asks for, and why. Minimum,
// maximum, stabilisation and policies come later.
type Proposal struct {
	// Target and Usage, in thousandths, are what was compared.
	Target Target
	Usage  int64
	// Ratio of usage to target; with AverageValue the usage per pod. It is NaN
	// or Inf where AverageValue is asked for without any pod.
	Ratio float64
	// Within tells that the ratio is inside the tolerance, so that Replicas is
	// the current number.
	Within bool
	// Replicas is the number asked for; negative for a negative usage.
	Replicas int32

	counts    Replicas
	tolerance Tolerance
}

// Propose applies the documented formula
//
//	desiredReplicas = ceil(currentReplicas * currentMetricValue / desiredMetricValue)
//
// to a usage in thousandths, as the controller does it:
//
//	Value         ceil(usage/target * ready pods);  without replicas ceil(usage/target)
//	AverageValue  ceil(usage/target);  the ratio for the tolerance is usage/(target * status.replicas)
//
// Within the tolerance the proposal is the current number: spec.replicas for
// Value, status.replicas for AverageValue. Without replicas there is no
// tolerance: any usage above zero proposes at least one pod. Where pods exist
// but none is ready, Value proposes none. Numbers beyond an int32 become the
// largest one. The target must be valid, see [Target.Validate].
func (t Target) Propose(usage int64, r Replicas, tol Tolerance) Proposal {
	p := Proposal{Target: t, Usage: usage, counts: r, tolerance: tol}
	switch t.Type {
	case AverageValue:
		p.Ratio = float64(usage) / (float64(t.Milli) * float64(r.Status))
		if p.Within = tol.Within(p.Ratio); p.Within {
			p.Replicas = r.Status
		} else {
			p.Replicas = ceil32(float64(usage) / float64(t.Milli))
		}
	default:
		p.Ratio = float64(usage) / float64(t.Milli)
		switch {
		case r.Spec == 0:
			p.Replicas = ceil32(p.Ratio)
		case tol.Within(p.Ratio):
			p.Within, p.Replicas = true, r.Spec
		default:
			p.Replicas = ceil32(p.Ratio * float64(r.Ready))
		}
	}
	return p
}

// String writes the arithmetic out, so that it can be checked by hand:
//
//	ceil(431.2/50)=9                  AverageValue
//	ceil(431.2/50*3)=26               Value, three ready pods
//	431.2/(50*9)=0.958 within 0.1: 9  AverageValue inside the tolerance
//	262.5/250=1.05 within 0.1: 3      Value inside the tolerance
//
// Usage and target are exact, the ratio is rounded to four digits.
func (p Proposal) String() string {
	usage, target := FormatMilli(p.Usage), FormatMilli(p.Target.Milli)
	average := p.Target.Type == AverageValue
	if p.Within {
		divisor := target
		if average {
			divisor = fmt.Sprintf("(%s*%d)", target, p.counts.Status)
		}
		tolerance := p.tolerance.ScaleUp
		if p.Ratio < 1 {
			tolerance = p.tolerance.ScaleDown
		}
		return fmt.Sprintf("%s/%s=%s within %s: %d", usage, divisor,
			strconv.FormatFloat(p.Ratio, 'g', 4, 64), strconv.FormatFloat(tolerance, 'g', -1, 64), p.Replicas)
	}
	if average || p.counts.Spec == 0 {
		return fmt.Sprintf("ceil(%s/%s)=%d", usage, target, p.Replicas)
	}
	return fmt.Sprintf("ceil(%s/%s*%d)=%d", usage, target, p.counts.Ready, p.Replicas)
}

// ceil32 rounds up; what does not fit an int32 is its nearest end, NaN is 0.
func ceil32(v float64) int32 {
	v = math.Ceil(v)
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt32:
		return math.MaxInt32
	case v <= math.MinInt32:
		return math.MinInt32
	}
	return int32(v)
}

// An Outcome is one metric's proposal, or the error instead of one.
type Outcome struct {
	// Metric is the name under which the metric is reported.
	Metric   string
	Proposal Proposal
	// Err says why there was no value; Proposal is then zero.
	Err error
}

// Highest combines the metrics of one autoscaler: the highest proposal wins,
// and never less than 0. Of equal proposals the first wins. The index is that
// of the deciding outcome.
//
// Metrics without a value stop scale-down only: where some of them failed and
// the rest proposes less than spec, or where all of them failed, the result is
// spec, the index is -1 and the error names the first failure. Where the rest
// proposes spec or more, that is the result, and the error is reported with it.
// No outcomes at all are an error as well.
func Highest(spec int32, outcomes []Outcome) (replicas int32, index int, err error) {
	index = -1
	failed := 0
	for i, o := range outcomes {
		if o.Err != nil {
			if failed == 0 {
				err = o.Err
			}
			failed++
			continue
		}
		if index < 0 || o.Proposal.Replicas > replicas {
			replicas, index = o.Proposal.Replicas, i
		}
	}
	if len(outcomes) == 0 {
		return spec, -1, fmt.Errorf("no metrics: an autoscaler needs at least one")
	}
	if failed > 0 {
		err = fmt.Errorf("%d of %d metrics without a value, the first: %w", failed, len(outcomes), err)
	}
	replicas = max(replicas, 0)
	if failed == len(outcomes) || (failed > 0 && replicas < spec) {
		return spec, -1, err
	}
	return replicas, index, err
}
