package gateways_test

import (
	"fmt"
	"slices"
	"testing"
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

// peak returns the highest requests per second of any window up to now.
func peak(l *load) float64 {
	highest := 0
	first, all := 0, l.answered()
	for i := range all {
		for all[i].at.Sub(all[first].at) >= window {
			first++
		}
		highest = max(highest, i-first+1)
	}
	return float64(highest) / window.Seconds()
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
	readings := stop()
	if got := values(readings); len(got) == 0 || len(got) < len(readings) || slices.Min(got) < 0.9*l.rate || slices.Max(got) > 1.1*peak(l) {
		t.Errorf("a reload keeps the counters, but %v requests per second were read as:%s", l.rate, describe(readings))
	}

	stop = a.watch("edge_rps")
	g.stop()
	g.start()
	l.awaitSeconds(window.Seconds() + 3)
	readings = stop()
	// A counter that begins again is neither a negative rate nor, as a whole, one
	// window's increase; and its traffic of before stays in the window.
	if got := values(readings); len(got) == 0 || slices.Min(got) < 0.7*l.rate || slices.Max(got) > 1.1*peak(l) {
		t.Errorf("a restart resets the counters, and %v requests per second were read as:%s", l.rate, describe(readings))
	}
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
	l := startLoad(t, 120, gateways...)
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
		l.send(gateways...)
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
	readings := stop()
	got := values(readings)
	if len(got) == 0 || len(got) < len(readings) || slices.Min(got) < 0.9*l.rate || slices.Max(got) > 1.1*peak(l) {
		t.Fatalf("a rollout under %v requests per second was read as:%s", l.rate, describe(readings))
	}
	t.Logf("a rollout under %v requests per second was read as %.4g to %.4g", l.rate, slices.Min(got), slices.Max(got))
}
