// Package provider answers the metrics APIs from a metric.Board.
//
// It is the only implementer of the provider interfaces of
// sigs.k8s.io/custom-metrics-apiserver. Reading does no I/O, runs no
// expression and takes no lock: it looks at the last published result, holds
// its age against maxAge, and hands out items that were converted when the
// result was first read.
package provider

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

var _ provider.ExternalMetricsProvider = (*Provider)(nil)

// A Provider serves the metrics of a Board.
type Provider struct {
	board *metric.Board
	clock clock.PassiveClock
	slots atomic.Pointer[slots]
}

// New returns a Provider of the board's metrics; the clock tells how old a
// result is when it is read.
func New(board *metric.Board, clock clock.PassiveClock) *Provider {
	return &Provider{board: board, clock: clock}
}

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
		return nil, p.notDeclared(namespace, info.Metric)
	}
	answer := p.Answer(entry)
	if answer.Items == nil {
		return nil, unavailable(entry, answer.Reason)
	}
	items := answer.Items
	if selector != nil && !selector.Empty() {
		items = selected(items, selector)
		if len(items) == 0 {
			return nil, unavailable(entry, unmatched(selector, answer.Items))
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

// selected returns the items whose labels match, in a slice of its own.
func selected(items []external_metrics.ExternalMetricValue, selector labels.Selector) []external_metrics.ExternalMetricValue {
	var matching []external_metrics.ExternalMetricValue
	for _, item := range items {
		if selector.Matches(labels.Set(item.MetricLabels)) {
			matching = append(matching, item)
		}
	}
	return matching
}

// unmatched says why a selector leaves no element, and the cure.
func unmatched(selector labels.Selector, items []external_metrics.ExternalMetricValue) string {
	if len(items) == 1 && len(items[0].MetricLabels) == 0 {
		return fmt.Sprintf("its only element has no labels, so selector %q matches nothing: aggregate with by(...) in the expression, or drop the selector", selector)
	}
	return fmt.Sprintf("no element matches selector %q, labels seen: %s", selector, labelsSeen(items))
}

// labelsSeen prints the labels of the first few items.
func labelsSeen(items []external_metrics.ExternalMetricValue) string {
	const most = 5
	var seen []string
	for _, item := range items[:min(len(items), most)] {
		seen = append(seen, "{"+labels.Set(item.MetricLabels).String()+"}")
	}
	if more := len(items) - most; more > 0 {
		seen = append(seen, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(seen, ", ")
}

// notDeclared is the error for a name that the namespace does not have.
func (p *Provider) notDeclared(namespace, name string) error {
	var declared []string
	for _, e := range p.board.All() {
		if e.Key.Namespace == namespace && e.External != "" {
			declared = append(declared, e.External)
		}
	}
	slices.Sort(declared)
	declared = slices.Compact(declared)

	message := fmt.Sprintf("external metric %q is not declared in namespace %q", name, namespace)
	switch near := nearest(name, declared); {
	case len(declared) == 0:
		message += ", nor is any other: a metric can only be read in its own namespace"
	case len(near) == len(declared):
		message += "; declared there: " + strings.Join(near, ", ")
	default:
		message += fmt.Sprintf("; nearest of %d declared there: %s", len(declared), strings.Join(near, ", "))
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusNotFound,
		Reason:  metav1.StatusReasonNotFound,
		Message: message,
		Details: &metav1.StatusDetails{Group: external_metrics.GroupName, Name: name},
	}}
}

// unavailable is the error for a metric without an answer.
func unavailable(e *metric.Entry, reason string) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf("metric %s/%s has no fresh value: %s", e.Key.Namespace, e.External, reason))
}
