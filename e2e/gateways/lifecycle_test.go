package gateways_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// describe prints readings with their time since the first, for a failure.
func describe(readings []reading) string {
	s := ""
	for _, r := range readings {
		s += fmt.Sprintf("\n%6.1fs %8.2f %s", r.at.Sub(readings[0].at).Seconds(), r.value, r.status)
	}
	return s
}

// values returns the readings that have one.
func values(readings []reading) []float64 {
	var v []float64
	for _, r := range readings {
		if r.status == "" {
			v = append(v, r.value)
		}
	}
	return v
}

// extremes returns the lowest and the highest requests per second that the
// client saw in any window that ended in (from, to].
func extremes(l *load, from, to time.Time) (lowest, highest float64) {
	all := l.answered()
	first := 0
	lowest = math.Inf(1)
	for i, o := range all {
		for o.at.Sub(all[first].at) >= window {
			first++
		}
		if o.at.After(from) && !o.at.After(to) {
			n := float64(i-first+1) / window.Seconds()
			lowest, highest = min(lowest, n), max(highest, n)
		}
	}
	return lowest, highest
}

// expectBetween fails the test unless every reading is a value, not below a
// share of the lowest nor above a share of the highest truth of their time.
// There may be readings without a value where gaps is true.
func expectBetween(t *testing.T, l *load, readings []reading, low, high float64, gaps bool) {
	t.Helper()
	got := values(readings)
	if len(got) == 0 || !gaps && len(got) < len(readings) {
		t.Fatalf("only %d of %d readings have a value:%s", len(got), len(readings), describe(readings))
	}
	// A reading is of samples up to a second old.
	lowest, highest := extremes(l, readings[0].at.Add(-time.Second), readings[len(readings)-1].at)
	message := fmt.Sprintf("read as %.4g to %.4g, the client saw %.4g to %.4g", slices.Min(got), slices.Max(got), lowest, highest)
	t.Log(message)
	if slices.Min(got) < low*lowest || slices.Max(got) > high*highest {
		t.Errorf("%s:%s", message, describe(readings))
	}
}

func TestReloadKeepsCountersAndRestartResetsThem(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newBackends(t, 1)...)
	a := startGaugeway(t,
		sourceObject("edge", "Auto", g.metricsURL()),
		metricObject("edge-rps", "edge", "Total", `rps(nginx_http_requests_total["10s"])`),
	)
	l := startLoad(t, 100, g)
	l.awaitSeconds(window.Seconds() + 2)

	stop := a.watch("edge_rps")
	g.reload()
	l.awaitSeconds(5)
	// A reload keeps the counters: nothing is to be seen.
	expectBetween(t, l, stop(), 0.9, 1.1, false)

	stop = a.watch("edge_rps")
	g.stop()
	g.start()
	l.awaitSeconds(window.Seconds() + 3)
	// A restart resets them. That is neither a negative rate nor, as a whole, the
	// increase of one window; and the traffic of before stays in the window.
	expectBetween(t, l, stop(), 0.7, 1.1, true)
	agree(t, a, l, expectation{"edge_rps", rps, relative, 0.05})
}

func TestRolloutDoesNotReadAsLostLoad(t *testing.T) {
	t.Parallel()
	backends := newBackends(t, 1)
	var gateways []*gateway
	for range 3 {
		gateways = append(gateways, newGateway(t, backends...))
	}
	objects := func(scraped []*gateway) []string {
		var urls []string
		for _, g := range scraped {
			urls = append(urls, g.metricsURL())
		}
		return []string{
			sourceObject("edge", "Auto", urls...),
			metricObject("edge-rps", "edge", "Total", `rps(nginx_http_requests_total["10s"])`),
		}
	}
	a := startGaugeway(t, objects(gateways)...)
	l := startLoad(t, 120, fronts(gateways)...)
	l.awaitSeconds(window.Seconds() + 2)

	stop := a.watch("edge_rps")
	for i := range gateways {
		// As a Deployment does it: the new one is scraped as soon as it runs, then
		// traffic moves, the old one drains and is gone.
		old, young := gateways[i], newGateway(t, backends...)
		a.configure(objects(append(slices.Clone(gateways), young))...)
		eventually(t, "a scrape of the new gateway", func() error {
			up, err := a.own("gaugeway_target_up", fmt.Sprintf("instance=%q", address(young.statusPort)))
			if err == nil && up != 1 {
				err = fmt.Errorf("it is %v", up)
			}
			return err
		})
		gateways[i] = young
		l.send(fronts(gateways)...)
		l.awaitSeconds(2)
		a.configure(objects(gateways)...)
		eventually(t, "the old gateway to be forgotten", func() error {
			if _, err := a.own("gaugeway_target_up", fmt.Sprintf("instance=%q", address(old.statusPort))); err == nil {
				return fmt.Errorf("%s is still a target", old.metricsURL())
			}
			return nil
		})
		old.drain()
	}
	l.awaitSeconds(window.Seconds())
	expectBetween(t, l, stop(), 0.9, 1.1, false)
}
