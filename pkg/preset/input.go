package preset

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// maxRepeats is how many values a series may have that are written as
// repetitions, xN: they cost nothing to write and much to keep.
const maxRepeats = 100_000

// A target is one endpoint, and all that it answers.
type target struct {
	metric.Target
	part   int // the source it belongs to, an index of Case.parts
	format exposition.Format
	rules  *exposition.JSONRules // of the format Json
	steps  []step                // by time
}

// A step is one scrape: a recorded body, or a batch where there is none.
type step struct {
	at    int64 // ms
	body  []byte
	file  string // of the body
	batch metric.Batch
}

// A past is what a metric returned before.
type past struct {
	metric string
	steps  []step
}

// A sequence is a series written down: its values are those of consecutive scrapes.
type sequence struct {
	labels labels.Labels
	values []parser.SequenceValue
}

// A recording is a target in the making: either its series or its scrapes.
type recording struct {
	target target
	series []sequence
	at     place // of the first input
}

// readInput makes the targets of the case.
func (r *caseReader) readInput(inputs []inputSpec) {
	var recordings []*recording
	for i, spec := range inputs {
		at := r.index("input", i)
		tgt, ok := r.readTarget(spec, at)
		if !ok {
			continue
		}
		j := slices.IndexFunc(recordings, func(o *recording) bool {
			return o.target.part == tgt.part && labels.Equal(o.target.Labels, tgt.Labels)
		})
		if j < 0 {
			j = len(recordings)
			recordings = append(recordings, &recording{target: tgt, at: at})
		}
		rec := recordings[j]
		switch {
		case spec.Series != "" && len(spec.Scrapes) > 0, spec.Series == "" && len(spec.Scrapes) == 0:
			at.add("an input is a series or the scrapes of a target", "write series: and values:, or scrapes: with at: and file: of each")
		case len(spec.Scrapes) > 0 && rec.at.path != at.path, spec.Series != "" && len(rec.target.steps) > 0:
			at.add(fmt.Sprintf("target %s has input already, on line %d", tgt.Labels, rec.at.line()),
				"list all scrapes of a target in one place, or tell the targets apart by pod: or instance:")
		case len(spec.Scrapes) > 0:
			rec.target.steps = r.readScrapes(spec, at)
		default:
			r.readSeries(rec, spec, at)
		}
	}
	for _, rec := range recordings {
		if len(rec.series) > 0 {
			rec.target.steps = steps(rec.series, r.c.start, r.c.parts[rec.target.part].interval)
		}
		r.c.targets = append(r.c.targets, rec.target)
	}
}

// readTarget returns the target of an input, without steps.
func (r *caseReader) readTarget(spec inputSpec, at place) (target, bool) {
	var tgt target
	if known := v1alpha1.Formats(); spec.Format != "" && !slices.Contains(known, spec.Format) {
		at.field("format").add(fmt.Sprintf("unknown format %q", spec.Format), "write one of "+strings.Join(known, ", "))
		return target{}, false
	}
	tgt.format = exposition.Format(spec.Format)
	of := r.recordedPreset()
	if spec.Format != "" && spec.Series != "" {
		at.field("format").add("series have no format", "remove it")
		return target{}, false
	}
	namespace, source := spec.Namespace, spec.Source
	if len(r.sources) > 0 {
		i, ok := r.sourceIndex(source, at)
		if !ok {
			return target{}, false
		}
		tgt.part = i
		object := r.sources[i]
		source = object.Name
		if namespace == "" {
			namespace = object.Namespace
		}
		if tgt.format == "" {
			tgt.format = exposition.Format(object.Spec.Format)
		}
		of = r.c.presets.Get(object.Spec.Preset)
	}
	if tgt.format == "" && of != nil {
		tgt.format = exposition.Format(of.Format)
	}
	if tgt.format == exposition.Json {
		if of == nil || of.JSON == nil {
			at.field("format").add("the format Json takes its rules from a preset", "test a metric of a preset that has some")
			return target{}, false
		}
		tgt.rules = of.JSON
	}
	b := labels.NewBuilder(labels.EmptyLabels())
	b.Set(metric.LabelNamespace, namespace).Set(metric.LabelPod, spec.Pod).Set(metric.LabelNode, spec.Node)
	b.Set(metric.LabelInstance, spec.Instance).Set(metric.LabelSource, source)
	tgt.Labels, tgt.Expected = b.Labels(), true
	tgt.ID = strconv.Itoa(tgt.part) + tgt.Labels.String()
	return tgt, true
}

// sourceIndex finds the source that an input belongs to: by its name or, where
// two have the same, by namespace/name. The only one need not be named.
func (r *caseReader) sourceIndex(name string, at place) (int, bool) {
	var known []string
	for i, s := range r.sources {
		if name == s.Name || name == s.Namespace+"/"+s.Name || name == "" && len(r.sources) == 1 {
			return i, true
		}
		known = append(known, s.Namespace+"/"+s.Name)
	}
	message := fmt.Sprintf("the metric has no source %q", name)
	if name == "" {
		message = "missing, for the metric has several sources"
	}
	at.field("source").add(message, "write one of "+strings.Join(known, ", "))
	return 0, false
}

// repeats finds how often values are repeated.
var repeats = regexp.MustCompile(`x\s*(\d+)`)

// readSeries adds a series to a target.
func (r *caseReader) readSeries(rec *recording, spec inputSpec, at place) {
	lset, ok := readSelector(spec.Series, at.field("series"))
	if !ok {
		return
	}
	values, ok := readValues(spec.Values, at.field("values"))
	if !ok {
		return
	}
	for _, s := range rec.series {
		if labels.Equal(s.labels, lset) {
			at.field("series").add("the target has this series already", "write all values in one place, or tell the targets apart by pod: or instance:")
			return
		}
	}
	rec.series = append(rec.series, sequence{labels: lset, values: values})
}

// readSelector reads the name and the labels of a series.
func readSelector(text string, at place) (labels.Labels, bool) {
	const cure = `write the name and its labels, such as requests_total{code="200"}, and the values in values:`
	lset, err := parser.NewParser(parser.Options{}).ParseMetric(text)
	switch {
	case err != nil:
		at.add("not a series: "+parseMessage(err), cure)
	case lset.Get(labels.MetricName) == "":
		at.add("the series has no name", cure)
	default:
		if name, twice := lset.HasDuplicateLabelNames(); twice {
			at.add(fmt.Sprintf("label %s is given twice", name), "remove one")
			return lset, false
		}
		return lset, true
	}
	return lset, false
}

// readValues reads values in promtool's notation.
func readValues(text string, at place) ([]parser.SequenceValue, bool) {
	const cure = "write one value for each scrape, such as 0+10x5 _ stale 3"
	repeated := 0
	for _, m := range repeats.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > maxRepeats-repeated {
			at.add(fmt.Sprintf("values are repeated more than %d times", maxRepeats), "write fewer")
			return nil, false
		}
		repeated += n
	}
	_, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc("x " + text)
	switch {
	case err != nil:
		at.add("bad values: "+parseMessage(err), cure)
	case len(values) == 0:
		at.add("there are no values", cure)
	default:
		return values, true
	}
	return nil, false
}

// parseMessage returns the parser's message without its place, which is that of
// the text and not of the file.
func parseMessage(err error) string {
	var errs parser.ParseErrors
	if errors.As(err, &errs) && len(errs) > 0 {
		return errs[0].Err.Error()
	}
	return err.Error()
}

// steps makes scrapes of the series of a target. One takes place whenever any of
// the series has a value or is stale; those that have none are absent from it.
func steps(series []sequence, start, interval int64) []step {
	table := &metric.Table{}
	length := 0
	for _, s := range series {
		table.Series = append(table.Series, s.labels)
		length = max(length, len(s.values))
	}
	var out []step
	for row := range length {
		at := start + int64(row)*interval
		batch := metric.Batch{Time: at, Table: table}
		answered := false
		for i, s := range series {
			if row >= len(s.values) || s.values[row].Omitted {
				continue
			}
			answered = true
			v := s.values[row]
			if v.Histogram == nil && value.IsStaleNaN(v.Value) {
				continue
			}
			batch.IDs = append(batch.IDs, uint32(i))
			batch.Values = append(batch.Values, v.Value)
			batch.Histograms = append(batch.Histograms, v.Histogram)
		}
		if answered {
			if !slices.ContainsFunc(batch.Histograms, func(h *histogram.FloatHistogram) bool { return h != nil }) {
				batch.Histograms = nil
			}
			out = append(out, step{at: at, batch: batch})
		}
	}
	return out
}

// readScrapes reads the recorded bodies of a target.
func (r *caseReader) readScrapes(spec inputSpec, at place) []step {
	if spec.Values != "" {
		at.field("values").add("scrapes have no values", "remove it, or write series:")
	}
	var out []step
	for i, s := range spec.Scrapes {
		at := at.index("scrapes", i)
		offset, ok := readOffset(s.At, at.field("at"))
		if !ok {
			continue
		}
		if s.File == "" {
			at.field("file").add("missing", "write file: and the path of a recorded exposition, beginning at this file's folder")
			continue
		}
		body, err := r.body(r.path(s.File))
		if err != nil {
			at.field("file").add(fmt.Sprintf("%s: %v", s.File, err), "name a recorded exposition, its path beginning at this file's folder")
			continue
		}
		out = append(out, step{at: r.c.start + offset, body: body, file: s.File})
		if n := len(out); n > 1 && out[n-1].at <= out[n-2].at {
			at.field("at").add("not after the scrape before", "list the scrapes in the order of their times")
		}
	}
	return out
}

// body returns a recorded exposition, reading it once.
func (l *loader) body(path string) ([]byte, error) {
	if body, ok := l.bodies[path]; ok {
		return body, nil
	}
	body, err := l.readFile(path, maxScrapeBytes)
	if err != nil {
		return nil, err
	}
	l.bodies[path] = body
	return body, nil
}

// readPods takes the pods that pod_of finds.
func (r *caseReader) readPods(pods map[string]string) {
	for _, address := range slices.Sorted(maps.Keys(pods)) {
		if address == "" || pods[address] == "" {
			r.field("pods").add("an address or the name of its pod is empty", `write address: name, such as "10.0.0.1": checkout-0`)
			return
		}
	}
	r.c.pods = pods
}

// readHistory makes what metrics returned before the case starts and during it.
func (r *caseReader) readHistory(specs []historySpec) {
	series := map[string][]sequence{}
	var names []string
	for i, spec := range specs {
		at := r.index("history", i)
		name := spec.Metric
		switch name {
		case "":
			at.field("metric").add("missing", "write metric: and the name of a GatewayMetric, or self")
			continue
		case "self":
			name = r.c.program.name
		}
		values, ok := readValues(spec.Values, at.field("values"))
		if !ok {
			continue
		}
		if slices.ContainsFunc(values, func(v parser.SequenceValue) bool {
			return v.Histogram != nil || math.IsInf(v.Value, 0) || math.IsNaN(v.Value) && !value.IsStaleNaN(v.Value)
		}) {
			at.field("values").add("a metric returns finite numbers only", "write numbers, and _ where there was no answer")
			continue
		}
		lset := labels.NewBuilder(labelsOf(spec.Labels)).Set(labels.MetricName, name).Labels()
		if slices.ContainsFunc(series[name], func(s sequence) bool { return labels.Equal(s.labels, lset) }) {
			at.add("the history has this item already", "write all its values in one place")
			continue
		}
		if series[name] == nil {
			names = append(names, name)
		}
		series[name] = append(series[name], sequence{labels: lset, values: values})
	}
	for _, name := range names {
		r.c.history = append(r.c.history, past{metric: name, steps: steps(series[name], r.c.start, r.c.interval())})
	}
}

// interval returns how often the program is evaluated in service, in
// milliseconds: as often as its slowest source is scraped.
func (c *Case) interval() int64 {
	slowest := int64(0)
	for _, p := range c.parts {
		slowest = max(slowest, p.interval)
	}
	return slowest
}

// readOffset reads a time after the start, in milliseconds.
func readOffset(d *metav1.Duration, at place) (int64, bool) {
	switch {
	case d == nil:
		at.add("missing", "write at: and the time since start, such as 30s")
	case d.Duration < 0:
		at.add("before the start", "write a time of 0s or later")
	case d.Duration%time.Millisecond != 0:
		at.add("not whole milliseconds", "round it")
	default:
		return d.Milliseconds(), true
	}
	return 0, false
}

// labelsOf returns a map as labels, without those that are empty.
func labelsOf(m map[string]string) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels())
	for name, v := range m {
		b.Set(name, v)
	}
	return b.Labels()
}
