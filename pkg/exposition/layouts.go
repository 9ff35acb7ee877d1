package exposition

import (
	"slices"
	"sync"
	"weak"

	"github.com/prometheus/prometheus/model/labels"
)

const (
	// maxLayouts is how many layouts a Layouts knows at once.
	maxLayouts = 16
	// tasted is how many lines of a body are compared to choose a layout for
	// a new target.
	tasted = 32
)

// Layouts lets the parsers of a fleet share what they know: a target whose
// lines are those of another one takes no memory of its own for them, and is
// read fast from its first scrape on. All parsers that are given the same
// Layouts must have a Want that answers alike.
//
// It keeps nothing alive that no parser uses any more. It is safe for
// concurrent use; the zero value is ready.
type Layouts struct {
	mu     sync.Mutex
	shared [maxLayouts]weak.Pointer[layout] // none of them changes any more
	next   int
}

// suggest returns the layout that knows the most of a body's first lines, if
// that is the half of them at least.
func (s *Layouts) suggest(body []byte, in class) *layout {
	var best *layout
	most := 0
	for _, l := range s.all() {
		if hits := l.taste(body, in); hits > most {
			best, most = l, hits
		}
	}
	return best
}

// all returns the layouts that are in use.
func (s *Layouts) all() []*layout {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*layout
	for _, p := range s.shared {
		if l := p.Value(); l != nil {
			all = append(all, l)
		}
	}
	return all
}

// settle returns the layout that parsers with the lines of l share: l itself, if
// there is none yet. One with other numbers is returned only if renumber
// allows it; where it does not, the result is nil.
func (s *Layouts) settle(l *layout, renumber bool) *layout {
	sequence := l.hashOrder()
	s.mu.Lock()
	defer s.mu.Unlock()
	var other bool
	for _, p := range s.shared {
		known := p.Value()
		if known == nil || known.sequence != sequence || !known.sameLines(l) {
			continue
		}
		if renumber || known == l || slices.EqualFunc(known.series, l.series, labels.Equal) {
			return known
		}
		other = true
	}
	if other {
		return nil
	}
	l.sequence = sequence
	s.shared[s.next] = weak.Make(l)
	s.next = (s.next + 1) % maxLayouts
	return l
}

// taste returns how many of the first lines of a body are known, and 0 if it is
// less than half of them.
func (l *layout) taste(body []byte, in class) int {
	hits, lines := 0, 0
	for ; lines < tasted && len(body) > 0; lines++ {
		end := endOfLine(body)
		if place, ok := l.findLine(body[:end], in); ok {
			hits++
			if w := &l.words[place]; w.id == verbatim {
				in = w.after
			}
		}
		body = body[end:]
	}
	if 2*hits < lines {
		return 0
	}
	return hits
}

func (l *layout) hashOrder() uint64 {
	sum := uint64(len(l.order))
	for _, place := range l.order {
		w := &l.words[place]
		sum = sum*1099511628211 + uint64(w.hash)
	}
	return sum
}

// sameLines reports whether two layouts predict the same.
func (l *layout) sameLines(other *layout) bool {
	return slices.EqualFunc(l.order, other.order, func(a, b uint32) bool {
		return l.words[a].in == other.words[b].in && l.words[a].text == other.words[b].text
	})
}
