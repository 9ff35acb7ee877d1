package load

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestShapeHasTheSizeThatItSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ routes, series, bytes int }{{80, 2407, 262_000}, {6, 187, 20_000}} {
		s := Shape{Targets: 1, Routes: c.routes}
		text := s.Text(0, time.Minute)
		if got := len(samples(text)); got != c.series || s.Series() != c.series {
			t.Errorf("%d routes: %d series, said to be %d, want %d", c.routes, got, s.Series(), c.series)
		}
		if off := math.Abs(float64(len(text))/float64(c.bytes) - 1); off > 0.05 {
			t.Errorf("%d routes: %d bytes, want %d within 5 %%", c.routes, len(text), c.bytes)
		}
	}
}

func TestRPSIsHowTheCountersGrow(t *testing.T) {
	t.Parallel()
	s := Shape{Targets: 3, Routes: 4}
	const service = 1
	sum := 0.0
	for target := range s.Targets {
		before, after := samples(s.Text(target, 10*time.Second)), samples(s.Text(target, 70*time.Second))
		for series, v := range after {
			if strings.HasPrefix(series, "kong_http_requests_total") && strings.Contains(series, `service="`+Service(service*RoutesPerService)+`"`) {
				sum += v - before[series]
			}
		}
	}
	if got, want := sum/60, s.RPS(service); math.Abs(got/want-1) > 0.01 {
		t.Errorf("the counters grow by %v per second, RPS says %v", got, want)
	}
}

func TestP95IsBetweenItsBuckets(t *testing.T) {
	t.Parallel()
	s := Shape{Targets: 1, Routes: 80}
	for service := range s.Services() {
		p95 := s.P95(service)
		exact := -meanLatency(service) * math.Log(0.05)
		lower := 0.0
		for _, bound := range bounds {
			if exact <= bound {
				if p95 <= lower || p95 > bound {
					t.Errorf("service %d: p95 %v is not in the bucket (%v, %v] of the exact one, %v", service, p95, lower, bound, exact)
				}
				break
			}
			lower = bound
		}
	}
}

func TestClockShowsTheTimeOfTheExposition(t *testing.T) {
	t.Parallel()
	s := Shape{Targets: 1, Routes: 2}
	if got := samples(s.Text(0, 1234567*time.Microsecond))[ClockName]; got != 1234567 {
		t.Errorf("%s is %v, want 1234567", ClockName, got)
	}
}

func TestCountersNeverFallAndBucketsAreCumulative(t *testing.T) {
	t.Parallel()
	s := Shape{Targets: 1, Routes: 2}
	before, after := samples(s.Text(0, time.Second)), samples(s.Text(0, 2*time.Second))
	for series, v := range before {
		if after[series] < v {
			t.Errorf("%s falls from %v to %v", series, v, after[series])
		}
	}
	last := 0.0
	for _, line := range strings.Split(s.Text(0, time.Second), "\n") {
		series, value, _ := strings.Cut(line, "} ")
		if !strings.HasPrefix(series, `kong_request_latency_ms_bucket{service="order-00",route="order-00-v1"`) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || v < last {
			t.Errorf("%s: %v after %v (%v)", line, v, last, err)
		}
		last = v
	}
}

// samples returns the values of an exposition by their series.
func samples(text string) map[string]float64 {
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			continue
		}
		found[line[:at]] = v
	}
	return found
}
