package window

import (
	"math"
	"slices"
)

// Coverage is how many of the targets that are expected answer.
type Coverage struct {
	// Covered of Expected targets had a scrape less than two intervals ago, and
	// what is kept of them fills the window that was asked for. A target that has
	// joined others is expected once it has answered, or after two intervals, and at
	// once where it takes the place of one that is gone.
	Covered, Expected int
	// Filling targets answer again after they were silent, and Wait is how many
	// milliseconds it takes until the window of the first of them is filled.
	Filling int
	Wait    int64
}

// Coverage counts the expected targets, and those of them whose newest scrape
// is less than two intervals old at the time given.
func (w *Window) Coverage(at int64) (covered, expected int) {
	c := w.CoverageOver(at, 0)
	return c.Covered, c.Expected
}

// CoverageOver does the same for a program whose functions read low until a
// window of so many milliseconds is filled. Of a target that was silent for much
// of that window they would tell less than there is, so it is not covered before
// the window is filled again. A target that is new is covered at once: what it
// serves now, others have served before.
func (w *Window) CoverageOver(at, full int64) Coverage {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var c Coverage
	since := w.servingSince(at)
	joining, first := 0, int64(math.MaxInt64)
	for _, t := range w.targets {
		if t.departed || !t.Expected {
			continue
		}
		if w.joining(t, at, since) {
			joining++
			first = min(first, t.awaited)
			continue
		}
		c.Expected++
		if !w.covered(t, at) {
			continue
		}
		wait := w.filling(t, at, full)
		switch {
		case wait == 0:
			c.Covered++
			continue
		case c.Filling == 0:
			c.Wait = wait
		}
		c.Filling++
		c.Wait = min(c.Wait, wait)
	}
	if joining > 0 {
		c.Expected += min(joining, w.goneSince(first-w.interval))
	}
	return c
}

// goneSince counts the expected targets that have departed after a time.
func (w *Window) goneSince(at int64) int {
	n := 0
	for _, t := range w.targets {
		if t.departed && t.Expected && t.left > at {
			n++
		}
	}
	return n
}

// Targets counts the targets that are there, expected or not: those that were
// listed last and have not departed.
func (w *Window) Targets() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	n := 0
	for _, t := range w.targets {
		if !t.departed {
			n++
		}
	}
	return n
}

func (w *Window) covered(t *target, at int64) bool {
	return len(t.t) > 0 && t.newest() > at-2*w.interval
}

// servingSince returns since when the first of the covered targets is expected, in
// milliseconds; math.MaxInt64 where none is covered.
func (w *Window) servingSince(at int64) int64 {
	since := int64(math.MaxInt64)
	for _, t := range w.targets {
		if !t.departed && t.Expected && w.covered(t, at) {
			since = min(since, t.awaited)
		}
	}
	return since
}

// joining reports whether a target has joined others that answer, and had not two
// intervals yet to answer for the first time. What it serves now, they have served
// before: a sum that is scaled for it would be too high. That is not so of as many
// as are gone since an interval before, whose instants nobody else shows yet.
func (w *Window) joining(t *target, at, since int64) bool {
	return len(t.t) == 0 && since < t.awaited && at < t.awaited+2*w.interval
}

// filling returns how many milliseconds it takes until the rows of a target fill
// a window again, after it was silent: until they begin within an interval and a
// half of the window's start, and in its first half. Rates are extrapolated over
// about an interval. It is 0 where they do.
func (w *Window) filling(t *target, at, full int64) int64 {
	start := at - full
	late := start + min(3*w.interval/2, full/2)
	if full == 0 || t.resumed <= late || t.first > start {
		return 0
	}
	first, _ := slices.BinarySearch(t.t, start+1)
	if first == len(t.t) || t.t[first] <= late {
		return 0
	}
	return t.t[first] - late
}

// resumes notes whether a target that is scraped at a time was silent before.
func (w *Window) resumes(t *target, at int64) {
	if len(t.t) > 0 && 2*(at-t.newest()) > 5*w.interval {
		t.resumed = at
	}
}
