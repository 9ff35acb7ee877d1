package script

import (
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// A value is what is known of a value without running the program: all that it
// may be on any path.
type value struct {
	kinds kinds
	// selectors are what it may read, where it may be a selector or a range.
	selectors []*selector
	vague     bool // there are others that are not known
	// texts are what it may be, where it may be a string.
	texts   []string
	anyText bool // or any other string
	// functions are what it may be, where it may be a function: *syntax.Function
	// or *builtin.
	functions []any
	// quantile: it may be made of percentiles.
	quantile bool
}

// Bounds of what is tracked of a value; what exceeds them is not known.
const (
	maxSelectors = 32
	maxTexts     = 16
)

// add makes v be all that o may be, too, and reports whether that is news.
func (v *value) add(o value) bool {
	before, vague, anyText, quantile := v.kinds, v.vague, v.anyText, v.quantile
	v.kinds |= o.kinds
	v.vague = v.vague || o.vague
	v.anyText = v.anyText || o.anyText
	v.quantile = v.quantile || o.quantile
	changed := v.kinds != before || v.vague != vague || v.anyText != anyText || v.quantile != quantile
	for _, s := range o.selectors {
		if slices.Contains(v.selectors, s) {
			continue
		}
		if len(v.selectors) == maxSelectors {
			changed = changed || !v.vague
			v.vague = true
			break
		}
		v.selectors = append(slices.Clip(v.selectors), s) // copies share it
		changed = true
	}
	for _, t := range o.texts {
		if v.anyText || slices.Contains(v.texts, t) {
			continue
		}
		if len(v.texts) == maxTexts {
			v.anyText = true
			changed = true
			break
		}
		v.texts = append(slices.Clip(v.texts), t)
		changed = true
	}
	for _, f := range o.functions {
		if !slices.Contains(v.functions, f) {
			v.functions = append(slices.Clip(v.functions), f)
			changed = true
		}
	}
	return changed
}

// with returns the value limited to some kinds.
func (v value) with(k kinds) value {
	v.kinds &= k
	if !v.kinds.has(isSelector | isRange) {
		v.selectors, v.vague = nil, false
	}
	if !v.kinds.has(isString) {
		v.texts, v.anyText = nil, false
	}
	if !v.kinds.has(isFunction) {
		v.functions = nil
	}
	return v
}

// A list is the values of a list of expressions.
type list struct {
	values []value
	open   bool // there may be more, like the last
}

func (l list) at(i int) value {
	switch {
	case i < len(l.values):
		return l.values[i]
	case l.open && len(l.values) > 0:
		v := l.values[len(l.values)-1]
		if v.kinds != 0 {
			v.kinds |= isNil
		}
		return v
	}
	return value{kinds: isNil}
}

// extended returns an open list with one more value told apart.
func (l list) extended() list {
	l.values = append(slices.Clip(l.values), l.at(len(l.values)))
	return l
}

func (l list) from(i int) list {
	if i >= len(l.values) {
		if l.open && len(l.values) > 0 {
			return list{values: l.values[len(l.values)-1:], open: true}
		}
		return list{}
	}
	return list{values: l.values[i:], open: l.open}
}

// maxReturned is how many results of a function are told apart.
const maxReturned = 8

// capped returns the list with what exceeds maxReturned joined.
func (l list) capped() list {
	if len(l.values) <= maxReturned {
		return l
	}
	last := l.from(maxReturned - 1).all()
	return list{values: append(slices.Clone(l.values[:maxReturned-1]), last), open: true}
}

// all joins the values.
func (l list) all() value {
	var v value
	for _, x := range l.values {
		v.add(x)
	}
	return v
}

func one(v value) list { return list{values: []value{v}} }

// unknown is a list of which nothing is known, because it is wrong or not yet
// inferred.
func unknown() list { return list{values: []value{{}}, open: true} }

// readings is what a program reads.
type readings struct {
	wants []want
	byKey map[string]bool
	full  int64
}

// A want is a selector that the program reads, and where first.
type want struct {
	sel *selector
	pos syntax.Pos
}

func newReadings() readings {
	return readings{byKey: map[string]bool{}}
}

func (r *readings) add(s *selector, at syntax.Pos) {
	for _, p := range s.parts {
		r.add(p, at)
	}
	if s.parts != nil {
		return
	}
	if key := s.wantKey(); !r.byKey[key] {
		r.byKey[key] = true
		r.wants = append(r.wants, want{sel: s, pos: at})
	}
}

// sorted returns the wants by name and matchers, shortest range first.
func (r *readings) sorted() []want {
	slices.SortFunc(r.wants, func(a, b want) int {
		if c := strings.Compare(a.sel.String(), b.sel.String()); c != 0 {
			return c
		}
		if a.sel.Range != b.sel.Range {
			return int(min(max(a.sel.Range-b.sel.Range, -1), 1))
		}
		return int(min(max(a.sel.Offset-b.sel.Offset, -1), 1))
	})
	return r.wants
}

// read records that a value is read where a vector or a range is due. The
// function that reads it may be nil.
func (c *checker) read(v value, at syntax.Pos, b *builtin) {
	if !c.final || !v.kinds.has(isSelector|isRange) {
		return
	}
	if v.vague {
		c.errorf(at, "write the selector with its range in place, or pass it to the function as an argument", "it is not known which series this reads")
	}
	for _, s := range v.selectors {
		switch {
		case b != nil && b.q > 0:
			c.readShapes(s, at, b)
		default:
			c.reads.add(s, at)
		}
		if b != nil && b.filled {
			c.reads.full = max(c.reads.full, s.Range+s.Offset)
		}
	}
}
