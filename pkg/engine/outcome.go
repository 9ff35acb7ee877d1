package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/scrape"
)

// An answer is what a request of a poller came to.
type answer struct {
	poller *poller
	tick   time.Time
	result scrape.Result
	err    error
}

var (
	errFuture = errors.New("the clock went back while it was scraped")
	// errNoAddress is of a target that discovery lists without a URL.
	errNoAddress = errors.New("the pod has no address to be scraped at")
)

// A silence is what is said of a target that failed when it was asked last.
type silence struct {
	reason   string
	expected bool
}

// take puts an answer into the window.
func (s *source) take(a answer) {
	p := a.poller
	p.busy = false
	s.mu.Lock()
	if s.pollers[p.target.ID] != p || s.reset {
		s.mu.Unlock()
		return // of a target that is gone, or asked with an older configuration
	}
	err, broken := a.err, errors.As(a.err, new(panicError))
	switch {
	case broken:
		s.pollers[p.target.ID] = s.poller(p.target, s.settings) // its parser may be broken
	case err != nil:
	case a.result.Batch.Time > s.engine.clock.Now().UnixMilli()+time.Duration(s.interval.Load()).Milliseconds():
		err = errFuture
	default:
		err = s.window.Append(p.target.ID, a.result.Batch)
	}
	s.mu.Unlock()
	s.engine.metrics.observeScrape(s.key, p.target, a.result, err)
	if err == nil {
		s.recognize(p)
	}
	if a.err != nil && !broken && p.target.Terminating && !errors.Is(a.err, context.Canceled) {
		s.depart(p.target, a)
		return
	}
	s.note(p.target, err)
}

// depart ends a terminating target that does not answer any more: it is gone as
// if its pod were, and is back if it answers once more. It is asked until its pod
// is gone.
func (s *source) depart(t metric.Target, a answer) {
	instance := t.Labels.Get(metric.LabelInstance)
	if s.window.Depart(t.ID, a.tick.UnixMilli()) {
		s.engine.log.Info("terminating target has stopped answering", "source", s.key, "target", instance, "reason", a.err.Error())
	} else {
		s.engine.log.V(1).Info("terminating target does not answer", "source", s.key, "target", instance, "reason", a.err.Error())
	}
	s.forget(t)
}

// note remembers how a target that was asked has failed, or that it has not.
func (s *source) note(t metric.Target, err error) {
	instance := t.Labels.Get(metric.LabelInstance)
	s.mu.Lock()
	_, silent := s.silent[t.ID]
	if err == nil {
		delete(s.silent, t.ID)
	} else {
		s.silent[t.ID] = silence{reason: fmt.Sprintf("%s: %v", instance, err), expected: t.Expected}
	}
	s.mu.Unlock()
	switch {
	case err != nil && silent:
		s.engine.log.V(1).Info("scrape failed again", "source", s.key, "target", instance, "reason", err.Error())
	case err != nil:
		s.engine.log.Info("scrape failed", "source", s.key, "target", instance, "reason", err.Error())
	case silent:
		s.engine.log.Info("scrape succeeds again", "source", s.key, "target", instance)
	}
}

// forget drops what is said of a target that is gone.
func (s *source) forget(t metric.Target) {
	s.mu.Lock()
	delete(s.silent, t.ID)
	delete(s.unlike, t.ID)
	s.mu.Unlock()
	s.engine.metrics.forgetTarget(s.key, t)
}

// failures returns why targets are missing: what the last failures of the
// expected ones were, what discovery says, and what the last failures of those
// were whose pods have never been Ready; each in order.
func (s *source) failures() []string {
	s.mu.Lock()
	var expected, others []string
	for _, silence := range s.silent {
		if silence.expected {
			expected = append(expected, silence.reason)
		} else {
			others = append(others, silence.reason+" (its pod was never Ready)")
		}
	}
	problems := s.settings.problems
	s.mu.Unlock()
	slices.Sort(expected)
	slices.Sort(others)
	return slices.Concat(expected, problems(), others)
}

// SourceStatus is how the targets of a source are.
type SourceStatus struct {
	// Targets that are there, expected or not: those that discovery lists, but
	// for terminating ones that have stopped answering.
	Targets int
	// Covered of Expected targets had a scrape less than two intervals ago.
	Covered, Expected int
	// Failures say why targets are missing: of the silent ones how the last scrape
	// failed, and what keeps discovery from finding others.
	Failures []string
	// Doubts say which targets that answer do not look like the gateway that the
	// source names, and what they look like.
	Doubts []string
}

// Source returns how the targets of a source are now, and false where there is no
// such source.
func (e *Engine) Source(key metric.Key) (SourceStatus, bool) {
	e.mu.Lock()
	s := e.sources[key]
	e.mu.Unlock()
	if s == nil {
		return SourceStatus{}, false
	}
	status := SourceStatus{Targets: s.window.Targets(), Failures: s.failures(), Doubts: s.doubts()}
	status.Covered, status.Expected = s.window.Coverage(e.clock.Now().UnixMilli())
	return status, true
}
