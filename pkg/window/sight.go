package window

import (
	"slices"
	"weak"
)

// A moment is what Views see at one time of windows that do not change.
type moment struct {
	now     int64
	version uint64
	// sights are by the window that is to be filled. They live as long as some
	// View is between Begin and End, and else until the next collection: what they
	// show may be departed.
	sights map[int64]weak.Pointer[sight]
}

// A sight is what is shown of each target, and how much of each selection.
type sight struct {
	full   int64 // for which targets are left out; 0 where none is
	shown  []shownTarget
	hidden bool // some are
	counts map[*selection]counted
}

// A shownTarget is what an evaluation sees of a target.
type shownTarget struct {
	*target
	live   bool
	rows   int   // the first ones; 0 hides the target
	newest int64 // of these rows
}

// counted is how much of a selection is shown.
type counted struct {
	series, rows int
	oldest       int64 // of the newest samples of live series; 0 for none
}

// sight returns what is shown at a time to a program that needs a filled window.
// The windows are locked for reading.
func (s *Selections) sight(now, full int64, version uint64) *sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.moments[0]
	for i := range s.moments {
		if known := &s.moments[i]; known.now == now && known.version == version && known.sights != nil {
			m = known
			break
		}
		if s.moments[i].now < m.now {
			m = &s.moments[i]
		}
	}
	if m.now != now || m.version != version || m.sights == nil {
		*m = moment{now: now, version: version, sights: map[int64]weak.Pointer[sight]{}}
		if s.roster != nil {
			s.roster.forget()
		}
	}
	return m.sight(s, full)
}

func (m *moment) sight(s *Selections, full int64) *sight {
	if known := m.sights[full].Value(); known != nil {
		return known
	}
	if full != 0 && !s.filling(m.now, full) {
		x := m.sight(s, 0)
		m.sights[full] = weak.Make(x)
		return x
	}
	x := &sight{full: full, counts: map[*selection]counted{}}
	for _, p := range s.parts {
		for _, t := range p.Window.listed {
			shown := s.show(p.Window, t, m.now, full)
			x.hidden = x.hidden || shown.rows == 0
			x.shown = append(x.shown, shown)
		}
	}
	m.sights[full] = weak.Make(x)
	return x
}

// show decides what is shown of a target.
func (s *Selections) show(w *Window, t *target, now, full int64) shownTarget {
	one := shownTarget{target: t, live: !t.departed, rows: len(t.t), newest: t.newest()}
	switch {
	case s.mode == Covered && one.live && (!w.covered(t, now) || w.filling(t, now, full) > 0):
		one.rows = 0
	case s.mode == Past:
		one.rows, _ = slices.BinarySearch(t.t, now)
	}
	if one.rows > 0 {
		one.newest = t.t[one.rows-1]
	}
	return one
}

// filling reports whether a target is left out because its window is not filled.
func (s *Selections) filling(now, full int64) bool {
	if s.mode != Covered {
		return false
	}
	for _, p := range s.parts {
		for _, t := range p.Window.listed {
			if !t.departed && p.Window.filling(t, now, full) > 0 {
				return true
			}
		}
	}
	return false
}

// count returns how much of a selection is shown.
func (s *Selections) count(x *sight, of *selection) counted {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := x.counts[of]
	if ok {
		return c
	}
	for _, e := range of.entries {
		t := &x.shown[e.target]
		if t.rows == 0 {
			continue
		}
		c.series++
		c.rows += t.rows
		if t.live && (c.oldest == 0 || t.newest < c.oldest) && sample(t.column(e.column), t.histograms[e.column], t.rows-1) {
			c.oldest = t.newest
		}
	}
	x.counts[of] = c
	return c
}

// Filling returns the window for the sake of which targets are left out, in
// milliseconds: what was given to Fill, and 0 where no target is. It is to be
// called between Begin and End.
func (v *View) Filling() int64 {
	if v.sight == nil {
		v.look()
	}
	return v.sight.full
}
