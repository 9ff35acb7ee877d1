package script

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// A Module is what a preset.lua says: constant data, and functions that
// programs use as kong.latency_p95_seconds{service="checkout"}. None of it is
// ever run: a use of a function becomes the function's expression, with what
// the use gives in the place of its parameters, before the program is checked.
//
// A module is one statement, return and a table. Package script reads of it
// name, window, minimum_window, metrics.NAME.labels, metrics.NAME.value and
// unavailable; the rest of the data, and which names there are, is the
// caller's to judge.
//
// A function has the parameters where, window and by, and holds local variables
// and a return of one value:
//
//		value = function(where, window, by)
//		  local requests = rps(requests_total{where}[window], by)
//		  return ratio(rps(requests_total{where, code=re"5.."}[window], by), requests, 0)
//		end
//
//	  - where, in the braces of a selector, stands for the matchers of the use, in
//	    the gateway's labels.
//	  - window is a string: that of the use, or the module's.
//	  - by is the grouping of the use, or nil where there is none. by("le") is that
//	    grouping and the label le. Groupings are in the names of the use: selectors
//	    give their series the labels that are asked for.
//	  - metric.NAME(where, window, by) is another function of the module; a string
//	    may stand in the place of window, and nil in that of by.
//	  - In a metric whose name has pXX, which is four metrics, pXX is p50, p90, p95
//	    or p99.
//
// A Module does not change and may be used concurrently.
type Module struct {
	name        string
	data        Constant
	window      string
	minimum     int64 // milliseconds; 0 for none
	functions   map[string]*moduleFunction
	unavailable map[string]string
	broken      map[string]bool // metrics whose mistakes are reported; none in what ParseModule returns

	// read returns the module that this one stands for until it is used; nil for a
	// module that is there.
	read func() (*Module, error)
}

// ModuleOnDemand returns a module that is read when a program first uses one of
// its functions. The name is that of the module which read returns. Its metrics,
// and those that it says are unavailable, are all of the vocabulary: a name of no
// module in a program is not compared with others of it. An error of read is a
// mistake of the programs that use the module.
//
// Data, Metrics, Metric and Unavailable read it as well; without success they tell
// of nothing.
func ModuleOnDemand(name string, read func() (*Module, error)) *Module {
	return &Module{name: name, read: sync.OnceValues(read)}
}

// there returns the module, read.
func (m *Module) there() (*Module, error) {
	if m.read == nil {
		return m, nil
	}
	return m.read()
}

// orEmpty returns the module, read, or itself, which is empty.
func (m *Module) orEmpty() *Module {
	if of, err := m.there(); err == nil {
		return of
	}
	return m
}

// A moduleFunction is a metric of a module.
type moduleFunction struct {
	module *Module
	name   string // with the percentile in the place of pXX
	field  string // as it is written, for messages
	info   ModuleMetric
	labels map[string][]labelMapping // by the vocabulary's name; newer versions' first
	shape  string                    // "p95" where the name had pXX

	where, window, by *syntax.Local
	locals            map[*syntax.Local]syntax.Expr
	result            syntax.Expr
}

// A labelMapping says where the value of a vocabulary's label is found.
type labelMapping struct {
	label string
	// extract finds the value within the label's; nil where it is all of it.
	extract       *regexp.Regexp
	before, after string
}

// A ModuleMetric is a metric that a module offers.
type ModuleMetric struct {
	// Name in programs; of latency_pXX_seconds there are four.
	Name string
	// Line and Column of the field in metrics.
	Line, Column int
	// Labels it can be selected and grouped by, besides those of targets, sorted.
	Labels []string
	// Series are the names of the series that it reads, sorted; of a percentile
	// the names of all shapes.
	Series []string
	// Percentile: it is made of percentiles, which must not be added up.
	Percentile bool
}

// Name returns what the module is called in programs.
func (m *Module) Name() string { return m.name }

// Data returns everything that the module says, with positions. The caller must
// not change it.
func (m *Module) Data() *Constant { return &m.orEmpty().data }

// Metrics returns the metrics that the module offers, by name.
func (m *Module) Metrics() []ModuleMetric {
	m = m.orEmpty()
	var out []ModuleMetric
	for _, name := range slices.Sorted(maps.Keys(m.functions)) {
		out = append(out, m.functions[name].info)
	}
	return out
}

// Metric returns a metric that the module offers, and false where it has none of
// this name.
func (m *Module) Metric(name string) (ModuleMetric, bool) {
	f, ok := m.orEmpty().functions[name]
	if !ok {
		return ModuleMetric{}, false
	}
	return f.info, true
}

// Unavailable returns why the module does not offer a metric and what can be
// had instead; "" where it says nothing of it.
func (m *Module) Unavailable(name string) string { return m.orEmpty().unavailable[name] }

// Bounds of a module.
const (
	maxModuleBytes  = 256 << 10
	maxModuleString = 4096
)

// defaultWindow is that of modules that give none.
const defaultWindow = "1m"

var moduleName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// percentiles are what pXX stands for.
var percentiles = [...]string{"p50", "p90", "p95", "p99"}

const cureModule = `write return {name = "...", metrics = {...}}`

// ParseModule reads a preset.lua without running it, and checks its functions
// as programs are checked. The error is an Errors with all mistakes.
func ParseModule(source string) (*Module, error) {
	if len(source) > maxModuleBytes {
		return nil, Errors{{Message: fmt.Sprintf("the module has %d bytes, more than %d", len(source), maxModuleBytes), Cure: "make it shorter"}}
	}
	source = strings.TrimPrefix(source, "\ufeff") // of some editors
	if strings.TrimSpace(source) == "" {
		return nil, Errors{{Line: 1, Column: 1, Message: "the module is empty", Cure: cureModule}}
	}
	tree, err := syntax.Parse(source, maxModuleString)
	if err != nil {
		return nil, Errors{positioned(err)}
	}
	r := moduleReader{module: &Module{window: defaultWindow, functions: map[string]*moduleFunction{}, unavailable: map[string]string{}, broken: map[string]bool{}}}
	r.read(tree)
	r.checkFunctions()
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	return r.module, nil
}

// A moduleReader reads a module and collects its mistakes.
type moduleReader struct {
	module *Module
	errs   Errors
}

func (r *moduleReader) errorf(at syntax.Pos, cure, format string, args ...any) {
	r.errs = append(r.errs, &Error{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Cure: cure})
}

func (r *moduleReader) read(tree *syntax.Program) {
	ret, ok := tree.Body[0].(*syntax.Return)
	if !ok || tree.Expression || len(ret.Exprs) != 1 {
		r.errorf(tree.Body[0].At(), cureModule, "a module is one return of a table")
		return
	}
	table, ok := syntax.Strip(ret.Exprs[0]).(*syntax.Table)
	if !ok {
		r.errorf(syntax.Start(ret.Exprs[0]), cureModule, "a module is one return of a table")
		return
	}
	m := r.module
	m.data = r.constant(table)
	r.name()
	if text, at, ok := r.text(&m.data, "window"); ok {
		if _, err := parseDuration(text); err != nil {
			r.fail(at, err)
		} else {
			m.window = text
		}
	}
	if text, at, ok := r.text(&m.data, "minimum_window"); ok {
		r.minimum(text, at)
	}
	if c, ok := m.data.Field("unavailable"); ok {
		for i := range c.Fields {
			f := &c.Fields[i]
			if text, _, ok := r.text(&c, f.Name); ok {
				for _, name := range metricNames(f.Name) {
					m.unavailable[name] = text
				}
			}
		}
	}
	r.metrics(table)
}

func (r *moduleReader) fail(at syntax.Pos, err error) {
	e := positioned(err)
	r.errorf(at, e.Cure, "%s", e.Message)
}

// text returns a field that is to be a string, and false where it is not given.
func (r *moduleReader) text(c *Constant, name string) (string, syntax.Pos, bool) {
	f, ok := c.Field(name)
	if !ok {
		return "", syntax.Pos{}, false
	}
	if f.Kind != ConstantString {
		r.errorf(f.at(), "write it in quotes", "%s is a %s, and a string is due", name, f.Kind)
		return "", syntax.Pos{}, false
	}
	return f.Text, f.at(), true
}

func (r *moduleReader) name() {
	name, at, ok := r.text(&r.module.data, "name")
	if !ok {
		if _, given := r.module.data.Field("name"); !given {
			r.errorf(r.module.data.at(), `write name = "kong"`, "the module has no name")
		}
		return
	}
	if !moduleName.MatchString(name) {
		r.errorf(at, "use lower-case letters, digits and _", "%q is no name of a module", name)
		return
	}
	_, isFunction := library.byName[name]
	_, taken := unavailable[name]
	if _, err := syntax.Parse("return "+name, maxModuleString); err != nil || isFunction || taken || isLibrary(name) || name == anyGateway {
		r.errorf(at, "choose another name", "%s has a meaning in programs already", name)
		return
	}
	r.module.name = name
}

func (r *moduleReader) minimum(text string, at syntax.Pos) {
	m := r.module
	least, err := parseDuration(text)
	if err != nil {
		r.fail(at, err)
		return
	}
	m.minimum = least
	if window, err := parseDuration(m.window); err == nil && window < least {
		r.errorf(at, fmt.Sprintf("write window = %q or more", text), "the default window %s is below the minimum", m.window)
	}
}

// metrics reads the field metrics, whose functions are no constants.
func (r *moduleReader) metrics(root *syntax.Table) {
	functions := map[syntax.Pos]bool{}
	table := fieldTable(root, "metrics")
	if table == nil {
		r.errorf(r.module.data.at(), "write metrics = {requests_per_second = {value = function(where, window, by) ... end}}", "the module has no table of metrics")
		table = &syntax.Table{}
	}
	for _, f := range table.Fields {
		key, ok := fieldName(f)
		if !ok {
			continue // it is refused as a constant
		}
		metric, ok := syntax.Strip(f.Value).(*syntax.Table)
		if !ok {
			r.errorf(f.Pos, "write "+key+" = {value = function(where, window, by) ... end}", "the metric %s is no table", key)
			continue
		}
		var value *syntax.Function
		for _, part := range metric.Fields {
			if name, ok := fieldName(part); ok && name == "value" {
				value, _ = syntax.Strip(part.Value).(*syntax.Function)
			}
		}
		if value == nil {
			r.errorf(f.Pos, "write value = function(where, window, by) ... end", "the metric %s has no function named value", key)
			continue
		}
		functions[value.Pos] = true
		r.metric(key, f.Pos, value)
	}
	syntax.Walk([]syntax.Stmt{&syntax.Return{Exprs: []syntax.Expr{root}}}, func(e syntax.Expr) {
		if f, ok := e.(*syntax.Function); ok && f.Depth == 1 && !functions[f.Pos] {
			r.errorf(f.Pos, "write it as metrics.NAME.value", "a function is no constant")
		}
	}, func(*syntax.Local) {})
}

func fieldName(f syntax.Field) (string, bool) {
	if f.Key == nil {
		return "", false
	}
	s, ok := syntax.Strip(f.Key).(*syntax.String)
	if !ok {
		return "", false
	}
	return s.Value, true
}

func fieldTable(t *syntax.Table, name string) *syntax.Table {
	for _, f := range t.Fields {
		if key, ok := fieldName(f); ok && key == name {
			table, _ := syntax.Strip(f.Value).(*syntax.Table)
			return table
		}
	}
	return nil
}

// metric reads a metric, or the four that a name with pXX stands for.
func (r *moduleReader) metric(name string, at syntax.Pos, value *syntax.Function) {
	f := moduleFunction{module: r.module, name: name, field: name, labels: map[string][]labelMapping{}, info: ModuleMetric{Line: at.Line, Column: at.Column}}
	if !moduleName.MatchString(strings.ReplaceAll(name, vocabulary.Percentile, "")) {
		r.errorf(at, "use lower-case letters, digits and _", "%q is no name of a metric", name)
		return
	}
	mistakes := len(r.errs)
	r.labels(&f)
	r.body(&f, value)
	good := len(r.errs) == mistakes
	shapes := []string{""}
	if strings.Contains(name, vocabulary.Percentile) {
		shapes = percentiles[:]
	}
	for i, name := range metricNames(name) {
		g := f
		g.name, g.info.Name, g.shape = name, name, shapes[i]
		if _, twice := r.module.functions[name]; twice {
			r.errorf(at, "remove one", "the metric %s is given twice", name)
			continue
		}
		if !good {
			r.module.broken[name] = true
			continue
		}
		r.module.functions[name] = &g
	}
}

// labels reads by what a metric can be selected and grouped.
func (r *moduleReader) labels(f *moduleFunction) {
	metrics, _ := r.module.data.Field("metrics")
	data, _ := metrics.Field(f.field)
	if mappings, ok := data.Field("labels"); ok {
		if mappings.Kind != ConstantTable || len(mappings.List) > 0 {
			r.errorf(mappings.at(), `write labels = {service = "the gateway's label"}`, "labels is no table of names")
		}
		for i := range mappings.Fields {
			field := &mappings.Fields[i]
			if m, ok := r.mappings(field); ok {
				f.labels[field.Name] = m
			}
		}
	}
	f.info.Labels = slices.Sorted(maps.Keys(f.labels))
	ways := 1
	for _, m := range f.labels {
		ways *= len(m)
	}
	if ways > maxLabelings {
		mappings, _ := data.Field("labels")
		r.errorf(mappings.at(), "name fewer older labels", "the labels of %s can be called in %d ways, more than %d", f.field, ways, maxLabelings)
	}
}

// maxLabelings bounds the ways in which versions of a gateway may call the labels
// of a metric.
const maxLabelings = 8

// metricNames returns the metrics that a name stands for: four where it has pXX.
func metricNames(name string) []string {
	if !strings.Contains(name, vocabulary.Percentile) {
		return []string{name}
	}
	var names []string
	for _, p := range percentiles {
		names = append(names, strings.ReplaceAll(name, vocabulary.Percentile, p))
	}
	return names
}

// mappings reads what a label of the vocabulary is at the gateway, and at its
// older versions.
func (r *moduleReader) mappings(f *ConstantField) ([]labelMapping, bool) {
	if f.Value.Kind != ConstantTable || len(f.Value.List) == 0 {
		m, ok := r.mapping(f)
		return []labelMapping{m}, ok
	}
	var out []labelMapping
	for _, c := range f.Value.List {
		m, ok := r.mapping(&ConstantField{Name: f.Name, Line: f.Line, Column: f.Column, Value: c})
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return out, true
}

// mapping reads one name of a label.
func (r *moduleReader) mapping(f *ConstantField) (labelMapping, bool) {
	cure := fmt.Sprintf(`write %s = "label" or %s = {label = "label", before = "...", after = "..."}`, f.Name, f.Name)
	c := &f.Value
	out := labelMapping{label: c.Text}
	at := c.at()
	if c.Kind == ConstantTable {
		for i := range c.Fields {
			part := &c.Fields[i]
			text, _, ok := r.text(c, part.Name)
			switch {
			case !ok:
				return out, false
			case part.Name == "label":
				out.label = text
			case part.Name == "before":
				out.before = text
			case part.Name == "after":
				out.after = text
			default:
				r.errorf(syntax.Pos{Line: part.Line, Column: part.Column}, cure, "the label %s has no %s", f.Name, part.Name)
				return out, false
			}
		}
	}
	if f.Name == vocabulary.UpstreamPod {
		r.errorf(at, `write upstream = "the label with the address"`, "%s is made of the label upstream", f.Name)
		return out, false
	}
	if c.Kind != ConstantString && c.Kind != ConstantTable || out.label == "" {
		r.errorf(at, cure, "what the label %s is at the gateway is not said", f.Name)
		return out, false
	}
	if out.before == "" && out.after == "" {
		return out, true
	}
	for _, text := range []string{out.before, out.after} {
		if _, err := regexp.Compile(text); err != nil {
			r.errorf(at, `write an expression of RE2, with a backslash as \\`, "the regular expression %q is malformed", text)
			return out, false
		}
	}
	out.extract = regexp.MustCompile(`^(?s:(?:` + out.before + `)(?P<` + extracted + `>.+?)(?:` + out.after + `))$`)
	return out, true
}

// extracted is the group of a mapping's expression that is the value.
const extracted = "gaugeway_value"

// targetLabels are those that every series has of its target.
var targetLabels = []string{metric.LabelPod, metric.LabelNamespace, metric.LabelNode, metric.LabelInstance, metric.LabelSource}
