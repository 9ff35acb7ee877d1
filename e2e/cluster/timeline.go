package cluster

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// A Column is a number that a timeline records; NaN where there is none.
type Column struct {
	Name string
	Read func(ctx context.Context) float64
}

// Desired is what an HPA wants.
func (s *Scenario) Desired(hpa string) Column {
	return Column{"desired", func(ctx context.Context) float64 {
		object, err := s.Client.AutoscalingV2().HorizontalPodAutoscalers(s.Namespace).Get(ctx, hpa, metav1.GetOptions{})
		if err != nil {
			return math.NaN()
		}
		return float64(object.Status.DesiredReplicas)
	}}
}

// SpecReplicas is how many replicas a Deployment is told to have, ReadyReplicas
// how many it has.
func (s *Scenario) SpecReplicas(deployment string) Column {
	return Column{"replicas", func(ctx context.Context) float64 {
		object, err := s.Client.AppsV1().Deployments(s.Namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return math.NaN()
		}
		return float64(ptr.Deref(object.Spec.Replicas, 1))
	}}
}

// ReadyReplicas is how many ready pods a Deployment has.
func (s *Scenario) ReadyReplicas(deployment string) Column {
	return Column{"ready", func(ctx context.Context) float64 {
		object, err := s.Client.AppsV1().Deployments(s.Namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return math.NaN()
		}
		return float64(object.Status.ReadyReplicas)
	}}
}

// ExternalValue is an external metric as the HPA reads it: the sum of its items.
func (s *Scenario) ExternalValue(metric string) Column {
	return Column{metric, func(context.Context) float64 {
		value, err := s.External(metric)
		if err != nil {
			return math.NaN()
		}
		return value
	}}
}

// WantedRate is the rate that the load was told, TrueRate the one that its
// client has seen answered over some seconds.
func (l *Load) WantedRate() Column {
	return Column{"load", func(context.Context) float64 { return l.Rate() }}
}

// TrueRate is how many answers per second came in a window.
func (l *Load) TrueRate(window time.Duration) Column {
	return Column{"answered", func(context.Context) float64 { return l.Truth(window).RPS }}
}

// A Row is what the columns read, one after the other, from At to End.
type Row struct {
	At, End time.Time
	Values  []float64
	Mark    string
}

// A Timeline records columns ten times a second.
type Timeline struct {
	scenario *Scenario
	columns  []Column
	begin    time.Time
	stop     func()

	mu   sync.Mutex
	rows []Row
	mark string
}

// Record records columns until the scenario ends, and prints them then: a row a
// second, and one for each mark.
func (s *Scenario) Record(columns ...Column) *Timeline {
	s.Helper()
	tl := &Timeline{scenario: s, columns: columns, begin: time.Now()}
	ctx, cancel := context.WithCancel(s.Context())
	var done sync.WaitGroup
	done.Go(func() { tl.run(ctx) })
	tl.stop = func() { cancel(); done.Wait() }
	s.Cleanup(func() {
		tl.stop()
		s.Logf("timeline:\n%s", tl)
	})
	return tl
}

func (tl *Timeline) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		row := Row{At: time.Now(), Values: make([]float64, len(tl.columns))}
		for i, c := range tl.columns {
			row.Values[i] = c.Read(ctx)
		}
		if ctx.Err() != nil {
			return // what was read is not worth anything
		}
		row.End = time.Now()
		tl.mu.Lock()
		row.Mark, tl.mark = tl.mark, ""
		tl.rows = append(tl.rows, row)
		tl.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Mark notes at the next row that something was done now, and returns the time.
func (tl *Timeline) Mark(what string) time.Time {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.mark != "" {
		tl.mark += "; "
	}
	tl.mark += what
	return time.Now()
}

// Rows returns what was recorded so far.
func (tl *Timeline) Rows() []Row {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.rows[:len(tl.rows):len(tl.rows)]
}

// First returns when a column first fulfilled a condition after some time.
func (tl *Timeline) First(column string, after time.Time, condition func(float64) bool) (time.Time, bool) {
	for _, row := range tl.Rows() {
		if row.At.After(after) && condition(row.Values[tl.index(column)]) {
			return row.At, true
		}
	}
	return time.Time{}, false
}

// Range returns the least and the greatest value of a column between two times,
// and how many of the rows had no value. A row that was still being read at the
// second time may tell of what came after it, and is left out. Without any row it is
// an error, as every bound would hold.
func (tl *Timeline) Range(column string, from, to time.Time) (least, greatest float64, without int) {
	tl.scenario.Helper()
	least, greatest = math.NaN(), math.NaN()
	rows := 0
	defer func() {
		if rows == 0 {
			tl.scenario.Errorf("nothing was recorded of %s from %s to %s", column, from.Format(time.TimeOnly), to.Format(time.TimeOnly))
		}
	}()
	for _, row := range tl.Rows() {
		if row.At.Before(from) || row.End.After(to) {
			continue
		}
		rows++
		v := row.Values[tl.index(column)]
		if math.IsNaN(v) {
			without++
			continue
		}
		if !(v >= least) {
			least = v
		}
		if !(v <= greatest) {
			greatest = v
		}
	}
	return least, greatest, without
}

func (tl *Timeline) index(column string) int {
	for i, c := range tl.columns {
		if c.Name == column {
			return i
		}
	}
	panic("no column " + column)
}

// String is the table.
func (tl *Timeline) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "s\t")
	for _, c := range tl.columns {
		fmt.Fprint(w, c.Name, "\t")
	}
	fmt.Fprintln(w, " ")
	printed := time.Time{}
	for _, row := range tl.Rows() {
		if row.Mark == "" && row.At.Sub(printed) < 950*time.Millisecond {
			continue
		}
		if row.Mark == "" || row.At.Sub(printed) > 950*time.Millisecond {
			printed = row.At
		}
		fmt.Fprintf(w, "%.1f\t", row.At.Sub(tl.begin).Seconds())
		for _, v := range row.Values {
			if math.IsNaN(v) {
				fmt.Fprint(w, "-\t")
				continue
			}
			fmt.Fprintf(w, "%.4g\t", v)
		}
		fmt.Fprintln(w, " "+row.Mark)
	}
	if err := w.Flush(); err != nil {
		return err.Error()
	}
	return b.String()
}
