package scenarios_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// silence takes gaugeway's view of a gateway away at peak, while clients are
// served as before: of all its pods for three times the downscale stabilisation,
// then of half of them.
func silence(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	p := reachPeak(s, "edge")
	gaugeway := s.GaugewayReplicas()

	// Pods are cut off one after the other, and a tick may come in between. Those
	// that are left stand for all, which they can only where all have had an equal
	// share for the length of a window.
	s.Wait(11 * time.Second)
	from := p.mark("all silent")
	mend := isolate(s, s.Pods("app=edge"))
	for _, name := range []string{"edge_rps", "edge_rate", "edge_p95_milliseconds"} {
		awaitUnanswered(s, name, says("none of 4 targets answers"))
	}
	p.hold(3*stabilisation-time.Since(from), "all targets silent")
	_, err := s.External("edge_rps")
	s.Logf("while all are silent, the API says: %v", err)
	if err == nil {
		s.Error("there is an answer, though all targets are silent")
	}

	p.mark("all answer")
	mend()
	s.Eventually(cluster.Patience, "the values to be back", func() error { return p.values(s.External, 0.9, 1.1) })
	p.hold(12*time.Second, "the windows fill again")

	p.mark("half silent")
	mend = isolate(s, s.Pods("app=edge")[:peakReplicas/2])
	s.Eventually(cluster.Patience, "the metrics to be partial", func() error {
		got := s.Kubectl("get", "gatewaymetrics", "-o", "jsonpath={range .items[*]}{.status.state} {.status.coverage};{end}")
		if want := strings.Repeat("Partial 2/4;", 3); got != want {
			return fmt.Errorf("state and coverage are %s, want %s", got, want)
		}
		return nil
	})
	p.hold(stabilisation+5*time.Second, "half of the targets silent")
	if err := p.values(s.External, 0.9, 1.1); err != nil {
		s.Error(err)
	}
	p.mark("all answer")
	mend()
	p.hold(12*time.Second, "the windows fill again")
	p.check(from)

	for _, r := range gaugeway {
		if n := restarts(r.Pod); n > 0 {
			s.Errorf("%s was restarted %d times", r.Name(), n)
		}
	}
	// The same HPAs do scale in where load is really gone.
	p.mark("a fifth of the load")
	p.load.Load().SetRate(peakRate / 5)
	s.AwaitReplicas(time.Minute, "workers", 1)
}

const (
	peakRate      = 175 // requests per second; hpa.yaml says what follows
	peakReplicas  = 4
	stabilisation = 20 * time.Second
)

// A peak is a gateway under constant load, and what was seen of it.
type peak struct {
	s         *cluster.Scenario
	load      atomic.Pointer[cluster.Load]
	tl        *cluster.Timeline
	followers []string // the Deployments that are scaled by it
}

// reachPeak sets load on a Service until all that follow it have scaled out.
func reachPeak(s *cluster.Scenario, service string) *peak {
	s.Helper()
	p := &peak{s: s, followers: []string{"edge", "workers", "slow"}}
	for _, deployment := range p.followers {
		s.AwaitReady(s.Namespace, deployment)
	}
	p.load.Store(s.Load(service, peakRate/5))
	columns := []cluster.Column{{Name: "answered", Read: func(context.Context) float64 { return p.load.Load().Truth(time.Second).RPS }}}
	for _, name := range []string{"edge_rps", "edge_rate", "edge_p95_milliseconds"} {
		columns = append(columns, s.ExternalValue(name))
	}
	columns = append(columns, cluster.Column{Name: "desired edge", Read: s.Desired("edge").Read})
	for _, deployment := range p.followers {
		columns = append(columns, cluster.Column{Name: deployment, Read: s.SpecReplicas(deployment).Read})
	}
	p.tl = s.Record(columns...)
	s.Eventually(cluster.Patience, "the metrics", func() error {
		_, err := s.External("edge_rate")
		return err
	})
	p.mark("five times the load")
	p.load.Load().SetRate(peakRate)
	// One more that an HPA has wanted on the way goes within its stabilisation.
	s.Eventually(2*time.Minute, "the whole load to be seen, and to have its replicas", func() error {
		for _, deployment := range p.followers {
			if got := s.Replicas(deployment); got != peakReplicas {
				return fmt.Errorf("%s has %d replicas", deployment, got)
			}
			if n := len(s.Pods("app=" + deployment)); n != peakReplicas {
				return fmt.Errorf("%s has %d pods", deployment, n)
			}
		}
		return p.values(s.External, 0.95, 1.1)
	})
	for _, deployment := range p.followers {
		s.AwaitReady(s.Namespace, deployment)
	}
	s.AwaitEndpoints(service, peakReplicas)
	p.mark("peak")
	return p
}

func (p *peak) mark(what string) time.Time { return p.tl.Mark(what) }

// hold checks that nothing is scaled while the load goes on.
func (p *peak) hold(d time.Duration, what string) {
	p.s.Helper()
	from := time.Now()
	p.s.Throughout(d, what, func() error {
		for _, deployment := range p.followers {
			if got := p.s.Replicas(deployment); got != peakReplicas {
				return fmt.Errorf("%s has %d replicas, not %d", deployment, got, peakReplicas)
			}
		}
		return nil
	})
	if tr := p.load.Load().Between(from, time.Now()); tr.RPS < 0.9*peakRate {
		p.s.Fatalf("%s: the load did not go on, which makes this worthless: %+v", what, tr)
	}
}

// values checks that the metrics show the load within bounds, as shares of it.
func (p *peak) values(external func(string) (float64, error), least, most float64) error {
	for name, want := range map[string]float64{"edge_rps": peakRate, "edge_rate": peakRate, "edge_p95_milliseconds": 1000 * slowAnswer} {
		got, err := external(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if got < least*want || got > most*want {
			return fmt.Errorf("%s is %g, not %g", name, got, want)
		}
	}
	return nil
}

// slowAnswer is where a percentile of answers after 300 ms is found: at 95 % of
// the bucket from 250 to 500 ms.
const slowAnswer = 0.25 + 0.95*0.25

// check checks all that was recorded since a time: no answer was so low that an
// HPA without patience scales in, none of the HPAs did.
func (p *peak) check(from time.Time) {
	p.s.Helper()
	to := time.Now()
	for column, bound := range map[string]float64{
		"edge_rps":              50 * (peakReplicas - 1),
		"edge_rate":             0.75 * peakRate, // as PromQL's, it is low for the two seconds before a target counts as silent
		"edge_p95_milliseconds": 0.95 * 1000 * slowAnswer,
	} {
		least, greatest, without := p.tl.Range(column, from, to)
		p.s.Logf("%s: %.4g to %.4g, %d reads without an answer", column, least, greatest, without)
		if least <= bound {
			p.s.Errorf("%s was as low as %g", column, least)
		}
	}
	for _, column := range append([]string{"desired edge"}, p.followers...) {
		if least, _, _ := p.tl.Range(column, from, to); least < peakReplicas {
			p.s.Errorf("%s was as low as %g", column, least)
		}
	}
	for _, message := range scaleIns(p.s, from) {
		p.s.Errorf("scaled in: %s", message)
	}
}

// scaleIns returns what the HPAs of the namespace have said of scaling in since a
// time. Events tell whole seconds.
func scaleIns(s *cluster.Scenario, from time.Time) []string {
	s.Helper()
	events, err := s.Client.CoreV1().Events(s.Namespace).List(s.Context(), metav1.ListOptions{FieldSelector: "reason=SuccessfulRescale"})
	if err != nil {
		s.Fatal(err)
	}
	var messages []string
	for _, e := range events.Items {
		if !e.LastTimestamp.Time.Before(from.Truncate(time.Second)) && !strings.Contains(e.Message, "above target") {
			messages = append(messages, e.InvolvedObject.Name+": "+e.Message)
		}
	}
	return messages
}

// isolate keeps gaugeway and some pods apart until the function that it returns
// is called. Their clients and the API server reach them all the same.
func isolate(s *cluster.Scenario, pods []*node.Pod) (mend func()) {
	s.Helper()
	var all []*node.Pod
	for _, r := range s.GaugewayReplicas() {
		all = append(all, r.Pod)
	}
	all = append(all, pods...)
	set := func(isolated bool) error {
		for _, p := range all {
			if err := p.Isolate(isolated); err != nil {
				return err
			}
		}
		return nil
	}
	mended := false
	s.Cleanup(func() {
		if !mended {
			_ = set(false) // the test has failed already
		}
	})
	if err := set(true); err != nil {
		s.Fatal(err)
	}
	return func() {
		mended = true
		if err := set(false); err != nil {
			s.Fatal(err)
		}
	}
}

// restarts is how often a pod's container was restarted.
func restarts(p *node.Pod) int32 {
	var n int32
	for _, c := range p.Object().Status.ContainerStatuses {
		n += c.RestartCount
	}
	return n
}
