package provider

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/external_metrics"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// An Answer is what the metrics APIs say about a metric at one moment.
type Answer struct {
	// State is that of the result; it is Missing where the API has no value
	// although the result has one, and before the first result.
	State metric.State
	// Reason says in words why there are no items; empty where there are some.
	Reason string
	// Result is the last one published; nil before the first.
	Result *metric.Result
	// Age of Result.Time. It is 0 where there is no such time, and negative if
	// the clock was set back since.
	Age time.Duration
	// Items as the API returns them, at least one; nil where it answers 503.
	// They are shared: read only.
	Items []external_metrics.ExternalMetricValue
}

// Answer returns what the API says about a declared metric now. There are no
// items
//   - before the first result, and where it is Missing or Warming;
//   - where it is too old: Fresh, Partial and Idle results by their samples'
//     time, and those that hold or substitute a value (or read no series) by
//     when they were evaluated;
//   - where an element cannot be told to an autoscaler (see [Quantity]), where
//     all together are beyond what it can add up, or where two elements have
//     the same labels.
func (p *Provider) Answer(e *metric.Entry) Answer {
	r := e.Latest()
	if r == nil {
		return Answer{State: metric.StateMissing, Reason: "it has not been evaluated yet"}
	}
	now := p.clock.Now().UnixMilli()
	answer := Answer{State: r.State, Result: r}
	if r.Time != 0 {
		answer.Age = milliseconds(now - r.Time)
	}
	switch {
	case r.State == metric.StateWarming || r.State == metric.StateMissing:
		answer.Reason = r.Reason
		if answer.Reason == "" {
			answer.Reason = "it is " + string(r.State)
		}
		return answer
	case len(r.Items) == 0:
		answer.Reason = "its result has no elements"
	case ownTime(r) && answer.Age > e.MaxAge:
		answer.Reason = fmt.Sprintf("its samples are %s old, maxAge is %s", answer.Age, e.MaxAge)
	case milliseconds(now-r.Evaluated) > e.MaxAge:
		answer.Reason = fmt.Sprintf("it was last evaluated %s ago, maxAge is %s", milliseconds(now-r.Evaluated), e.MaxAge)
	default:
		c := p.converted(e, r)
		answer.Items, answer.Reason = c.items, c.reason
	}
	if answer.Items == nil {
		answer.State = metric.StateMissing
	}
	return answer
}

// ownTime reports whether the samples that the result was computed from are
// what must be fresh. A held value is old on purpose, a substituted one comes
// from no sample, and neither does that of an expression that reads no series.
func ownTime(r *metric.Result) bool {
	return r.Time != 0 && r.State != metric.StateHeld && r.State != metric.StateSubstituted
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// slots remember, for each metric of the board, the last converted result. The
// map never changes: when the board is set anew, new slots are made, and so
// those of metrics that are gone are let go of.
type slots struct {
	entries []*metric.Entry // the board's, when these slots were made
	of      map[*metric.Entry]*atomic.Pointer[conversion]
}

// A conversion is a result as the API returns it: either items or a reason.
type conversion struct {
	result *metric.Result
	items  []external_metrics.ExternalMetricValue
	reason string
}

// converted returns the conversion of a result, done once per result. Two
// first readers at the same time may both do it, which is cheaper than a lock.
func (p *Provider) converted(e *metric.Entry, r *metric.Result) *conversion {
	slot := p.slot(e)
	if slot == nil {
		return convert(e.External, r)
	}
	c := slot.Load()
	if c == nil || c.result != r {
		c = convert(e.External, r)
		slot.Store(c)
	}
	return c
}

// slot returns the slot of a metric, or nil if it is no longer on the board.
func (p *Provider) slot(e *metric.Entry) *atomic.Pointer[conversion] {
	entries := p.board.All()
	current := p.slots.Load()
	if current == nil || !same(current.entries, entries) {
		next := &slots{entries: entries, of: make(map[*metric.Entry]*atomic.Pointer[conversion], len(entries))}
		for _, e := range entries {
			if current != nil && current.of[e] != nil {
				next.of[e] = current.of[e]
			} else {
				next.of[e] = new(atomic.Pointer[conversion])
			}
		}
		p.slots.Store(next)
		current = next
	}
	return current.of[e]
}

// same reports whether a and b are one slice, not merely equal ones.
func same(a, b []*metric.Entry) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// convert makes the API's items of a result that has some.
func convert(name string, r *metric.Result) *conversion {
	c := &conversion{result: r}
	timestamp := r.Time
	if timestamp == 0 {
		timestamp = r.Evaluated
	}
	var window *int64
	if r.Window > 0 {
		seconds := (r.Window + 999) / 1000
		window = &seconds
	}
	items := make([]external_metrics.ExternalMetricValue, len(r.Items))
	seen := make(map[string]bool, len(r.Items))
	total := 0.0
	for i, item := range r.Items {
		value, err := Quantity(item.Value)
		if err != nil {
			c.reason = fmt.Sprintf("its element %s: %v", item.Labels, err)
			return c
		}
		key := item.Labels.String()
		if seen[key] {
			c.reason = fmt.Sprintf("two of its elements have the labels %s: aggregate them in the expression", key)
			return c
		}
		seen[key] = true
		total += math.Abs(item.Value)
		items[i] = external_metrics.ExternalMetricValue{
			MetricName:    name,
			MetricLabels:  item.Labels.Map(),
			Timestamp:     metav1.NewTime(time.UnixMilli(timestamp)),
			WindowSeconds: window,
			Value:         value,
		}
	}
	if total > MaxMagnitude {
		c.reason = fmt.Sprintf("its elements add up to %g, more than the %g that an autoscaler can read: choose a larger unit", total, float64(MaxMagnitude))
		return c
	}
	c.items = items
	return c
}
