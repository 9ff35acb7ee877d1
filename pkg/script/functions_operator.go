package script

import (
	"errors"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A matching is on(...), ignoring(...), group_left(...) or group_right(...): a
// part of a promath.Matching.
type matching struct {
	word   string
	labels []string
}

func operatorFunctions() []*builtin {
	out := []*builtin{
		arithmetic("add", promath.OpAdd, `add(sum(queue_length, by("pod")), sum(up, by("pod")), on("pod"))`, "a + b, for vectors whose labels differ."),
		arithmetic("sub", promath.OpSub, `sub(queue_length, up, on("pod"))`, "a - b, for vectors whose labels differ."),
		arithmetic("mul", promath.OpMul, `mul(queue_length, up, on("pod"))`, "a * b, for vectors whose labels differ."),
		arithmetic("div", promath.OpDiv, `div(queue_length, up, on("pod"), group_left())`, "a / b, for vectors whose labels differ."),
		arithmetic("pow", promath.OpPow, `pow(queue_length, up, on("pod"))`, "a ^ b, for vectors whose labels differ."),
		arithmetic("fmod", promath.OpMod, `fmod(queue_length, 2)`, "Remainder of a / b with the sign of a, PromQL's `%`."),
		{
			name: "mod", family: familyOperator,
			doc:     "Remainder of a / b with the sign of b, a - floor(a/b)*b, as `%` is in Lua; vectors match by all labels.",
			example: `mod(now, 3600)`,
			params:  []param{required("a", aNumberOrVector), required("b", aNumberOrVector)}, result: isNumber | isVector | isNil,
			infer: inferArithmetic,
			run: func(m *machine, _ int) (int, error) {
				a, b, err := m.operands()
				if err != nil {
					return 0, err
				}
				return m.pushOperand(modulo(a, b))
			},
		},
	}
	for _, c := range [...]struct {
		name    string
		op      promath.Op
		example string
		words   string
	}{
		{"gt", promath.OpGt, `gt(queue_length, 2)`, "above b"},
		{"ge", promath.OpGe, `ge(queue_length, 3)`, "b or above"},
		{"lt", promath.OpLt, `lt(queue_length, 4)`, "below b"},
		{"le", promath.OpLe, `le(queue_length, 3)`, "b or below"},
		{"eq", promath.OpEq, `eq(queue_length, 3)`, "equal to b"},
		{"ne", promath.OpNe, `ne(queue_length, 3)`, "other than b"},
	} {
		f := arithmetic(c.name, c.op, c.example, "The elements of a that are "+c.words+"; a itself, or nil, where both are numbers.")
		f.infer = inferComparison
		out = append(out, f)
	}
	set := func(name string, f func(l, r promath.Vector, m promath.Matching) (promath.Vector, error), example, doc string) *builtin {
		return &builtin{
			name: name, family: familyOperator, doc: doc, example: example,
			params: []param{required("a", aVector), required("b", aVector), repeatable("m", isMatching)}, result: isVector,
			run: func(m *machine, n int) (int, error) {
				l, err := m.vector(1)
				if err != nil {
					return 0, err
				}
				r, err := m.vector(2)
				if err != nil {
					return 0, err
				}
				match, err := m.matching(3, n)
				if err != nil {
					return 0, err
				}
				if match.Card != promath.OneToOne {
					return 0, errors.New("group_left and group_right have no meaning between sets")
				}
				return m.pushVector(f(l, r, match))
			},
		}
	}
	return append(out,
		set("vand", promath.And, `vand(queue_length, gt(queue_length, 2))`, "The elements of a that have their match in b, PromQL's and."),
		set("vor", promath.Or, `vor(gt(queue_length, 100), vector(0))`, "The elements of a, and those of b that have no match in a, PromQL's or."),
		set("vunless", promath.Unless, `vunless(queue_length, gt(queue_length, 2))`, "The elements of a that have no match in b, PromQL's unless."),
		matchingFunction("on", "Match by these labels only.", `div(queue_length, up, on("pod"))`),
		matchingFunction("ignoring", "Match by all labels but these.", `div(queue_length, up, ignoring("source"))`),
		matchingFunction("group_left", "Several elements of a may match one of b; the labels given are taken from b.", `div(queue_length, up, on("pod"), group_left())`),
		matchingFunction("group_right", "Several elements of b may match one of a; the labels given are taken from a.", `div(queue_length, up, on("pod"), group_right())`),
	)
}

func arithmetic(name string, op promath.Op, example, doc string) *builtin {
	return &builtin{
		name: name, family: familyOperator, doc: doc, example: example,
		params: []param{required("a", aNumberOrVector), required("b", aNumberOrVector), repeatable("m", isMatching)},
		result: isNumber | isVector | isNil,
		infer:  inferArithmetic,
		run: func(m *machine, n int) (int, error) {
			match, err := m.matching(3, n)
			if err != nil {
				return 0, err
			}
			a, b, err := m.operands()
			if err != nil {
				return 0, err
			}
			return m.pushOperand(operate(op, a, b, match))
		},
	}
}

func matchingFunction(name, doc, example string) *builtin {
	return &builtin{
		name: name, family: familyOperator, doc: doc, example: example,
		params: []param{repeatable("label", aString)}, result: isMatching,
		fold: func(args []string) (any, error) { return matching{word: name, labels: args}, nil },
		run: func(m *machine, n int) (int, error) {
			m.pushValue(matching{word: name, labels: m.texts(1, n)})
			return 1, nil
		},
	}
}

// texts returns the arguments from i to n, which are strings.
func (m *machine) texts(i, n int) []string {
	var out []string
	for ; i <= n; i++ {
		out = append(out, m.text(i))
	}
	return out
}

// matching puts the arguments from i to n together.
func (m *machine) matching(i, n int) (promath.Matching, error) {
	var parts []matching
	for ; i <= n; i++ {
		if p, ok := m.l.ToUserData(i).(matching); ok {
			parts = append(parts, p)
		}
	}
	return combine(parts)
}

// combine puts the parts of a matching together.
func combine(parts []matching) (promath.Matching, error) {
	var out promath.Matching
	var by, group string
	for _, p := range parts {
		switch p.word {
		case "on", "ignoring":
			if by != "" {
				return out, cured("give one of on(...) and ignoring(...)", "%s after %s", p.word, by)
			}
			by, out.On, out.Labels = p.word, p.word == "on", p.labels
		default:
			if group != "" {
				return out, cured("give one of group_left(...) and group_right(...)", "%s after %s", p.word, group)
			}
			group, out.Include, out.Card = p.word, p.labels, promath.ManyToOne
			if p.word == "group_right" {
				out.Card = promath.OneToMany
			}
		}
	}
	return out, nil
}

// An operand is a number, a vector or nothing.
type operand struct {
	kind   kinds // isNumber, isVector or isNil
	number float64
	vector promath.Vector
}

func (m *machine) operand(i int) (operand, error) {
	switch k := m.kind(i); k {
	case isNil:
		return operand{kind: isNil}, nil
	case isNumber:
		return operand{kind: isNumber, number: m.number(i)}, nil
	case isVector, isSelector:
		v, err := m.vector(i)
		return operand{kind: isVector, vector: v}, err
	case isRange:
		source := m.selector(i).source()
		return operand{}, cured(rangeCure(source), "%s is a range and has no value", source)
	default:
		return operand{}, cured("operators take numbers and vectors", "arithmetic on %s", k.article())
	}
}

// operands returns the first two arguments.
func (m *machine) operands() (a, b operand, err error) {
	if a, err = m.operand(1); err != nil {
		return a, b, err
	}
	b, err = m.operand(2)
	return a, b, err
}

func (m *machine) pushOperand(o operand, err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case o.kind == isNumber:
		return m.pushNumber(o.number)
	case o.kind == isVector:
		return m.pushVector(o.vector, nil)
	}
	return m.pushNil()
}

// operate applies an operator. nil absorbs; a comparison keeps the left side of
// what it holds for.
func operate(op promath.Op, a, b operand, match promath.Matching) (operand, error) {
	if a.kind == isNil || b.kind == isNil {
		return operand{kind: isNil}, nil
	}
	var v promath.Vector
	var err error
	switch {
	case a.kind == isNumber && b.kind == isNumber:
		if isComparison(op) {
			if promath.Scalar(op, a.number, b.number) == 0 {
				return operand{kind: isNil}, nil
			}
			return a, nil
		}
		return operand{kind: isNumber, number: promath.Scalar(op, a.number, b.number)}, nil
	case a.kind == isNumber:
		v, err = promath.BinaryScalar(op, b.vector, a.number, true)
	case b.kind == isNumber:
		v, err = promath.BinaryScalar(op, a.vector, b.number, false)
	default:
		v, err = promath.Binary(op, a.vector, b.vector, match)
	}
	return operand{kind: isVector, vector: v}, err
}

func isComparison(op promath.Op) bool { return op >= promath.OpEq }

// modulo returns a - floor(a/b)*b.
func modulo(a, b operand) (operand, error) {
	var match promath.Matching
	quotient, err := operate(promath.OpDiv, a, b, match)
	if err != nil || quotient.kind == isNil {
		return quotient, err
	}
	if quotient.kind == isNumber {
		quotient.vector = promath.VectorOf(quotient.number)
	}
	if quotient.vector, err = promath.Floor(quotient.vector); err != nil {
		return operand{}, err
	}
	if quotient.kind == isNumber {
		quotient.number = promath.ScalarOf(quotient.vector)
	}
	whole, err := operate(promath.OpMul, quotient, b, match)
	if err != nil {
		return operand{}, err
	}
	return operate(promath.OpSub, a, whole, match)
}
