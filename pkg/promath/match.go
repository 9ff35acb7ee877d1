package promath

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// A Card says how many elements of one side may match one of the other.
type Card int

// The cardinalities of a match.
const (
	OneToOne  Card = iota
	ManyToOne      // group_left: many on the left match one on the right
	OneToMany      // group_right: one on the left matches many on the right
)

// A Matching says which elements of two vectors belong together. The zero
// value matches one to one those whose labels are all equal, but for the
// metric name, which only ever counts if On lists it.
type Matching struct {
	// On compares just Labels, rather than all labels but Labels (ignoring).
	On     bool
	Labels []string
	// Card and Include do not matter to And, Or and Unless, which match many
	// to many.
	Card Card
	// Include lists labels that the result takes from the one side: the
	// arguments of group_left or group_right.
	Include []string
}

// String returns the matching as PromQL writes it; empty for the zero value.
func (m Matching) String() string {
	var b strings.Builder
	list := func(word string, names []string) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word + "(" + strings.Join(names, ", ") + ")")
	}
	switch {
	case m.On:
		list("on", m.Labels)
	case len(m.Labels) > 0:
		list("ignoring", m.Labels)
	}
	switch m.Card {
	case ManyToOne:
		list("group_left", m.Include)
	case OneToMany:
		list("group_right", m.Include)
	}
	return b.String()
}

// keys returns what numbers the elements that belong together.
func (m Matching) keys() *keys {
	if m.On {
		return newKeys(m.Labels, false)
	}
	return newKeys(append(slices.Clone(m.Labels), labels.MetricName), true)
}

// describe names the labels in which l agrees with what it matches.
func (m Matching) describe(l labels.Labels) string {
	return l.MatchLabels(m.On, m.Labels...).String()
}

// And returns the elements of lhs that match an element of rhs. Its error, like
// those of Or and Unless, is always nil.
func And(lhs, rhs Vector, m Matching) (Vector, error) {
	if len(lhs) == 0 || len(rhs) == 0 {
		return nil, nil
	}
	return selectBy(m.numberAll(rhs), lhs, nil, true), nil
}

// Unless returns the elements of lhs that match no element of rhs.
func Unless(lhs, rhs Vector, m Matching) (Vector, error) {
	if len(lhs) == 0 || len(rhs) == 0 {
		return slices.Clone(lhs), nil
	}
	return selectBy(m.numberAll(rhs), lhs, nil, false), nil
}

// Or returns the elements of lhs and then those of rhs that match no element
// of lhs.
func Or(lhs, rhs Vector, m Matching) (Vector, error) {
	out := slices.Clone(lhs)
	if len(lhs) == 0 || len(rhs) == 0 {
		return append(out, rhs...), nil
	}
	return selectBy(m.numberAll(lhs), rhs, out, false), nil
}

// numberAll numbers the elements of v.
func (m Matching) numberAll(v Vector) *keys {
	k := m.keys()
	for i := range v {
		k.number(v[i].Labels)
	}
	return k
}

// selectBy appends to out the elements of v that k knows, or does not know.
func selectBy(k *keys, v, out Vector, known bool) Vector {
	for i := range v {
		if _, ok := k.find(v[i].Labels); ok == known {
			out = append(out, v[i])
		}
	}
	return out
}

// Binary applies op to the elements of lhs and rhs that m says belong
// together; those that match nothing are left out.
//
// Computing gives elements without the metric name. Comparing filters: it
// keeps the value of the left element where the comparison holds. One to one,
// the result has the labels that were compared; many to one, the labels of the
// many side, with those of m.Include replaced by the one side's. The order is
// that of lhs, or of the many side. Native histograms can be added,
// subtracted, compared for equality, multiplied by a float and divided by one;
// what has no such operation is left out.
//
// Several elements that match where there may be one are an error, and so is a
// result with two elements of the same labels, and a label both in m.Labels
// and m.Include where m.On.
func Binary(op Op, lhs, rhs Vector, m Matching) (Vector, error) {
	if m.On {
		for _, name := range m.Include {
			if slices.Contains(m.Labels, name) {
				return nil, fmt.Errorf("label %q is both in on(...) and in %s: "+
					"it is equal on both sides, leave it out of the latter", name, groupWord(m.Card))
			}
		}
	}
	if len(lhs) == 0 || len(rhs) == 0 {
		return nil, nil
	}
	b := binary{op: op, Matching: m, many: lhs, one: rhs, names: newStripper(metadataLabels)}
	if op.compares() {
		b.names = newStripper(noLabels)
	}
	if m.Card == OneToMany {
		b.many, b.one = rhs, lhs
	}
	return b.run()
}

func groupWord(c Card) string {
	if c == OneToMany {
		return "group_right(...)"
	}
	return "group_left(...)"
}

// binary is one call of Binary. One to one, the left side is called many.
type binary struct {
	op Op
	Matching
	many, one Vector

	names   *stripper
	builder *labels.Builder
}

func (b *binary) run() (Vector, error) {
	k := b.keys() // numbers the one side by index
	for i := range b.one {
		if n, isNew := k.number(b.one[i].Labels); !isNew {
			return nil, b.severalOnOneSide(b.one[n].Labels, b.one[i].Labels)
		}
	}

	out := make(Vector, 0, len(b.many))
	matched := newMatches(b.Card, len(b.one))
	for i := range b.many {
		many := &b.many[i]
		n, ok := k.find(many.Labels)
		if !ok {
			continue
		}
		one := &b.one[n]
		left, right := many, one
		if b.Card == OneToMany {
			left, right = one, many
		}
		s, r := elementwise(b.op, left, right)
		if r == undefined {
			continue
		}
		s.Labels = b.resultLabels(many.Labels, one.Labels)
		if other := matched.add(n, i, s.Labels); other >= 0 {
			return nil, b.severalMatches(b.many[other].Labels, many.Labels, one.Labels, s.Labels)
		}
		if r == kept {
			out = append(out, s)
		}
	}
	if len(b.Include) > 0 {
		return unique(out)
	}
	return b.names.checked(out)
}

// resultLabels returns the labels of the result of two elements.
func (b *binary) resultLabels(many, one labels.Labels) labels.Labels {
	stripped := b.names.strip(many)
	if len(b.Include) == 0 && (b.Card != OneToOne || !b.On && len(b.Labels) == 0) {
		return stripped
	}
	if b.builder == nil {
		b.builder = labels.NewBuilder(labels.EmptyLabels())
	}
	b.builder.Reset(stripped)
	if b.Card == OneToOne {
		if b.On {
			b.builder.Keep(b.Labels...)
		} else {
			b.builder.Del(b.Labels...)
		}
	}
	for _, name := range b.Include {
		b.builder.Set(name, one.Get(name)) // "" removes it
	}
	return b.builder.Labels()
}

func (b *binary) severalOnOneSide(first, second labels.Labels) error {
	side, group := "right", "group_right(...)"
	switch b.Card {
	case ManyToOne:
		group = ""
	case OneToMany:
		side, group = "left", ""
	}
	cure := "match on more labels with on(...) or ignoring(...), or aggregate that side first"
	if group != "" {
		cure += fmt.Sprintf("; if many there go with one on the other side, say %s", group)
	}
	return fmt.Errorf("two series on the %s side of %s match the same %s: %s and %s; %s",
		side, b.operation(), b.describe(second), first, second, cure)
}

func (b *binary) severalMatches(first, second, one, result labels.Labels) error {
	if b.Card == OneToOne {
		return fmt.Errorf("two series on the left side of %s match the same %s on the right: %s and %s; "+
			"if many go with one, say group_left(...), else match on more labels with on(...) or ignoring(...)",
			b.operation(), one, first, second)
	}
	return fmt.Errorf("two results of %s have the same labels %s: those of %s and %s; "+
		"leave out of %s what tells the two apart", b.operation(), result, first, second, groupWord(b.Card))
}

// operation names the operator and its matching.
func (b *binary) operation() string {
	if m := b.Matching.String(); m != "" {
		return b.op.String() + " " + m
	}
	return b.op.String()
}

// matches remembers which elements of the many side have got a result, to find
// those that clash: one to one, any two of the same number; else two of the
// same number with the same result.
type matches struct {
	byNumber []int          // one to one: element, or -1
	byResult map[result]int // else
}

type result struct {
	number int32
	hash   uint64
}

func newMatches(c Card, numbers int) *matches {
	if c != OneToOne {
		return &matches{byResult: make(map[result]int, numbers)}
	}
	m := &matches{byNumber: make([]int, numbers)}
	for i := range m.byNumber {
		m.byNumber[i] = -1
	}
	return m
}

// add notes that element i of a number got a result of these labels. It returns
// the element that clashes with it, or -1.
func (m *matches) add(number int32, i int, lset labels.Labels) (clash int) {
	if m.byNumber != nil {
		clash, m.byNumber[number] = m.byNumber[number], i
		return clash
	}
	r := result{number, lset.Hash()}
	if other, ok := m.byResult[r]; ok {
		return other
	}
	m.byResult[r] = i
	return -1
}
