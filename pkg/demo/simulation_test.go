package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// An observer stands in for gaugeway: it scrapes the fleet over HTTP and works
// the scenario's metrics out over a window, by hand.
type observer struct {
	t      *testing.T
	clock  *manualClock
	window time.Duration
	urls   []string
	scrape []observation // oldest first
	// increase over the window by series, all pods together.
	increase map[string]float64
	fail     string // a metric that has no value
}

type observation struct {
	at   time.Time
	pods map[string]map[string]float64 // by URL, then series
}

// observe scrapes all pods.
func (o *observer) observe() {
	o.t.Helper()
	seen := observation{at: o.clock.Now(), pods: map[string]map[string]float64{}}
	for _, url := range o.urls {
		_, body, err := get(o.t, url)
		if err != nil {
			o.t.Fatal(err)
		}
		seen.pods[url] = samples(o.t, []byte(body))
	}
	o.scrape = append(o.scrape, seen)
	for o.scrape[0].at.Before(seen.at.Add(-o.window)) {
		o.scrape = o.scrape[1:]
	}
	o.increase = map[string]float64{}
	for i := range o.scrape[1:] {
		before, after := o.scrape[i], o.scrape[i+1]
		for url, pod := range after.pods {
			past, known := before.pods[url]
			for series, v := range pod {
				if known {
					o.increase[series] += v - past[series]
				}
			}
		}
	}
}

// rate sums the increases per second of the series that match.
func (o *observer) rate(match func(string) bool) float64 {
	sum := 0.0
	for _, series := range slices.Sorted(maps.Keys(o.increase)) {
		if match(series) {
			sum += o.increase[series]
		}
	}
	return sum / o.scrape[len(o.scrape)-1].at.Sub(o.scrape[0].at).Seconds()
}

func has(parts ...string) func(string) bool {
	return func(series string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(series, p) })
	}
}

// p95 interpolates within the bucket that holds it.
func (o *observer) p95() float64 {
	buckets := map[float64]float64{}
	for _, bound := range bounds {
		le := strconv.FormatFloat(bound, 'f', -1, 64)
		buckets[bound] = o.rate(has("kong_request_latency_ms_bucket", `service="checkout"`, `le="`+le+`.0"`))
	}
	rank := 0.95 * o.rate(has("kong_request_latency_ms_count", `service="checkout"`))
	lower, below := 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(buckets)) {
		if n := buckets[bound]; n >= rank {
			return lower + (bound-lower)*(rank-below)/(n-below)
		}
		lower, below = bound, buckets[bound]
	}
	return lower
}

// Read implements Reader.
func (o *observer) Read(_ context.Context, metric string) ([]int64, error) {
	if len(o.scrape) < 2 || metric == o.fail {
		return nil, errors.New("no two samples yet")
	}
	v := 0.0
	total := o.rate(has("kong_http_requests_total"))
	switch metric {
	case "gateway_p95_latency_ms":
		v = o.p95()
	case "gateway_requests_per_second":
		v = total
	case "gateway_requests_per_second_per_pod":
		v = total / float64(len(o.urls))
	case "gateway_error_ratio":
		v = o.rate(has("kong_http_requests_total", `code="5`)) / total
	case "gateway_tokens_per_second":
		v = o.rate(has("kong_ai_llm_tokens_total", "total_tokens"))
	default:
		return nil, fmt.Errorf("no metric %s", metric)
	}
	milli, err := hpa.Milli(v)
	return []int64{milli}, err
}

// loop runs a scenario with a manual clock and returns its frames.
func loop(t *testing.T, scenario Scenario, duration time.Duration, each func(*observer, Frame)) []Frame {
	t.Helper()
	clock := newManualClock()
	fleet := NewFleet(NewModel(scenario.Traffic, scenario.Capacity), scenario.Startup, clock.Now)
	defer func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}()
	o := &observer{t: t, clock: clock, window: scenario.Window}
	s, err := NewSimulation(scenario, fleet, o, func(urls []string) error { o.urls = urls; return nil }, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	var frames []Frame
	for fleet.Elapsed() < duration {
		clock.Add(scenario.Interval)
		o.observe()
		frame, err := s.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each(o, frame)
		}
		frames = append(frames, frame)
	}
	return frames
}

// However long the demo takes, the fleet at least doubles and is back where it
// began at the end of each period.
func TestScenarioClosesTheLoop(t *testing.T) {
	t.Parallel()
	for _, duration := range []time.Duration{0, 20 * time.Second, 30 * time.Second} {
		t.Run(duration.String(), func(t *testing.T) {
			t.Parallel()
			scenario := NewScenario(duration)
			frames := loop(t, scenario, max(duration, scenario.Traffic.Period), nil)
			most, deciders := int32(0), map[int]bool{}
			for _, f := range frames {
				most = max(most, f.Decision.Desired)
				if f.Decision.Desired > f.Replicas.Spec {
					deciders[f.Decision.Deciding] = true
				}
				t.Log(PlainRow(f)) // go test -v shows what the demo would
			}
			if most < 2*scenario.Replicas {
				t.Errorf("at most %d replicas", most)
			}
			if last := frames[len(frames)-1]; last.Decision.Desired != scenario.Replicas {
				t.Errorf("%d replicas at the end", last.Decision.Desired)
			}
			if len(deciders) < 2 {
				t.Errorf("only the metrics %v ever scaled up: the others show nothing", deciders)
			}
		})
	}
}

func TestNewScenario(t *testing.T) {
	t.Parallel()
	f := func(duration, period, window, stabilization, policy time.Duration) {
		t.Helper()
		s := NewScenario(duration)
		down := s.Spec.Behavior.ScaleDown
		if s.Traffic.Period != period || s.Window != window || down.StabilizationWindow != stabilization || down.Policies[0].Period != policy {
			t.Errorf("%v: period %v, window %v, stabilisation %v, policies %v", duration, s.Traffic.Period, s.Window, down.StabilizationWindow, down.Policies[0].Period)
		}
		if err := s.Spec.Validate(); err != nil {
			t.Errorf("%v: %v", duration, err)
		}
	}
	second := time.Second
	f(0, 90*second, 13*second, 9*second, 5*second)
	f(second, second, 3*second, 2*second, second)
	f(20*second, 20*second, 3*second, 2*second, second)
	f(60*second, 60*second, 9*second, 6*second, 3*second)
	f(240*second, 80*second, 11*second, 8*second, 4*second) // three periods
}

// The objects are what a user could write: they are valid.
func TestScenarioObjects(t *testing.T) {
	t.Parallel()
	s := NewScenario(0)
	source := s.Source([]string{"http://127.0.0.1:1/metrics"})
	source.SetDefaults()
	if errs := source.Validate(); len(errs) > 0 {
		t.Errorf("source: %v", errs)
	}
	for _, m := range s.GatewayMetrics() {
		m.SetDefaults()
		if errs := m.Validate(); len(errs) > 0 {
			t.Errorf("metric %s: %v", m.Name, errs)
		}
	}
}

// What is shown is what the formula says.
func TestFramesFollowTheFormula(t *testing.T) {
	t.Parallel()
	for _, f := range loop(t, NewScenario(20*time.Second), 20*time.Second, nil) {
		outcomes := f.Decision.Outcomes
		for _, g := range f.Gauges {
			if g.Target == nil {
				continue
			}
			o := outcomes[0]
			outcomes = outcomes[1:]
			if (g.Err == nil) != (o.Err == nil) {
				t.Fatalf("%s: %v, but %v", g.Label, g.Err, o.Err)
			}
			if g.Err != nil {
				continue
			}
			value, target := float64(g.Milli), float64(g.Target.Milli)
			want, ratio := math.Ceil(value/target), value/target/float64(f.Replicas.Status)
			if g.Target.Type == hpa.Value {
				want, ratio = math.Ceil(value/target*float64(f.Replicas.Ready)), value/target
			}
			if math.Abs(ratio-1) <= 0.1 {
				want = float64(f.Replicas.Spec)
			}
			if float64(o.Proposal.Replicas) != want {
				t.Errorf("%s of %s with %+v: %s, want %v", g.Label, hpa.FormatMilli(g.Milli), f.Replicas, o.Proposal, want)
			}
		}
	}
}

// A metric without a value stops scaling down, not the demo.
func TestSimulationWithoutAMetric(t *testing.T) {
	t.Parallel()
	frames := loop(t, NewScenario(20*time.Second), 20*time.Second, func(o *observer, f Frame) {
		if f.Replicas.Spec > 6 {
			o.fail = "gateway_p95_latency_ms"
		}
	})
	last := frames[len(frames)-1]
	if last.Decision.Desired <= 6 || last.Decision.Reason != hpa.ReasonNoMetric || last.Gauges[0].Err == nil {
		t.Errorf("%d replicas, %+v", last.Decision.Desired, last.Decision)
	}
}

func TestSimulationErrors(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	fleet := newTestFleet(t, clock)
	broken := errors.New("broken")
	_, err := NewSimulation(NewScenario(0), fleet, nil, func([]string) error { return broken }, clock.Now)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	scenario := NewScenario(0)
	scenario.Spec.MaxReplicas = 0
	if _, err := NewSimulation(scenario, fleet, nil, nil, clock.Now); err == nil {
		t.Error("an invalid autoscaler is accepted")
	}
}
