package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	requestmetrics "k8s.io/apiserver/pkg/endpoints/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	freshness "sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver/metrics"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

// selfMetrics returns the handler of /metrics: what is in the registry, to which
// the collector is added, and what the Kubernetes libraries count. A collector
// that fails is left out, counted and logged; the others are served.
func selfMetrics(registry *prometheus.Registry, c *collector) (http.Handler, error) {
	if err := registry.Register(c); err != nil {
		return nil, fmt.Errorf("register the gaugeway_metric families, once per registry: %w", err)
	}
	requestmetrics.Register()
	registered := prometheus.AlreadyRegisteredError{}
	if err := freshness.RegisterMetrics(legacyregistry.Register); err != nil && !errors.As(err, &registered) {
		return nil, fmt.Errorf("register the metrics of the API library: %w", err)
	}
	return promhttp.HandlerFor(
		prometheus.Gatherers{registry, legacyregistry.DefaultGatherer},
		promhttp.HandlerOpts{
			ErrorHandling: promhttp.ContinueOnError,
			ErrorLog:      gatherLog{},
			Registry:      registry,
		},
	), nil
}

// A gatherLog logs what went wrong while gathering.
type gatherLog struct{}

var _ promhttp.Logger = gatherLog{}

// Println logs one problem.
func (gatherLog) Println(v ...any) {
	klog.ErrorS(nil, "Some of /metrics is missing", "problem", fmt.Sprint(v...))
}

var _ prometheus.Collector = (*collector)(nil)

// A collector shows each declared metric as the API answers it at the moment
// of the scrape, so that what a HorizontalPodAutoscaler saw can be graphed.
// The label metric is the name of the GatewayMetric object, which is unique in
// its namespace.
type collector struct {
	board   *metric.Board
	answers *provider.Provider

	value, age, coverage, state *prometheus.Desc
}

func newCollector(board *metric.Board, answers *provider.Provider) *collector {
	return &collector{
		board:   board,
		answers: answers,
		value: prometheus.NewDesc("gaugeway_metric_value",
			"What the metric answers, one series per item, scaled for silent targets as the API does it; none where it has no answer. The label item holds the item's labels.",
			[]string{"namespace", "metric", "item"}, nil),
		age: prometheus.NewDesc("gaugeway_metric_age_seconds",
			"Age of the oldest of the newest samples that the last result was computed from, whether or not it is still an answer.",
			[]string{"namespace", "metric"}, nil),
		coverage: prometheus.NewDesc("gaugeway_metric_coverage_ratio",
			"Share of the expected targets that answered at the last evaluation; 0 where none was expected.",
			[]string{"namespace", "metric"}, nil),
		state: prometheus.NewDesc("gaugeway_metric_state",
			"1 for the state that the metric is in, 0 for the others. Missing also where only one of the APIs that it is declared for has no answer.",
			[]string{"namespace", "metric", "state"}, nil),
	}
}

// Describe sends the four families.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.value
	descs <- c.age
	descs <- c.coverage
	descs <- c.state
}

// Collect sends the answers of all declared metrics.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, v, labels...)
		if err != nil {
			m = prometheus.NewInvalidMetric(desc, err)
		}
		metrics <- m
	}
	for _, entry := range c.board.All() {
		namespace, name := entry.Key.Namespace, entry.Key.Name
		answer := c.answers.Answer(entry)
		for _, state := range metric.States {
			is := 0.0
			if answer.State == state {
				is = 1
			}
			gauge(c.state, is, namespace, name, string(state))
		}
		if answer.Result == nil {
			continue
		}
		gauge(c.coverage, answer.Result.Coverage(), namespace, name)
		if answer.Result.Time != 0 {
			gauge(c.age, answer.Age.Round(time.Millisecond).Seconds(), namespace, name)
		}
		for _, item := range answer.Items {
			labels := ""
			if !item.Labels.IsEmpty() {
				labels = item.Labels.String()
			}
			gauge(c.value, item.Value, namespace, name, labels)
		}
	}
}
