package hpa

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Limits that the API server sets on a behavior.
const (
	MaxPolicyPeriod        = 30 * time.Minute
	MaxStabilizationWindow = time.Hour
)

// PolicyType says what a policy's value counts.
type PolicyType string

// The policy types of autoscaling/v2.
const (
	Pods    PolicyType = "Pods"
	Percent PolicyType = "Percent"
)

// A Policy limits the change within a period: at most Value pods, or Value
// percent of the pods that there were when the period began.
type Policy struct {
	Type   PolicyType
	Value  int32         // positive
	Period time.Duration // above 0, at most MaxPolicyPeriod
}

// SelectPolicy says which of several policies counts.
type SelectPolicy string

// The choices of autoscaling/v2.
const (
	// SelectMax takes the policy that allows the largest change; the default.
	SelectMax SelectPolicy = "Max"
	// SelectMin takes the policy that allows the smallest change.
	SelectMin SelectPolicy = "Min"
	// SelectDisabled allows no change in this direction.
	SelectDisabled SelectPolicy = "Disabled"
)

// Rules limit scaling in one direction.
type Rules struct {
	// StabilizationWindow is how far back recommendations count: scaling down
	// takes the highest of the window, scaling up the lowest. 0 to
	// MaxStabilizationWindow.
	StabilizationWindow time.Duration
	// Select is one of the three choices.
	Select SelectPolicy
	// Policies: at least one, unless Select is SelectDisabled.
	Policies []Policy
	// Tolerance in this direction, see [Tolerance]; not negative. 0 acts on
	// any difference.
	Tolerance float64
}

// Behavior is spec.behavior of a HorizontalPodAutoscaler with every field filled in.
type Behavior struct {
	ScaleUp, ScaleDown Rules
}

// DefaultBehavior returns what a behavior's unset fields mean: up by 4 pods or
// 100 % per 15 s, whichever is more, without stabilisation; down by 100 % per
// 15 s, stabilised over 300 s; tolerance 0.1.
func DefaultBehavior() Behavior {
	return Behavior{
		ScaleUp: Rules{
			Select:    SelectMax,
			Policies:  []Policy{{Pods, 4, 15 * time.Second}, {Percent, 100, 15 * time.Second}},
			Tolerance: 0.1,
		},
		ScaleDown: Rules{
			StabilizationWindow: 300 * time.Second,
			Select:              SelectMax,
			Policies:            []Policy{{Percent, 100, 15 * time.Second}},
			Tolerance:           0.1,
		},
	}
}

// Validate reports what the API server would refuse, with the field's path.
func (b Behavior) Validate() error {
	if err := b.ScaleUp.validate("scaleUp"); err != nil {
		return err
	}
	return b.ScaleDown.validate("scaleDown")
}

func (r Rules) validate(path string) error {
	if r.StabilizationWindow < 0 || r.StabilizationWindow > MaxStabilizationWindow {
		return fmt.Errorf("%s.stabilizationWindowSeconds %v: use 0 to %v", path, r.StabilizationWindow, MaxStabilizationWindow)
	}
	// NaN fails this comparison as well.
	if !(r.Tolerance >= 0) {
		return fmt.Errorf("%s.tolerance %v: use 0 or more", path, r.Tolerance)
	}
	switch r.Select {
	case SelectMax, SelectMin, SelectDisabled:
	default:
		return fmt.Errorf("%s.selectPolicy %q: use %s, %s or %s", path, r.Select, SelectMax, SelectMin, SelectDisabled)
	}
	if len(r.Policies) == 0 && r.Select != SelectDisabled {
		return fmt.Errorf("%s.policies is empty: give at least one policy, or selectPolicy %s", path, SelectDisabled)
	}
	for i, p := range r.Policies {
		at := fmt.Sprintf("%s.policies[%d]", path, i)
		if p.Type != Pods && p.Type != Percent {
			return fmt.Errorf("%s.type %q: use %s or %s", at, p.Type, Pods, Percent)
		}
		if p.Value <= 0 {
			return fmt.Errorf("%s.value %d: use 1 or more", at, p.Value)
		}
		if p.Period <= 0 || p.Period > MaxPolicyPeriod {
			return fmt.Errorf("%s.periodSeconds %v: use more than 0, at most %v", at, p.Period, MaxPolicyPeriod)
		}
	}
	return nil
}

// longestPeriod returns the longest period of the policies; 0 without any.
func (r Rules) longestPeriod() time.Duration {
	var longest time.Duration
	for _, p := range r.Policies {
		longest = max(longest, p.Period)
	}
	return longest
}

// upLimit returns the most replicas that the rules allow now; never less than
// current. startOf tells how many there were when a policy's period began.
func (r Rules) upLimit(current int32, startOf func(time.Duration) int64) int32 {
	if r.Select == SelectDisabled {
		return current
	}
	var allowed []int64
	for _, p := range r.Policies {
		if start := startOf(p.Period); p.Type == Pods {
			allowed = append(allowed, start+int64(p.Value))
		} else {
			// Rounded up, or a small percentage of few pods would allow none.
			allowed = append(allowed, int64(math.Ceil(float64(start)*(1+float64(p.Value)/100))))
		}
	}
	limit := slices.Max(allowed)
	if r.Select == SelectMin {
		limit = slices.Min(allowed)
	}
	return int32(min(max(limit, int64(current)), math.MaxInt32))
}

// downLimit returns the fewest replicas that the rules allow now; never more
// than current.
func (r Rules) downLimit(current int32, startOf func(time.Duration) int64) int32 {
	if r.Select == SelectDisabled {
		return current
	}
	var allowed []int64
	for _, p := range r.Policies {
		if start := startOf(p.Period); p.Type == Pods {
			allowed = append(allowed, start-int64(p.Value))
		} else {
			allowed = append(allowed, int64(float64(start)*(1-float64(p.Value)/100)))
		}
	}
	limit := slices.Min(allowed)
	if r.Select == SelectMin {
		limit = slices.Max(allowed)
	}
	return int32(max(min(limit, int64(current)), 0))
}
