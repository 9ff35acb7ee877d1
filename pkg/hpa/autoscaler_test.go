package hpa

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is a time so many seconds after the start of a test.
func at(seconds float64) time.Time {
	return time.UnixMilli(1_700_000_000_000).Add(time.Duration(seconds * float64(time.Second)))
}

// wants is a reading that asks for exactly n replicas.
func wants(n int32) []Reading {
	return []Reading{{Metric: "m", Target: Target{AverageValue, 1000}, Items: []int64{int64(n) * 1000}}}
}

func fails() []Reading { return []Reading{{Metric: "m", Err: errors.New("too old")}} }

// behavior is the default with quick stabilisation, changed by edit.
func behavior(edit func(*Behavior)) *Behavior {
	b := DefaultBehavior()
	b.ScaleDown.StabilizationWindow = 0
	if edit != nil {
		edit(&b)
	}
	return &b
}

type step struct {
	at      float64
	read    []Reading
	desired int32
	reason  Reason
}

func TestAutoscaler(t *testing.T) {
	t.Parallel()
	defaults := DefaultBehavior()
	tests := []struct {
		name  string
		spec  Spec
		start int32
		steps []step
	}{
		{
			"scale-down waits for the window of 300 s", Spec{1, 100, &defaults}, 10, []step{
				{0, wants(10), 10, ReasonWithinRange},
				{15, wants(4), 10, ReasonScaleDownStabilized},
				{299, wants(4), 10, ReasonScaleDownStabilized},
				{300, wants(4), 4, ReasonWithinRange},
			},
		}, {
			"the highest recommendation of the window counts", Spec{1, 100, &defaults}, 10, []step{
				{0, wants(10), 10, ReasonWithinRange},
				{100, wants(7), 10, ReasonScaleDownStabilized},
				{200, wants(2), 10, ReasonScaleDownStabilized},
				{310, wants(2), 7, ReasonScaleDownStabilized},
				{410, wants(2), 2, ReasonWithinRange},
			},
		}, {
			"the first number of replicas counts as a recommendation", Spec{1, 100, &defaults}, 10, []step{
				{0, wants(2), 10, ReasonScaleDownStabilized},
				{301, wants(2), 2, ReasonWithinRange},
			},
		}, {
			"without behavior: at most double, again and again", Spec{1, 100, nil}, 3, []step{
				{0, wants(60), 6, ReasonScaleUpLimit},
				{1, wants(60), 12, ReasonScaleUpLimit},
				{2, wants(60), 24, ReasonScaleUpLimit},
				{3, wants(60), 48, ReasonScaleUpLimit},
				{4, wants(60), 60, ReasonWithinRange},
			},
		}, {
			"without behavior: one replica may become four", Spec{1, 100, nil}, 1, []step{
				{0, wants(50), 4, ReasonScaleUpLimit},
			},
		}, {
			"without behavior: scale-down stabilised, the end of the window included", Spec{1, 100, nil}, 10, []step{
				{0, wants(10), 10, ReasonWithinRange},
				{300, wants(4), 10, ReasonScaleDownStabilized},
				{300.001, wants(4), 4, ReasonWithinRange},
			},
		}, {
			"default policies: 4 pods or 100 % of what there was 15 s ago", Spec{1, 100, &defaults}, 3, []step{
				{0, wants(90), 7, ReasonScaleUpLimit},   // 3+4
				{5, wants(90), 7, ReasonScaleUpLimit},   // the period's start is still 3
				{15, wants(90), 14, ReasonScaleUpLimit}, // 2*7
				{30, wants(90), 28, ReasonScaleUpLimit},
				{31, wants(90), 28, ReasonScaleUpLimit},
			},
		}, {
			"maximum", Spec{1, 5, behavior(nil)}, 3, []step{
				{0, wants(9), 5, ReasonTooManyReplicas},
				{20, wants(9), 5, ReasonTooManyReplicas},
			},
		}, {
			"minimum", Spec{2, 9, behavior(nil)}, 5, []step{
				{0, wants(0), 2, ReasonTooFewReplicas},
			},
		}, {
			"min policy takes the smaller change", Spec{1, 100, behavior(func(b *Behavior) { b.ScaleUp.Select = SelectMin })}, 10, []step{
				{0, wants(90), 14, ReasonScaleUpLimit},
			},
		}, {
			"scale-up disabled", Spec{1, 100, behavior(func(b *Behavior) { b.ScaleUp = Rules{Select: SelectDisabled} })}, 10, []step{
				{0, wants(90), 10, ReasonScaleUpLimit},
			},
		}, {
			"scale-down disabled", Spec{1, 100, behavior(func(b *Behavior) { b.ScaleDown = Rules{Select: SelectDisabled} })}, 10, []step{
				{1, wants(1), 10, ReasonScaleDownLimit},
			},
		}, {
			"scale-down by pods a period", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleDown.Policies = []Policy{{Pods, 2, time.Minute}}
			})}, 10, []step{
				{1, wants(1), 8, ReasonScaleDownLimit},
				{30, wants(1), 8, ReasonScaleDownLimit},
				{61, wants(1), 6, ReasonScaleDownLimit},
			},
		}, {
			"scale-down by percent, rounded in favour of fewer", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleDown.Policies = []Policy{{Percent, 10, time.Minute}}
			})}, 15, []step{
				{1, wants(1), 13, ReasonScaleDownLimit}, // 13.5
			},
		}, {
			"scale-down, two policies: Max allows the larger change", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleDown.Policies = []Policy{{Percent, 50, time.Minute}, {Pods, 1, time.Minute}}
			})}, 10, []step{
				{1, wants(1), 5, ReasonScaleDownLimit},
			},
		}, {
			"scale-down, two policies: Min allows the smaller change", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleDown.Policies = []Policy{{Percent, 50, time.Minute}, {Pods, 1, time.Minute}}
				b.ScaleDown.Select = SelectMin
			})}, 10, []step{
				{1, wants(1), 9, ReasonScaleDownLimit},
			},
		}, {
			"what was removed in the period counts for scaling up", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleUp.Policies = []Policy{{Pods, 1, time.Minute}}
			})}, 10, []step{
				{1, wants(4), 4, ReasonWithinRange},
				{2, wants(90), 11, ReasonScaleUpLimit}, // 10 at the period's start, plus 1
			},
		}, {
			"scale-up stabilised: the lowest of the window", Spec{1, 100, behavior(func(b *Behavior) {
				b.ScaleUp.StabilizationWindow = 60 * time.Second
				b.ScaleUp.Policies = []Policy{{Percent, 900, time.Second}}
			})}, 2, []step{
				{0, wants(2), 2, ReasonWithinRange},
				{30, wants(9), 2, ReasonScaleUpStabilized},
				{59, wants(7), 2, ReasonScaleUpStabilized},
				{61, wants(9), 7, ReasonScaleUpStabilized},
				{150, wants(9), 9, ReasonWithinRange},
			},
		}, {
			"no value, no change", Spec{1, 100, behavior(nil)}, 3, []step{
				{0, fails(), 3, ReasonNoMetric},
			},
		}, {
			"no value leaves no recommendation behind", Spec{1, 100, &defaults}, 3, []step{
				{0, wants(3), 3, ReasonWithinRange},
				{299, fails(), 3, ReasonNoMetric},
				{301, wants(1), 1, ReasonWithinRange},
			},
		}, {
			"one of two metrics fails: no scale-down", Spec{1, 100, behavior(nil)}, 3, []step{
				{1, append(fails(), wants(2)...), 3, ReasonNoMetric},
			},
		}, {
			"one of two metrics fails: scale-up goes on", Spec{1, 100, behavior(nil)}, 3, []step{
				{1, append(fails(), wants(5)...), 5, ReasonWithinRange},
			},
		}, {
			"above the maximum, metrics are not consulted", Spec{1, 5, &defaults}, 9, []step{
				{0, fails(), 5, ReasonTooManyReplicas},
			},
		}, {
			"below the minimum, metrics are not consulted", Spec{4, 5, &defaults}, 1, []step{
				{0, fails(), 4, ReasonTooFewReplicas},
			},
		}, {
			"set to zero by hand: disabled", Spec{0, 5, behavior(nil)}, 0, []step{
				{0, wants(5), 0, ReasonDisabled},
			},
		}, {
			"to zero and back", Spec{0, 50, behavior(nil)}, 1, []step{
				{1, wants(0), 0, ReasonWithinRange},
				{2, wants(0), 0, ReasonWithinRange},
				{3, wants(9), 5, ReasonScaleUpLimit}, // 1 at the period's start, plus 4
			},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, err := NewAutoscaler(tc.spec)
			if err != nil {
				t.Fatal(err)
			}
			replicas := tc.start
			for i, s := range tc.steps {
				d := a.Sync(at(s.at), Steady(replicas), s.read)
				if d.Desired != s.desired || d.Reason != s.reason {
					t.Fatalf("step %d: desired %d (%s) from %d, want %d (%s)", i, d.Desired, d.Reason, replicas, s.desired, s.reason)
				}
				replicas = d.Desired
			}
		})
	}
}

func TestDecision(t *testing.T) {
	t.Parallel()
	a, err := NewAutoscaler(Spec{MinReplicas: 1, MaxReplicas: 20, Behavior: behavior(nil)})
	if err != nil {
		t.Fatal(err)
	}
	d := a.Sync(at(0), Steady(3), []Reading{
		{Metric: "p95", Target: Target{Value, 250_000}, Items: []int64{300_000}},
		{Metric: "rps", Target: Target{AverageValue, 50_000}, Items: []int64{400_000, 31_200}},
		{Metric: "tokens", Target: Target{AverageValue, 50_000}},
	})
	if d.Deciding != 1 || d.Recommended != 9 || d.Desired != 7 || d.Reason != ReasonScaleUpLimit {
		t.Errorf("got %+v", d)
	}
	var lines []string
	for _, o := range d.Outcomes {
		if o.Err != nil {
			lines = append(lines, o.Err.Error())
		} else {
			lines = append(lines, fmt.Sprint(o.Metric, " ", o.Proposal))
		}
	}
	want := "p95 ceil(300/250*3)=4\nrps ceil(431.2/50)=9\nmetric tokens: the answer holds no items: an autoscaler needs at least one"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if d.Err == nil {
		t.Error("the metric without a value is not reported")
	}
	d = a.Sync(at(1), Steady(7), []Reading{{Metric: "rps", Items: []int64{1}}})
	if d.Err == nil || !strings.Contains(d.Err.Error(), "use Value or AverageValue") || d.Desired != 7 {
		t.Errorf("an invalid target: %+v", d)
	}
}

// The zero tolerance of a behavior is meant: any difference counts.
func TestBehaviorTolerance(t *testing.T) {
	t.Parallel()
	f := func(up, down float64, total int64, want int32) {
		t.Helper()
		a, err := NewAutoscaler(Spec{1, 100, behavior(func(b *Behavior) { b.ScaleUp.Tolerance, b.ScaleDown.Tolerance = up, down })})
		if err != nil {
			t.Fatal(err)
		}
		a.Sync(at(0), Steady(20), wants(20))
		d := a.Sync(at(1), Steady(20), []Reading{{Target: Target{AverageValue, 1000}, Items: []int64{total}}})
		if d.Desired != want {
			t.Errorf("tolerance +%v -%v, %d: %d, want %d", up, down, total, d.Desired, want)
		}
	}
	f(0.1, 0.1, 21_000, 20)
	f(0, 0.1, 21_000, 21)
	f(0.1, 0.1, 19_000, 20)
	f(0.1, 0, 19_000, 19)
}

func TestAutoscalerForgets(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*Behavior{"none": nil, "quick": behavior(nil)} {
		a, err := NewAutoscaler(Spec{1, 100, b})
		if err != nil {
			t.Fatal(err)
		}
		replicas := int32(1)
		for i := range 2000 {
			replicas = a.Sync(at(float64(15*i)), Steady(replicas), wants(int32(1+i%40))).Desired
		}
		if n, m := len(a.recommendations), len(a.ups)+len(a.downs); n > 22 || m > 4 {
			t.Errorf("behavior %s: %d recommendations and %d events are kept", name, n, m)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	t.Parallel()
	f := func(want string, edit func(*Spec)) {
		t.Helper()
		b := DefaultBehavior()
		s := Spec{1, 10, &b}
		edit(&s)
		_, err := NewAutoscaler(s)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("", func(*Spec) {})
	f("", func(s *Spec) { s.Behavior = nil })
	f("", func(s *Spec) { s.MinReplicas = 0 })
	f("minReplicas -1: use 0", func(s *Spec) { s.MinReplicas = -1 })
	f("maxReplicas 0: use at least 1", func(s *Spec) { s.MinReplicas, s.MaxReplicas = 0, 0 })
	f("maxReplicas 2: use at least 1 and at least minReplicas 3", func(s *Spec) { s.MinReplicas, s.MaxReplicas = 3, 2 })
	f("behavior.scaleUp.stabilizationWindowSeconds 2h", func(s *Spec) { s.Behavior.ScaleUp.StabilizationWindow = 2 * time.Hour })
	f("behavior.scaleDown.stabilizationWindowSeconds -1s", func(s *Spec) { s.Behavior.ScaleDown.StabilizationWindow = -time.Second })
	f("behavior.scaleUp.tolerance -1", func(s *Spec) { s.Behavior.ScaleUp.Tolerance = -1 })
	f(`behavior.scaleUp.selectPolicy "": use Max, Min or Disabled`, func(s *Spec) { s.Behavior.ScaleUp.Select = "" })
	f("behavior.scaleUp.policies is empty", func(s *Spec) { s.Behavior.ScaleUp.Policies = nil })
	f(`behavior.scaleUp.policies[1].type "pods": use Pods or Percent`, func(s *Spec) { s.Behavior.ScaleUp.Policies[1].Type = "pods" })
	f("behavior.scaleUp.policies[0].value 0", func(s *Spec) { s.Behavior.ScaleUp.Policies[0].Value = 0 })
	f("behavior.scaleDown.policies[0].periodSeconds 1h", func(s *Spec) { s.Behavior.ScaleDown.Policies[0].Period = time.Hour })
	f("behavior.scaleDown.policies[0].periodSeconds 0s", func(s *Spec) { s.Behavior.ScaleDown.Policies[0].Period = 0 })
}
