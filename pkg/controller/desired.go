package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

const (
	// grace is how long a metric or source may have no result yet before its
	// status says so: a replica that starts knows less than the status does.
	grace = time.Minute
	// maxFailures bounds the failures that a message lists, and maxFailure the
	// bytes of each.
	maxFailures = 3
	maxFailure  = 200
)

// An outline is what the statuses of both kinds have.
type outline struct {
	observedGeneration int64
	conditions         []metav1.Condition
	lastGood           *runtime.RawExtension
	state              string
}

// outlineOf returns the outline of an object's status.
func outlineOf(o client.Object) outline {
	switch o := o.(type) {
	case *v1alpha1.GatewayMetric:
		return outline{o.Status.ObservedGeneration, o.Status.Conditions, o.Status.LastGoodSpec, o.Status.State}
	case *v1alpha1.GatewaySource:
		return outline{o.Status.ObservedGeneration, o.Status.Conditions, o.Status.LastGoodSpec, ""}
	}
	return outline{}
}

// equalStatus reports whether two versions of an object have the same status.
func equalStatus(a, b client.Object) bool {
	switch a := a.(type) {
	case *v1alpha1.GatewayMetric:
		return equality.Semantic.DeepEqual(a.Status, b.(*v1alpha1.GatewayMetric).Status)
	case *v1alpha1.GatewaySource:
		return equality.Semantic.DeepEqual(a.Status, b.(*v1alpha1.GatewaySource).Status)
	}
	return false
}

// isTransition reports whether a status differs in more than what changes all
// the time: values, times, numbers, and the words about them.
func isTransition(before, after client.Object) bool {
	b, a := outlineOf(before), outlineOf(after)
	if b.observedGeneration != a.observedGeneration || b.state != a.state || !equality.Semantic.DeepEqual(b.lastGood, a.lastGood) {
		return true
	}
	for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionFresh} {
		x, y := meta.FindStatusCondition(b.conditions, kind), meta.FindStatusCondition(a.conditions, kind)
		switch {
		case x == nil || y == nil:
			if x != y {
				return true
			}
		case x.Status != y.Status || x.Reason != y.Reason || kind == v1alpha1.ConditionAccepted && x.Message != y.Message:
			return true
		}
	}
	return false
}

// A view is what the statuses of one pass are made from.
type view struct {
	now     time.Time
	entries map[metric.Key]*metric.Entry
	answer  func(*metric.Entry) provider.Answer
	source  func(metric.Key) (covered, expected int, failures []string, ok bool)
	doubts  func(metric.Key) []string // may be nil
}

// next returns a copy of an object with the status that it should have. early:
// a result that is not there yet may still come.
func (w *view) next(o client.Object, v verdict, early bool) client.Object {
	key := metric.Key{Namespace: o.GetNamespace(), Name: o.GetName()}
	switch o := o.(type) {
	case *v1alpha1.GatewayMetric:
		n := o.DeepCopy()
		s := &n.Status
		w.accept(v, n.Generation, &s.ObservedGeneration, &s.Conditions, &s.LastGoodSpec)
		w.metric(s, w.entries[key], v, early)
		return n
	case *v1alpha1.GatewaySource:
		n := o.DeepCopy()
		s := &n.Status
		w.accept(v, n.Generation, &s.ObservedGeneration, &s.Conditions, &s.LastGoodSpec)
		w.targets(s, key, v, early)
		return n
	}
	return o
}

// accept sets the condition Accepted and what goes with it, unless the
// configuration has not seen the object yet.
func (w *view) accept(v verdict, generation int64, observed *int64, conditions *[]metav1.Condition, lastGood **runtime.RawExtension) {
	if !v.known {
		return
	}
	*observed = generation
	w.set(conditions, v1alpha1.ConditionAccepted, v.accepted, v.reason, v.message, generation)
	switch {
	case v.accepted:
		*lastGood = nil
	case v.spec != nil: // an older version goes on
		if spec, err := plain(v.spec); err == nil && !saysTheSame(*lastGood, spec) {
			*lastGood = spec
		}
	}
}

// set sets a condition. Its transition time changes when its status does.
func (w *view) set(conditions *[]metav1.Condition, kind string, is bool, reason, message string, generation int64) {
	status := metav1.ConditionFalse
	if is {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type:               kind,
		Status:             status,
		Reason:             reason,
		Message:            bounded(message),
		ObservedGeneration: generation,
		LastTransitionTime: metav1.NewTime(w.now.Truncate(time.Second)),
	})
}

// plain returns a spec as JSON without nulls, which a merge patch cannot write.
func plain(spec any) (*runtime.RawExtension, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return nil, err
	}
	dropNulls(fields)
	raw, err := json.Marshal(fields)
	return &runtime.RawExtension{Raw: raw}, err
}

func dropNulls(value any) {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(_ string, v any) bool { return v == nil })
		for _, v := range value {
			dropNulls(v)
		}
	case []any:
		for _, v := range value {
			dropNulls(v)
		}
	}
}

// saysTheSame reports whether two texts are the same JSON; the API server
// sorts the fields of what it keeps.
func saysTheSame(a, b *runtime.RawExtension) bool {
	var x, y any
	return a != nil && json.Unmarshal(a.Raw, &x) == nil && json.Unmarshal(b.Raw, &y) == nil && reflect.DeepEqual(x, y)
}

// unserved is said of what no version of is in use.
const unserved = "no version of it is in use, see the condition Accepted"

// metric sets what the status says about the metric's answer.
func (w *view) metric(s *v1alpha1.GatewayMetricStatus, entry *metric.Entry, v verdict, early bool) {
	answer := provider.Answer{State: metric.StateMissing, Reason: "it has not been evaluated yet"}
	switch {
	case entry != nil:
		answer = w.answer(entry)
	case v.known && v.spec == nil:
		answer.Reason = unserved
		early = false
	}
	if answer.Result == nil && early {
		return
	}
	s.State, s.Reason = string(answer.State), answer.Reason
	s.Value, s.SampleTime, s.Coverage = valueText(answer.Items), nil, ""
	if r := answer.Result; r != nil {
		if s.Reason == "" {
			s.Reason = r.Reason
		}
		s.Coverage = fmt.Sprintf("%d/%d", r.Covered, r.Expected)
		if s.Value != "" && r.Time != 0 {
			t := metav1.NewTime(time.UnixMilli(r.Time).Truncate(time.Second))
			s.SampleTime = &t
		}
	}
	s.Reason = bounded(s.Reason)
	w.set(&s.Conditions, v1alpha1.ConditionFresh, isFresh(s.State), s.State, s.Reason, s.ObservedGeneration)
}

// valueText is the only element's quantity as the API answers it; of several
// elements their number and range; empty for none.
func valueText(items []metric.Item) string {
	if len(items) == 0 {
		return ""
	}
	low, high := items[0].Value, items[0].Value
	for _, item := range items[1:] {
		low, high = min(low, item.Value), max(high, item.Value)
	}
	from, err := provider.Quantity(low)
	if err != nil {
		return ""
	}
	to, err := provider.Quantity(high)
	switch {
	case err != nil:
		return ""
	case len(items) == 1:
		return from.String()
	}
	return fmt.Sprintf("%d items, %s to %s", len(items), from.String(), to.String())
}

// targets sets what the status says about the source's targets.
func (w *view) targets(s *v1alpha1.GatewaySourceStatus, key metric.Key, v verdict, early bool) {
	covered, expected, failures, ok := w.source(key)
	s.Targets = ""
	if ok {
		s.Targets = fmt.Sprintf("%d/%d", covered, expected)
	}
	reason, message := v1alpha1.ReasonNoTargets, "it is not scraped yet"
	switch {
	case !ok && v.known && v.spec == nil:
		message = unserved
	case !ok && early:
		return
	case !ok:
	case expected > 0 && covered == 0 && len(failures) == 0:
		return // no scrape of these targets has ended yet: the next look knows how
	case expected == 0:
		message = "no target is expected to answer" + listed(failures)
	case covered == 0:
		reason, message = v1alpha1.ReasonSilent, "no target answers"+listed(failures)
	case covered < expected:
		reason, message = v1alpha1.ReasonPartial, fmt.Sprintf("%d of %d targets do not answer%s", expected-covered, expected, listed(failures))
	default:
		reason, message = v1alpha1.ReasonScraping, "every expected target answers"
		if doubts := w.doubted(key); len(doubts) > 0 {
			reason, message = v1alpha1.ReasonOtherGateway, message+listed(doubts)
		}
	}
	w.set(&s.Conditions, v1alpha1.ConditionFresh, isFresh(reason), reason, message, s.ObservedGeneration)
}

// doubted returns which targets of a source do not look like its gateway.
func (w *view) doubted(key metric.Key) []string {
	if w.doubts == nil {
		return nil
	}
	return w.doubts(key)
}

// listed returns ": " and the first failures, in an order that does not change
// from one look to the next.
func listed(failures []string) string {
	if len(failures) == 0 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(failures))
	var shown []string
	for _, f := range sorted[:min(len(sorted), maxFailures)] {
		shown = append(shown, cut(f, maxFailure))
	}
	text := ": " + strings.Join(shown, "; ")
	if more := len(sorted) - maxFailures; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// isFresh reports whether a reason of the condition Fresh means that it holds.
func isFresh(reason string) bool {
	switch reason {
	case string(metric.StateFresh), string(metric.StatePartial), string(metric.StateIdle), v1alpha1.ReasonScraping, v1alpha1.ReasonOtherGateway:
		return true // ReasonPartial is StatePartial
	}
	return false
}

// isLost reports whether a reason of the condition Fresh means that data is
// not there which should be. Warming is neither fresh nor lost.
func isLost(reason string) bool {
	switch reason {
	case string(metric.StateMissing), string(metric.StateHeld), string(metric.StateSubstituted), v1alpha1.ReasonSilent, v1alpha1.ReasonNoTargets:
		return true
	}
	return false
}
