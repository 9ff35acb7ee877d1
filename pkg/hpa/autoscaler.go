package hpa

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Spec is what a HorizontalPodAutoscaler object says, without its metrics:
// their targets come with the readings.
type Spec struct {
	// MinReplicas is 0 where scaling to zero is wanted, else 1 or more.
	MinReplicas int32
	// MaxReplicas is at least MinReplicas and at least 1.
	MaxReplicas int32
	// Behavior is nil for an object without spec.behavior. The controller
	// treats that unlike [DefaultBehavior]: it never proposes more than twice
	// the current replicas (or 4, if that is more) at a time, whatever
	// happened before, and stabilises scaling down over 300 s.
	Behavior *Behavior
}

// Validate reports what the API server would refuse, with the field's path.
func (s Spec) Validate() error {
	if s.MinReplicas < 0 {
		return fmt.Errorf("minReplicas %d: use 0 or more", s.MinReplicas)
	}
	if s.MaxReplicas < 1 || s.MaxReplicas < s.MinReplicas {
		return fmt.Errorf("maxReplicas %d: use at least 1 and at least minReplicas %d", s.MaxReplicas, s.MinReplicas)
	}
	if s.Behavior == nil {
		return nil
	}
	if err := s.Behavior.Validate(); err != nil {
		return fmt.Errorf("behavior.%w", err)
	}
	return nil
}

func (s Spec) tolerance() Tolerance {
	if s.Behavior == nil {
		return DefaultTolerance()
	}
	return Tolerance{ScaleUp: s.Behavior.ScaleUp.Tolerance, ScaleDown: s.Behavior.ScaleDown.Tolerance}
}

// A Reading is one metric at one sync.
type Reading struct {
	// Metric is the name under which it is reported.
	Metric string
	Target Target
	// Items are the values of the answer in thousandths; they are added up.
	Items []int64
	// Err says why there is no answer; Items are then ignored.
	Err error
}

// Reason says what, if anything, changed a recommendation. The names are those
// of the conditions in the object's status.
type Reason string

// The reasons.
const (
	// ReasonWithinRange: the recommendation was taken as it was.
	ReasonWithinRange Reason = "DesiredWithinRange"
	// ReasonScaleDownStabilized: a higher recommendation of the window counts.
	ReasonScaleDownStabilized Reason = "ScaleDownStabilized"
	// ReasonScaleUpStabilized: a lower recommendation of the window counts.
	ReasonScaleUpStabilized Reason = "ScaleUpStabilized"
	// ReasonScaleUpLimit: the policies allow no more at this time.
	ReasonScaleUpLimit Reason = "ScaleUpLimit"
	// ReasonScaleDownLimit: the policies allow no fewer at this time.
	ReasonScaleDownLimit Reason = "ScaleDownLimit"
	// ReasonTooManyReplicas: MaxReplicas is the end.
	ReasonTooManyReplicas Reason = "TooManyReplicas"
	// ReasonTooFewReplicas: MinReplicas is the end.
	ReasonTooFewReplicas Reason = "TooFewReplicas"
	// ReasonNoMetric: metrics failed, so that the replicas stay.
	ReasonNoMetric Reason = "FailedGetExternalMetric"
	// ReasonDisabled: somebody set the replicas to 0, which switches the
	// autoscaler off.
	ReasonDisabled Reason = "ScalingDisabled"
)

// A Decision is the outcome of one sync.
type Decision struct {
	// Outcomes belong to the readings, in their order; nil where the metrics
	// were not consulted.
	Outcomes []Outcome
	// Deciding is the index of the outcome that was highest, or -1.
	Deciding int
	// Recommended is what the metrics ask for.
	Recommended int32
	// Desired is what the scale target is to have now: always valid, the
	// current number where nothing is to change.
	Desired int32
	// Reason says what made Desired differ from Recommended.
	Reason Reason
	// Err tells of metrics without a value, even where the others decided.
	Err error
}

// defaultDownscaleStabilization is the controller's flag
// --horizontal-pod-autoscaler-downscale-stabilization.
const defaultDownscaleStabilization = 300 * time.Second

// An Autoscaler is one HorizontalPodAutoscaler over time: it remembers
// recommendations and its own scaling. It is not safe for concurrent use.
type Autoscaler struct {
	spec            Spec
	recommendations []recommendation
	ups, downs      events
	// scaledToZero is the condition ScaledToZero: only an autoscaler that went
	// to zero itself comes back from there.
	scaledToZero bool
}

type recommendation struct {
	replicas int32
	at       time.Time
}

// An event is one change of the number of replicas.
type event struct {
	change int32 // absolute
	at     time.Time
}

// events are the changes in one direction.
type events []event

// since adds up the changes after the cutoff.
func (e events) since(cutoff time.Time) int64 {
	var sum int64
	for _, ev := range e {
		if ev.at.After(cutoff) {
			sum += int64(ev.change)
		}
	}
	return sum
}

// record adds an event. Like the controller it does so in the place of one
// from before the cutoff, the longest period of this direction's policies,
// although a longer period of the other direction might still count that one.
func (e events) record(ev event, cutoff time.Time) events {
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].at.Before(cutoff) {
			e[i] = ev
			return e
		}
	}
	return append(e, ev)
}

// NewAutoscaler returns an Autoscaler without any history.
func NewAutoscaler(spec Spec) (*Autoscaler, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	return &Autoscaler{spec: spec}, nil
}

// Sync is one round of the controller: it reads the metrics, decides, and
// records the decision as carried out. now must not run backwards.
//
// The order is the controller's: outside MinReplicas and MaxReplicas the
// metrics are not consulted; else the highest proposal is stabilised, then
// limited by the policies, then by MinReplicas and MaxReplicas. Without
// replicas nothing happens unless the Autoscaler itself went to zero.
func (a *Autoscaler) Sync(now time.Time, r Replicas, readings []Reading) Decision {
	if a.recommendations == nil {
		a.recommendations = []recommendation{{r.Spec, now}}
	}
	d := a.decide(now, r, readings)
	if d.Desired != r.Spec {
		a.recordScaling(now, d.Desired-r.Spec)
		a.scaledToZero = d.Desired == 0
	}
	return d
}

func (a *Autoscaler) decide(now time.Time, r Replicas, readings []Reading) Decision {
	current := r.Spec
	unread := func(desired int32, why Reason) Decision {
		return Decision{Deciding: -1, Recommended: desired, Desired: desired, Reason: why}
	}
	switch {
	case current == 0 && !a.scaledToZero:
		return unread(0, ReasonDisabled)
	case current > a.spec.MaxReplicas:
		return unread(a.spec.MaxReplicas, ReasonTooManyReplicas)
	case current != 0 && current < a.spec.MinReplicas:
		return unread(a.spec.MinReplicas, ReasonTooFewReplicas)
	}

	d := Decision{Outcomes: a.outcomes(r, readings)}
	d.Recommended, d.Deciding, d.Err = Highest(current, d.Outcomes)
	if d.Deciding < 0 {
		d.Desired, d.Reason = current, ReasonNoMetric
		return d
	}
	stable, stabilized := a.stabilize(now, current, d.Recommended)
	d.Desired, d.Reason = a.bound(now, current, stable)
	if d.Reason == ReasonWithinRange {
		d.Reason = stabilized
	}
	if current == 0 {
		// From zero, MinReplicas goes before the policies.
		d.Desired = max(d.Desired, a.spec.MinReplicas)
	}
	return d
}

// outcomes applies the formula to each reading.
func (a *Autoscaler) outcomes(r Replicas, readings []Reading) []Outcome {
	outcomes := make([]Outcome, len(readings))
	for i, reading := range readings {
		outcomes[i] = Outcome{Metric: reading.Metric}
		usage, err := reading.usage()
		if err != nil {
			outcomes[i].Err = fmt.Errorf("metric %s: %w", reading.Metric, err)
			continue
		}
		outcomes[i].Proposal = reading.Target.Propose(usage, r, a.spec.tolerance())
	}
	return outcomes
}

func (r Reading) usage() (int64, error) {
	if r.Err != nil {
		return 0, r.Err
	}
	if err := r.Target.Validate(); err != nil {
		return 0, err
	}
	return Sum(r.Items)
}

// stabilize records the recommendation and returns the one that counts. With
// a behavior the replicas stay where they are as long as they lie between the
// lowest recommendation of the scale-up window and the highest of the
// scale-down window; without, the highest of 300 s counts.
func (a *Autoscaler) stabilize(now time.Time, current, recommended int32) (int32, Reason) {
	lowest, highest := recommended, recommended
	for _, past := range a.recommendations {
		if b := a.spec.Behavior; b == nil {
			if !past.at.Before(now.Add(-defaultDownscaleStabilization)) {
				highest = max(highest, past.replicas)
			}
		} else {
			if past.at.After(now.Add(-b.ScaleUp.StabilizationWindow)) {
				lowest = min(lowest, past.replicas)
			}
			if past.at.After(now.Add(-b.ScaleDown.StabilizationWindow)) {
				highest = max(highest, past.replicas)
			}
		}
	}
	a.recommendations = append(a.recommendations, recommendation{recommended, now})
	a.forget(now)

	stable := highest
	if a.spec.Behavior != nil {
		stable = min(max(current, lowest), highest)
	}
	switch {
	case stable == recommended:
		return stable, ReasonWithinRange
	case a.spec.Behavior != nil && recommended >= current:
		return stable, ReasonScaleUpStabilized
	}
	return stable, ReasonScaleDownStabilized
}

// bound keeps a stabilised recommendation within MinReplicas, MaxReplicas and
// what the policies allow now.
func (a *Autoscaler) bound(now time.Time, current, stable int32) (int32, Reason) {
	lowest, tooLow := a.spec.MinReplicas, ReasonTooFewReplicas
	highest, tooHigh := a.spec.MaxReplicas, ReasonTooManyReplicas
	// Without a behavior: the rule of the time before there were behaviors.
	down, up := int32(0), int32(min(max(2*int64(current), 4), math.MaxInt32))
	if b := a.spec.Behavior; b != nil {
		down, up = b.ScaleDown.downLimit(current, a.startOf(now, current)), b.ScaleUp.upLimit(current, a.startOf(now, current))
	}
	if down > lowest {
		lowest, tooLow = down, ReasonScaleDownLimit
	}
	if up < highest {
		highest, tooHigh = up, ReasonScaleUpLimit
	}
	switch {
	case stable < lowest:
		return lowest, tooLow
	case stable > highest:
		return highest, tooHigh
	}
	return stable, ReasonWithinRange
}

// startOf returns a function that tells how many replicas there were when a
// period until now began.
func (a *Autoscaler) startOf(now time.Time, current int32) func(time.Duration) int64 {
	return func(period time.Duration) int64 {
		cutoff := now.Add(-period)
		return int64(current) - a.ups.since(cutoff) + a.downs.since(cutoff)
	}
}

// recordScaling remembers a change of the replicas for the policies' periods.
func (a *Autoscaler) recordScaling(now time.Time, change int32) {
	b := a.spec.Behavior
	switch {
	case b == nil: // no policies
	case change > 0:
		a.ups = a.ups.record(event{change, now}, now.Add(-b.ScaleUp.longestPeriod()))
	default:
		a.downs = a.downs.record(event{-change, now}, now.Add(-b.ScaleDown.longestPeriod()))
	}
}

// forget drops the recommendations that no window reaches any more.
func (a *Autoscaler) forget(now time.Time) {
	window := defaultDownscaleStabilization
	if b := a.spec.Behavior; b != nil {
		window = max(b.ScaleUp.StabilizationWindow, b.ScaleDown.StabilizationWindow)
	}
	a.recommendations = slices.DeleteFunc(a.recommendations, func(r recommendation) bool { return r.at.Before(now.Add(-window)) })
}
