package window

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A roster is the targets of all parts, one after the other, as they were when
// their series were looked at last.
type roster struct {
	generations []uint64 // of the parts
	editions    []uint64 // of the targets

	// before is the roster that this one replaced, nil once it has been replaced
	// itself. Of each place there moved says the place here, -1 where what was
	// there has changed; changed are the places here of which it does not tell.
	before  *roster
	moved   []int32
	changed []uint32

	asked   map[byName]int // how often columns of a name were asked for by a label
	columns map[placed]map[string][]uint32
}

// byName is a label of the series of one name.
type byName struct{ name, label string }

// placed is the same of one target.
type placed struct {
	byName
	place uint32
}

// upToDate returns the roster, up to date. The windows are locked for reading.
func (s *Selections) upToDate() *roster {
	was := s.roster
	if was != nil && was.current(s.parts) {
		return was
	}
	r := &roster{generations: make([]uint64, len(s.parts))}
	for i, p := range s.parts {
		r.generations[i] = p.Window.generation
		for _, t := range p.Window.listed {
			r.editions = append(r.editions, t.edition)
		}
	}
	if was != nil {
		was.before, was.moved, was.changed = nil, nil, nil
		r.moved, r.changed = r.difference(was)
		r.before = was
	}
	s.roster = r
	return r
}

func (r *roster) current(parts []Part) bool {
	for i, p := range parts {
		if r.generations[i] != p.Window.generation {
			return false
		}
	}
	return true
}

// since returns what has changed since another roster, nil for none.
func (r *roster) since(was *roster) (moved []int32, changed []uint32) {
	if was != nil && was == r.before {
		return r.moved, r.changed
	}
	return r.difference(was)
}

func (r *roster) difference(was *roster) (moved []int32, changed []uint32) {
	places := map[uint64]int32{}
	if was != nil {
		moved = make([]int32, len(was.editions))
		for i, edition := range was.editions {
			moved[i] = -1
			places[edition] = int32(i)
		}
	}
	for i, edition := range r.editions {
		if at, ok := places[edition]; ok {
			moved[at] = int32(i)
		} else {
			changed = append(changed, uint32(i))
		}
	}
	return moved, changed
}

// at returns the target of a place, and the part that it is of.
func (s *Selections) at(place uint32) (*target, *Part) {
	for i := range s.parts {
		listed := s.parts[i].Window.listed
		if int(place) < len(listed) {
			return listed[place], &s.parts[i]
		}
		place -= uint32(len(listed))
	}
	return nil, nil
}

// matching returns the columns of a place that match. Where the same label is
// asked for again and again, they are looked up.
func (s *Selections) matching(place uint32, sel *metric.Selector) []uint32 {
	t, part := s.at(place)
	columns := t.byName[sel.Name]
	if len(columns) == 0 {
		return nil
	}
	var buf [8]*labels.Matcher
	own := buf[:0]
	narrowed := false
	for _, matchers := range [...][]*labels.Matcher{sel.Matchers, part.Matchers} {
		for _, m := range matchers {
			by := byName{sel.Name, m.Name}
			switch {
			case t.lends(m.Name):
				if !m.Matches(t.Labels.Get(m.Name)) {
					return nil
				}
			case !narrowed && m.Type == labels.MatchEqual && m.Value != "" && s.roster.indexes(by):
				columns, narrowed = s.roster.by(t, placed{by, place})[m.Value], true
			default:
				own = append(own, m)
			}
		}
	}
	if len(own) == 0 {
		return columns
	}
	var out []uint32
	for _, c := range columns {
		if matchAll(own, t.series[c]) {
			out = append(out, c)
		}
	}
	return out
}

// maxIndexed bounds how many labels are indexed; programs that make selectors
// when they run could ask for any.
const maxIndexed = 64

// indexes reports whether columns are looked up by a label: not for a selector or
// two.
func (r *roster) indexes(by byName) bool {
	n, known := r.asked[by]
	if !known && len(r.asked) >= maxIndexed {
		return false
	}
	if r.asked == nil {
		r.asked = map[byName]int{}
	}
	r.asked[by] = n + 1
	return n >= 2*len(r.editions)
}

// by returns the columns of a target by the values of a label.
func (r *roster) by(t *target, of placed) map[string][]uint32 {
	values, ok := r.columns[of]
	if ok {
		return values
	}
	values = map[string][]uint32{}
	for _, c := range t.byName[of.name] {
		if v := t.series[c].Get(of.label); v != "" {
			values[v] = append(values[v], c)
		}
	}
	if r.columns == nil {
		r.columns = map[placed]map[string][]uint32{}
	}
	r.columns[of] = values
	return values
}

// forget drops what helps only those that follow at one moment.
func (r *roster) forget() { r.asked, r.columns = nil, nil }

func matchAll(matchers []*labels.Matcher, lset labels.Labels) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(lset.Get(m.Name)) })
}
