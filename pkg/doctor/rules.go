package doctor

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/hpa"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// smallestTarget, in thousandths, is the least target of which the thousandth
// that an autoscaler rounds up to is at most a hundredth.
const smallestTarget = 100

// String names a metric in a message: external metric "queue".
func (r reference) String() string {
	kind := map[string]string{"external": "external metric", "pods": "pods metric", "object": "object metric"}[r.field]
	return fmt.Sprintf("%s %q", kind, r.metric.Name)
}

// quantity returns the target that the type asks for; nil where it is missing.
func quantity(t autoscalingv2.MetricTarget) *resource.Quantity {
	if t.Type == autoscalingv2.AverageValueMetricType {
		return t.AverageValue
	}
	return t.Value
}

// targetText returns "Value 250".
func targetText(t autoscalingv2.MetricTarget) string {
	if q := quantity(t); q != nil {
		return fmt.Sprintf("%s %s", t.Type, q)
	}
	return string(t.Type)
}

// target checks that a target's type fits the metric's, and its size.
func (c *autoscalerCheck) target(m *v1alpha1.GatewayMetric, r reference) {
	q := quantity(r.target)
	switch {
	case q == nil:
		field := map[autoscalingv2.MetricTargetType]string{autoscalingv2.AverageValueMetricType: "averageValue"}[r.target.Type]
		if field == "" {
			field = "value"
		}
		c.add(Error, fmt.Sprintf("%s: the target of type %s has no %s", r, r.target.Type, field), fmt.Sprintf("write spec.metrics[%d].%s.target.%s", r.index, r.field, field))
		return
	case m.Spec.Type == v1alpha1.TypeLevel && r.target.Type == autoscalingv2.AverageValueMetricType:
		cure := fmt.Sprintf("write target: {type: Value, value: %q}", q.String())
		if !c.offline() {
			cure = fmt.Sprintf(`kubectl -n %s patch hpa %s --type=json -p '[{"op": "replace", "path": "/spec/metrics/%d/%s/target", "value": {"type": "Value", "value": "%s"}}]'`,
				c.h.Namespace, c.h.Name, r.index, r.field, q)
		}
		c.add(Error, fmt.Sprintf("%s is a Level, which AverageValue divides by the number of pods: it looks the lower the more pods there are", r), cure)
	case m.Spec.Type == v1alpha1.TypeTotal && r.target.Type == autoscalingv2.ValueMetricType:
		c.add(Warning, fmt.Sprintf("%s is a Total, which Value holds against the target whatever the number of pods: it goes on adding pods until the total itself falls, which traffic does not do", r),
			"use type: AverageValue with what one pod is to take; Value fits what more pods make smaller, such as a backlog")
	}
	c.small(r)
}

// small warns of targets that thousandths are too coarse for.
func (c *autoscalerCheck) small(r reference) {
	q := quantity(r.target)
	if q == nil || q.Sign() <= 0 || q.MilliValue() >= smallestTarget {
		return
	}
	step := 100.0 / float64(max(1, q.MilliValue()))
	c.add(Warning, fmt.Sprintf("%s: the target %s is below 100m, and an autoscaler reads thousandths rounded up: a step is %s %% of it", r, q, strconv.FormatFloat(math.Round(step*10)/10, 'f', -1, 64)),
		fmt.Sprintf("give the metric in a smaller unit: times 1000 in the expression, and %s as target", hpa.FormatMilli(q.MilliValue()*1000)))
}

// selector checks that the API server takes a selector. It reports whether it does.
func (c *autoscalerCheck) selector(r reference) bool {
	_, err := metav1.LabelSelectorAsSelector(r.metric.Selector)
	if err == nil {
		return true
	}
	message, cure := "its selector is refused: "+err.Error(), "correct it"
	if value, found := noLabelValue(r.metric.Selector); found {
		message = fmt.Sprintf("its selector is refused, because %s is no label value: those have at most 63 letters, digits, '-', '_' and '.'", value)
		cure = "filter by that value in the expression instead, and leave it out of the selector"
	}
	c.add(Error, fmt.Sprintf("%s: %s", r, message), cure)
	return false
}

// noLabelValue returns the first value of a selector, with its label, that no
// label can have.
func noLabelValue(s *metav1.LabelSelector) (value string, found bool) {
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		if v := s.MatchLabels[key]; len(validation.IsValidLabelValue(v)) > 0 {
			return fmt.Sprintf("%s of %s", v, key), true
		}
	}
	for _, e := range s.MatchExpressions {
		for _, v := range e.Values {
			if len(validation.IsValidLabelValue(v)) > 0 {
				return fmt.Sprintf("%s of %s", v, e.Key), true
			}
		}
	}
	return "", false
}

// items checks what an autoscaler does with the items of an external answer: it
// adds them up.
func (c *autoscalerCheck) items(m *v1alpha1.GatewayMetric, r reference) {
	program := c.program(m)
	selector, err := metav1.LabelSelectorAsSelector(r.metric.Selector)
	if program == nil || err != nil {
		return
	}
	if r.metric.Selector == nil {
		selector = labels.Everything()
	}
	vector := program.ResultKind() == script.Vector
	switch {
	case program.ResultKind() == script.Number && !selector.Matches(labels.Set{}):
		c.add(Error, fmt.Sprintf("%s: its selector %s matches nothing, because the expression gives a number without labels", r, selector),
			"leave the selector out, or aggregate by the labels: sum(x, by(\"service\"))")
	case !vector || !selector.Empty() || m.Spec.Type != v1alpha1.TypeLevel && !program.Quantiles():
		// One item, or totals, which do add up; what a selector leaves is not known.
	case single(m):
		c.add(Warning, fmt.Sprintf("%s can have several items, which an autoscaler adds up as if they were parts of a total; now it has one", r), "give the metric a selector that leaves one item, or aggregate to one number")
	case program.Quantiles():
		c.add(Error, fmt.Sprintf("%s has several percentiles, and an autoscaler adds them up", r), "give the metric a selector that leaves one item, or leave by(...) out of the expression")
	default:
		c.add(Warning, fmt.Sprintf("%s is a Level with several items, and an autoscaler adds them up", r), "give the metric a selector that leaves one item, or aggregate to one number")
	}
}

// single reports whether the status shows a value of a single element: of
// several it shows how many there are.
func single(m *v1alpha1.GatewayMetric) bool {
	_, err := resource.ParseQuantity(strings.TrimSpace(m.Status.Value))
	return m.Status.Value != "" && err == nil
}

// labelled checks that the result of a pods or object metric can have the label
// that says what an item is of.
func (c *autoscalerCheck) labelled(m *v1alpha1.GatewayMetric, r reference, label string) {
	if p := c.program(m); p != nil && p.ResultKind() == script.Number {
		c.add(Error, fmt.Sprintf("%s: the expression of GatewayMetric %s gives a number, which lacks the label %s", r, m.Name, label),
			fmt.Sprintf("aggregate by(%q)", label))
	}
}

// guessResource returns the resource that a kind likely has, with its group.
func guessResource(kind metav1.GroupVersionKind) string {
	plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind})
	return plural.GroupResource().String()
}

// olderThan reports whether a version such as v1.36.3-eks is older than
// major.minor; not where it cannot be read.
func olderThan(text string, major, minor uint) bool {
	v, err := version.ParseGeneric(text)
	return err == nil && (v.Major() < major || v.Major() == major && v.Minor() < minor)
}
