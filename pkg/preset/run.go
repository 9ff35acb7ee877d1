package preset

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// A Result is what came of a case.
type Result struct {
	Case *Case
	// Err says why the case could not be run to its end: the program does not
	// compile, or a recorded scrape cannot be read. Its text may have several
	// lines.
	Err error
	// Evaluations of the case, in the file's order; none with an Err.
	Evaluations []Evaluation
}

// Passed reports whether all came as expected.
func (r *Result) Passed() bool {
	return r.Err == nil && !slices.ContainsFunc(r.Evaluations, func(e Evaluation) bool { return e.Diff != nil })
}

// An Evaluation is what the program returned at one time.
type Evaluation struct {
	// At is the time since the start of the case.
	At time.Duration
	// Line of the evaluation in the file.
	Line int
	// Value is what the program returned, Err why it returned nothing.
	Value script.Value
	Err   error
	// Diff has a line for each item: "- " and what was expected, "+ " and what
	// came instead, "  " and what came as expected. It is nil where all did.
	Diff []string
	// Notes say what may explain a difference: selectors that matched nothing,
	// silent targets.
	Notes []string
}

// RunAll runs the cases under the limits, as many at once as there are
// processors. The results are in the order of the cases.
func RunAll(cases []*Case, limits script.Limits) []Result {
	results := make([]Result, len(cases))
	var wg sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, c := range cases {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			results[i] = c.Run(limits)
		})
	}
	wg.Wait()
	return results
}

// Run runs the case under the limits; those that are 0 take their defaults.
func (c *Case) Run(limits script.Limits) Result {
	r := Result{Case: c}
	s, err := newSimulation(c, limits)
	if err == nil {
		err = s.unread()
	}
	if err == nil {
		r.Evaluations, err = s.run()
	}
	r.Err = err
	return r
}

// Eval runs another expression over what the case reads, at the time of its
// last evaluation. The error is that of compiling or of running it.
func (c *Case) Eval(lua string) (script.Value, error) {
	other := *c
	other.program = program{source: lua, name: c.program.name, origin: "lua"}
	s, err := newSimulation(&other, script.Limits{})
	if err != nil {
		return script.Value{}, err
	}
	last := slices.MaxFunc(c.evals, compareTimes)
	if err := s.advance(c.start + last.at.Milliseconds()); err != nil {
		return script.Value{}, err
	}
	e := s.evaluate()
	return e.Value, e.Err
}

func compareTimes(a, b evaluation) int { return cmp.Compare(a.at, b.at) }

// A simulation is a program over windows of its own, and a time that advances.
type simulation struct {
	c       *Case
	program *script.Program
	now     int64 // ms
	tick    int64 // ms of the next evaluation of a program that looks back at itself

	windows []*window.Window // of each part
	view    *window.View
	past    *window.Window // of results; nil where the program looks back at none
	pastOf  *window.View
	live    [][]metric.Target // of each part, those scraped so far
	next    []int             // of each target, the step that is next
	parsers []*exposition.Parser
	near    *Nearby
}

// newSimulation compiles the program and is at the start of the case.
func newSimulation(c *Case, limits script.Limits) (*simulation, error) {
	// A clock that stands still: how long a run takes must not decide a test.
	still := func() time.Time { return time.Time{} }
	p, err := script.Compile(c.program.source, script.Options{
		Name: c.program.name, Limits: limits, Clock: still, Modules: c.presets.Modules(), Gateway: c.program.gateway,
	})
	if err != nil {
		return nil, c.program.located(err)
	}
	s := &simulation{
		c: c, program: p, now: math.MinInt64, tick: c.start,
		live:    make([][]metric.Target, len(c.parts)),
		next:    make([]int, len(c.targets)),
		parsers: make([]*exposition.Parser, len(c.targets)),
		near:    NewNearby(p.Wants()),
	}
	var parts []window.Part
	for _, part := range c.parts {
		w := window.New(part.interval)
		w.SetWants(p.Wants())
		s.windows = append(s.windows, w)
		parts = append(parts, window.Part{Window: w, Matchers: part.matchers})
	}
	s.view = window.NewView(window.Covered, parts...)
	for i, t := range c.targets {
		o := exposition.Options{Format: t.format, Want: s.windows[t.part].Wanted, JSON: t.rules}
		s.near.Watch(&o)
		s.parsers[i] = exposition.NewParser(o)
	}
	s.recall()
	return s, nil
}

// unread reports history that the program does not read: a name misspelt.
func (s *simulation) unread() error {
	for _, p := range s.c.history {
		if !s.reads(p.metric) {
			return fmt.Errorf("history: the program does not read what %s returned; correct the name or remove it", p.metric)
		}
	}
	return nil
}

// run evaluates the program at the times of the case. The result is in the
// file's order.
func (s *simulation) run() ([]Evaluation, error) {
	done := map[time.Duration]Evaluation{}
	for _, e := range slices.SortedFunc(slices.Values(s.c.evals), compareTimes) {
		if err := s.advance(s.c.start + e.at.Milliseconds()); err != nil {
			return nil, err
		}
		got := s.evaluate()
		got.At, got.Line = e.at, e.line
		got.Diff = e.want.diff(got.Value, got.Err)
		done[e.at] = got
	}
	var out []Evaluation
	for _, e := range s.c.evals {
		out = append(out, done[e.at])
	}
	return out, nil
}

// located puts before each mistake of a program where it was written.
func (p *program) located(err error) error {
	var mistakes script.Errors
	if !errors.As(err, &mistakes) {
		return fmt.Errorf("%s: %w", p.origin, err)
	}
	lines := make([]string, len(mistakes))
	for i, e := range mistakes {
		lines[i] = p.origin + ": " + e.Error()
		if p.metric != nil {
			lines[i] = p.metric.LuaFinding(e.Line, e.Column, e.Message, e.Cure).String()
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// recall sets up what metrics returned before.
func (s *simulation) recall() {
	var wants []metric.Selector
	var targets []metric.Target
	own := false
	for _, h := range s.program.History() {
		own = own || h.Metric == ""
		name := cmp.Or(h.Metric, s.c.program.name)
		wants = append(wants, metric.Selector{Name: name, Range: h.Range})
		targets = append(targets, metric.Target{ID: name})
	}
	given := slices.ContainsFunc(s.c.history, func(p past) bool { return p.metric == s.c.program.name })
	if !own || given {
		s.tick = math.MaxInt64
	}
	if len(wants) == 0 {
		return
	}
	s.past = window.New(0)
	s.past.SetWants(wants)
	s.past.SetTargets(targets, s.c.start)
	s.pastOf = window.NewView(window.Past, window.Part{Window: s.past})
}

// advance lets the time go on: what was scraped, and what metrics returned,
// until then is taken in. A program that looks back at itself is evaluated at
// each interval on the way.
func (s *simulation) advance(to int64) error {
	for s.tick < to {
		if err := s.take(s.tick); err != nil {
			return err
		}
		if err := s.remember(s.evaluate()); err != nil {
			return err
		}
		s.tick += s.c.interval()
	}
	return s.take(to)
}

// take takes in what comes up to a time.
func (s *simulation) take(to int64) error {
	for i := range s.c.targets {
		t := &s.c.targets[i]
		for ; s.next[i] < len(t.steps) && t.steps[s.next[i]].at <= to; s.next[i]++ {
			if err := s.scrape(i, &t.steps[s.next[i]]); err != nil {
				return err
			}
		}
	}
	for _, p := range s.c.history {
		for _, st := range p.steps {
			if !s.reads(p.metric) || st.at <= s.now || st.at > to {
				continue
			}
			if err := s.past.Append(p.metric, st.batch); err != nil {
				return fmt.Errorf("history of %s: %w", p.metric, err)
			}
		}
	}
	s.now = to
	return nil
}

// reads reports whether the program looks back at a metric.
func (s *simulation) reads(name string) bool {
	return slices.ContainsFunc(s.program.History(), func(h script.HistoryWant) bool {
		return cmp.Or(h.Metric, s.c.program.name) == name
	})
}

// scrape takes in one answer of a target. A target exists from its first on.
func (s *simulation) scrape(i int, st *step) error {
	t := &s.c.targets[i]
	w := s.windows[t.part]
	if s.next[i] == 0 {
		s.live[t.part] = append(s.live[t.part], t.Target)
		w.SetTargets(s.live[t.part], st.at)
	}
	batch := st.batch
	if st.file != "" {
		var err error
		// The parser may change the body, which other cases read.
		if batch, _, err = s.parsers[i].Parse(slices.Clone(st.body), exposition.RecordedContentType(st.body), st.at); err != nil {
			return fmt.Errorf("%s: %w", st.file, err)
		}
	} else {
		for _, id := range batch.IDs {
			s.near.See(batch.Table.Series[id])
		}
	}
	if err := w.Append(t.ID, batch); err != nil {
		return fmt.Errorf("input of %s: %w", t.Labels, err)
	}
	return nil
}

// evaluate runs the program at this time. While none of its targets answers
// there is no data, as in service; a case without targets needs none.
func (s *simulation) evaluate() Evaluation {
	covered, expected := 0, 0
	for _, w := range s.windows {
		c, e := w.Coverage(s.now)
		covered, expected = covered+c, expected+e
	}
	var e Evaluation
	if covered < expected {
		e.Notes = append(e.Notes, fmt.Sprintf("%d of %d targets had no scrape within two intervals", expected-covered, expected))
	}
	if len(s.c.targets) > 0 && covered == 0 {
		return e
	}
	s.view.Begin(s.now)
	defer s.view.End()
	env := script.Env{Now: s.now, Lookback: s.view.Lookback(), Data: s.view, PodOf: s.c.pods.Pod, Namespace: s.c.namespace()}
	if s.pastOf != nil {
		s.pastOf.Begin(s.now)
		defer s.pastOf.End()
		env.History = s.pastOf
	}
	e.Value, e.Err = s.program.Run(env)
	if len(e.Value.Items) == 0 {
		selectors, notes := s.c.presets.Unmatched(s.program, s.view.Empty(), s.near)
		for _, sel := range selectors {
			e.Notes = append(e.Notes, "no series matches "+sel)
		}
		e.Notes = append(e.Notes, notes...)
	}
	return e
}

// namespace returns that of the metric; empty where an expression is tested.
func (c *Case) namespace() string {
	if m := c.program.metric; m != nil {
		return m.Namespace
	}
	return ""
}

// remember records what the program returned, for itself.
func (s *simulation) remember(e Evaluation) error {
	unusable := func(i metric.Item) bool { return math.IsNaN(i.Value) || math.IsInf(i.Value, 0) }
	if e.Err != nil || len(e.Value.Items) == 0 || slices.ContainsFunc(e.Value.Items, unusable) {
		return nil
	}
	batch := metric.Batch{Time: s.now, Table: &metric.Table{}}
	for i, item := range e.Value.Items {
		lset := labels.NewBuilder(item.Labels).Set(labels.MetricName, s.c.program.name).Labels()
		batch.Table.Series = append(batch.Table.Series, lset)
		batch.IDs = append(batch.IDs, uint32(i))
		batch.Values = append(batch.Values, item.Value)
	}
	return s.past.Append(s.c.program.name, batch)
}
