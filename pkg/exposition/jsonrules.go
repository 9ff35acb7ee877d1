package exposition

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"k8s.io/client-go/util/jsonpath"
)

// JSONRules say which samples a JSON body holds. They are what Options.JSON
// takes, never change, and may be shared by any number of parsers.
//
// They are made of plain data, such as a preset has under `json`: a list of
// rules, each of which is
//
//	{
//	  each = STEP or {STEP, ...},         -- what to take samples of; each step goes on where the one before it found something
//	  labels = {name = TEMPLATE, ...},    -- of these samples
//	  metrics = {name = METRIC, ...},
//	}
//
// A STEP is a path, or {path = PATH, key = "name", labels = {...}}: key names the
// label for the key, or the index, under which each value was found, and labels
// are read in that value, and not in the one of the last step as those of the rule.
//
// A PATH is a JSONPath as kubectl has it; braces, $ and the dot in front may be
// left out, and . is the value itself. The dot in a key, and * as a key, are
// written with a backslash before them. What a path does not find is no sample,
// and so are null and "". Of several values that it finds the first counts.
//
// A TEMPLATE is text with paths in braces: "{.host}:{.port}". Text without a path
// is a constant. Where one of its paths finds nothing the label is absent.
//
// A METRIC is a path to a number, to a string that holds one, or to true or
// false, which are 1 and 0. Or it is a table of
//
//	path        the path
//	scale       a number to multiply by: 0.001 makes seconds of milliseconds
//	default     the value where the path finds nothing
//	is          a text, or a list of them: 1 where the value is one of them, else 0
//
// Or it is a classic histogram (name_bucket with le, name_sum, name_count) made of
// two lists that lie side by side:
//
//	bounds      path to the upper bounds, in ascending order
//	counts      path to as many counts, or to one more, which is that of +Inf
//	sum, count  paths, optional; the count is also that of +Inf
//	cumulative  false where a count does not contain those of the lower bounds
//	scale       of bounds and sum
type JSONRules struct {
	rules []jsonRule
	names []string
}

type jsonRule struct {
	each    []jsonStep
	labels  []jsonLabel
	metrics []jsonMetric // by name
}

type jsonStep struct {
	path   jsonPath
	key    string // label of the key, or empty
	labels []jsonLabel
}

// A jsonLabel is a label and the parts of its value.
type jsonLabel struct {
	name  string
	parts []templatePart
}

// A templatePart is a path, or where that has no text, just text.
type templatePart struct {
	path jsonPath
	text string
}

type jsonMetric struct {
	name      string
	path      jsonPath
	scale     jsonScale
	fallback  *float64
	is        []string
	histogram *jsonHistogram // then the rest but name and scale is unused
}

type jsonHistogram struct {
	bounds, counts jsonPath
	sum, count     *jsonPath
	cumulative     bool
}

// A jsonScale multiplies by factor, then divides by divisor.
type jsonScale struct{ factor, divisor float64 }

// newScale returns the scale of a factor. That of 0.001 divides by 1000, which
// rounds once, where 0.001 is rounded already.
func newScale(factor float64) jsonScale {
	if inverse := math.Round(1 / factor); math.Abs(factor) < 1 && 1/inverse == factor {
		return jsonScale{factor: 1, divisor: inverse}
	}
	return jsonScale{factor: factor, divisor: 1}
}

func (s jsonScale) of(v float64) float64 { return v * s.factor / s.divisor }

// NewJSONRules makes rules of plain data: lists are []any, tables map[string]any
// (empty ones either), numbers float64, int or int64. All errors are returned,
// each with the number of its rule, from 1, and the field.
func NewJSONRules(data any) (*JSONRules, error) {
	list, ok := data.([]any)
	if !ok || len(list) == 0 {
		return nil, errors.New("json is not a list of rules: write json = {{each = ..., metrics = {...}}}")
	}
	rules := &JSONRules{}
	names := map[string]bool{}
	var bad []error
	for i, item := range list {
		rule, err := newJSONRule(item)
		if err != nil {
			bad = append(bad, fmt.Errorf("json: rule %d: %w", i+1, err))
		}
		for _, m := range rule.metrics {
			if m.histogram == nil {
				names[m.name] = true
				continue
			}
			names[m.name+"_bucket"] = true
			names[m.name+"_sum"] = names[m.name+"_sum"] || m.histogram.sum != nil
			names[m.name+"_count"] = true
		}
		rules.rules = append(rules.rules, rule)
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	maps.DeleteFunc(names, func(_ string, given bool) bool { return !given })
	rules.names = slices.Sorted(maps.Keys(names))
	return rules, nil
}

// Names returns the names of the metrics that the rules can yield, sorted.
func (r *JSONRules) Names() []string { return slices.Clone(r.names) }

func newJSONRule(data any) (rule jsonRule, err error) {
	t, err := newTable(data, "each", "labels", "metrics")
	if err != nil {
		return rule, err
	}
	if rule.each, err = newSteps(t["each"]); err != nil {
		return rule, fmt.Errorf("each: %w", err)
	}
	if rule.labels, err = newLabels(t["labels"]); err != nil {
		return rule, fmt.Errorf("labels: %w", err)
	}
	if rule.metrics, err = newMetrics(t["metrics"]); err != nil {
		return rule, fmt.Errorf("metrics: %w", err)
	}
	return rule, rule.distinct()
}

// distinct returns an error where a label is given twice.
func (r *jsonRule) distinct() error {
	given := map[string]bool{}
	add := func(name string) error {
		if given[name] {
			return fmt.Errorf("the label %q is given twice", name)
		}
		given[name] = true
		return nil
	}
	for _, step := range r.each {
		if step.key != "" {
			if err := add(step.key); err != nil {
				return err
			}
		}
		for _, l := range step.labels {
			if err := add(l.name); err != nil {
				return err
			}
		}
	}
	for _, l := range r.labels {
		if err := add(l.name); err != nil {
			return err
		}
	}
	for _, m := range r.metrics {
		if m.histogram != nil && given[labels.BucketLabel] {
			return fmt.Errorf("metrics: %s: a histogram makes the label %q itself: choose another name", m.name, labels.BucketLabel)
		}
	}
	return nil
}

// newSteps reads a step or a list of them.
func newSteps(data any) (steps []jsonStep, err error) {
	list, ok := data.([]any)
	switch {
	case data == nil:
		return nil, nil
	case !ok:
		list = []any{data}
	}
	for i, item := range list {
		step, err := newStep(item)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func newStep(data any) (step jsonStep, err error) {
	if text, ok := data.(string); ok {
		step.path, err = newJSONPath(text)
		return step, err
	}
	t, err := newTable(data, "path", "key", "labels")
	if err != nil {
		return step, err
	}
	if step.path, err = t.path("path"); err != nil {
		return step, err
	}
	if key, ok := t["key"]; ok {
		if step.key, ok = key.(string); !ok || !isLabelName(step.key) {
			return step, fmt.Errorf("key: %v is not a label name", key)
		}
	}
	step.labels, err = newLabels(t["labels"])
	if err != nil {
		return step, fmt.Errorf("labels: %w", err)
	}
	return step, nil
}

func newLabels(data any) (list []jsonLabel, err error) {
	t, err := newTable(data)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if !isLabelName(name) {
			return nil, fmt.Errorf("%q is not a label name: use letters, digits and _", name)
		}
		text, ok := t[name].(string)
		if !ok || text == "" {
			return nil, fmt.Errorf("%s: %v is not a text with paths in braces, such as \"{.name}\"", name, t[name])
		}
		parts, err := newTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, jsonLabel{name: name, parts: parts})
	}
	return list, nil
}

func newTemplate(text string) (parts []templatePart, err error) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "$") {
		return nil, fmt.Errorf("%q would be a constant: write \"{%s}\"", text, text)
	}
	nodes, err := parsePath(text)
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		switch node := node.(type) {
		case *jsonpath.TextNode:
			if !utf8.ValidString(node.Text) {
				return nil, fmt.Errorf("%q is not UTF-8", text)
			}
			parts = append(parts, templatePart{text: node.Text})
		case *jsonpath.ListNode:
			steps, err := pathSteps(node.Nodes)
			if err != nil {
				return nil, err
			}
			parts = append(parts, templatePart{path: jsonPath{text: text, steps: steps}})
		}
	}
	return parts, nil
}

func newMetrics(data any) (list []jsonMetric, err error) {
	t, err := newTable(data)
	if err != nil {
		return nil, err
	}
	if len(t) == 0 {
		return nil, errors.New("there are none: write metrics = {name = path}")
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if !metricName.MatchString(name) {
			return nil, fmt.Errorf("%q is not a metric name: use letters, digits, : and _", name)
		}
		m, err := newMetric(t[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m.name = name
		list = append(list, m)
	}
	return list, nil
}

func newMetric(data any) (m jsonMetric, err error) {
	m.scale = newScale(1)
	if text, ok := data.(string); ok {
		m.path, err = newJSONPath(text)
		return m, err
	}
	if t, ok := data.(map[string]any); ok && (t["bounds"] != nil || t["counts"] != nil) {
		return newHistogram(t)
	}
	t, err := newTable(data, "path", "scale", "default", "is")
	if err != nil {
		return m, err
	}
	if m.path, err = t.path("path"); err != nil {
		return m, err
	}
	if m.scale, err = t.scale(); err != nil {
		return m, err
	}
	if m.fallback, err = t.number("default"); err != nil {
		return m, err
	}
	m.is, err = t.texts("is")
	return m, err
}

func newHistogram(data any) (m jsonMetric, err error) {
	t, err := newTable(data, "bounds", "counts", "sum", "count", "cumulative", "scale")
	if err != nil {
		return m, err
	}
	h := &jsonHistogram{cumulative: true}
	m.histogram = h
	if h.bounds, err = t.path("bounds"); err != nil {
		return m, err
	}
	if h.counts, err = t.path("counts"); err != nil {
		return m, err
	}
	if h.sum, err = t.optionalPath("sum"); err != nil {
		return m, err
	}
	if h.count, err = t.optionalPath("count"); err != nil {
		return m, err
	}
	if c, ok := t["cumulative"]; ok {
		if h.cumulative, ok = c.(bool); !ok {
			return m, fmt.Errorf("cumulative: %v is neither true nor false", c)
		}
	}
	m.scale, err = t.scale()
	return m, err
}

// A table is what plain data has under names.
type table map[string]any

// newTable checks that data is a table with no fields but these, or with any if
// none are given.
func newTable(data any, fields ...string) (table, error) {
	t, ok := data.(map[string]any)
	if list, isList := data.([]any); data == nil || isList && len(list) == 0 {
		return nil, nil
	}
	if !ok {
		return nil, fmt.Errorf("%v is not a table with names", data)
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if len(fields) > 0 && !slices.Contains(fields, name) {
			return nil, fmt.Errorf("unknown field %q: there are %s", name, strings.Join(fields, ", "))
		}
	}
	return t, nil
}

func (t table) path(field string) (jsonPath, error) {
	p, err := t.optionalPath(field)
	if err == nil && p == nil {
		err = fmt.Errorf("%s is missing", field)
	}
	if err != nil {
		return jsonPath{}, err
	}
	return *p, nil
}

func (t table) optionalPath(field string) (*jsonPath, error) {
	v, ok := t[field]
	if !ok {
		return nil, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s: %v is not a path", field, v)
	}
	p, err := newJSONPath(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &p, nil
}

func (t table) number(field string) (*float64, error) {
	var f float64
	switch v := t[field].(type) {
	case nil:
		return nil, nil
	case float64:
		f = v
	case int:
		f = float64(v)
	case int64:
		f = float64(v)
	default:
		return nil, fmt.Errorf("%s: %v is not a number", field, v)
	}
	return &f, nil
}

func (t table) scale() (jsonScale, error) {
	f, err := t.number("scale")
	switch {
	case err != nil:
		return jsonScale{}, err
	case f == nil:
		return newScale(1), nil
	case !(*f > 0) || math.IsInf(*f, 0):
		return jsonScale{}, fmt.Errorf("scale: %v is not above 0", *f)
	}
	return newScale(*f), nil
}

// texts reads a text or a list of them.
func (t table) texts(field string) (texts []string, err error) {
	v, ok := t[field]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("%s: %v is not a text", field, item)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: there is no text to compare with", field)
	}
	return texts, nil
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

func isLabelName(s string) bool { return labelName.MatchString(s) && s != labels.MetricName }
