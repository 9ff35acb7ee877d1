package scenarios_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/controlplane"
)

const (
	flashSaleQuiet  = 12.0             // requests per second
	flashSaleFloor  = 150.0            // of the schedule: 3 pods
	flashSaleLoad   = 235.0            // as far above 1.1 x 4 pods' 200 as below 5 pods' 250
	flashSaleLead   = 10 * time.Second // from the schedule's begin to the load
	flashSaleClimb  = 15 * time.Second
	flashSaleHold   = 15 * time.Second
	flashSaleWindow = 5 * time.Second  // of the metric
	flashSaleDown   = 10 * time.Second // the HPA's downscale stabilisation
)

// flashSale: a schedule in the metric brings up the pods before the load comes,
// and each number that is published is wanted one sync later.
func flashSale(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	begin := flashSaleSchedule(s)
	l := s.Load("edge", flashSaleQuiet)
	tl := s.Record(l.WantedRate(), l.TrueRate(flashSaleWindow), s.ExternalValue("edge_rps"), s.Desired("edge"), s.ReadyReplicas("edge"))

	quiet := tl.Mark("quiet")
	s.Wait(time.Until(begin))
	tl.Mark("the schedule begins")
	s.Wait(time.Until(begin.Add(flashSaleLead)))
	start := tl.Mark("the load starts")
	flashSaleClimbs(s, l, start)
	tl.Mark("at its height")
	flashSaleAgrees(s, l)
	s.Wait(time.Until(start.Add(flashSaleClimb + flashSaleHold)))
	over := tl.Mark("the load is over")
	l.SetRate(flashSaleQuiet)
	closing := begin.Add(time.Minute)
	s.Wait(time.Until(closing))
	tl.Mark("the schedule ends")
	s.AwaitReplicas(time.Minute, "edge", 1)
	s.Eventually(cluster.Patience, "the HPA to want one replica", func() error {
		if n := s.HPA("edge").Status.DesiredReplicas; n != 1 {
			return fmt.Errorf("it wants %d", n)
		}
		return nil
	})
	end := tl.Mark("end")
	s.Wait(time.Second) // for the rows

	if _, most, _ := tl.Range("desired", quiet, begin); most > 1 {
		s.Errorf("%v replicas were wanted before the schedule began, want 1", most)
	}
	if ready, _, _ := tl.Range("ready", start.Add(-500*time.Millisecond), start); ready != 3 {
		s.Errorf("%v pods were ready when the load started, want 3", ready)
	}
	if _, most, _ := tl.Range("desired", start, end); most != 5 {
		s.Errorf("%v replicas were wanted for %v requests per second, want 5", most, flashSaleLoad)
	}
	if least, _, _ := tl.Range("desired", start, over); least < 3 {
		s.Errorf("%v replicas were wanted while the load was on, want at least 3", least)
	}
	if tr := l.Truth(time.Hour); tr.Failed+tr.Lost > 0 {
		s.Errorf("requests failed or were lost: %+v", tr)
	}
	flashSaleSteps(s, tl, []flashSaleStep{
		{what: "the schedule begins", at: begin, published: flashSaleFloor, desired: 3},
		{what: "load above 3 pods' 165/s", after: start, gateway: 165, published: 165, desired: 4},
		{what: "load above 4 pods' 220/s", after: start, gateway: 220, published: 220, desired: 5},
		{what: "load below 150/s", after: over, gateway: flashSaleFloor, published: flashSaleFloor, desired: 3, in: true},
		{what: "the schedule ends", at: closing, published: 50, desired: 1, in: true},
	})
}

// flashSaleSchedule applies the metric with a schedule of one minute, the next
// that is at least ten seconds away, and returns when it begins.
func flashSaleSchedule(s *cluster.Scenario) time.Time {
	s.Helper()
	text, err := os.ReadFile(s.File("metric.yaml.tmpl"))
	if err != nil {
		s.Fatal(err)
	}
	begin := time.Now().UTC().Add(10 * time.Second).Truncate(time.Minute).Add(time.Minute)
	schedule := begin.Format("15:04") + "-" + begin.Add(time.Minute).Format("15:04")
	s.ApplyText(strings.ReplaceAll(string(text), "HH:MM-HH:MM", schedule))
	s.Logf("the schedule is %s", schedule)
	return begin
}

// flashSaleClimbs raises the load to its height, a step ten times a second.
func flashSaleClimbs(s *cluster.Scenario, l *cluster.Load, start time.Time) {
	for s.Context().Err() == nil {
		share := time.Since(start).Seconds() / flashSaleClimb.Seconds()
		if share >= 1 {
			break
		}
		l.SetRate(flashSaleQuiet + share*(flashSaleLoad-flashSaleQuiet))
		s.Wait(100 * time.Millisecond)
	}
	l.SetRate(flashSaleLoad)
}

// flashSaleAgrees compares the metric at the height of the load with what the
// client sees; it must come within 5 %.
func flashSaleAgrees(s *cluster.Scenario, l *cluster.Load) {
	s.Helper()
	s.Wait(flashSaleWindow)
	s.Eventually(cluster.Patience, "edge_rps to be what the client sees", func() error {
		got, err := s.External("edge_rps")
		if err != nil {
			return err
		}
		tr := l.Truth(flashSaleWindow)
		if math.Abs(got-tr.RPS) > 0.05*tr.RPS || tr.RPS < 10*flashSaleQuiet {
			return fmt.Errorf("got %.1f, the client sees %.1f", got, tr.RPS)
		}
		return nil
	})
}

// A flashSaleStep is a change at the gateway and what it leads to. It scales out,
// to at least desired, or in, to at most desired.
type flashSaleStep struct {
	what      string
	at        time.Time // of the change; else:
	after     time.Time // the change is the first time after this
	gateway   float64   // that the client sees more than this, or, scaling in, less
	published float64   // what is published then is more, or less, or equal
	desired   float64
	in        bool
}

// flashSaleSteps prints how long each step took, and checks how long it took
// from what was published to what was wanted.
func flashSaleSteps(s *cluster.Scenario, tl *cluster.Timeline, steps []flashSaleStep) {
	s.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "step\tgateway change -> published\tpublished -> desired\tdesired\tat most")
	for _, step := range steps {
		reached := func(limit float64) func(float64) bool {
			if step.in {
				return func(v float64) bool { return v <= limit }
			}
			return func(v float64) bool { return v >= limit }
		}
		changed, ok := step.at, true
		if changed.IsZero() {
			changed, ok = tl.First("answered", step.after, reached(step.gateway))
		}
		published, ok2 := tl.First("edge_rps", later(step.at, step.after), reached(step.published))
		desired, ok3 := tl.First("desired", later(step.at, step.after), reached(step.desired))
		if !ok || !ok2 || !ok3 {
			s.Errorf("%s: changed: %v, published: %v, wanted: %v", step.what, ok, ok2, ok3)
			continue
		}
		bound := controlplane.FastHPA.SyncPeriod + time.Second
		if step.in {
			bound += flashSaleDown
		}
		took := desired.Sub(published)
		if took > bound {
			s.Errorf("%s: %v replicas were wanted %v after it was published, want at most %v", step.what, step.desired, took, bound)
		}
		fmt.Fprintf(w, "%s\t%.1f s\t%.1f s\t%v\t%v\n", step.what, published.Sub(changed).Seconds(), took.Seconds(), step.desired, bound)
	}
	if err := w.Flush(); err != nil {
		s.Error(err)
	}
	s.Logf("steps:\n%s", &b)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
