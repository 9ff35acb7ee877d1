package provider

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// GetExternalMetric returns one item per element of the metric's last result,
// those whose labels the selector matches; a nil or empty selector matches all.
//
// The HorizontalPodAutoscaler adds the items up and does not look at their
// time, so what should not be added or is not fresh is an error, never a
// shorter list:
//   - 404 NotFound for a name that is not declared in the namespace, with the
//     names that come nearest;
//   - 503 ServiceUnavailable where there is no answer (see [Provider.Answer])
//     and where the selector matches no element, with the reason in words.
//
// The list is the caller's own, because encoders write to its TypeMeta; its
// items are shared with other readers and must not be changed.
func (p *Provider) GetExternalMetric(_ context.Context, namespace string, selector labels.Selector, info provider.ExternalMetricInfo) (*external_metrics.ExternalMetricValueList, error) {
	entry := p.board.External(namespace, info.Metric)
	if entry == nil {
		return nil, p.externalNotDeclared(namespace, info.Metric)
	}
	answer, c := p.current(entry)
	if c == nil {
		return nil, unavailable(entry, entry.External, answer.Reason)
	}
	if c.external.reason != "" {
		return nil, unavailable(entry, entry.External, c.external.reason)
	}
	items := c.external.items
	if !everything(selector) {
		items = c.external.selected(selector)
		if len(items) == 0 {
			return nil, unavailable(entry, entry.External, unmatched(selector, c.external.items))
		}
	}
	return &external_metrics.ExternalMetricValueList{Items: items}, nil
}

// ListAllExternalMetrics returns the declared names of all namespaces, each
// once, sorted. A name is there from its declaration on, with or without data.
func (p *Provider) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	names := p.board.ExternalNames()
	infos := make([]provider.ExternalMetricInfo, len(names))
	for i, name := range names {
		infos[i] = provider.ExternalMetricInfo{Metric: name}
	}
	return infos
}

// externalItems are a result in external.metrics.k8s.io: either items, at least
// one, or a reason.
type externalItems struct {
	items  []external_metrics.ExternalMetricValue
	shown  []metric.Item // the same
	reason string
	// byLabel holds the indexes of the items by the values of the labels that
	// selectors have asked for. It is replaced, and never changed.
	byLabel atomic.Pointer[map[string]valueIndex]
}

// A valueIndex holds indexes of items by the value of a label.
type valueIndex map[string][]int32

// convertExternal makes the items of a result that has some.
func convertExternal(e *metric.Entry, r *metric.Result) *externalItems {
	if r.Undefined != "" {
		return &externalItems{reason: r.Undefined}
	}
	at, scale := stampOf(r), factor(r.Scale)
	items := make([]external_metrics.ExternalMetricValue, len(r.Items))
	shown := make([]metric.Item, len(r.Items))
	seen := make(map[string]bool, len(r.Items))
	total := 0.0
	for i, item := range r.Items {
		item.Value *= scale
		value, err := Quantity(item.Value)
		if err != nil {
			return &externalItems{reason: fmt.Sprintf("its element %s: %v", item.Labels, err)}
		}
		key := item.Labels.String()
		if seen[key] {
			return &externalItems{reason: fmt.Sprintf("two of its elements have the labels %s: aggregate them in the expression", key)}
		}
		seen[key] = true
		total += math.Abs(item.Value)
		shown[i] = item
		items[i] = external_metrics.ExternalMetricValue{
			MetricName:    e.External,
			MetricLabels:  item.Labels.Map(),
			Timestamp:     at.timestamp,
			WindowSeconds: at.window,
			Value:         value,
		}
	}
	if total > MaxMagnitude {
		return &externalItems{reason: tooMuch(total)}
	}
	return &externalItems{items: items, shown: shown}
}

// tooMuch is the reason for elements that cannot be added up.
func tooMuch(total float64) string {
	return fmt.Sprintf("its elements add up to %g, more than the %g that an autoscaler can read: choose a larger unit", total, float64(MaxMagnitude))
}

// everything reports whether the selector matches all labels.
func everything(selector labels.Selector) bool { return selector == nil || selector.Empty() }

// selected returns the items whose labels match, in a slice of its own.
func (x *externalItems) selected(selector labels.Selector) []external_metrics.ExternalMetricValue {
	var matching []external_metrics.ExternalMetricValue
	take := func(item *external_metrics.ExternalMetricValue) {
		if selector.Matches(labels.Set(item.MetricLabels)) {
			matching = append(matching, *item)
		}
	}
	if candidates, ok := x.candidates(selector); ok {
		for _, i := range candidates {
			take(&x.items[i])
		}
		return matching
	}
	for i := range x.items {
		take(&x.items[i])
	}
	return matching
}

// Bounds of byLabel: fewer items are looked at one by one, and readers may ask by
// any labels.
const (
	fewItems  = 16
	maxLabels = 4
)

// candidates returns the items with a value that the selector demands, and
// whether it demands one.
func (x *externalItems) candidates(selector labels.Selector) ([]int32, bool) {
	if len(x.items) < fewItems {
		return nil, false
	}
	requirements, _ := selector.Requirements()
	for i := range requirements {
		r := &requirements[i]
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
		default:
			continue
		}
		values := r.ValuesUnsorted()
		if len(values) != 1 {
			continue
		}
		if index := x.index(r.Key()); index != nil {
			return index[values[0]], true
		}
	}
	return nil, false
}

// index returns the items by the values of a label, nil where too many labels
// were asked for. Two first readers may both make it, and one may be lost.
func (x *externalItems) index(label string) valueIndex {
	known := map[string]valueIndex{}
	if p := x.byLabel.Load(); p != nil {
		known = *p
	}
	if index, ok := known[label]; ok {
		return index
	}
	if len(known) == maxLabels {
		return nil
	}
	index := valueIndex{}
	for i := range x.items {
		if value, ok := x.items[i].MetricLabels[label]; ok {
			index[value] = append(index[value], int32(i))
		}
	}
	next := maps.Clone(known)
	next[label] = index
	x.byLabel.Store(&next)
	return index
}

// unmatched says why a selector leaves no element, and the cure.
func unmatched(selector labels.Selector, items []external_metrics.ExternalMetricValue) string {
	if len(items) == 1 && len(items[0].MetricLabels) == 0 {
		return fmt.Sprintf("its only element has no labels, so selector %q matches nothing: aggregate with by(...) in the expression, or drop the selector", selector)
	}
	return fmt.Sprintf("no element matches selector %q, labels seen: %s", selector, firstFew(len(items), func(i int) string {
		return "{" + labels.Set(items[i].MetricLabels).String() + "}"
	}))
}

// firstFew prints the first few of n things.
func firstFew(n int, text func(i int) string) string {
	const most = 5
	var seen []string
	for i := range min(n, most) {
		seen = append(seen, text(i))
	}
	if more := n - most; more > 0 {
		seen = append(seen, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(seen, ", ")
}
