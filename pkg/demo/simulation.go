package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// A Reader reads metrics the way the autoscaler does.
type Reader interface {
	// Read returns the items of an External metric in thousandths. An answer
	// without a value is an error that says why.
	Read(ctx context.Context, metric string) ([]int64, error)
}

// A Gauge is one metric at one sync.
type Gauge struct {
	Metric
	// Milli is the value in thousandths, the sum of the items; valid where Err is nil.
	Milli int64
	// Err says why there is no value.
	Err error
}

// A Frame is one sync of the autoscaler: what it read and what it decided.
type Frame struct {
	Time     time.Time
	Elapsed  time.Duration
	Gauges   []Gauge
	Replicas hpa.Replicas // when it decided
	Decision hpa.Decision
}

// A Simulation is the closed loop: metrics, autoscaler, fleet.
type Simulation struct {
	scenario   Scenario
	fleet      *Fleet
	reader     Reader
	configure  func(urls []string) error
	clock      func() time.Time
	autoscaler *hpa.Autoscaler
}

// NewSimulation returns the loop over a fleet. What the metrics are read from
// must scrape the fleet: configure tells it the URLs of its members, now and
// whenever they change. The fleet is brought to the scenario's first size.
func NewSimulation(scenario Scenario, fleet *Fleet, reader Reader, configure func(urls []string) error, clock func() time.Time) (*Simulation, error) {
	autoscaler, err := hpa.NewAutoscaler(scenario.Spec)
	if err != nil {
		return nil, fmt.Errorf("the scenario's autoscaler: %w", err)
	}
	s := &Simulation{scenario: scenario, fleet: fleet, reader: reader, configure: configure, clock: clock, autoscaler: autoscaler}
	return s, s.scale(scenario.Replicas)
}

// Step is one sync: read every metric, decide, scale. The error says that the
// fleet could not be scaled; metrics without a value are part of the Frame.
func (s *Simulation) Step(ctx context.Context) (Frame, error) {
	frame := Frame{Gauges: s.read(ctx)}
	frame.Time, frame.Elapsed = s.clock(), s.fleet.Elapsed()
	pods := int32(len(s.fleet.Pods()))
	frame.Replicas = hpa.Replicas{Spec: pods, Status: pods, Ready: int32(s.fleet.Ready())}

	var readings []hpa.Reading
	for _, g := range frame.Gauges {
		if g.Target != nil {
			readings = append(readings, hpa.Reading{Metric: g.Label, Target: *g.Target, Items: []int64{g.Milli}, Err: g.Err})
		}
	}
	frame.Decision = s.autoscaler.Sync(frame.Time, frame.Replicas, readings)
	if frame.Decision.Desired == pods {
		return frame, nil
	}
	return frame, s.scale(frame.Decision.Desired)
}

// read asks for all metrics.
func (s *Simulation) read(ctx context.Context) []Gauge {
	gauges := make([]Gauge, len(s.scenario.Metrics))
	for i, m := range s.scenario.Metrics {
		g := Gauge{Metric: m}
		items, err := s.reader.Read(ctx, m.Name)
		if err == nil {
			g.Milli, err = hpa.Sum(items)
		}
		g.Err = err
		gauges[i] = g
	}
	return gauges
}

// Answering reports whether every metric has a value.
func (s *Simulation) Answering(ctx context.Context) bool {
	for _, g := range s.read(ctx) {
		if g.Err != nil {
			return false
		}
	}
	return true
}

func (s *Simulation) scale(n int32) error {
	if err := s.fleet.Scale(int(n)); err != nil {
		return fmt.Errorf("scale to %d pods: %w", n, err)
	}
	if err := s.configure(s.fleet.URLs()); err != nil {
		return fmt.Errorf("scrape %d pods: %w", n, err)
	}
	return nil
}
