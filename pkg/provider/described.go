package provider

import (
	"fmt"
	"math"

	promlabels "github.com/prometheus/prometheus/model/labels"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/custom_metrics"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A described is a result in custom.metrics.k8s.io: the elements that describe
// an object (a pod is one), found by its name. Those that describe none, and
// those that cannot be told to an autoscaler, are left out.
type described struct {
	noun  string // what is described, in words: pod, services
	label string // that holds the object's name
	// values are one per element, in the result's order, without kind and
	// version where those are not pods; shown are the same.
	values []custom_metrics.MetricValue
	shown  []metric.Item
	// first is the first value of each object, more are the others.
	first map[string]int
	more  map[string][]int
	// several is an object with more than one value; "" for none.
	several string
	// refused says of objects whose element cannot be told why.
	refused map[string]string
	// undefined is the result's.
	undefined string
	// reason says why there are no values at all.
	reason string
}

// convertPods makes the values of pods. A pod is one of the metric's own
// namespace: elements of another one, by their label namespace, are left out.
func convertPods(e *metric.Entry, r *metric.Result) *described {
	d := &described{noun: "pod", label: metric.LabelPod, undefined: r.Undefined}
	d.add(e.Key.Namespace, e.Pods, r, factor(r.PodScale), func(l promlabels.Labels) bool {
		namespace := l.Get(metric.LabelNamespace)
		return namespace == "" || namespace == e.Key.Namespace
	})
	total := 0.0
	for i := range d.values {
		d.values[i].DescribedObject.Kind, d.values[i].DescribedObject.APIVersion = "Pod", "v1"
		total += math.Abs(d.shown[i].Value)
	}
	switch {
	case d.reason != "":
	case total > MaxMagnitude: // the autoscaler adds them up
		d.reason = tooMuch(total)
	case len(d.values) == 0 && len(d.refused) == 0:
		d.reason = fmt.Sprintf("none of its %d elements has a label %s of namespace %s: aggregate with by(%q), or map addresses with pod_of", len(r.Items), metric.LabelPod, e.Key.Namespace, metric.LabelPod)
	}
	return d
}

// convertObject makes the values of objects.
func convertObject(e *metric.Entry, r *metric.Result) *described {
	d := &described{noun: e.Object.Resource, label: e.Object.Label, undefined: r.Undefined}
	d.add(e.Key.Namespace, e.Object.Name, r, factor(r.Scale), func(promlabels.Labels) bool { return true })
	if len(d.values) == 0 && len(d.refused) == 0 {
		d.reason = fmt.Sprintf("none of its %d elements has the label %s: aggregate with by(%q)", len(r.Items), d.label, d.label)
	}
	return d
}

// add adds the values of the elements that name an object and that are wanted.
func (d *described) add(namespace, name string, r *metric.Result, scale float64, wanted func(promlabels.Labels) bool) {
	at := stampOf(r)
	d.values = make([]custom_metrics.MetricValue, 0, len(r.Items))
	d.shown = make([]metric.Item, 0, len(r.Items))
	d.first = make(map[string]int, len(r.Items))
	refused := ""
	for _, item := range r.Items {
		object := item.Labels.Get(d.label)
		if object == "" || !wanted(item.Labels) {
			continue
		}
		item.Value *= scale
		value, err := Quantity(item.Value)
		if err != nil {
			if d.refused == nil {
				d.refused = map[string]string{}
			}
			refused = fmt.Sprintf("its element %s: %v", item.Labels, err)
			d.refused[object] = refused
			continue
		}
		d.index(object, len(d.values))
		d.shown = append(d.shown, item)
		d.values = append(d.values, custom_metrics.MetricValue{
			DescribedObject: custom_metrics.ObjectReference{Namespace: namespace, Name: object},
			Metric:          custom_metrics.MetricIdentifier{Name: name},
			Timestamp:       at.timestamp,
			WindowSeconds:   at.window,
			Value:           value,
		})
	}
	if len(d.values) == 0 {
		d.reason = refused
	}
}

func (d *described) index(object string, i int) {
	if _, known := d.first[object]; !known {
		d.first[object] = i
		return
	}
	if d.more == nil {
		d.more = map[string][]int{}
		d.several = object
	}
	d.more[object] = append(d.more[object], i)
}

// ambiguous says that several elements are of one object, and the cure.
func (d *described) ambiguous(object string) string {
	return fmt.Sprintf("several of its elements are of %s %s: aggregate with by(%q) in the expression, or choose one with a metric selector", d.noun, object, d.label)
}

// A found is what there is of one object: the index of its value, or none, or
// why there is no single one.
type found struct {
	index  int
	ok     bool
	reason string // only if an answer with others would be wrong as well
}

// find returns the only value of an object that the selector matches.
func (d *described) find(object string, metricSelector labels.Selector) found {
	i, ok := d.first[object]
	if !ok {
		return found{}
	}
	if d.more == nil && everything(metricSelector) {
		return found{index: i, ok: true}
	}
	var f found
	for _, i := range append([]int{i}, d.more[object]...) {
		switch {
		case !d.matches(i, metricSelector):
		case f.ok:
			return found{reason: d.ambiguous(object)}
		default:
			f = found{index: i, ok: true}
		}
	}
	return f
}

func (d *described) matches(i int, metricSelector labels.Selector) bool {
	return everything(metricSelector) || metricSelector.Matches(elementLabels{d.shown[i].Labels})
}

// missing says why an object has no value that the selector matches.
func (d *described) missing(object string, metricSelector labels.Selector) string {
	i, known := d.first[object]
	switch {
	case known:
		return fmt.Sprintf("no element of %s %s matches the metric selector %q, labels seen: %s", d.noun, object, metricSelector, d.shown[i].Labels)
	case d.refused[object] != "":
		return d.refused[object]
	}
	reason := fmt.Sprintf("%s %s has no value: it is not among the %d that the metric has a value of", d.noun, object, len(d.first))
	if d.undefined != "" {
		reason += "; " + d.undefined
	}
	return reason
}

// every returns the values of all objects that the selector matches, in the
// result's order, or a reason why there are none. Without a selector they are
// shared.
func (d *described) every(metricSelector labels.Selector) ([]custom_metrics.MetricValue, string) {
	if everything(metricSelector) {
		if d.several != "" {
			return nil, d.ambiguous(d.several)
		}
		return d.values, ""
	}
	var matching []custom_metrics.MetricValue
	seen := map[string]bool{}
	for i := range d.values {
		if !d.matches(i, metricSelector) {
			continue
		}
		object := d.values[i].DescribedObject.Name
		if seen[object] {
			return nil, d.ambiguous(object)
		}
		seen[object] = true
		matching = append(matching, d.values[i])
	}
	if len(matching) == 0 {
		return nil, d.unselected(metricSelector)
	}
	return matching, ""
}

// of returns the values of those of the objects that have one that the selector
// matches, or a reason why there are none.
func (d *described) of(objects []string, metricSelector labels.Selector) ([]custom_metrics.MetricValue, string) {
	values := make([]custom_metrics.MetricValue, 0, min(len(objects), len(d.values)))
	for _, object := range objects {
		f := d.find(object, metricSelector)
		if f.reason != "" {
			return nil, f.reason
		}
		if f.ok {
			values = append(values, d.values[f.index])
		}
	}
	switch {
	case len(values) > 0:
		return values, ""
	case len(objects) == 1:
		return nil, d.missing(objects[0], metricSelector)
	case !everything(metricSelector):
		return nil, d.unselected(metricSelector)
	}
	reason := fmt.Sprintf("of the %d %s that the selector matches (%s) none is among the %d that the metric has a value of",
		len(objects), plural(d.noun), firstFew(len(objects), func(i int) string { return objects[i] }), len(d.first))
	if d.undefined != "" {
		reason += "; " + d.undefined
	}
	return nil, reason
}

// plural returns the noun for several; a resource is in the plural already.
func plural(noun string) string {
	if noun == "pod" {
		return metric.ResourcePods
	}
	return noun
}

func (d *described) unselected(metricSelector labels.Selector) string {
	return fmt.Sprintf("no element matches the metric selector %q, labels seen: %s", metricSelector, firstFew(len(d.shown), func(i int) string {
		return d.shown[i].Labels.String()
	}))
}

var _ labels.Labels = elementLabels{}

// elementLabels are an element's labels as selectors look at them.
type elementLabels struct{ labels promlabels.Labels }

// Has reports whether there is a label of the name.
func (l elementLabels) Has(name string) bool { return l.labels.Has(name) }

// Get returns a label's value; empty where there is no such label.
func (l elementLabels) Get(name string) string { return l.labels.Get(name) }

// Lookup returns both.
func (l elementLabels) Lookup(name string) (string, bool) {
	return l.labels.Get(name), l.labels.Has(name)
}
