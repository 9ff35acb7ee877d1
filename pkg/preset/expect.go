package preset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// defaultTolerance is relative: results are exact but for the notation of the
// expected value.
const defaultTolerance = 1e-9

// readEvaluations reads when the program is evaluated, and what is expected then.
func (r *caseReader) readEvaluations(specs []evaluationSpec) {
	if len(specs) == 0 {
		r.field("evaluate").add("missing", "write evaluate: and what is expected at which time")
	}
	first := map[int64]int{} // lines of times
	for i, spec := range specs {
		at := r.index("evaluate", i)
		offset, ok := readOffset(spec.At, at.field("at"))
		if !ok {
			continue
		}
		if line, twice := first[offset]; twice {
			at.field("at").add(fmt.Sprintf("evaluated at this time already, on line %d", line), "put what is expected into one entry")
			continue
		}
		first[offset] = at.line()
		r.c.evals = append(r.c.evals, evaluation{at: spec.At.Duration, line: at.line(), want: r.readExpectation(spec, at)})
	}
}

func (r *caseReader) readExpectation(spec evaluationSpec, at place) expectation {
	given := 0
	for _, is := range []bool{spec.Expect != nil, spec.None, spec.Idle, spec.Error != ""} {
		if is {
			given++
		}
	}
	want := expectation{given: given > 0, idle: spec.Idle, fails: spec.Error}
	switch {
	case given > 1:
		at.add("expect, none, idle and error exclude each other", "keep the one that is expected")
	case given == 0 && spec.HPA == nil:
		at.add("nothing is expected", "write expect: and the items, none: true, idle: true or error: and a part of its text")
	case spec.Expect != nil && len(spec.Expect) == 0:
		at.field("expect").add("there are no items", "write none: true where no data is expected")
	}
	for i, item := range spec.Expect {
		if w, ok := readItem(item, want.items, at.index("expect", i)); ok {
			want.items = append(want.items, w)
		}
	}
	slices.SortFunc(want.items, func(a, b wantedItem) int { return labels.Compare(a.labels, b.labels) })
	if spec.HPA != nil {
		want.hpa = r.readReplicas(spec.HPA, at.field("hpa"))
	}
	return want
}

// readItem reads an item that is none of the others.
func readItem(spec itemSpec, others []wantedItem, at place) (wantedItem, bool) {
	w := wantedItem{labels: labelsOf(spec.Labels), idle: spec.Idle}
	if slices.ContainsFunc(others, func(o wantedItem) bool { return labels.Equal(o.labels, w.labels) }) {
		at.add("there is another item with these labels", "remove one of them")
		return w, false
	}
	tolerant := spec.Tolerance != nil || spec.TolerancePercent != nil
	switch {
	case spec.Idle && (spec.Value != nil || tolerant):
		at.add("an idle item has no value", "remove idle, or value and tolerance")
		return w, false
	case spec.Idle:
		return w, true
	case spec.Value == nil:
		at.add("the item has no value", "write value: and the number, or idle: true")
		return w, false
	}
	w.value = float64(*spec.Value)
	w.tolerance = defaultTolerance * math.Abs(w.value)
	switch {
	case !tolerant:
		return w, true
	case spec.Tolerance != nil && spec.TolerancePercent != nil:
		at.add("tolerance and tolerancePercent exclude each other", "remove one of them")
		return w, false
	case spec.Tolerance != nil:
		w.tolerance = float64(*spec.Tolerance)
		w.shown = " ± " + formatNumber(w.tolerance)
	default:
		w.tolerance = float64(*spec.TolerancePercent) / 100 * math.Abs(w.value)
		w.shown = " ± " + formatNumber(float64(*spec.TolerancePercent)) + " %"
	}
	if !(w.tolerance >= 0) || math.IsInf(w.tolerance, 0) {
		at.add("the tolerance is no finite number of at least 0", "write how far the value may be off")
		return w, false
	}
	return w, true
}

// readReplicas reads what an autoscaler is expected to make of the answer; nil
// if there are findings.
func (r *caseReader) readReplicas(spec *hpaSpec, at place) *wantedReplicas {
	missing := func(field, what string) bool {
		at.field(field).add("missing", "write "+field+": and "+what)
		return false
	}
	ok := true
	if spec.Target == nil {
		ok = missing("target", "the target's quantity, in quotes")
	}
	if spec.Replicas == nil {
		ok = missing("replicas", "how many there are")
	}
	if spec.Want == nil {
		ok = missing("want", "how many the autoscaler is to ask for")
	}
	if spec.Type == "" && r.c.program.kind == "" {
		ok = missing("type", "AverageValue for a total, Value for a level")
	}
	if !ok {
		return nil
	}
	w := &wantedReplicas{
		target:  hpa.Target{Type: hpa.TargetType(cmp.Or(spec.Type, r.targetType())), Milli: spec.Target.MilliValue()},
		current: *spec.Replicas,
		want:    *spec.Want,
	}
	if err := w.target.Validate(); err != nil {
		at.add(err.Error(), "")
		return nil
	}
	if w.current < 0 || w.want < 0 {
		at.add("fewer than 0 replicas", "write numbers of at least 0")
		return nil
	}
	labelsOf(spec.MatchLabels).Range(func(l labels.Label) {
		w.selector = append(w.selector, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	return w
}

// targetType returns the target type that goes with the metric's type.
func (r *caseReader) targetType() string {
	if r.c.program.kind == v1alpha1.TypeTotal {
		return string(hpa.AverageValue)
	}
	return string(hpa.Value)
}

// formatNumber prints a number in as few digits as tell it from all others.
func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
