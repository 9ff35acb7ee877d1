package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

var _ provider.ExternalMetricsProvider = (*constant)(nil)

// A constant answers each metric that it knows with the same items for ever.
type constant struct {
	answers map[string][]external_metrics.ExternalMetricValue
	names   []provider.ExternalMetricInfo
}

func newConstant(path string) (*constant, error) {
	answers, err := readAnswers(path)
	if err != nil {
		return nil, err
	}
	c := &constant{answers: answers}
	for name := range answers {
		c.names = append(c.names, provider.ExternalMetricInfo{Metric: name})
	}
	return c, nil
}

// GetExternalMetric returns the items of the metric, whatever the selector is.
// The list is the caller's own, because encoders write to its TypeMeta.
func (c *constant) GetExternalMetric(_ context.Context, _ string, _ labels.Selector, info provider.ExternalMetricInfo) (*external_metrics.ExternalMetricValueList, error) {
	items, ok := c.answers[info.Metric]
	if !ok {
		return nil, fmt.Errorf("no metric %q", info.Metric)
	}
	return &external_metrics.ExternalMetricValueList{Items: items}, nil
}

// ListAllExternalMetrics returns the names of all metrics.
func (c *constant) ListAllExternalMetrics() []provider.ExternalMetricInfo { return c.names }
