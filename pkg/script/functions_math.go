package script

import (
	"github.com/gaugeway/gaugeway/pkg/promath"
)

func mathFunctions() []*builtin {
	simple := func(name string, f func(promath.Vector) (promath.Vector, error), example, doc string) *builtin {
		return elementwise(name, example, doc, nil, func(_ *machine, v promath.Vector, _ int) (promath.Vector, error) { return f(v) })
	}
	return []*builtin{
		simple("abs", promath.Abs, `abs(-3)`, "Absolute value."),
		simple("ceil", promath.Ceil, `ceil(sum(queue_length) / 3)`, "Next integer above."),
		simple("floor", promath.Floor, `floor(sum(queue_length) / 3)`, "Next integer below."),
		elementwise("round", `round(sum(queue_length) / 7, 0.5)`, "Nearest multiple of to, which is 1 by default; halves are rounded up.",
			[]param{optional("to", aNumber)}, func(m *machine, v promath.Vector, n int) (promath.Vector, error) {
				to := 1.0
				if n >= 2 && m.kind(2) == isNumber {
					to = m.number(2)
				}
				return promath.Round(v, to)
			}),
		elementwise("clamp", `clamp(sum(queue_length), 1, 10)`, "Value limited to what lies between least and most; nothing where least exceeds most.",
			[]param{required("least", aNumber), required("most", aNumber)}, func(m *machine, v promath.Vector, _ int) (promath.Vector, error) {
				return promath.Clamp(v, m.number(2), m.number(3))
			}),
		elementwise("clamp_min", `clamp_min(sum(queue_length), 1)`, "Value, or least where it is below.",
			[]param{required("least", aNumber)}, func(m *machine, v promath.Vector, _ int) (promath.Vector, error) {
				return promath.ClampMin(v, m.number(2))
			}),
		elementwise("clamp_max", `clamp_max(sum(queue_length), 10)`, "Value, or most where it is above.",
			[]param{required("most", aNumber)}, func(m *machine, v promath.Vector, _ int) (promath.Vector, error) {
				return promath.ClampMax(v, m.number(2))
			}),
		simple("sqrt", promath.Sqrt, `sqrt(16)`, "Square root; NaN below 0."),
		simple("exp", promath.Exp, `exp(1)`, "e to the power of the value."),
		simple("ln", promath.Ln, `ln(10)`, "Natural logarithm; -Inf for 0, NaN below."),
		simple("log2", promath.Log2, `log2(8)`, "Logarithm to the base 2."),
		simple("log10", promath.Log10, `log10(1000)`, "Logarithm to the base 10."),
		simple("sgn", promath.Sgn, `sgn(-3)`, "1 above 0, -1 below 0, else 0."),
		{
			name: "scalar", family: familyMath,
			doc:     "The value of the vector's only element that is no histogram; nil where there is none or several.",
			example: `scalar(up{pod="a"})`,
			params:  []param{required("v", aVector)}, result: isNumber | isNil,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.vector(1)
				if err != nil {
					return 0, err
				}
				floats := 0
				for i := range v {
					if v[i].H == nil {
						floats++
					}
				}
				if floats != 1 {
					return m.pushNil()
				}
				return m.pushNumber(promath.ScalarOf(v))
			},
		},
		{
			name: "vector", family: familyMath,
			doc:     "A vector of one element without labels; nil stays nil, which is the empty vector where one is due.",
			example: `vor(sum(queue_length, by("pod")), vector(0))`,
			params:  []param{required("x", aNumber)}, result: isVector,
			run: func(m *machine, _ int) (int, error) { return m.pushVector(promath.VectorOf(m.number(1)), nil) },
		},
	}
}

// elementwise makes a function of a number or of each element of a vector.
func elementwise(name, example, doc string, more []param, f func(m *machine, v promath.Vector, n int) (promath.Vector, error)) *builtin {
	return &builtin{
		name: name, family: familyMath, doc: doc, example: example,
		params: append([]param{required("x", aNumberOrVector)}, more...), result: isNumber | isVector | isNil,
		infer: inferLikeFirst,
		run: func(m *machine, n int) (int, error) {
			if m.kind(1) == isNumber {
				return m.pushSingle(f(m, promath.VectorOf(m.number(1)), n))
			}
			v, err := m.vector(1)
			if err != nil {
				return 0, err
			}
			return m.pushVector(f(m, v, n))
		},
	}
}
