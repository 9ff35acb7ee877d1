package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// overruns in a row after which a program that exceeds its budget is left
// alone for a while.
const overruns = 3

// A program is the evaluation of one GatewayMetric.
type program struct {
	engine  *Engine
	key     metric.Key
	object  *v1alpha1.GatewayMetric
	entry   *metric.Entry
	script  *script.Program
	sources []*source
	parts   []window.Part
	shared  *window.Selections        // of all programs that read the parts
	runsIn  *script.Interpreter       // nil where several sources would wait for each other
	gateway string                    // the preset that its sources name
	modules map[string]*script.Module // that it was compiled with

	mu     sync.Mutex // one evaluation at a time: several sources may call
	view   *window.View
	past   *window.View // nil without memory
	since  int64        // ms of the first evaluation
	last   int64        // ms of the last evaluation
	rules  rules
	memory memory
	// explained is why the last evaluation without items had none.
	explained explanation
	overrun   int   // budget errors in a row
	rest      int64 // ms until which it is left alone

	reports reports
}

// reports is what gaugeway's own metrics say of a program.
type reports struct {
	mu    sync.Mutex
	ended bool                // removed or replaced by Apply
	took  prometheus.Observer // of the time of evaluations; nil before the first
}

// endReports has an evaluation that is under way leave no trace: the metric is gone,
// or its series are of another program.
func (p *program) endReports() {
	p.reports.mu.Lock()
	defer p.reports.mu.Unlock()
	p.reports.ended = true
}

// report records an evaluation.
func (p *program) report(took time.Duration, err error) {
	r := &p.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if r.took == nil {
		r.took = p.engine.metrics.evaluationTime(p.key)
	}
	r.took.Observe(took.Seconds())
	if err != nil {
		p.engine.metrics.countFailure(p.key, err)
	}
}

func newProgram(e *Engine, m *v1alpha1.GatewayMetric, compiled *script.Program, sources []*source, parts []window.Part) *program {
	shared := e.selectionsOf(parts)
	p := &program{
		engine:  e,
		key:     metric.Key{Namespace: m.Namespace, Name: m.Name},
		object:  m.DeepCopy(),
		script:  compiled,
		sources: sources,
		parts:   parts,
		shared:  shared,
		view:    shared.View(),
		rules:   newRules(&m.Spec, sources),
	}
	if len(parts) == 1 {
		p.runsIn = e.interpreter(interpreterOf{m.Namespace, nameOf(parts)})
		compiled.Share(p.runsIn)
	}
	p.view.Fill(compiled.FullWindow())
	if len(compiled.History()) > 0 {
		p.past = window.NewView(window.Past, window.Part{Window: e.past(m.Namespace)})
	}
	p.entry = &metric.Entry{Key: p.key, MaxAge: p.rules.maxAge}
	if m.Spec.External != nil {
		p.entry.External = m.Spec.External.Name
	}
	if m.Spec.Pods != nil {
		p.entry.Pods = m.Spec.Pods.Name
	}
	if o := m.Spec.Object; o != nil {
		p.entry.Object = metric.ObjectName{Name: o.Name, Resource: o.Resource, Label: o.Label}
	}
	return p
}

// reads reports whether these are the windows, and the series in them, that
// the program reads.
func (p *program) reads(parts []window.Part) bool {
	return slices.EqualFunc(p.parts, parts, func(a, b window.Part) bool {
		return a.Window == b.Window && sameMatchers(a, b)
	})
}

func sameMatchers(a, b window.Part) bool {
	return slices.EqualFunc(a.Matchers, b.Matchers, func(x, y *labels.Matcher) bool {
		return x.String() == y.String()
	})
}

// restricted reports whether a source shows the program other series than it
// showed the version before.
func (p *program) restricted(old *program) bool {
	return slices.ContainsFunc(p.parts, func(a window.Part) bool {
		return slices.ContainsFunc(old.parts, func(b window.Part) bool { return a.Window == b.Window && !sameMatchers(a, b) })
	})
}

// drops reports whether the version before read a source that the program does
// not.
func (p *program) drops(old *program) bool {
	return slices.ContainsFunc(old.sources, func(s *source) bool { return !slices.Contains(p.sources, s) })
}

// inherit takes over from the version that ran before, where the expression is
// the same and sees no less: its answer stands until this one has its own, and
// what it remembers stays. Else there is no answer before the next tick, which
// Apply lets come at once.
func (p *program) inherit(old *program) {
	old.mu.Lock()
	defer old.mu.Unlock()
	if p.object.Spec.Expression() != old.object.Spec.Expression() || p.gateway != old.gateway || !old.uses(p.modules) || p.restricted(old) || p.drops(old) {
		return
	}
	p.memory, p.since, p.last = old.memory, old.since, old.last
	if last := old.entry.Latest(); last != nil {
		p.entry.Publish(last)
	}
}

// wake lets the sources tick at once, so that the program is evaluated.
func (p *program) wake() {
	for _, s := range p.sources {
		s.soon()
	}
}

// evaluate runs the program, in a round of its source's, and publishes what it
// answers.
func (p *program) evaluate(r *round) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine.evaluating <- struct{}{}
	defer func() { <-p.engine.evaluating }()

	start := p.engine.clock.Now()
	o := p.observe(r)
	result := p.memory.answer(&p.rules, o)
	p.entry.Publish(result)
	p.remember(result, p.memory.observed)
	p.report(p.engine.clock.Since(start), o.err)
	if o.err != nil {
		p.engine.log.V(1).Info("evaluation failed", "metric", p.key, "reason", o.err.Error())
	}
}

// observe gathers all that an answer depends on.
func (p *program) observe(r *round) observation {
	now := r.now
	if len(p.sources) > 1 { // another source may have evaluated it since
		now = max(now, p.last)
	}
	o := observation{now: now, mapsPods: p.script.MapsPods(), neverIdle: !p.script.MayIdle()}
	if now < p.last-p.rules.interval {
		p.rewind()
	}
	p.last = now
	if p.since == 0 {
		p.since = now
	}
	first := p.since
	full := p.script.FullWindow()
	for _, s := range p.sources {
		h := r.healthOf(s, now, full)
		o.covered += h.Covered
		o.expected += h.Expected
		if o.filling == 0 || h.Filling > 0 && h.Wait < o.wait {
			o.wait = h.Wait
		}
		o.filling += h.Filling
		o.targets += h.targets
		o.failures = append(o.failures, h.failures...)
		first = max(first, h.first)
		o.interval = max(o.interval, h.interval)
	}
	if o.expected == 0 || o.covered == 0 {
		return o
	}
	if full > 0 {
		o.warming = max(first+full-p.rules.interval-now, 0)
	}
	if o.warming > 0 {
		return o
	}
	if o.mapsPods && p.engine.podOf == nil {
		o.err = errNoPods
		return o
	}
	if now < p.rest {
		o.err = restError{until: time.UnixMilli(p.rest)}
		return o
	}
	p.run(&o, r)
	return o
}

// rewind drops what is of a time that is to come again: the clock went back.
func (p *program) rewind() {
	p.since, p.rest, p.memory = 0, 0, memory{}
	if w := p.engine.remembers(p.key); w != nil {
		w.Drop(p.key.Name)
	}
}

// run executes the script, and explains where it gave nothing.
func (p *program) run(o *observation, r *round) {
	empty := p.execute(o, r)
	if len(o.value.Items) == 0 {
		p.explain(o, empty)
	}
	if o.err == nil {
		p.overrun = 0
		return
	}
	var budget *script.BudgetError
	if !errors.As(o.err, &budget) {
		p.overrun = 0
		return
	}
	if p.overrun++; p.overrun >= overruns {
		p.overrun = 0
		p.rest = o.now + max(10*p.rules.interval, time.Minute.Milliseconds())
	}
}

// execute executes the script over the windows, which it holds meanwhile. Where
// that gave nothing, it returns what matched no series.
func (p *program) execute(o *observation, r *round) (empty []*metric.Selector) {
	p.view.Begin(o.now)
	defer p.view.End()
	env := script.Env{Now: o.now, Lookback: p.view.Lookback(), Data: p.view, PodOf: p.podOf, Namespace: p.key.Namespace}
	if r.shared != nil && o.now == r.now {
		env.Memo = r.shared.memo(p, o.now)
	}
	if p.past != nil {
		p.past.Begin(o.now)
		defer p.past.End()
		env.History = p.past
	}
	o.value, o.err = p.script.Run(env)
	o.oldest = p.view.Oldest()
	if len(o.value.Items) == 0 {
		empty = p.view.Empty()
	}
	return empty
}

// podOf returns the pod of the metric's namespace that has an address.
func (p *program) podOf(address string) (pod string, ok bool) {
	return p.engine.podOf(p.key.Namespace, address)
}

// errNoPods is of a program that calls pod_of where there is nobody to ask.
var errNoPods = &script.Error{Message: "pod_of knows no pods without a cluster", Cure: "run gaugeway in one"}

// A restError says that a program is left alone for a while.
type restError struct{ until time.Time }

// Error says why, and until when.
func (e restError) Error() string {
	return fmt.Sprintf("it exceeded its budget %d times in a row and rests until %s", overruns, e.until.UTC().Format(time.RFC3339))
}

// remember records an answer for the programs that look back at it, as External
// gives it: the items observed, which are the first, and not those of groups that
// hold a value; and nothing where External has no answer.
func (p *program) remember(r *metric.Result, observed int) {
	if r.State != metric.StateFresh && r.State != metric.StatePartial || r.Undefined != "" && p.entry.External != "" {
		return
	}
	w := p.engine.remembers(p.key)
	if w == nil {
		return
	}
	table := &metric.Table{}
	batch := metric.Batch{Time: r.Evaluated, Table: table}
	for i, item := range r.Items[:observed] {
		b := labels.NewBuilder(item.Labels)
		b.Set(labels.MetricName, p.key.Name)
		table.Series = append(table.Series, b.Labels())
		batch.IDs = append(batch.IDs, uint32(i))
		batch.Values = append(batch.Values, item.Value*r.Scale)
	}
	if err := w.Append(p.key.Name, batch); err != nil {
		p.engine.log.V(1).Info("result not remembered", "metric", p.key, "reason", err.Error())
	}
}

// rules are what a GatewayMetric asks of its answers, ready for use.
type rules struct {
	total bool
	// externalOnly: an autoscaler adds all items up, so that none may be undefined.
	externalOnly bool
	minCoverage  int
	maxAge       time.Duration
	idleAfter    int64 // ms
	policy       v1alpha1.MissingPolicy
	holdFor      int64 // ms
	substitute   float64
	interval     int64 // ms, of the slowest source
}

func newRules(spec *v1alpha1.GatewayMetricSpec, sources []*source) rules {
	r := rules{
		total:        spec.Type == v1alpha1.TypeTotal,
		externalOnly: spec.External != nil && spec.Pods == nil && spec.Object == nil,
		minCoverage:  int(*spec.MinCoveragePercent),
		idleAfter:    spec.Idle.After.Milliseconds(),
		policy:       spec.Missing.Policy,
	}
	var slowest time.Duration
	for _, s := range sources {
		slowest = max(slowest, time.Duration(s.interval.Load()))
	}
	r.interval = slowest.Milliseconds()
	r.maxAge = max(30*time.Second, 3*slowest)
	if spec.MaxAge != nil {
		r.maxAge = spec.MaxAge.Duration
	}
	if spec.Missing.For != nil {
		r.holdFor = spec.Missing.For.Milliseconds()
	}
	if spec.Missing.Value != nil {
		r.substitute = spec.Missing.Value.AsApproximateFloat64()
	}
	return r
}

// list joins what may be many, saying how many it leaves out.
func list(items []string) string {
	const most = 3
	if len(items) <= most {
		return strings.Join(items, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(items[:most], "; "), len(items)-most)
}
