package scenarios_test

import (
	"fmt"
	"math"
	"time"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// rps: ten times the load makes the stock HPA scale out to what 20 requests per
// second and pod take, and the end of it makes it scale in again.
//
//	load   19/s: 2 pods (the least)
//	load  190/s: 10 pods, give or take 5 % of the load
//	load   19/s: 2 pods
func rps(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	l := s.Load("edge", 19)
	tl := s.Record(l.WantedRate(), l.TrueRate(10*time.Second), s.ExternalValue("edge_rps"),
		s.Desired("edge"), s.SpecReplicas("edge"), s.ReadyReplicas("edge"))

	tl.Mark("quiet")
	s.Wait(12 * time.Second) // the window is full
	agrees(s, l, "edge_rps")
	if got := s.Replicas("edge"); got != 2 {
		s.Errorf("%d replicas at 19/s, want 2", got)
	}

	up := tl.Mark("ten times the load")
	l.SetRate(190)
	s.AwaitReplicas(time.Minute, "edge", 10)
	reached := tl.Mark("reached")
	s.AwaitReady(s.Namespace, "edge")
	s.Wait(12 * time.Second)
	agrees(s, l, "edge_rps")

	down := tl.Mark("as before")
	l.SetRate(19)
	s.AwaitReplicas(time.Minute, "edge", 2)
	end := tl.Mark("end")

	if _, most, _ := tl.Range("desired", up, reached); most > 10 {
		s.Errorf("%v replicas were wanted at 190/s, want 10", most)
	}
	if least, most, _ := tl.Range("desired", reached.Add(2*time.Second), down); least != 10 || most != 10 {
		s.Errorf("between %v and %v replicas were wanted at 190/s, want 10", least, most)
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
