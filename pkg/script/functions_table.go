package script

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

func tableFunctions() []*builtin {
	entry := func(name string, result kinds, example, doc string, params []param, run func(m *machine, n int) (int, error)) *builtin {
		return &builtin{name: "table." + name, family: familyTable, doc: doc, example: example, params: params, result: result, run: run}
	}
	out := []*builtin{
		entry("concat", isString, `#table.concat({"a", "b"}, ", ")`, "The strings and numbers of a list, from i to j, joined by a separator.",
			[]param{required("t", isTable), optional("separator", aString), optional("i", aNumber), optional("j", aNumber)}, runTableConcat),
		entry("insert", isNil, "local t = {1, 2}\ntable.insert(t, 3)\nreturn #t", "Puts a value at the end of a list, or at a position: table.insert(t, position, x).",
			[]param{required("t", isTable), required("x", anything), optional("value", anything)}, runTableInsert),
		entry("remove", anything, "local t = {1, 2}\nreturn table.remove(t)", "Takes out and returns the last value of a list, or that at a position.",
			[]param{required("t", isTable), optional("position", aNumber)}, runTableRemove),
		entry("sort", isNil, "local t = {3, 1, 2}\ntable.sort(t)\nreturn t[1]", "Sorts a list of numbers or of strings, or by less(a, b).",
			[]param{required("t", isTable), optional("less", isFunction)}, runTableSort),
		entry("pack", isTable, `table.pack(1, nil, 3).n`, "A table of the values, and their number in n.",
			[]param{repeatable("x", anything)}, func(m *machine, n int) (int, error) {
				if err := m.store(n + 1); err != nil {
					return 0, err
				}
				m.l.CreateTable(n, 1)
				for i := 1; i <= n; i++ {
					m.l.PushValue(i)
					m.l.RawSetInt(n+1, i)
				}
				m.l.PushNumber(float64(n))
				m.l.SetField(n+1, "n")
				return 1, nil
			}),
		entry("unpack", anything, "local a, b = table.unpack({1, 2})\nreturn a + b", "The values of a list, from i to j.",
			[]param{required("t", isTable), optional("i", aNumber), optional("j", aNumber)}, runTableUnpack),
	}
	for _, b := range out {
		switch b.name {
		case "table.insert":
			b.infer = inferStore(1)
		case "table.pack":
			b.infer = inferPack
		case "table.remove":
			b.infer = inferElement
		case "table.unpack":
			b.infer, b.open = inferElement, true
		case "table.sort":
			b.infer = inferSort
		}
	}
	return out
}

// storer is what assignments to elements of tables become, so that entries are
// counted and keys have an order. It is one for all programs, as library is.
var storer = &builtin{
	name: "_store", params: []param{required("t", anything), required("k", anything), required("v", anything)}, verbatim: true,
	run: func(m *machine, _ int) (int, error) {
		l := m.l
		if k := m.kind(1); k != isTable {
			return 0, fmt.Errorf("attempt to index %s", k.article())
		}
		switch m.kind(2) {
		case isNumber:
			if math.IsNaN(m.number(2)) {
				return 0, fmt.Errorf("the index of a table is NaN")
			}
		case isString, isBoolean:
		case isNil:
			return 0, cured("nil is what has no data", "the index of a table is nil")
		default:
			return 0, errTableKey
		}
		l.PushValue(2)
		l.RawGet(1)
		if isNew := l.IsNil(-1); isNew && m.kind(3) != isNil {
			if err := m.store(1); err != nil {
				return 0, err
			}
		}
		l.Pop(1)
		l.RawSet(1)
		return 0, nil
	},
}

// span returns the positions that arguments i and i+1 give, by default a whole list.
func (m *machine) span(n, i int, first, last float64) (from, to int, err error) {
	if n >= i && m.kind(i) == isNumber {
		first = math.Floor(m.number(i))
	}
	if n > i && m.kind(i+1) == isNumber {
		last = math.Floor(m.number(i + 1))
	}
	const most = 1 << 31
	if !(math.Abs(first) <= most && math.Abs(last) <= most) {
		return 0, 0, fmt.Errorf("positions %s to %s are out of range", formatNumber(first), formatNumber(last))
	}
	return int(first), int(last), nil
}

func runTableConcat(m *machine, n int) (int, error) {
	separator := ""
	if n >= 2 && m.kind(2) == isString {
		separator = m.text(2)
	}
	from, to, err := m.span(n, 3, 1, float64(m.l.RawLength(1)))
	if err != nil {
		return 0, err
	}
	var b strings.Builder
	for i := from; i <= to; i++ {
		if err := m.charge(1); err != nil {
			return 0, err
		}
		m.l.RawGetInt(1, i)
		if k := m.kind(-1); k != isString && k != isNumber {
			return 0, fmt.Errorf("element %d is %s", i, k.article())
		}
		b.WriteString(m.describe(-1))
		m.l.Pop(1)
		if i < to {
			b.WriteString(separator)
		}
		if b.Len() > m.limits.StringBytes {
			return 0, m.checkString(b.Len())
		}
	}
	return m.pushString(b.String())
}

// position returns an argument that is a position in a list.
func (m *machine) position(i, least, most int) (int, error) {
	f := m.number(i)
	if p := int(f); f == math.Floor(f) && float64(least) <= f && f <= float64(most) {
		return p, nil
	}
	return 0, fmt.Errorf("the position %s is not one of %d to %d", formatNumber(f), least, most)
}

func runTableInsert(m *machine, n int) (int, error) {
	l := m.l
	length := l.RawLength(1)
	if err := m.store(1); err != nil {
		return 0, err
	}
	if n == 2 {
		l.RawSetInt(1, length+1)
		return 0, nil
	}
	if k := m.kind(2); k != isNumber {
		return 0, cured("write table.insert(t, position, x)", "the position is %s", k.article())
	}
	p, err := m.position(2, 1, length+1)
	if err != nil {
		return 0, err
	}
	if err := m.charge(length - p + 1); err != nil {
		return 0, err
	}
	for i := length + 1; i > p; i-- {
		l.RawGetInt(1, i-1)
		l.RawSetInt(1, i)
	}
	l.PushValue(3)
	l.RawSetInt(1, p)
	return 0, nil
}

func runTableRemove(m *machine, n int) (int, error) {
	l := m.l
	length := l.RawLength(1)
	p := length
	if n >= 2 && m.kind(2) == isNumber {
		if length == 0 && (m.number(2) == 0 || m.number(2) == 1) {
			return m.pushNil()
		}
		var err error
		if p, err = m.position(2, 1, length+1); err != nil {
			return 0, err
		}
	}
	if err := m.charge(length - p); err != nil {
		return 0, err
	}
	l.RawGetInt(1, p)
	for i := p; i < length; i++ {
		l.RawGetInt(1, i+1)
		l.RawSetInt(1, i)
	}
	if p <= length && length > 0 {
		l.PushNil()
		l.RawSetInt(1, length)
	}
	return 1, nil
}

// runTableSort keeps the elements on the stack and sorts their places there.
// An order that contradicts itself gives some order.
func runTableSort(m *machine, n int) (int, error) {
	l := m.l
	length := l.RawLength(1)
	if err := m.charge(length); err != nil {
		return 0, err
	}
	less := n >= 2 && m.kind(2) == isFunction
	l.SetTop(2)
	if !l.CheckStack(length + 10) {
		return 0, fmt.Errorf("the list is too long")
	}
	places := make([]int, length)
	for i := range places {
		l.RawGetInt(1, i+1)
		places[i] = l.Top()
	}
	compare := m.compareNatural
	if less {
		compare = m.compareByFunction
	}
	var failed error
	slices.SortStableFunc(places, func(a, b int) int {
		if failed != nil {
			return 0
		}
		order, err := compare(a, b)
		failed = err
		return order
	})
	if failed != nil {
		return 0, failed
	}
	for i, place := range places {
		l.PushValue(place)
		l.RawSetInt(1, i+1)
	}
	return 0, nil
}

func (m *machine) compareNatural(a, b int) (int, error) {
	if err := m.charge(1); err != nil {
		return 0, err
	}
	switch ka, kb := m.kind(a), m.kind(b); {
	case ka == isNumber && kb == isNumber:
		return cmp.Compare(m.number(a), m.number(b)), nil
	case ka == isString && kb == isString:
		return strings.Compare(m.text(a), m.text(b)), nil
	default:
		return 0, cured("give a function less(a, b)", "attempt to compare %s with %s", ka.article(), kb.article())
	}
}

func (m *machine) compareByFunction(a, b int) (int, error) {
	less := func(a, b int) (bool, error) {
		if err := m.charge(1); err != nil {
			return false, err
		}
		m.l.PushValue(2)
		m.l.PushValue(a)
		m.l.PushValue(b)
		m.l.Call(2, 1)
		result := m.l.ToBoolean(-1)
		m.l.Pop(1)
		return result, nil
	}
	if before, err := less(a, b); before || err != nil {
		return -1, err
	}
	if after, err := less(b, a); after || err != nil {
		return 1, err
	}
	return 0, nil
}

func runTableUnpack(m *machine, n int) (int, error) {
	from, to, err := m.span(n, 2, 1, float64(m.l.RawLength(1)))
	if err != nil {
		return 0, err
	}
	if to < from {
		return 0, nil
	}
	if to-from >= maxResults || !m.l.CheckStack(to-from+1) {
		return 0, fmt.Errorf("more than %d values", maxResults)
	}
	for i := from; i <= to; i++ {
		m.l.RawGetInt(1, i)
	}
	return to - from + 1, nil
}
