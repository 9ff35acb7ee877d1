package demo

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// fixedFrame is a sync in the middle of a demo: values in the order of the
// scenario's metrics, NaN for none.
func fixedFrame(t *testing.T, a *hpa.Autoscaler, second int, pods int32, values ...float64) Frame {
	t.Helper()
	start := time.Date(2026, 5, 4, 10, 20, 30, 0, time.UTC)
	elapsed := time.Duration(second) * time.Second
	f := Frame{Time: start.Add(elapsed), Elapsed: elapsed, Replicas: hpa.Steady(pods)}
	var readings []hpa.Reading
	for i, m := range NewScenario(20 * time.Second).Metrics {
		g := Gauge{Metric: m}
		if g.Milli, g.Err = hpa.Milli(values[i]); g.Err != nil {
			g.Err = errors.New("no fresh value")
		}
		f.Gauges = append(f.Gauges, g)
		if m.Target != nil {
			readings = append(readings, hpa.Reading{Metric: m.Label, Target: *m.Target, Items: []int64{g.Milli}, Err: g.Err})
		}
	}
	f.Decision = a.Sync(f.Time, f.Replicas, readings)
	return f
}

// fixedFrames lead through scaling up, a missing value, and scaling down.
func fixedFrames(t *testing.T) []Frame {
	t.Helper()
	scenario := NewScenario(20 * time.Second)
	a, err := hpa.NewAutoscaler(scenario.Spec)
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	return []Frame{
		fixedFrame(t, a, 1, 3, nan, nan, nan, nan, nan),
		fixedFrame(t, a, 2, 3, 98.75, 105.334, 35.112, 0, 2528.1),
		fixedFrame(t, a, 5, 3, 247.2, 176, 58.667, 0.0113, 4224),
		fixedFrame(t, a, 6, 4, 353.8, 433.2, 108.3, 0.0254, 10396.8),
		fixedFrame(t, a, 7, 8, nan, 431.2, 53.9, 0.0061, 10348.8),
		fixedFrame(t, a, 8, 9, 118.25, 431.2, 47.912, 0.0042, 10348.8),
		fixedFrame(t, a, 14, 9, 76.5, 104, 11.556, 0.004, 2496),
		fixedFrame(t, a, 17, 9, 77.125, 103.2, 11.467, 0.004, 2476.8),
	}
}

func fixedAccess() Access { return Access{Kubeconfig: "/tmp/gaugeway-demo/kubeconfig"} }

func TestPlainGolden(t *testing.T) {
	t.Parallel()
	got := PlainHeader(NewScenario(20*time.Second), fixedAccess())
	for _, f := range fixedFrames(t) {
		got += PlainRow(f) + "\n"
	}
	golden(t, "plain.txt", got)
}

func TestScreenGolden(t *testing.T) {
	t.Parallel()
	for name, color := range map[string]bool{"screen.txt": false, "screen-color.txt": true} {
		s := &Screen{Scenario: NewScenario(20 * time.Second), Access: fixedAccess(), Color: color, Duration: 20 * time.Second}
		got := s.Enter()
		var last Frame
		for _, last = range fixedFrames(t) {
			got += s.Draw(last)
		}
		golden(t, name, got+s.Leave()+s.Last(last))
	}
}

func TestSpark(t *testing.T) {
	t.Parallel()
	f := func(want string, values ...float64) {
		t.Helper()
		if got := spark(values); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
	f("")
	f("▁▁", 0, 0)
	f("█", 5)
	f("▁▂▃▄▅▆▇█", 0, 1, 2, 3, 4, 5, 6, 7)
	f("▁ █", -1, math.NaN(), 3)
	f("  ", math.NaN(), math.NaN())
}

func TestScreenForgets(t *testing.T) {
	t.Parallel()
	s := &Screen{Scenario: NewScenario(0), Access: fixedAccess()}
	frame := fixedFrames(t)[3]
	for range 3 * historyLength {
		s.Draw(frame)
	}
	if n := len([]rune(spark(s.replicas))); n != historyLength {
		t.Errorf("%d bars, want %d", n, historyLength)
	}
}
