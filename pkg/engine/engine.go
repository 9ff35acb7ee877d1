// Package engine runs gaugeway's one way through the program: for each source
// a loop that discovers, scrapes, keeps, evaluates and publishes.
//
//	discover -> scrape -> window -> evaluate -> publish
//
// A loop owns all that belongs to its source, so that no source, target or
// program can hold up another. What is published goes to a metric.Board, which
// the API reads without locks.
package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/discover"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// readyAfter is when the engine is ready at the latest, whatever its sources do.
const readyAfter = 30 * time.Second

// Options of an Engine. Board and Clock are required.
type Options struct {
	Board *metric.Board
	Clock clock.Clock
	// Registry takes the engine's own metrics; nil for none.
	Registry prometheus.Registerer
	// Discover returns the targets of a source; nil knows static sources only. A
	// Discoverer with a method Problems() []string says with it why targets are
	// missing; like Targets, that is called at any time and does no I/O.
	Discover func(*v1alpha1.GatewaySource) (discover.Discoverer, error)
	// PodOf returns the name of the namespace's pod that has an address
	// (host or host:port), for programs that call pod_of; nil knows none. It does
	// no I/O.
	PodOf func(namespace, address string) (pod string, ok bool)
	// Secrets returns a key of a Secret or ConfigMap, for sources that name one;
	// nil knows none. It does no I/O: what is not known yet is an error.
	Secrets Secrets
	// Presets are what sources and programs may name; nil for none.
	Presets *preset.Set
	// Limits of each evaluation; the zero value means script.DefaultLimits.
	Limits script.Limits
	Logger logr.Logger
}

// An Engine runs the loops of all sources.
type Engine struct {
	board   *metric.Board
	clock   clock.Clock
	limits  script.Limits
	log     logr.Logger
	metrics *instruments

	discover func(*v1alpha1.GatewaySource) (discover.Discoverer, error)
	podOf    func(namespace, address string) (pod string, ok bool)
	secrets  Secrets
	presets  atomic.Pointer[preset.Set]

	// evaluating bounds the evaluations that run at once.
	evaluating chan struct{}
	// memories are the windows for the results that some program looks back at.
	memories atomic.Pointer[map[metric.Key]*window.Window]

	// applying is held by Apply for as long as it takes, and mu only while it changes
	// what follows: compiling takes long where a tenant wants it to, and probes do
	// not wait for it.
	applying sync.Mutex
	mu       sync.Mutex
	ctx      context.Context // set by Run
	started  time.Time
	loops    sync.WaitGroup
	sources  map[metric.Key]*source
	programs map[metric.Key]*program
	history  map[string]*window.Window // by namespace
	// selections are by the names of the parts that they are of.
	selections map[string]*window.Selections
	// interpreters are by the namespace and the names of the parts of the programs
	// that run in them.
	interpreters map[interpreterOf]*script.Interpreter
	applied      bool
	ready        bool // Ready has returned nil
}

// New returns an engine without sources.
func New(o Options) *Engine {
	if o.Limits == (script.Limits{}) {
		o.Limits = script.DefaultLimits()
	}
	if o.Discover == nil {
		o.Discover = discoverStatic
	}
	e := &Engine{
		board:      o.Board,
		clock:      o.Clock,
		limits:     o.Limits,
		log:        o.Logger,
		metrics:    newInstruments(o.Registry),
		discover:   o.Discover,
		podOf:      o.PodOf,
		secrets:    o.Secrets,
		evaluating: make(chan struct{}, runtime.GOMAXPROCS(0)),
		sources:    map[metric.Key]*source{},
		programs:   map[metric.Key]*program{},
		history:    map[string]*window.Window{},
		selections: map[string]*window.Selections{},

		interpreters: map[interpreterOf]*script.Interpreter{},
	}
	e.presets.Store(o.Presets)
	return e
}

// Run runs the loops until ctx is done, and returns when all have ended.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	e.ctx, e.started = ctx, e.clock.Now()
	for _, s := range e.sources {
		e.start(s)
	}
	e.mu.Unlock()
	<-ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loops.Wait()
	return nil
}

// start runs a source's loop. The caller holds e.mu.
func (e *Engine) start(s *source) {
	ctx, cancel := context.WithCancel(e.ctx)
	s.stop, s.started = cancel, e.clock.Now().UnixMilli()
	e.loops.Go(func() {
		s.run(ctx)
		if s.gone.Load() {
			e.metrics.forgetSource(s.key) // what the last tick said
		}
	})
}

// Apply makes these objects, with defaults and validated, what the engine
// serves. Sources and metrics that did not change go on undisturbed: their
// windows and memories stay. The sources of a metric that has no answer yet tick
// at once. An object that cannot be used is left out, or, if
// an earlier version of it is running, that one goes on; the joined error
// names each.
func (e *Engine) Apply(sources []*v1alpha1.GatewaySource, metrics []*v1alpha1.GatewayMetric) error {
	e.applying.Lock()
	defer e.applying.Unlock()
	compiled := e.compile(sources, metrics)
	e.mu.Lock()
	defer e.mu.Unlock()
	var problems []error

	next := map[metric.Key]*source{}
	for _, src := range sources {
		s, err := e.source(src)
		if err != nil {
			problems = append(problems, fmt.Errorf("source %s/%s: %w", src.Namespace, src.Name, err))
		}
		if s != nil {
			next[s.key] = s
		}
	}
	gone := e.sources
	e.sources = next

	programs := map[metric.Key]*program{}
	entries := make([]*metric.Entry, 0, len(metrics))
	for _, m := range metrics {
		p, err := e.program(m, compiled[m])
		if err != nil {
			problems = append(problems, fmt.Errorf("metric %s/%s: %w", m.Namespace, m.Name, err))
		}
		if p != nil {
			programs[p.key] = p
			entries = append(entries, p.entry)
		}
	}
	for key, p := range e.programs {
		if programs[key] != p {
			p.endReports()
		}
		if programs[key] == nil {
			e.metrics.forgetMetric(p.key)
		}
	}
	e.programs = programs
	e.dropSelections()
	e.dropInterpreters()
	e.distribute()
	e.board.Set(entries)

	for key, s := range gone {
		if next[key] == nil {
			s.end()
		}
	}
	for _, p := range programs {
		if p.entry.Latest() == nil {
			p.wake()
		}
	}
	for _, s := range next {
		if s.stop == nil && e.ctx != nil {
			e.start(s)
		}
	}
	e.applied = true
	return errors.Join(problems...)
}

// source returns the running source of an object, brought up to date, or a new one.
func (e *Engine) source(src *v1alpha1.GatewaySource) (*source, error) {
	key := metric.Key{Namespace: src.Namespace, Name: src.Name}
	s := e.sources[key]
	if s != nil && reflect.DeepEqual(s.object.Spec, src.Spec) {
		if of := e.presets.Load().Get(src.Spec.Preset); of == nil || of == s.settings.preset {
			return s, nil
		}
	}
	settings, err := e.newSettings(src)
	if err != nil {
		return s, err
	}
	if s == nil {
		s = newSource(e, key, settings.interval)
	}
	s.object = src.DeepCopy()
	s.configure(settings)
	return s, nil
}

// program returns the running program of an object where neither it nor its
// sources changed, or a new one.
func (e *Engine) program(m *v1alpha1.GatewayMetric, c compilation) (*program, error) {
	key := metric.Key{Namespace: m.Namespace, Name: m.Name}
	old := e.programs[key]
	parts, sources, err := e.parts(m)
	if err != nil {
		return e.keep(old), err
	}
	changed := c.script != nil || c.err != nil
	if old != nil && !changed && reflect.DeepEqual(old.object.Spec, m.Spec) && old.reads(parts) && old.rules == newRules(&m.Spec, sources) {
		return old, nil
	}
	if !changed { // a source has changed, and not the metric
		c = e.compileOne(m, gatewayOf(sources))
	}
	if c.err != nil {
		return e.keep(old), c.err
	}
	p := newProgram(e, m, c.script, sources, parts)
	p.gateway, p.modules = c.gateway, c.modules
	if old != nil {
		p.inherit(old)
	}
	return p, nil
}

// A compilation is what compiling a metric gave: a script or an error.
type compilation struct {
	script  *script.Program
	gateway string // the preset that its sources name
	modules map[string]*script.Module
	err     error
}

// compile compiles the metrics that are new or changed, or whose sources name
// another preset, or whose presets are others now. The caller holds e.applying and not e.mu.
func (e *Engine) compile(sources []*v1alpha1.GatewaySource, metrics []*v1alpha1.GatewayMetric) map[*v1alpha1.GatewayMetric]compilation {
	compiled := map[*v1alpha1.GatewayMetric]compilation{}
	named := presetsOf(sources)
	for _, m := range metrics {
		old, gateway := e.programs[metric.Key{Namespace: m.Namespace, Name: m.Name}], named.of(m)
		if old == nil || old.gateway != gateway || !old.uses(e.presets.Load().Modules()) || !reflect.DeepEqual(old.object.Spec, m.Spec) {
			compiled[m] = e.compileOne(m, gateway)
		}
	}
	return compiled
}

func (e *Engine) compileOne(m *v1alpha1.GatewayMetric, gateway string) compilation {
	modules := e.presets.Load().Modules()
	o := script.Options{Name: m.Name, Limits: e.limits, Modules: modules, Gateway: gateway}
	compiled, err := script.Compile(m.Spec.Expression(), o)
	if err != nil {
		return compilation{gateway: gateway, err: fmt.Errorf("%s: %w", expressionField(m), err)}
	}
	return compilation{script: compiled, gateway: gateway, modules: modules}
}

// keep returns a program that goes on though its object cannot be used: not
// where it reads what its sources do not allow any more.
func (e *Engine) keep(old *program) *program {
	if old == nil {
		return nil
	}
	parts, _, err := e.parts(old.object)
	var denied deniedError
	if errors.As(err, &denied) || err == nil && !old.reads(parts) {
		return nil
	}
	return old
}

// A deniedError says that a source may not be used.
type deniedError struct {
	source    metric.Key
	namespace string
}

// Error says how to allow it.
func (e deniedError) Error() string {
	return fmt.Sprintf("GatewaySource %s does not allow namespace %s: add it to spec.allowedNamespaces of the source", e.source, e.namespace)
}

// parts returns the sources of a metric and what it may see of their windows.
func (e *Engine) parts(m *v1alpha1.GatewayMetric) ([]window.Part, []*source, error) {
	var parts []window.Part
	var sources []*source
	for _, ref := range m.Spec.Sources {
		key := metric.Key{Namespace: ref.Namespace, Name: ref.Name}
		if key.Namespace == "" {
			key.Namespace = m.Namespace
		}
		s := e.sources[key]
		if s == nil {
			return nil, nil, fmt.Errorf("there is no GatewaySource %s", key)
		}
		allowed, ok := s.object.Allows(m.Namespace)
		if !ok {
			return nil, nil, deniedError{source: key, namespace: m.Namespace}
		}
		parts = append(parts, window.Part{Window: s.window, Matchers: window.Values(allowed)})
		sources = append(sources, s)
	}
	return parts, sources, nil
}

// distribute tells every source which series its programs want, and every
// namespace which results are remembered.
func (e *Engine) distribute() {
	wants := map[*source][]metric.Selector{}
	users := map[*source][]*program{}
	past := map[string][]metric.Selector{}
	for _, p := range e.programs {
		for _, s := range p.sources {
			wants[s] = append(wants[s], p.script.Wants()...)
			users[s] = append(users[s], p)
		}
		for _, h := range p.script.History() {
			name := h.Metric
			if name == "" {
				name = p.key.Name
			}
			past[p.key.Namespace] = append(past[p.key.Namespace], metric.Selector{Name: name, Range: h.Range})
		}
	}
	for _, s := range e.sources {
		programs := users[s]
		slices.SortFunc(programs, func(a, b *program) int { return strings.Compare(a.key.String(), b.key.String()) })
		s.assign(wants[s], programs)
	}
	remembered := map[string][]metric.Target{}
	memories := map[metric.Key]*window.Window{}
	for _, p := range e.programs {
		if slices.ContainsFunc(past[p.key.Namespace], func(s metric.Selector) bool { return s.Name == p.key.Name }) {
			remembered[p.key.Namespace] = append(remembered[p.key.Namespace], metric.Target{ID: p.key.Name})
			memories[p.key] = e.past(p.key.Namespace)
		}
	}
	now := e.clock.Now().UnixMilli()
	for namespace, w := range e.history {
		if len(past[namespace]) == 0 {
			delete(e.history, namespace) // no program reads it
			continue
		}
		w.SetWants(past[namespace])
		w.SetTargets(remembered[namespace], now)
	}
	e.memories.Store(&memories)
}

// remembers returns the window for a metric's results, nil where no program
// looks back at it.
func (e *Engine) remembers(key metric.Key) *window.Window {
	memories := e.memories.Load()
	if memories == nil {
		return nil
	}
	return (*memories)[key]
}

// past returns the window of what a namespace's metrics returned. The caller
// holds e.mu.
func (e *Engine) past(namespace string) *window.Window {
	w := e.history[namespace]
	if w == nil {
		w = window.New(0)
		e.history[namespace] = w
	}
	return w
}

// readyTicks is how many ticks each source has tried before a replica is ready.
// After the first a rate has no answer yet, and a replica that is asked all the
// same would fail an autoscaler that another one could serve.
const readyTicks = 2

// Ready returns nil once the configuration is applied and every source has
// tried two ticks, or 30 s after the start. Once it has, it stays ready: a source
// that is declared later must not take all replicas out of the Service.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil || !e.applied {
		return errors.New("the configuration is not loaded yet")
	}
	if e.ready = e.ready || e.clock.Since(e.started) >= readyAfter; e.ready {
		return nil
	}
	var waiting []string
	for key, s := range e.sources {
		if s.ticks.Load() < readyTicks {
			waiting = append(waiting, key.String())
		}
	}
	if len(waiting) > 0 {
		slices.Sort(waiting)
		return fmt.Errorf("waiting for the first %d scrapes of %s", readyTicks, strings.Join(waiting, ", "))
	}
	e.ready = true
	return nil
}

// Live returns an error where a source's loop, once started, has made no
// progress for three intervals and a minute.
func (e *Engine) Live() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.Now()
	for key, s := range e.sources {
		last := s.lastTick.Load()
		if last == 0 {
			last = s.started
		}
		if last == 0 {
			continue
		}
		if idle := now.Sub(time.UnixMilli(last)); idle > 3*time.Duration(s.interval.Load())+time.Minute {
			return fmt.Errorf("the loop of source %s has made no progress for %s", key, idle.Round(time.Second))
		}
	}
	return nil
}
