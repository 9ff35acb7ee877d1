package engine

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/scrape"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// instruments are the engine's own metrics.
type instruments struct {
	up           *prometheus.GaugeVec
	scrapes      *prometheus.CounterVec
	failed       *prometheus.CounterVec
	scrapeTime   *prometheus.HistogramVec
	bytes        *prometheus.CounterVec
	dropped      *prometheus.CounterVec
	duplicates   *prometheus.CounterVec
	busy         *prometheus.CounterVec
	ticks        *prometheus.CounterVec
	skipped      *prometheus.CounterVec
	tickSeconds  *prometheus.HistogramVec
	series       *prometheus.GaugeVec
	samples      *prometheus.GaugeVec
	evaluateTime *prometheus.SummaryVec
	evaluateFail *prometheus.CounterVec
}

func newInstruments(r prometheus.Registerer) *instruments {
	source := []string{"namespace", "source"}
	with := func(more ...string) []string { return append(append([]string{}, source...), more...) }
	counter := func(name, help string, names []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gaugeway", Name: name, Help: help}, names)
	}
	gauge := func(name, help string, names []string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "gaugeway", Name: name, Help: help}, names)
	}
	seconds := func(name, help string, names []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "gaugeway", Name: name, Help: help,
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, names)
	}
	m := &instruments{
		up:          gauge("target_up", "1 if the target's last scrape succeeded, else 0.", with("instance")),
		scrapes:     counter("scrapes_total", "Scrapes of targets.", source),
		failed:      counter("scrape_failures_total", "Scrapes that failed, by reason.", with("reason")),
		scrapeTime:  seconds("scrape_duration_seconds", "Time of one scrape, parsing included.", source),
		bytes:       counter("scraped_bytes_total", "Bytes of the bodies that were read.", source),
		dropped:     counter("dropped_lines_total", "Lines of an exposition that could not be read, and were dropped.", source),
		duplicates:  counter("duplicate_samples_total", "Samples dropped because their series had occurred in the same exposition.", source),
		busy:        counter("scrapes_skipped_total", "Scrapes left out because the target had not answered the one before.", source),
		ticks:       counter("ticks_total", "Rounds of scraping and evaluating.", source),
		skipped:     counter("ticks_skipped_total", "Rounds left out because the one before took longer than the interval.", source),
		tickSeconds: seconds("tick_duration_seconds", "Time of one round.", source),
		series:      gauge("window_series", "Series kept because some program selects them.", source),
		samples:     gauge("window_samples", "Samples kept.", source),
		// Without quantiles or buckets: a sum and a count for each of thousands.
		evaluateTime: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Namespace: "gaugeway", Name: "evaluation_duration_seconds", Help: "Time of evaluations.",
		}, []string{"namespace", "metric"}),
		evaluateFail: counter("evaluation_failures_total", "Evaluations that failed, by kind: program, budget, rest (left alone after overruns) or internal.", []string{"namespace", "metric", "kind"}),
	}
	if r != nil {
		r.MustRegister(m.up, m.scrapes, m.failed, m.scrapeTime, m.bytes, m.dropped, m.duplicates, m.busy, m.ticks,
			m.skipped, m.tickSeconds, m.series, m.samples, m.evaluateTime, m.evaluateFail)
	}
	return m
}

func (m *instruments) observeScrape(key metric.Key, t metric.Target, r scrape.Result, err error) {
	ns, name := key.Namespace, key.Name
	up := 1.0
	if err != nil {
		up = 0
		reason := "out_of_order"
		var failure *scrape.Error
		switch {
		case errors.As(err, &failure):
			reason = string(failure.Reason)
		case errors.As(err, new(panicError)):
			reason = "internal"
		}
		m.failed.WithLabelValues(ns, name, reason).Inc()
	}
	m.up.WithLabelValues(ns, name, t.Labels.Get(metric.LabelInstance)).Set(up)
	m.scrapes.WithLabelValues(ns, name).Inc()
	m.scrapeTime.WithLabelValues(ns, name).Observe(r.Duration.Seconds())
	m.bytes.WithLabelValues(ns, name).Add(float64(r.Bytes))
	m.dropped.WithLabelValues(ns, name).Add(float64(r.Stats.Dropped))
	m.duplicates.WithLabelValues(ns, name).Add(float64(r.Stats.Duplicates))
}

// evaluationTime returns where the times of a metric's evaluations go. After
// forgetMetric they go nowhere.
func (m *instruments) evaluationTime(key metric.Key) prometheus.Observer {
	return m.evaluateTime.WithLabelValues(key.Namespace, key.Name)
}

func (m *instruments) countFailure(key metric.Key, err error) {
	kind := "internal"
	var rest restError
	var budget *script.BudgetError
	var own *script.Error
	switch {
	case errors.As(err, &rest):
		kind = "rest"
	case errors.As(err, &budget):
		kind = "budget"
	case errors.As(err, &own):
		kind = "program"
	}
	m.evaluateFail.WithLabelValues(key.Namespace, key.Name, kind).Inc()
}

func (m *instruments) forgetTarget(key metric.Key, t metric.Target) {
	m.up.DeleteLabelValues(key.Namespace, key.Name, t.Labels.Get(metric.LabelInstance))
}

func (m *instruments) forgetSource(key metric.Key) {
	l := prometheus.Labels{"namespace": key.Namespace, "source": key.Name}
	for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{
		m.up, m.scrapes, m.failed, m.scrapeTime, m.bytes, m.dropped, m.duplicates, m.busy, m.ticks, m.skipped, m.tickSeconds, m.series, m.samples,
	} {
		v.DeletePartialMatch(l)
	}
}

func (m *instruments) forgetMetric(key metric.Key) {
	l := prometheus.Labels{"namespace": key.Namespace, "metric": key.Name}
	m.evaluateTime.DeletePartialMatch(l)
	m.evaluateFail.DeletePartialMatch(l)
}
