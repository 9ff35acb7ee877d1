package scenarios_test

import (
	"fmt"
	"math"
	"time"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

const rpsQuiet = 7.3 // requests per second

// rps: ten times the load makes the stock HPA scale out to what 20 requests per
// second and pod take, and the end of it makes it scale in again.
//
//	load  7.3/s: 1 pod (the least)
//	load 73/s:   4 pods
//	load  7.3/s: 1 pod
//
// While the metric's window fills, the HPA may stop at any number on the way. It
// goes on from there only if the load is more than a tenth, its tolerance, above
// what the pods take: 73 is as far above 1.1 x 60, for 3 pods, as it is below 80,
// for 4, which it may seem to reach while pods join.
func rps(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	l := s.Load("edge", rpsQuiet)
	tl := s.Record(l.WantedRate(), l.TrueRate(10*time.Second), s.ExternalValue("edge_rps"),
		s.Desired("edge"), s.SpecReplicas("edge"), s.ReadyReplicas("edge"))

	tl.Mark("quiet")
	s.Wait(12 * time.Second) // the window is full
	agrees(s, l, "edge_rps")
	if got := s.Replicas("edge"); got != 1 {
		s.Errorf("%d replicas at %v/s, want 1", got, rpsQuiet)
	}

	up := tl.Mark("ten times the load")
	l.SetRate(10 * rpsQuiet)
	s.AwaitReplicas(time.Minute, "edge", 4)
	reached := tl.Mark("reached")
	s.AwaitReady(s.Namespace, "edge")
	s.Wait(12 * time.Second)
	agrees(s, l, "edge_rps")

	down := tl.Mark("as before")
	l.SetRate(rpsQuiet)
	s.AwaitReplicas(time.Minute, "edge", 1)
	end := tl.Mark("end")

	if _, most, _ := tl.Range("desired", up, reached); most > 4 {
		s.Errorf("%v replicas were wanted at %v/s, want 4", most, 10*rpsQuiet)
	}
	if least, most, _ := tl.Range("desired", reached.Add(2*time.Second), down); least != 4 || most != 4 {
		s.Errorf("between %v and %v replicas were wanted at %v/s, want 4", least, most, 10*rpsQuiet)
	}
	if _, _, without := tl.Range("edge_rps", up, end); without > 0 {
		s.Errorf("the metric had no value in %d readings", without)
	}
	if tr := l.Truth(time.Hour); tr.Failed+tr.Lost > 0 {
		s.Errorf("requests failed: %+v", tr)
	}
}

// agrees compares a metric, requests per second over 10 s, with what the client
// saw; it must come within 5 %.
func agrees(s *cluster.Scenario, l *cluster.Load, metric string) {
	s.Helper()
	s.Eventually(cluster.Patience, metric+" to be what the client sees", func() error {
		got, err := s.External(metric)
		if err != nil {
			return err
		}
		if want := l.Truth(10 * time.Second).RPS; math.Abs(got-want) > 0.05*want {
			return fmt.Errorf("got %.1f, the client sees %.1f", got, want)
		}
		return nil
	})
}
