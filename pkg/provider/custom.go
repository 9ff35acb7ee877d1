package provider

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// GetMetricByName returns the value of one pod, or of one object of a resource.
// A nil or empty metricSelector matches all elements, another one filters them
// by their labels first.
//
//   - 404 NotFound: the namespace has no such metric; the names that come
//     nearest are in the message.
//   - 503 ServiceUnavailable: the metric is declared, but has no answer (see
//     [Provider.Answer]), or none for this object, or several; or the API server
//     does not know the resource. The reason is in the message.
//
// That an object has no value is a 503 and no 404, because it says something of
// now and not of the name: the pod may have started a second ago. The
// HorizontalPodAutoscaler does with both the same: it keeps the replicas there
// are, or lets another of its metrics raise them.
func (p *Provider) GetMetricByName(_ context.Context, name types.NamespacedName, info provider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValue, error) {
	m, err := p.custom(name.Namespace, info)
	if err != nil {
		return nil, err
	}
	f := m.find(name.Name, metricSelector)
	switch {
	case m.reason != "":
		return nil, m.unavailable(m.reason)
	case f.reason != "":
		return nil, m.unavailable(f.reason)
	case !f.ok:
		return nil, m.unavailable(m.missing(name.Name, metricSelector))
	}
	list := m.list([]custom_metrics.MetricValue{m.values[f.index]}, metricSelector)
	return &list.Items[0], nil
}

// GetMetricBySelector returns the values of those pods, or objects of a
// resource, whose labels the selector matches; a nil or empty one matches all
// that the metric has a value of. Those without a value are left out, as the
// HorizontalPodAutoscaler wants it: it counts them as being on target when it
// scales in and as 0 when it scales out.
//
// Beyond the errors of [Provider.GetMetricByName] it is a 503 where none is
// left, and where it is not known which objects the selector matches.
//
// The list is the caller's own; its items may be shared with other readers and
// must not be changed.
func (p *Provider) GetMetricBySelector(_ context.Context, namespace string, selector labels.Selector, info provider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValueList, error) {
	m, err := p.custom(namespace, info)
	if err != nil {
		return nil, err
	}
	if m.reason != "" {
		return nil, m.unavailable(m.reason)
	}
	if everything(selector) {
		values, reason := m.every(metricSelector)
		if reason != "" {
			return nil, m.unavailable(reason)
		}
		return m.list(values, metricSelector), nil
	}
	objects, reason := p.objects(namespace, m, selector)
	if reason != "" {
		return nil, m.unavailable(reason)
	}
	values, reason := m.of(objects, metricSelector)
	if reason != "" {
		return nil, m.unavailable(reason)
	}
	return m.list(values, metricSelector), nil
}

// ListAllMetrics returns the declared metrics of all namespaces, each once,
// sorted. A metric is there from its declaration on, with or without data.
func (p *Provider) ListAllMetrics() []provider.CustomMetricInfo {
	names := p.board.CustomNames()
	infos := make([]provider.CustomMetricInfo, len(names))
	for i, name := range names {
		infos[i] = provider.CustomMetricInfo{
			GroupResource: schema.ParseGroupResource(name.Resource),
			Namespaced:    true,
			Metric:        name.Name,
		}
	}
	return infos
}

// A customMetric is a custom metric that has an answer now.
type customMetric struct {
	*described
	entry *metric.Entry
	name  metric.CustomName
	kind  schema.GroupVersionKind // empty for pods
}

// custom returns a custom metric of a namespace, or the error to answer.
func (p *Provider) custom(namespace string, info provider.CustomMetricInfo) (*customMetric, error) {
	m := &customMetric{name: metric.CustomName{Resource: info.GroupResource.String(), Name: info.Metric}}
	m.entry = p.board.Custom(namespace, m.name)
	if m.entry == nil {
		return nil, p.customNotDeclared(namespace, m.name)
	}
	isPods := m.name.Resource == metric.ResourcePods
	if !isPods {
		var problem string
		if m.kind, problem = p.kind(m.name.Resource); problem != "" {
			return nil, m.unavailable(problem)
		}
	}
	answer, c := p.current(m.entry)
	switch {
	case c == nil:
		return nil, m.unavailable(answer.Reason)
	case isPods:
		m.described = c.pods
	default:
		m.described = c.object
	}
	return m, nil
}

func (m *customMetric) unavailable(reason string) error {
	return unavailable(m.entry, m.name.Name, reason)
}

// list returns a list of the values. Where something is to be added to them,
// such as the kind of the objects, they are copied first.
func (m *customMetric) list(values []custom_metrics.MetricValue, metricSelector labels.Selector) *custom_metrics.MetricValueList {
	selector := identifying(metricSelector)
	if m.kind.Empty() && selector == nil {
		return &custom_metrics.MetricValueList{Items: values}
	}
	items := make([]custom_metrics.MetricValue, len(values))
	for i, value := range values {
		if !m.kind.Empty() {
			value.DescribedObject.APIVersion, value.DescribedObject.Kind = m.kind.ToAPIVersionAndKind()
		}
		value.Metric.Selector = selector
		items[i] = value
	}
	return &custom_metrics.MetricValueList{Items: items}
}

// identifying returns the selector as the API repeats it in its answers. It is
// nil for all, and where the API has no words for it (operators > and <).
func identifying(metricSelector labels.Selector) *metav1.LabelSelector {
	if everything(metricSelector) {
		return nil
	}
	selector, err := metav1.ParseToLabelSelector(metricSelector.String())
	if err != nil {
		return nil
	}
	return selector
}

// objects returns the names of the objects that a selector matches, at least
// one, or a reason why there are none.
func (p *Provider) objects(namespace string, m *customMetric, selector labels.Selector) ([]string, string) {
	var objects []string
	switch {
	case m.name.Resource != metric.ResourcePods && p.kinds != nil:
		var problem string
		if objects, problem = p.kinds.objects(m.name.Resource, namespace, selector); problem != "" {
			return nil, problem
		}
	case m.name.Resource == metric.ResourcePods && p.pods != nil:
		var err error
		if objects, err = p.pods(namespace, selector); err != nil {
			return nil, fmt.Sprintf("it is not known which pods selector %q matches: %v", selector, err)
		}
	default:
		return nil, fmt.Sprintf("there is no cluster to ask which %s selector %q matches: read it without a selector, or one by its name", m.name.Resource, selector)
	}
	if len(objects) == 0 {
		return nil, fmt.Sprintf("selector %q matches no %s of namespace %s", selector, m.name.Resource, namespace)
	}
	return objects, ""
}
