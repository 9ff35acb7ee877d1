package scenarios_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/controlplane"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// latencyTarget is that of the HPA, in milliseconds.
const latencyTarget = 500

// latencyBounds are those of the gateway's histogram, in milliseconds.
var latencyBounds = []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}

// latency: a p95 above its target, compared as it is, scales the service behind
// the gateway out until it is below, and in again once there is less to do.
func latency(s *cluster.Scenario) {
	const metric = "edge_p95_milliseconds"
	s.InstallGaugeway()
	// A gateway without a service behind it answers 502 as soon as it is ready.
	s.Apply("app.yaml")
	s.AwaitEndpoints("app", 1)
	s.Apply("edge.yaml")
	s.AwaitReady(s.Namespace, "edge")
	s.AwaitEndpoints("edge", 2)
	l := s.Load("edge", 10)
	p95 := cluster.Column{Name: "p95", Read: func(context.Context) float64 { return 1000 * l.Truth(10*time.Second).P95 }}
	tl := s.Record(l.WantedRate(), l.TrueRate(time.Second), p95, s.ExternalValue(metric), s.Desired("app"), s.ReadyReplicas("app"))

	quiet := tl.Mark("quiet: 20 ms")
	s.Wait(11 * time.Second) // the window is full
	latencyAgrees(s, l, metric)

	slow := tl.Mark("slower, and more")
	if _, most, _ := tl.Range("desired", quiet, slow); most > 1 {
		s.Errorf("%v replicas were wanted below the target, want 1", most)
	}
	s.Node.SetBackend(s.Namespace, &node.Backend{Delay: 60 * time.Millisecond, Workers: 3})
	l.SetRate(75)
	s.Eventually(cluster.Patience, "p95 above its target to scale out", func() error {
		if n := s.Replicas("app"); n < 2 {
			return fmt.Errorf("%d replicas, p95 is %.0f ms", n, p95.Read(s.Context()))
		}
		return nil
	})
	latencyBefore(s, tl, metric, slow)
	s.Eventually(time.Minute, "more replicas to bring p95 below its target", func() error {
		truth := p95.Read(s.Context())
		if got, err := s.External(metric); err != nil || !(got < latencyTarget) || !(truth < latencyTarget) {
			return fmt.Errorf("%.0f ms, %w; the client sees %.0f ms", got, err, truth)
		}
		return nil
	})
	latencyAgrees(s, l, metric)

	calm := tl.Mark("quiet: 20 ms")
	if tr := l.Truth(time.Hour); tr.Failed+tr.Lost > 0 {
		s.Errorf("requests failed while the service scaled out: %+v", tr)
	}
	s.Node.SetBackend(s.Namespace, nil)
	l.SetRate(10)
	s.AwaitReplicas(time.Minute, "app", 1)
	end := tl.Mark("end")
	latencyHeld(s, tl, metric, slow, end)
	if _, _, without := tl.Range(metric, quiet.Add(10*time.Second), end); without > 0 {
		s.Errorf("the metric had no value in %d readings", without)
	}
	s.Logf("scaled in %.1f s after the load had gone", end.Sub(calm).Seconds())
}

// latencyAgrees compares the metric with what the client measures. A histogram
// tells the bucket; the gateway's time and the client's may fall on the two
// sides of a bound.
func latencyAgrees(s *cluster.Scenario, l *cluster.Load, metric string) {
	s.Helper()
	s.Eventually(cluster.Patience, metric+" to be in the bucket that the client sees", func() error {
		got, err := s.External(metric)
		if err != nil {
			return err
		}
		want := 1000 * l.Truth(10*time.Second).P95
		i, _ := slices.BinarySearch(latencyBounds, want)
		low := 0.0
		if i > 0 {
			low = latencyBounds[i-1]
		}
		high := math.Inf(1)
		if i < len(latencyBounds) {
			high = latencyBounds[i]
		}
		if got < low || got > high {
			return fmt.Errorf("%.1f ms, and the client sees %.1f ms", got, want)
		}
		return nil
	})
}

// latencyBefore checks that more replicas were wanted because the metric was above
// its target. What the HPA has read when is its own to say: the timeline reads one
// column after the other, and of the one or the other replica of gaugeway.
func latencyBefore(s *cluster.Scenario, tl *cluster.Timeline, metric string, after time.Time) {
	s.Helper()
	var above, wanted time.Time
	s.Eventually(cluster.Patience, "the timeline to show it", func() error {
		var ok bool
		if wanted, ok = tl.First("desired", after, func(v float64) bool { return v > 1 }); !ok {
			return fmt.Errorf("the HPA does not say what it wants")
		}
		if above, ok = tl.First(metric, after, func(v float64) bool { return v > latencyTarget }); !ok {
			return fmt.Errorf("%s was not above %d", metric, latencyTarget)
		}
		return nil
	})
	s.Eventually(cluster.Patience, "the HPA to say why it scaled", func() error {
		events, err := s.Client.CoreV1().Events(s.Namespace).List(s.Context(), metav1.ListOptions{FieldSelector: "reason=SuccessfulRescale"})
		if err != nil {
			return err
		}
		if len(events.Items) == 0 {
			return fmt.Errorf("it says nothing")
		}
		for _, e := range events.Items {
			if !strings.Contains(e.Message, metric) || !strings.Contains(e.Message, "above target") {
				return fmt.Errorf("it says %s", e.Message)
			}
		}
		return nil
	})
	s.Logf("load -> p95 above its target: %.1f s; -> desired: %.1f s", above.Sub(after).Seconds(), wanted.Sub(above).Seconds())
}

// latencyHeld checks that no replica went within the stabilisation after the
// metric had last been above its target.
func latencyHeld(s *cluster.Scenario, tl *cluster.Timeline, metric string, from, to time.Time) {
	s.Helper()
	last := from
	for {
		at, ok := tl.First(metric, last, func(v float64) bool { return v > latencyTarget })
		if !ok || at.After(to) {
			break
		}
		last = at
	}
	_, most, _ := tl.Range("desired", from, to)
	reached, _ := tl.First("desired", from, func(v float64) bool { return v == most })
	left, ok := tl.First("desired", reached, func(v float64) bool { return v < most })
	// One sync of doubt, and one second: the HPA need not have read the last one.
	least := controlplane.FastHPA.DownscaleStabilization - 2*time.Second
	if ok && left.Sub(last) < least {
		s.Errorf("fewer replicas were wanted %v after the metric was last above its target, want at least %v", left.Sub(last), least)
	}
}
