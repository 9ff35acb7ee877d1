package script

import (
	"errors"
	"slices"

	"github.com/Shopify/go-lua"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// maxDynamic is how many selectors that runs made are remembered.
const maxDynamic = 64

// arithmeticEvents are the metamethods of the operators.
var arithmeticEvents = [...]struct {
	event string
	op    promath.Op
}{
	{"__add", promath.OpAdd}, {"__sub", promath.OpSub}, {"__mul", promath.OpMul}, {"__div", promath.OpDiv}, {"__pow", promath.OpPow},
}

// installMetatables gives vectors and selectors their operators, and nil what
// makes it absorb: arithmetic with nil is nil, a comparison with it false.
func (m *machine) installMetatables() {
	l := m.l
	method := func(name string, f func(n int) (int, error)) {
		l.PushGoFunction(func(l *lua.State) int {
			results, err := f(l.Top())
			if err != nil {
				m.raise("", err)
			}
			return results
		})
		l.SetField(-2, name)
	}
	constant := func(name string, push func()) {
		l.PushGoFunction(func(*lua.State) int { push(); return 1 })
		l.SetField(-2, name)
	}
	refuse := func(name string, err error) {
		method(name, func(int) (int, error) { return 0, err })
	}

	l.NewTable() // vectors and selectors
	for _, e := range arithmeticEvents {
		method(e.event, func(int) (int, error) {
			if err := m.charge(1); err != nil {
				return 0, err
			}
			a, b, err := m.operands()
			if err != nil {
				return 0, err
			}
			return m.pushOperand(operate(e.op, a, b, promath.Matching{}))
		})
	}
	method("__unm", func(int) (int, error) {
		v, err := m.vector(1)
		if err != nil {
			return 0, err
		}
		return m.pushVector(promath.Neg(v))
	})
	method("__index", func(int) (int, error) { return m.indexSelector() })
	method("__call", m.callSelector)
	refuse("__lt", errCompareVector)
	refuse("__le", errCompareVector)
	refuse("__eq", errEqualVector)
	refuse("__newindex", errors.New("a vector cannot be changed"))
	refuse("__len", cured("count(v) gives the number of elements", "a vector has no length"))
	l.RawSetInt(lua.RegistryIndex, vectorMetatable)

	l.NewTable() // what is only passed on
	refuse("__index", errors.New("it has no fields"))
	refuse("__newindex", errors.New("it has no fields"))
	refuse("__call", errors.New("it cannot be called"))
	l.RawSetInt(lua.RegistryIndex, opaqueMetatable)

	l.NewTable() // labels of an element
	method("__index", func(int) (int, error) {
		lset, ok := l.ToUserData(1).(labels.Labels)
		if !ok || l.TypeOf(2) != lua.TypeString {
			return 0, cured(`write labels.pod or labels["pod"]`, "labels have names")
		}
		l.PushString(lset.Get(m.text(2)))
		return 1, nil
	})
	refuse("__newindex", cured("label_replace makes labels", "labels cannot be changed"))
	l.RawSetInt(lua.RegistryIndex, labelsMetatable)

	l.PushNil()
	l.NewTable()
	for _, e := range arithmeticEvents {
		constant(e.event, l.PushNil)
	}
	constant("__unm", l.PushNil)
	constant("__lt", func() { l.PushBoolean(false) })
	constant("__le", func() { l.PushBoolean(false) })
	l.SetMetaTable(-2)
	l.Pop(1)
}

var (
	errCompareVector = cured("use gt, ge, lt or le(v, x) to filter it, or scalar(v)", "a vector cannot be compared with an operator")
	errEqualVector   = cured("use eq or ne(v, x) to filter it, or scalar(v)", "a vector cannot be compared with an operator")
)

// indexSelector is selector["1m"] where the parts are known only when running.
func (m *machine) indexSelector() (int, error) {
	s := m.selector(1)
	if s == nil {
		return 0, cured("scalar(v) gives the value of a single element, filter and each see all", "a vector has no fields")
	}
	if m.l.TypeOf(2) != lua.TypeString {
		return 0, cured(`write ["1m"]`, "a range is a string")
	}
	w, err := s.window(m.text(2))
	if err != nil {
		return 0, err
	}
	return m.pushSelector(w)
}

// callSelector is selector{matchers} where they are known only when running.
func (m *machine) callSelector(n int) (int, error) {
	s := m.selector(1)
	if s == nil || n != 2 || m.l.TypeOf(2) != lua.TypeTable {
		return 0, cured("a selector takes matchers in braces", "a vector cannot be called")
	}
	matchers, err := m.matchers(2)
	if err != nil {
		return 0, err
	}
	return m.pushSelector(s.match(matchers))
}

// matchers reads a table {label="x", other={re"a", neq"b"}}.
func (m *machine) matchers(table int) ([]*labels.Matcher, error) {
	l := m.l
	var out []*labels.Matcher
	add := func(label string, value int) error {
		p, ok := l.ToUserData(value).(pattern)
		if !ok {
			if l.TypeOf(value) != lua.TypeString {
				return cured(matcherCure, "the matcher for %s is %s", label, m.kind(value).article())
			}
			p = pattern{op: labels.MatchEqual, text: m.text(value)}
		}
		matcher, err := newMatcher(label, p)
		out = append(out, matcher)
		return err
	}
	l.PushNil()
	for l.Next(table) {
		if err := m.charge(1); err != nil {
			return nil, err
		}
		if l.TypeOf(-2) != lua.TypeString {
			return nil, cured(matcherCure, "a matcher has no label")
		}
		label := m.text(-2)
		if l.TypeOf(-1) != lua.TypeTable {
			if err := add(label, -1); err != nil {
				return nil, err
			}
			l.Pop(1)
			continue
		}
		for i := range l.RawLength(-1) {
			l.RawGetInt(-1, i+1)
			if err := add(label, -1); err != nil {
				return nil, err
			}
			l.Pop(1)
		}
		l.Pop(1)
	}
	slices.SortFunc(out, func(a, b *labels.Matcher) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	return out, nil
}

const matcherCure = `write {label="value"}, {label=re"..."}, nre, neq, or a list of them`

// pushSelector pushes a selector that a run made. Equal ones have one address,
// so that Data can recognise them.
func (m *machine) pushSelector(s *selector) (int, error) {
	if err := m.alloc(sampleBytes * (1 + len(s.Matchers))); err != nil {
		return 0, err
	}
	if s.Range > 0 && s.Range+s.Offset > m.program.reach(s) {
		return 0, cured("write names and durations as constants", "%s reaches further back than what is kept", s.source())
	}
	m.pushValue(m.program.dynamically(s))
	return 1, nil
}

// dynamically returns the selector that is equal to one that a run made.
func (p *Program) dynamically(s *selector) *selector {
	key := s.key()
	if known, ok := p.dynamic[key]; ok {
		return known
	}
	if p.dynamic == nil || len(p.dynamic) >= maxDynamic {
		p.dynamic = map[string]*selector{}
	}
	p.dynamic[key] = s
	return s
}

// reach returns how far back what a selector reads is kept, in milliseconds: as far
// as the program is known to read of its name.
func (p *Program) reach(s *selector) int64 {
	var reach int64
	for _, w := range p.wants {
		if w.sel.history == s.history && w.sel.Name == s.Name {
			reach = max(reach, w.sel.Range+w.sel.Offset)
		}
	}
	return reach
}
