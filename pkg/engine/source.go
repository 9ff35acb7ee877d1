package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/scrape"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// earlyTicks is how many ticks in a row may come before they are due, because
// the configuration has changed. Further ones come a second apart, as often as a
// source may be scraped: whoever changes a metric all the time does not decide
// how often the targets of a source that others lend are asked.
const earlyTicks = 5

// secretsPoll is how often it is looked whether Secrets have been read.
const secretsPoll = 20 * time.Millisecond

// A source is the loop of one GatewaySource and what it owns.
type source struct {
	engine *Engine
	key    metric.Key
	object *v1alpha1.GatewaySource // guarded by engine.mu
	stop   context.CancelFunc      // guarded by engine.mu; nil until started
	// started is when the loop was, in ms; guarded by engine.mu, 0 until then.
	started int64
	window  *window.Window

	gone     atomic.Bool  // ended by Apply
	lastTick atomic.Int64 // ms; 0 before the first
	ticks    atomic.Int64 // tried since the start
	interval atomic.Int64 // ns
	wake     chan struct{}

	mu       sync.Mutex         // taken before the window, never by who holds it
	settings settings           // what Apply wants; the loop takes it at its next tick
	reset    bool               // parsers have to ask again what is wanted
	programs []*program         // read only
	silent   map[string]silence // targets that failed last, by ID
	unlike   map[string]string  // of targets that do not look like the preset's gateway, by ID
	wants    []metric.Selector  // of all programs
	// nearby is what targets show beside what is wanted; written by the loop.
	nearby *preset.Nearby

	// The loop's own.
	pollers map[string]*poller  // by target ID
	layouts *exposition.Layouts // what the parsers share; of what is wanted now
	// recognized: some target looks like the preset's gateway.
	recognized bool
	answers    chan answer
	rounds     rounds
}

// A poller scrapes one target, one request at a time.
type poller struct {
	target metric.Target
	parser *exposition.Parser
	busy   bool
	// sighting is what it shows of the names that gateways are known by; nil where
	// the source names no preset.
	sighting *preset.Sighting
}

func newSource(e *Engine, key metric.Key, interval time.Duration) *source {
	return &source{
		engine:  e,
		key:     key,
		window:  window.New(interval.Milliseconds()),
		wake:    make(chan struct{}, 1),
		silent:  map[string]silence{},
		unlike:  map[string]string{},
		pollers: map[string]*poller{},
		answers: make(chan answer, 64),
	}
}

// configure sets what the next tick uses, and lets it come at once.
func (s *source) configure(next settings) {
	s.mu.Lock()
	if last := s.settings.scraper; last != nil {
		last.Close()
	}
	s.settings, s.reset = next, true
	s.mu.Unlock()
	s.interval.Store(int64(next.interval))
	s.window.SetInterval(next.interval.Milliseconds())
	s.soon()
}

// soon lets the next tick come at once.
func (s *source) soon() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// assign sets the programs that read this source.
func (s *source) assign(wants []metric.Selector, programs []*program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.window.SetWants(wants)
	s.programs, s.wants = programs, wants
	s.reset = s.reset || changed
}

// end stops the loop of a source that is gone.
func (s *source) end() {
	s.gone.Store(true)
	if s.stop != nil {
		s.stop()
	}
	s.mu.Lock()
	s.settings.scraper.Close()
	s.mu.Unlock()
	s.engine.metrics.forgetSource(s.key)
}

// run ticks at once and then at each multiple of the interval, until ctx is done.
func (s *source) run(ctx context.Context) {
	clk := s.engine.clock
	for early := 0; ; {
		select {
		case <-s.wake: // this tick does what it asks for
		default:
		}
		s.awaitSecrets(ctx)
		at := clk.Now()
		s.tick(ctx, at)
		interval := time.Duration(s.interval.Load())
		next := at.Truncate(interval).Add(interval)
		if now := clk.Now(); !next.After(now) {
			late := now.Truncate(interval).Add(interval)
			s.engine.metrics.skipped.WithLabelValues(s.key.Namespace, s.key.Name).Add(float64(late.Sub(next) / interval))
			next = late
		}
		timer := clk.NewTimer(min(next.Sub(clk.Now()), interval)) // the clock may have gone back since
		select {
		case <-timer.C():
			early = 0
		case <-s.wake:
			timer.Stop()
			if early++; early > earlyTicks {
				s.pause(ctx, min(at.Add(v1alpha1.MinInterval).Sub(clk.Now()), next.Sub(clk.Now())))
			}
			if ctx.Err() != nil {
				return
			}
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// pause waits for some time, or until ctx is done.
func (s *source) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := s.engine.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
	}
}

// awaitSecrets lets a tick wait while what the source refers to is read for the
// first time, as long as a scrape may take: else the first tick of a source,
// after which a replica is ready, would scrape nothing.
func (s *source) awaitSecrets(ctx context.Context) {
	s.mu.Lock()
	set := s.settings
	s.mu.Unlock()
	clk := s.engine.clock
	for start := clk.Now(); set.unread() && clk.Since(start) < set.timeout && ctx.Err() == nil; {
		s.pause(ctx, secretsPoll)
	}
}

// tick is one round of the pipeline.
func (s *source) tick(ctx context.Context, at time.Time) {
	s.mu.Lock()
	set, programs, fresh := s.settings, s.programs, s.reset
	s.reset = false
	s.mu.Unlock()

	s.discover(set, at, fresh)
	s.scrape(ctx, set, at)
	s.evaluate(programs)
	s.observe(at)
}

// discover brings the targets up to date; with fresh parsers, where what is
// wanted or how it is read has changed.
func (s *source) discover(set settings, at time.Time, fresh bool) {
	targets := set.discoverer.Targets()
	if last := s.lastTick.Load(); at.UnixMilli() < last-set.interval.Milliseconds() {
		s.engine.log.Info("the clock went back: the samples kept so far are dropped", "source", s.key, "milliseconds", last-at.UnixMilli())
		s.window.Clear()
	}
	s.window.SetTargets(targets, at.UnixMilli())
	if fresh {
		s.layouts = &exposition.Layouts{}
		s.unrecognize()
		s.mu.Lock()
		s.nearby = preset.NewNearby(s.wants)
		s.mu.Unlock()
	}
	listed := make(map[string]bool, len(targets))
	for _, t := range targets {
		listed[t.ID] = true
		if p := s.pollers[t.ID]; p != nil && !fresh {
			p.target = t
			continue
		}
		s.pollers[t.ID] = s.poller(t, set)
	}
	for id, p := range s.pollers {
		if !listed[id] {
			delete(s.pollers, id)
			s.forget(p.target)
		}
	}
}

func (s *source) poller(t metric.Target, set settings) *poller {
	p := &poller{target: t}
	o := exposition.Options{Format: set.format, Want: s.window.Wanted, Layouts: s.layouts}
	s.watch(p, set.preset, &o)
	if s.nearby != nil {
		s.nearby.Watch(&o)
	}
	p.parser = exposition.NewParser(o)
	return p
}

// scrape asks every target that is not still busy, and takes in the answers
// that come before the deadline. Later ones are taken in by the next tick.
func (s *source) scrape(ctx context.Context, set settings, at time.Time) {
	for late := true; late; {
		select {
		case a := <-s.answers:
			s.take(a)
		default:
			late = false
		}
	}
	pending := 0
	for _, p := range s.pollers {
		if p.busy {
			s.engine.metrics.busy.WithLabelValues(s.key.Namespace, s.key.Name).Inc()
			continue
		}
		target := p.target.URL
		if target == "" {
			s.note(p.target, errNoAddress)
			continue
		}
		p.busy = true
		pending++
		go func() {
			result, err := p.ask(ctx, set.scraper, target)
			select {
			case s.answers <- answer{poller: p, tick: at, result: result, err: err}:
			case <-ctx.Done():
			}
		}()
	}
	deadline := s.engine.clock.NewTimer(min(set.interval/5, set.timeout))
	defer deadline.Stop()
	for pending > 0 {
		select {
		case a := <-s.answers:
			s.take(a)
			if a.tick.Equal(at) {
				pending--
			}
		case <-deadline.C():
			return
		case <-ctx.Done():
			return
		}
	}
}

// ask scrapes the target. A panic over what it says is an error of this scrape.
func (p *poller) ask(ctx context.Context, scraper *scrape.Scraper, target string) (result scrape.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = scrape.Result{}, panicError{r}
		}
	}()
	return scraper.Scrape(ctx, target, p.parser)
}

// A panicError is what a parser panicked with.
type panicError struct{ value any }

// Error says whose fault it is.
func (e panicError) Error() string {
	return fmt.Sprintf("a defect of gaugeway, reading the answer failed: %v", e.value)
}

// observe records the tick.
func (s *source) observe(at time.Time) {
	s.lastTick.Store(at.UnixMilli())
	s.ticks.Add(1)
	m := s.engine.metrics
	m.ticks.WithLabelValues(s.key.Namespace, s.key.Name).Inc()
	m.tickSeconds.WithLabelValues(s.key.Namespace, s.key.Name).Observe(s.engine.clock.Since(at).Seconds())
	_, series, samples := s.window.Size()
	m.series.WithLabelValues(s.key.Namespace, s.key.Name).Set(float64(series))
	m.samples.WithLabelValues(s.key.Namespace, s.key.Name).Set(float64(samples))
}
