package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// Access says how to reach the demo's metrics API from outside.
type Access struct {
	// Kubeconfig is the path of a kubeconfig for it.
	Kubeconfig string
}

// Command returns a kubectl command line that reads a metric.
func (a Access) Command(metric string) string {
	return fmt.Sprintf("kubectl --kubeconfig %s get --raw /apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s", a.Kubeconfig, Namespace, metric)
}

const title = "gaugeway demo: a fleet of gateway pods, scaled by what gaugeway measures"

// settings says what differs from an autoscaler as it is out of the box.
func (s Scenario) settings() string {
	down := s.Spec.Behavior.ScaleDown
	return fmt.Sprintf("traffic period %s, scrape and sync every %s, windows of %s, scale-down stabilised over %s, policies per %s, %d to %d replicas",
		s.Traffic.Period.Round(time.Second), s.Interval, s.Window, down.StabilizationWindow, down.Policies[0].Period, s.Spec.MinReplicas, s.Spec.MaxReplicas)
}

// PlainHeader returns what is printed before the first row: what is shown,
// each metric's expression, and a command to try.
func PlainHeader(s Scenario, a Access) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", title, s.settings())
	for _, m := range s.Metrics {
		fmt.Fprintf(&b, "%-13s %s\n", m.Label, m.Lua)
	}
	fmt.Fprintf(&b, "try: %s\n", a.Command(s.Metrics[0].Name))
	return b.String()
}

// PlainRow returns one sync as a line without its end: the time, each metric's
// value and target, the replicas, what is desired, and the arithmetic that
// leads there. Values are exactly those that the autoscaler read.
func PlainRow(f Frame) string {
	var b strings.Builder
	b.WriteString(f.Time.Format(time.TimeOnly))
	for _, g := range f.Gauges {
		fmt.Fprintf(&b, " | %s %8s", g.Label, g.value())
		if g.Target != nil {
			fmt.Fprintf(&b, " target %s", g.Target)
		}
	}
	fmt.Fprintf(&b, " | replicas %2d ready %2d | desired %2d | %s", f.Replicas.Status, f.Replicas.Ready, f.Decision.Desired, strings.Join(explain(f.Decision), "; "))
	return b.String()
}

// value returns the value as text, "-" where there is none.
func (g Gauge) value() string {
	if g.Err != nil {
		return "-"
	}
	return hpa.FormatMilli(g.Milli)
}

// explain returns the decision's arithmetic, one line for each metric, and
// one that says what became of the highest.
func explain(d hpa.Decision) []string {
	var lines []string
	for _, o := range d.Outcomes {
		if o.Err != nil {
			lines = append(lines, o.Err.Error())
		} else {
			lines = append(lines, o.Metric+" "+o.Proposal.String())
		}
	}
	switch {
	case d.Reason == hpa.ReasonNoMetric:
		lines = append(lines, fmt.Sprintf("stays at %d (%s)", d.Desired, d.Reason))
	case d.Deciding >= 0 && d.Desired != d.Recommended:
		lines = append(lines, fmt.Sprintf("highest %d, desired %d (%s)", d.Recommended, d.Desired, d.Reason))
	case d.Deciding >= 0:
		lines = append(lines, fmt.Sprintf("highest %d", d.Recommended))
	default:
		lines = append(lines, fmt.Sprintf("%d (%s)", d.Desired, d.Reason))
	}
	return lines
}
