package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// AnnotationCompareWith on a GatewayMetric names the external metric of another
// adapter that it is to replace, with a selector where autoscalers tell several
// apart by one: s0-prometheus{scaledobject.keda.sh/name=web}. Without the
// annotation that is the metric of the same name.
const AnnotationCompareWith = v1alpha1.GroupName + "/compare-with"

// itself is the Incumbent where there is none.
const itself = "gaugeway itself"

// A Comparison sets the answers of the adapter that serves external metrics now
// beside gaugeway's.
type Comparison struct {
	// Incumbent is who serves external.metrics.k8s.io now.
	Incumbent string `json:"incumbent"`
	// Source says where gaugeway's answers are from: status, which trails by up to
	// 30 s, or direct.
	Source string `json:"source"`
	// Rows by namespace and name of the incumbent's metric, each of a selector once.
	Rows []ComparisonRow `json:"rows"`
}

// A ComparisonRow is a metric that an autoscaler reads of the incumbent, or that
// a GatewayMetric is declared to replace.
type ComparisonRow struct {
	Namespace string `json:"namespace"`
	// Metric is the incumbent's name and Selector what an autoscaler adds to it.
	Metric   string `json:"metric"`
	Selector string `json:"selector,omitempty"`
	// GatewayMetric is the object whose answer is compared; empty: there is none.
	GatewayMetric string `json:"gatewayMetric,omitempty"`
	// Incumbent and Gaugeway are the answers.
	Incumbent Reading `json:"incumbent"`
	Gaugeway  Reading `json:"gaugeway"`
	// Ratio is gaugeway's value over the incumbent's, in two digits; empty where
	// one is missing or the incumbent's is 0.
	Ratio string `json:"ratio,omitempty"`
}

// A Reading is an answer as an autoscaler takes it: the sum of its items.
type Reading struct {
	// Value in the notation of a decimal number, in thousandths at most; empty
	// where there is none.
	Value string `json:"value,omitempty"`
	// Items is how many were added up; 0 where that is not known.
	Items int `json:"items,omitempty"`
	// Reason says why there is no value, or how old it is if that matters.
	Reason string `json:"reason,omitempty"`

	milli int64
}

// Compare reads, for each external metric that an autoscaler names or that a
// GatewayMetric is to replace, what the registered API answers and what gaugeway
// does: by direct, where that is given, which reads gaugeway's own API, else by
// the statuses of the GatewayMetrics. The API server's proxy to Services is no
// way to gaugeway: it passes no identity on.
//
// The error says that it could not look at all.
func Compare(ctx context.Context, o Options, direct Getter) (*Comparison, error) {
	e, err := newExamination(ctx, o)
	if err != nil {
		return nil, err
	}
	e.readObjects(ctx)
	if e.metricsErr != nil {
		return nil, fmt.Errorf("GatewayMetrics cannot be listed, needs %s: %w", e.needsList("gatewaymetrics."+v1alpha1.GroupName), e.metricsErr)
	}
	autoscalers, err := e.readAutoscalers(ctx)
	if err != nil {
		return nil, fmt.Errorf("HorizontalPodAutoscalers cannot be listed, needs %s: %w", e.needsList("horizontalpodautoscalers.autoscaling"), err)
	}
	c := &Comparison{Incumbent: e.incumbentOf(ctx), Source: "status", Rows: []ComparisonRow{}}
	if direct != nil {
		c.Source = "direct"
	}
	for _, row := range e.pairs(autoscalers) {
		row.Incumbent = readExternal(ctx, o.Raw, row.Namespace, row.Metric, row.Selector)
		if m := e.metric(row.Namespace, row.GatewayMetric); m == nil {
			row.Gaugeway.Reason = "no GatewayMetric is declared for it"
		} else {
			row.Gaugeway = e.read(ctx, m, row.Selector, direct)
		}
		row.Ratio = ratio(row.Gaugeway, row.Incumbent)
		c.Rows = append(c.Rows, row)
	}
	return c, ctx.Err()
}

// incumbentOf describes who serves external metrics.
func (e *examination) incumbentOf(ctx context.Context) string {
	var s apiregistrationv1.APIService
	err := e.Reader.Get(ctx, client.ObjectKey{Name: "v1beta1." + externalGroup}, &s)
	switch {
	case apierrors.IsNotFound(err):
		return "nobody"
	case err != nil:
		return "unknown"
	case e.isOurs(&s):
		return itself
	}
	return ownerOf(&s)
}

// pairs returns the rows to fill: of each external metric that autoscalers name,
// with each selector, and of each GatewayMetric that is to replace one.
func (e *examination) pairs(autoscalers []autoscalingv2.HorizontalPodAutoscaler) []ComparisonRow {
	var rows []ComparisonRow
	paired := map[string]bool{} // GatewayMetrics, namespace/name
	for i := range autoscalers {
		h := &autoscalers[i]
		for k := range h.Spec.Metrics {
			x := h.Spec.Metrics[k].External
			if x == nil {
				continue
			}
			row := ComparisonRow{Namespace: h.Namespace, Metric: x.Metric.Name}
			if selector, err := metav1.LabelSelectorAsSelector(x.Metric.Selector); err == nil && x.Metric.Selector != nil {
				row.Selector = selector.String()
			}
			if m := e.counterpart(row); m != nil {
				row.GatewayMetric = m.Name
				paired[m.Namespace+"/"+m.Name] = true
			}
			rows = append(rows, row)
		}
	}
	for i := range e.metrics {
		m := &e.metrics[i]
		if metricName, selector := replaces(m); metricName != "" && e.looksAt(m.Namespace) && !paired[m.Namespace+"/"+m.Name] {
			rows = append(rows, ComparisonRow{Namespace: m.Namespace, Metric: metricName, Selector: selector, GatewayMetric: m.Name})
		}
	}
	slices.SortFunc(rows, func(a, b ComparisonRow) int {
		return slices.Compare([]string{a.Namespace, a.Metric, a.Selector, a.GatewayMetric}, []string{b.Namespace, b.Metric, b.Selector, b.GatewayMetric})
	})
	return slices.Compact(rows)
}

// replaces returns the metric that the annotation names, and its selector in the
// notation of autoscalers; both may be empty.
func replaces(m *v1alpha1.GatewayMetric) (metricName, selector string) {
	metricName, selector, _ = strings.Cut(m.Annotations[AnnotationCompareWith], "{")
	selector = strings.TrimSuffix(strings.TrimSpace(selector), "}")
	if parsed, err := labels.Parse(selector); err == nil {
		selector = parsed.String()
	}
	return strings.TrimSpace(metricName), selector
}

// counterpart returns the metric that replaces an incumbent's: the one whose
// annotation says so, with the selector before without, else the one of the
// same name; nil: none.
func (e *examination) counterpart(row ComparisonRow) *v1alpha1.GatewayMetric {
	var best *v1alpha1.GatewayMetric
	rank := 0
	for i := range e.metrics {
		m := &e.metrics[i]
		if m.Namespace != row.Namespace {
			continue
		}
		fit := 0
		switch metricName, selector := replaces(m); {
		case metricName == row.Metric && selector == row.Selector:
			fit = 3
		case metricName == row.Metric && selector == "":
			fit = 2
		case metricName == "" && m.Spec.External != nil && m.Spec.External.Name == row.Metric:
			fit = 1
		}
		if fit > rank || fit > 0 && fit == rank && holds(m, best) {
			best, rank = m, fit
		}
	}
	return best
}

func (e *examination) metric(namespace, metricName string) *v1alpha1.GatewayMetric {
	for i := range e.metrics {
		if m := &e.metrics[i]; m.Namespace == namespace && m.Name == metricName {
			return m
		}
	}
	return nil
}

// readExternal reads an external metric as an autoscaler does.
func readExternal(ctx context.Context, from Getter, namespace, metricName, selector string) Reading {
	path := "/apis/" + externalGroup + "/v1beta1/namespaces/" + namespace + "/" + metricName
	var query map[string]string
	if selector != "" {
		query = map[string]string{"labelSelector": selector}
	}
	body, err := from.Get(ctx, path, query)
	switch {
	case apierrors.IsForbidden(err):
		return Reading{Reason: fmt.Sprintf("could not read, needs list on %s.%s in %s", metricName, externalGroup, namespace)}
	case err != nil:
		return Reading{Reason: err.Error()}
	}
	var answer externalmetrics.ExternalMetricValueList
	if err := json.Unmarshal(body, &answer); err != nil {
		return Reading{Reason: fmt.Sprintf("an answer that cannot be read: %v", err)}
	}
	items := make([]int64, len(answer.Items))
	for i := range answer.Items {
		items[i] = answer.Items[i].Value.MilliValue()
	}
	sum, err := hpa.Sum(items)
	if err != nil {
		return Reading{Reason: err.Error()}
	}
	return Reading{Value: hpa.FormatMilli(sum), Items: len(items), milli: sum}
}

// read reads what gaugeway answers for a metric. Where the annotation made the
// pair, the selector is the incumbent's and means nothing to gaugeway.
func (e *examination) read(ctx context.Context, m *v1alpha1.GatewayMetric, selector string, direct Getter) Reading {
	if metricName, _ := replaces(m); metricName != "" {
		selector = ""
	}
	if direct != nil && m.Spec.External != nil {
		return readExternal(ctx, direct, m.Namespace, m.Spec.External.Name, selector)
	}
	return e.readStatus(m, selector)
}

// readStatus reads a metric's value from its status, which has that of a single
// item only.
func (e *examination) readStatus(m *v1alpha1.GatewayMetric, selector string) Reading {
	s := &m.Status
	q, err := resource.ParseQuantity(strings.TrimSpace(s.Value))
	switch {
	case s.Value == "":
		return Reading{Reason: strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{s.State, s.Reason}, func(t string) bool { return t == "" }), ": "))}
	case err != nil:
		return Reading{Reason: s.Value + ": use --direct"}
	case selector != "":
		return Reading{Reason: "an autoscaler selects by " + selector + ": use --direct"}
	}
	reading := Reading{Value: hpa.FormatMilli(q.MilliValue()), Items: 1, milli: q.MilliValue()}
	if age, old := e.sampleAge(m); old {
		reading.Reason = fmt.Sprintf("%s old", age.Round(time.Second))
	}
	return reading
}

func ratio(gaugeway, incumbent Reading) string {
	if gaugeway.Value == "" || incumbent.Value == "" || incumbent.milli == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(gaugeway.milli)/float64(incumbent.milli))
}

func (c *Comparison) print(out *strings.Builder) {
	if c.Incumbent == itself {
		fmt.Fprintln(out, "there is no other adapter to compare with: gaugeway itself serves external metrics")
	}
	fmt.Fprintf(out, "external metrics are served by %s; gaugeway's values are from its %s\n", c.Incumbent, map[string]string{
		"status": "GatewayMetrics' status, at most 30 s older", "direct": "own API",
	}[c.Source])
	if len(c.Rows) == 0 {
		fmt.Fprintln(out, "nothing to compare: no HorizontalPodAutoscaler reads an external metric, and no GatewayMetric has the annotation "+AnnotationCompareWith)
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tMETRIC\tSELECTOR\tINCUMBENT\tGATEWAYMETRIC\tGAUGEWAY\tRATIO")
	for _, r := range c.Rows {
		fmt.Fprintln(w, strings.Join([]string{
			r.Namespace, r.Metric, orDash(r.Selector), r.Incumbent.text(), orDash(r.GatewayMetric), r.Gaugeway.text(), orDash(r.Ratio),
		}, "\t"))
	}
	_ = w.Flush() // a Builder takes all
	for _, r := range c.Rows {
		for _, side := range []struct{ who, reason string }{{"incumbent", r.Incumbent.Reason}, {"gaugeway", r.Gaugeway.Reason}} {
			if side.reason != "" {
				fmt.Fprintf(out, "%s, %s: %s\n", r.name(), side.who, oneLine(side.reason))
			}
		}
	}
}

// name returns the incumbent's metric as the annotation writes it, with the namespace.
func (r *ComparisonRow) name() string {
	if r.Selector == "" {
		return r.Namespace + "/" + r.Metric
	}
	return r.Namespace + "/" + r.Metric + "{" + r.Selector + "}"
}

// text returns the value, with the number of items where they are several.
func (r Reading) text() string {
	if r.Items > 1 {
		return fmt.Sprintf("%s (%d items)", r.Value, r.Items)
	}
	return orDash(r.Value)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
