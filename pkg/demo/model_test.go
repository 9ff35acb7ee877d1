package demo

import (
	"math"
	"testing"
	"time"
)

func testTraffic() Traffic   { return Traffic{Low: 100, High: 400, Period: 20 * time.Second} }
func testCapacity() Capacity { return Capacity{Saturation: 100, Floor: 28, Service: 26} }

func TestTrafficRate(t *testing.T) {
	t.Parallel()
	traffic := testTraffic()
	f := func(elapsed time.Duration, want float64) {
		t.Helper()
		if got := traffic.Rate(elapsed); math.Abs(got-want) > 0.021*want {
			t.Errorf("at %v: %v, want %v give or take the ripple", elapsed, got, want)
		}
	}
	f(-time.Second, 0)
	f(0, 100)
	f(2*time.Second, 100)
	f(4700*time.Millisecond, 250) // half way up
	f(7500*time.Millisecond, 400)
	f(10*time.Second, 400)
	f(11500*time.Millisecond, 250) // half way down
	f(13500*time.Millisecond, 100)
	f(16*time.Second, 100)
	f(19*time.Second, 100)
	f(29*time.Second, 400) // the second period
}

func TestCapacityLatency(t *testing.T) {
	t.Parallel()
	c := testCapacity()
	f := func(rate, want float64) {
		t.Helper()
		if got := c.Latency(rate); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v requests per second: %v ms, want %v", rate, got, want)
		}
	}
	f(0, 26)
	f(50, 52)
	f(90, 260)
	f(500, 260) // overload rejects instead of queueing
}

func requests(totals []routeTotals) float64 {
	sum := 0.0
	for _, t := range totals {
		for _, n := range t.responses {
			sum += n
		}
	}
	return sum
}

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

// Every request that arrives while a pod is ready is counted by exactly one.
func TestModelConservesRequests(t *testing.T) {
	t.Parallel()
	m := NewModel(testTraffic(), testCapacity())
	m.Add("a", 0)
	m.Add("b", 2*time.Second)
	m.Advance(4 * time.Second)
	m.Add("c", 0)
	m.Advance(9 * time.Second)
	gone := requests(m.podTotals(m.pod("a")))
	m.Remove("a")
	m.Advance(15 * time.Second)

	want := 0.0
	for at := time.Duration(0); at < 15*time.Second; at += grid {
		want += testTraffic().Rate(at) * grid.Seconds()
	}
	got := gone + requests(m.podTotals(m.pod("b"))) + requests(m.podTotals(m.pod("c")))
	if !close9(got, want) {
		t.Errorf("the pods counted %v requests, %v arrived", got, want)
	}
	for i, r := range m.podTotals(m.pod("b")) {
		all := r.responses[answered] + r.responses[failed] + r.responses[rejected]
		if !close9(r.request.count, all) {
			t.Errorf("route %d: %v latencies for %v requests", i, r.request.count, all)
		}
		if r.upstream.count >= r.request.count {
			t.Errorf("route %d: rejected requests reached the upstream", i)
		}
	}
}

// The numbers depend on when things happen, not on when somebody looks.
func TestModelIsAFunctionOfTime(t *testing.T) {
	t.Parallel()
	run := func(step time.Duration) string {
		m := NewModel(testTraffic(), testCapacity())
		m.Add("a", 0)
		for at := step; at <= 6*time.Second; at += step {
			m.Advance(at)
			if at == 3*time.Second {
				m.Add("b", 4*time.Second)
			}
		}
		m.Advance(time.Second) // the past is ignored
		return string(m.AppendExposition(m.AppendExposition(nil, "a"), "b"))
	}
	want := run(time.Second)
	for _, step := range []time.Duration{time.Millisecond, 7500 * time.Microsecond, 3 * time.Second} {
		if got := run(step); got != want {
			t.Errorf("steps of %v:\n%s\nwant\n%s", step, got, want)
		}
	}
}

func TestModelReadiness(t *testing.T) {
	t.Parallel()
	m := NewModel(testTraffic(), testCapacity())
	m.Add("a", time.Second)
	m.Advance(990 * time.Millisecond)
	if m.Ready() != 0 || m.rate() != 0 || requests(m.totals) != 0 {
		t.Errorf("load on a fleet that is not ready: %d pods, %v requests", m.Ready(), requests(m.totals))
	}
	m.Advance(time.Second)
	if m.Ready() != 1 {
		t.Error("not ready in time")
	}
	m.Remove("b")
	m.Remove("a")
	m.Advance(5 * time.Second)
	if m.Ready() != 0 || requests(m.totals) != 0 {
		t.Error("load on an empty fleet")
	}
}

// Half of the pods, twice the load each: slower, and more than twice the
// latency above the floor near saturation.
func TestModelLatencyGrowsWithLoadPerPod(t *testing.T) {
	t.Parallel()
	mean := func(pods int) float64 {
		m := NewModel(Traffic{Low: 160, High: 160, Period: time.Minute}, testCapacity())
		for i := range pods {
			m.Add(string(rune('a'+i)), 0)
		}
		m.Advance(10 * time.Second)
		d := m.podTotals(m.pod("a"))[0].request
		return d.sum / d.count
	}
	four, two := mean(4), mean(2)
	if four < 28+26 || four > 90 || two < 2*four {
		t.Errorf("mean latency of 4 pods %v ms, of 2 pods %v ms", four, two)
	}
}
