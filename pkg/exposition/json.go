package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// readJSON takes the samples that the rules find in a JSON body. A value that a
// rule cannot use, such as a text where a number is due, is dropped and counted;
// the rest is read. A body in which no rule finds even its first field is an
// error.
func readJSON(r *reading, body []byte, rules *JSONRules) error {
	if rules == nil {
		return fmt.Errorf("the format %s needs rules: choose a preset that has them", Json)
	}
	if err := notJSON(body); err != nil {
		return err
	}
	d := &r.scratch.document
	defer func() { d.body = nil }()
	if err := d.parse(body); err != nil {
		return err
	}
	j := &jsonReader{reading: r, document: d}
	foreign := true
	for i := range rules.rules {
		j.rule, j.number = &rules.rules[i], i+1
		j.descend(0, 0)
		foreign = foreign && d.foreign(j.rule)
	}
	switch {
	case d.visits > maxJSONVisits:
		return fmt.Errorf("the rules look at more than %d values: choose paths that lead straight to what is wanted, with no .. in them", maxJSONVisits)
	case j.err != nil:
		return j.err
	case r.stats.Samples == 0 && r.stats.Dropped > 0:
		return fmt.Errorf("no value can be read (the first of %d is %v): is the path right?", r.stats.Dropped, r.stats.BadLines[0])
	case foreign:
		return fmt.Errorf("this JSON, %s, has nothing that the rules look for: is the path right?", d.describe())
	}
	return nil
}

// notJSON returns an error for what is well known to be something else.
func notJSON(body []byte) error {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(start) == 0:
		return errors.New("the body is empty, not JSON: is the path right?")
	case isMarkup(start):
		return errMarkup
	case bytes.HasPrefix(start, []byte("# pxname,")):
		return errCSV
	case bytes.HasPrefix(start, []byte("#")):
		return errors.New("this is an exposition of Prometheus, not JSON: choose the format Auto, or another path")
	case bytes.HasPrefix(start, []byte("Active connections:")):
		return errStubStatus
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return errGzip
	}
	return nil
}

// A jsonReader takes the samples of one rule after the other.
type jsonReader struct {
	*reading
	document *jsonDocument
	rule     *jsonRule
	number   int // of the rule, from 1
	err      error

	labels []byte // of the sample, packed
	series packedSeries
	counts []float64 // of the histogram
	bounds []float64
}

// descend follows the steps of the rule from that number on, and takes what is
// found by the last.
func (j *jsonReader) descend(step int, at uint32) {
	if j.err != nil {
		return
	}
	if step == len(j.rule.each) {
		j.element(at)
		return
	}
	s := &j.rule.each[step]
	before := len(j.labels)
	j.document.find(s.path.steps, at, func(at uint32) {
		if s.key != "" {
			j.labels = append(packName(j.labels, s.key), separator)
			j.labels = j.document.appendKey(j.labels, at)
		}
		if j.addLabels(s.labels, at) {
			j.descend(step+1, at)
		}
		j.labels = j.labels[:before]
	})
}

// addLabels appends labels that are read in a value. It returns false where one
// cannot be read.
func (j *jsonReader) addLabels(list []jsonLabel, at uint32) bool {
	for i := range list {
		if err := j.addLabel(&list[i], at); err != nil {
			j.fault(at, "the label "+list[i].name, err)
			return false
		}
	}
	return true
}

func (j *jsonReader) addLabel(l *jsonLabel, at uint32) error {
	before := len(j.labels)
	j.labels = append(packName(j.labels, l.name), separator)
	for i := range l.parts {
		part := &l.parts[i]
		if part.path.text == "" {
			j.labels = append(j.labels, part.text...)
			continue
		}
		found, ok := j.document.first(part.path.steps, at)
		if !ok || j.document.absent(found) {
			j.labels = j.labels[:before]
			return nil
		}
		text, err := j.document.text(found)
		if err != nil {
			return err
		}
		j.labels = append(j.labels, text...)
	}
	return nil
}

// element takes the samples of all metrics in a value.
func (j *jsonReader) element(at uint32) {
	before := len(j.labels)
	if j.addLabels(j.rule.labels, at) {
		for i := range j.rule.metrics {
			m := &j.rule.metrics[i]
			if m.histogram != nil {
				j.takeHistogram(m, at)
			} else {
				j.takeNumber(m, at)
			}
		}
	}
	j.labels = j.labels[:before]
}

func (j *jsonReader) takeNumber(m *jsonMetric, at uint32) {
	none := true
	j.document.find(m.path.steps, at, func(found uint32) {
		if j.err != nil || j.document.absent(found) {
			return
		}
		none = false
		v, err := j.value(m, found)
		if err != nil {
			j.fault(found, m.name, err)
			return
		}
		j.take(m.name, "", "", v)
	})
	if none && m.fallback != nil {
		j.take(m.name, "", "", *m.fallback)
	}
}

// value returns what a metric is where its path found something.
func (j *jsonReader) value(m *jsonMetric, at uint32) (float64, error) {
	if m.is == nil {
		v, err := j.document.number(at)
		return m.scale.of(v), err
	}
	text, err := j.document.text(at)
	if err == nil && slices.ContainsFunc(m.is, func(s string) bool { return s == string(text) }) {
		return 1, nil
	}
	return 0, err
}

// takeHistogram takes the buckets, the sum and the count. Without bounds there is
// nothing to take.
func (j *jsonReader) takeHistogram(m *jsonMetric, at uint32) {
	h := m.histogram
	var err error
	if j.bounds, err = j.list(j.bounds[:0], h.bounds, at); err == nil {
		j.counts, err = j.list(j.counts[:0], h.counts, at)
	}
	if err == nil && len(j.bounds) != len(j.counts) && len(j.bounds)+1 != len(j.counts) {
		err = fmt.Errorf("there are %d bounds and %d counts", len(j.bounds), len(j.counts))
	}
	if err == nil && !slices.IsSorted(j.bounds) {
		err = errors.New("the bounds do not ascend")
	}
	if err != nil {
		j.fault(at, m.name, err)
		return
	}
	if len(j.bounds) == 0 {
		return
	}
	if !h.cumulative {
		for i := 1; i < len(j.counts); i++ {
			j.counts[i] += j.counts[i-1]
		}
	}
	for i, bound := range j.bounds {
		j.take(m.name, "_bucket", labels.FormatOpenMetricsFloat(m.scale.of(bound)), j.counts[i])
	}
	count, ok := 0.0, len(j.counts) > len(j.bounds)
	if ok {
		count = j.counts[len(j.bounds)]
	} else if h.count != nil {
		count, ok = j.optional(m, *h.count, at)
	}
	if ok {
		j.take(m.name, "_bucket", "+Inf", count)
		j.take(m.name, "_count", "", count)
	}
	if h.sum != nil {
		if sum, ok := j.optional(m, *h.sum, at); ok {
			j.take(m.name, "_sum", "", m.scale.of(sum))
		}
	}
}

// optional returns the number that a path leads to, and false where there is none.
func (j *jsonReader) optional(m *jsonMetric, p jsonPath, at uint32) (float64, bool) {
	found, ok := j.document.first(p.steps, at)
	if !ok || j.document.absent(found) {
		return 0, false
	}
	v, err := j.document.number(found)
	if err != nil {
		j.fault(found, m.name, err)
	}
	return v, err == nil
}

// list appends the numbers of a list that a path leads to.
func (j *jsonReader) list(numbers []float64, p jsonPath, at uint32) ([]float64, error) {
	d := j.document
	found, ok := d.first(p.steps, at)
	if !ok || d.absent(found) {
		return numbers, nil
	}
	if kind := d.values[found].kind; kind != jsonList {
		return numbers, fmt.Errorf("%s is %v, not a list", p.text, kind)
	}
	for child := found + 1; child < d.values[found].next; child = d.values[child].next {
		d.visits++
		v, err := d.number(child)
		if err != nil {
			return numbers, fmt.Errorf("in %s %w", p.text, err)
		}
		numbers = append(numbers, v)
	}
	return numbers, nil
}

// take takes a sample of a metric, of that part of it where it is a histogram,
// with the labels as they are, and with le where that is given.
func (j *jsonReader) take(name, part, le string, v float64) {
	text := append(append(j.scratch.text[:0], name...), part...)
	text = append(text, j.labels...)
	if le != "" {
		text = append(append(packName(text, labels.BucketLabel), separator), le...)
	}
	j.scratch.text, j.series.text = text, text
	if err := j.sample(text, 0, &j.series, v, nil); err != nil {
		j.fault(0, name, err)
	}
}

// fault counts a value that cannot be used.
func (j *jsonReader) fault(at uint32, what string, reason error) {
	if j.err == nil {
		j.err = j.dropped(func() BadLine {
			place := fmt.Sprintf("rule %d, %s, at %s", j.number, what, j.document.place(at))
			return BadLine{Number: j.number, Place: quote(place), Reason: quote(reason.Error())}
		})
	}
}

// foreign reports whether a document lacks already what the paths of a rule begin
// with.
func (d *jsonDocument) foreign(rule *jsonRule) bool {
	if len(rule.each) > 0 {
		return !d.begins(rule.each[0].path)
	}
	for _, m := range rule.metrics {
		if m.histogram == nil && d.begins(m.path) || m.histogram != nil && d.begins(m.histogram.bounds) {
			return false
		}
	}
	return true
}

// begins reports whether there is what a path begins with: the field, or the list
// or object. It may be empty.
func (d *jsonDocument) begins(p jsonPath) bool {
	if len(p.steps) == 0 {
		return true
	}
	kind := d.values[0].kind
	switch step := &p.steps[0]; step.kind {
	case stepField:
		_, ok := d.single(step, 0)
		return ok
	case stepIndex, stepSlice:
		return kind == jsonList
	case stepUnion:
		return slices.ContainsFunc(step.branches, func(steps []pathStep) bool { return d.begins(jsonPath{steps: steps}) })
	}
	return kind == jsonList || kind == jsonObject
}

// describe says what a document is in a few words.
func (d *jsonDocument) describe() string {
	kind := d.values[0].kind
	if kind != jsonObject {
		return kind.String()
	}
	var keys []string
	for child := uint32(1); child < d.values[0].next && len(keys) < 5; child = d.values[child].next {
		keys = append(keys, quote(string(d.appendKey(nil, child))))
	}
	if len(keys) == 0 {
		return "an empty object"
	}
	return fmt.Sprintf("an object with %s", strings.Join(keys, ", "))
}

// separator stands between the parts of a packed series: no text that is UTF-8
// has that byte.
const separator = 0xff

// packName begins a label of a packed series.
func packName(b []byte, name string) []byte {
	return append(append(b, separator), name...)
}

// A packedSeries is the name of a metric, and for each label a separator, the
// name, a separator and the value.
type packedSeries struct {
	text    []byte
	builder labels.ScratchBuilder
}

// Labels implements labeler.
func (s *packedSeries) Labels(lset *labels.Labels) {
	parts := strings.Split(string(s.text), string([]byte{separator}))
	s.builder.Reset()
	s.builder.Add(labels.MetricName, parts[0])
	for i := 1; i+1 < len(parts); i += 2 {
		s.builder.Add(parts[i], parts[i+1])
	}
	s.builder.Sort()
	*lset = s.builder.Labels()
}
