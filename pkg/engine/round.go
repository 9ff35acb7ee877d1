package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// memoBytes bounds what the programs of a source share at once.
const memoBytes = 64 << 20

// rounds is what the evaluations of a source's ticks share. It belongs to the
// source's loop.
type rounds struct {
	room  *script.Room
	memos map[sight]*memo
	count int
}

// A sight is what makes programs see the same series, as long as the windows do
// not change: the parts that they read, and the window for the sake of which
// targets are left out.
type sight struct {
	of      *window.Selections
	filling int64 // ms
}

// A memo is shared by the programs of one sight.
type memo struct {
	*script.Memo
	round   int
	version uint64 // of the windows
}

// A round is the evaluation of all programs of a tick, at one time.
type round struct {
	source *source
	now    int64            // ms
	health map[int64]health // of the source, by the window that is to be filled
	shared *rounds          // nil where nothing is shared
}

func newRound(s *source, now int64) *round {
	return &round{source: s, now: now, health: map[int64]health{}}
}

// evaluate runs the programs that read the source, all at one time.
func (s *source) evaluate(programs []*program) {
	r := newRound(s, s.engine.clock.Now().UnixMilli())
	r.shared = &s.rounds
	r.shared.begin()
	for _, p := range programs {
		p.evaluate(r)
	}
	r.shared.end()
}

func (s *rounds) begin() {
	if s.memos == nil {
		s.room, s.memos = script.NewRoom(memoBytes), map[sight]*memo{}
	}
	s.count++
}

// end drops what was shared in the round.
func (s *rounds) end() {
	for seen, m := range s.memos {
		if m.round != s.count {
			delete(s.memos, seen)
			continue
		}
		m.End()
	}
}

// memo returns what a program whose View has begun shares with others.
func (s *rounds) memo(p *program, now int64) *script.Memo {
	seen := sight{of: p.shared, filling: p.view.Filling()}
	m := s.memos[seen]
	if m == nil {
		m = &memo{Memo: s.room.NewMemo()}
		s.memos[seen] = m
	}
	version := p.view.Version()
	switch {
	case m.round != s.count:
		m.Begin(now, p.view.Lookback())
	case m.version != version:
		m.Forget()
	}
	m.round, m.version = s.count, version
	return m.Memo
}

// selectionsOf returns the selections that all programs share that read the same
// parts. The caller holds e.mu.
func (e *Engine) selectionsOf(parts []window.Part) *window.Selections {
	name := nameOf(parts)
	if e.selections[name] == nil {
		e.selections[name] = window.NewSelections(window.Covered, parts...)
	}
	return e.selections[name]
}

// dropSelections lets go of those that no program shares. The caller holds e.mu.
func (e *Engine) dropSelections() {
	used := map[*window.Selections]bool{}
	for _, p := range e.programs {
		used[p.shared] = true
	}
	maps.DeleteFunc(e.selections, func(_ string, s *window.Selections) bool { return !used[s] })
}

// An interpreterOf says whose programs run in an interpreter: those of a namespace
// that see the same series of one source.
type interpreterOf struct{ namespace, parts string }

// interpreter returns the one that these programs share. The caller holds e.mu.
func (e *Engine) interpreter(of interpreterOf) *script.Interpreter {
	if e.interpreters[of] == nil {
		e.interpreters[of] = new(script.Interpreter)
	}
	return e.interpreters[of]
}

// dropInterpreters lets go of those that no program runs in. The caller holds e.mu.
func (e *Engine) dropInterpreters() {
	used := map[*script.Interpreter]bool{}
	for _, p := range e.programs {
		used[p.runsIn] = true
	}
	maps.DeleteFunc(e.interpreters, func(_ interpreterOf, in *script.Interpreter) bool { return !used[in] })
}

// nameOf names parts: two programs whose parts have the same name read the same
// series.
func nameOf(parts []window.Part) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		var b strings.Builder
		fmt.Fprintf(&b, "%p", p.Window)
		for _, m := range p.Matchers {
			fmt.Fprintf(&b, " %s", m)
		}
		names[i] = b.String()
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// health is how the targets of a source are, for a program whose functions need
// a filled window.
type health struct {
	window.Coverage
	targets  int
	first    int64 // ms of the first row of any target; 0 for none
	interval int64 // ms
	failures []string
}

// healthOf returns how the targets of one of a program's sources are. For the
// source that ticks it is the same for all programs of the round.
func (r *round) healthOf(s *source, now, full int64) health {
	if h, ok := r.health[full]; ok && s == r.source && now == r.now {
		return h
	}
	h := health{Coverage: s.window.CoverageOver(now, full), targets: s.window.Targets(), interval: s.window.Lookback() / 2}
	if h.Covered+h.Filling < h.Expected || h.Expected == 0 {
		h.failures = s.failures()
	}
	if at, ok := s.window.Oldest(); ok {
		h.first = at
	}
	if s == r.source && now == r.now {
		r.health[full] = h
	}
	return h
}
