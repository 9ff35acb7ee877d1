package engine

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// An observation is all that one evaluation saw.
type observation struct {
	now               int64 // ms
	covered, expected int
	targets           int      // expected or not
	filling           int      // expected, and answering again: their windows are not filled yet
	wait              int64    // ms until the window of the first of these is
	failures          []string // why targets are missing
	mapsPods          bool     // the program calls pod_of
	neverIdle         bool     // the program takes no percentiles, which alone may have no value
	warming           int64    // ms until the windows are filled
	interval          int64
	value             script.Value
	err               error
	oldest            int64    // ms, the oldest newest-sample
	empty             []string // selectors that matched nothing
	notes             []string // what is missing that presets know of
}

// A memory is what a metric's answers depend on beyond the current samples.
type memory struct {
	// good is the last answer that came from samples.
	good *metric.Result
	// idle holds the last value of each group that a percentile was taken of,
	// by its labels.
	idle map[string]lastValue
	// observed is how many of the last result's items, the first ones, come from
	// samples; the others hold what was observed before.
	observed int
}

type lastValue struct {
	value float64
	known bool  // false: nothing was observed since the start
	at    int64 // ms of the value, or of the first evaluation without one
}

// answer turns an observation into a result, by the rules:
// no data is never zero; the targets that answer must be enough; a percentile
// of no observations keeps its last value for a time and is 0 then; and where
// there is no answer, the missing policy decides.
func (m *memory) answer(r *rules, o observation) *metric.Result {
	result := &metric.Result{
		Covered:   o.covered,
		Expected:  o.expected,
		Evaluated: o.now,
		Time:      o.oldest,
		Window:    o.value.Window,
		Scale:     1,
		PodScale:  1,
	}
	if result.State, result.Reason = unanswered(r, &o); result.State == "" {
		m.fill(r, &o, result)
	}
	switch result.State {
	case metric.StateFresh, metric.StatePartial:
		m.good = result
	case metric.StateMissing:
		result.Scale, result.PodScale = 1, 1
		return m.missing(r, result)
	}
	return result
}

// unanswered returns the state of a metric that cannot have a value, or "".
func unanswered(r *rules, o *observation) (metric.State, string) {
	why := ""
	if len(o.failures) > 0 {
		why = ": " + list(o.failures)
	}
	switch {
	case o.expected == 0 && o.targets > 0:
		return metric.StateMissing, fmt.Sprintf("none of its %d targets was ever Ready%s", o.targets, why)
	case o.expected == 0:
		return metric.StateMissing, "its sources have no targets" + why
	case o.filling > 0 && o.covered*100 < r.minCoverage*o.expected && (o.covered+o.filling)*100 >= r.minCoverage*o.expected:
		return metric.StateWarming, fmt.Sprintf("%d of %d targets were silent, and their windows are not filled again yet: %s to go",
			o.filling, o.expected, milliseconds(o.wait).Round(time.Second))
	case o.covered == 0:
		return metric.StateMissing, fmt.Sprintf("none of %d targets answers%s", o.expected, why)
	case o.covered*100 < r.minCoverage*o.expected:
		return metric.StateMissing, fmt.Sprintf("%d of %d targets answer, fewer than minCoveragePercent %d%s", o.covered, o.expected, r.minCoverage, why)
	case o.warming > 0:
		return metric.StateWarming, fmt.Sprintf("its window is not filled yet: %s to go", milliseconds(o.warming).Round(time.Second))
	case o.err != nil:
		return metric.StateMissing, "its expression failed: " + o.err.Error()
	}
	return "", ""
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

// fill puts the value's items into the result.
func (m *memory) fill(r *rules, o *observation, result *metric.Result) {
	result.State = metric.StateFresh
	if o.covered < o.expected {
		result.State = metric.StatePartial
		result.Reason = fmt.Sprintf("%d of %d targets answer", o.covered+o.filling, o.expected)
		if o.filling > 0 {
			result.Reason += fmt.Sprintf(", the windows of %d of them are not filled again yet", o.filling)
		}
		if len(o.failures) > 0 {
			result.Reason += ": " + list(o.failures)
		}
		if r.total {
			result.Scale = float64(o.expected) / float64(o.covered)
		}
		if o.mapsPods {
			result.PodScale = result.Scale
		}
	}
	var seen map[string]lastValue
	if !o.neverIdle {
		seen = make(map[string]lastValue, len(o.value.Items)+len(o.value.Idle))
	}
	var buf []byte
	var undefined []string
	for _, item := range o.value.Items {
		if v := item.Value * result.Scale; math.IsNaN(v) || math.IsInf(v, 0) {
			undefined = append(undefined, fmt.Sprintf("%g for %s", v, item.Labels))
			continue
		}
		result.Items = append(result.Items, item)
		if !o.neverIdle {
			buf = item.Labels.Bytes(buf)
			seen[string(buf)] = lastValue{value: item.Value, known: true, at: o.now}
		}
	}
	if len(undefined) > 0 {
		result.Undefined = fmt.Sprintf("its expression gave %s: guard divisions with ratio(a, b, default)", list(undefined))
		if r.externalOnly || len(result.Items) == 0 {
			result.State, result.Reason = metric.StateMissing, result.Undefined
			result.Items, result.Undefined = nil, ""
			return
		}
	}
	m.observed = len(result.Items)
	for _, group := range o.value.Idle {
		buf = group.Bytes(buf)
		key := string(buf)
		if _, ok := seen[key]; ok {
			continue
		}
		last, ok := m.idle[key]
		if !ok {
			last = lastValue{at: o.now}
		}
		seen[key] = last
		switch {
		case o.now-last.at >= r.idleAfter:
			result.Items = append(result.Items, metric.Item{Labels: group})
		case last.known:
			result.Items = append(result.Items, metric.Item{Labels: group, Value: last.value})
		}
	}
	m.idle = seen
	switch {
	case len(result.Items) == 0 && len(o.value.Idle) > 0:
		result.State = metric.StateMissing
		result.Reason = "nothing was observed since the start, so there is no percentile yet"
	case len(result.Items) == 0:
		result.State = metric.StateMissing
		result.Reason = "its expression has no data"
		if len(o.empty) > 0 {
			result.Reason += ": no series matches " + list(o.empty)
		}
		if len(o.notes) > 0 {
			result.Reason += ": " + list(o.notes)
		}
	case m.observed == 0:
		result.State = metric.StateIdle
		result.Reason = fmt.Sprintf("nothing was observed in the window: the last value stands for %s, then 0", milliseconds(r.idleAfter))
	}
}

// missing applies the policy for a metric without an answer.
func (m *memory) missing(r *rules, result *metric.Result) *metric.Result {
	switch r.policy {
	case v1alpha1.MissingHold:
		if m.good == nil || result.Evaluated-m.good.Evaluated > r.holdFor {
			return result
		}
		held := *m.good
		held.State = metric.StateHeld
		held.Reason = "held since " + time.UnixMilli(m.good.Evaluated).UTC().Format(time.RFC3339) + ": " + result.Reason
		held.Covered, held.Expected, held.Evaluated = result.Covered, result.Expected, result.Evaluated
		return &held
	case v1alpha1.MissingValue:
		result.State = metric.StateSubstituted
		result.Reason = "missing.value stands in: " + result.Reason
		result.Items = []metric.Item{{Labels: labels.EmptyLabels(), Value: r.substitute}}
		result.Time, result.Window = result.Evaluated, 0
	}
	return result
}
