package script

import (
	"fmt"
	"math"
)

func luaMathFunctions() []*builtin {
	unary := func(name string, f func(float64) float64, example, doc string) *builtin {
		return &builtin{
			name: "math." + name, family: familyLuaMath, doc: doc, example: example,
			params: []param{required("x", aNumber)}, result: isNumber,
			run: func(m *machine, _ int) (int, error) { return m.pushNumber(f(m.number(1))) },
		}
	}
	binary := func(name string, f func(a, b float64) float64, example, doc string) *builtin {
		return &builtin{
			name: "math." + name, family: familyLuaMath, doc: doc, example: example,
			params: []param{required("a", aNumber), required("b", aNumber)}, result: isNumber,
			run: func(m *machine, _ int) (int, error) { return m.pushNumber(f(m.number(1), m.number(2))) },
		}
	}
	most := func(name string, better func(a, b float64) bool, example, doc string) *builtin {
		return &builtin{
			name: "math." + name, family: familyLuaMath, doc: doc, example: example,
			params: []param{required("x", aNumber), repeatable("y", aNumber)}, result: isNumber | isNil,
			infer: inferAbsorbing,
			run: func(m *machine, n int) (int, error) {
				best := m.number(1)
				for i := 2; i <= n; i++ {
					if m.kind(i) == isNil {
						return m.pushNil()
					}
					if f := m.number(i); better(f, best) {
						best = f
					}
				}
				return m.pushNumber(best)
			},
		}
	}
	constantValue := func(name string, example, doc string) *builtin {
		return &builtin{name: "math." + name, family: familyLuaMath, doc: doc, example: example, result: isNumber, static: true, variable: true}
	}
	return []*builtin{
		unary("abs", math.Abs, `math.abs(-3)`, "Absolute value."),
		unary("acos", math.Acos, `math.acos(1)`, "Arc cosine, in radians."),
		unary("asin", math.Asin, `math.asin(1)`, "Arc sine, in radians."),
		unary("atan", math.Atan, `math.atan(1)`, "Arc tangent, in radians."),
		binary("atan2", math.Atan2, `math.atan2(1, 2)`, "Arc tangent of a/b, in radians, in the quadrant of the signs."),
		unary("ceil", math.Ceil, `math.ceil(1.5)`, "Next integer above."),
		unary("cos", math.Cos, `math.cos(0)`, "Cosine."),
		unary("cosh", math.Cosh, `math.cosh(0)`, "Hyperbolic cosine."),
		unary("deg", func(x float64) float64 { return x * 180 / math.Pi }, `math.deg(math.pi)`, "Degrees of an angle in radians."),
		unary("exp", math.Exp, `math.exp(1)`, "e to the power of x."),
		unary("floor", math.Floor, `math.floor(1.5)`, "Next integer below."),
		binary("fmod", math.Mod, `math.fmod(7, 3)`, "Remainder of a/b with the sign of a."),
		{
			name: "math.frexp", family: familyLuaMath, doc: "Fraction and exponent: x is fraction * 2^exponent.", example: `(math.frexp(8))`,
			params: []param{required("x", aNumber)}, result: isNumber, infer: inferPair,
			run: func(m *machine, _ int) (int, error) {
				fraction, exponent := math.Frexp(m.number(1))
				m.l.PushNumber(fraction)
				m.l.PushNumber(float64(exponent))
				return 2, nil
			},
		},
		binary("ldexp", func(x, e float64) float64 {
			return math.Ldexp(x, int(max(-4000, min(e, 4000))))
		}, `math.ldexp(0.5, 4)`, "x * 2^e."),
		{
			name: "math.log", family: familyLuaMath, doc: "Logarithm to a base, by default e.", example: `math.log(8, 2)`,
			params: []param{required("x", aNumber), optional("base", aNumber)}, result: isNumber,
			run: func(m *machine, n int) (int, error) {
				x := m.number(1)
				if n < 2 || m.kind(2) != isNumber {
					return m.pushNumber(math.Log(x))
				}
				switch base := m.number(2); base {
				case 2:
					return m.pushNumber(math.Log2(x))
				case 10:
					return m.pushNumber(math.Log10(x))
				default:
					return m.pushNumber(math.Log(x) / math.Log(base))
				}
			},
		},
		most("max", func(a, b float64) bool { return a > b }, `math.max(1, sum(queue_length))`, "Greatest of the numbers; nil where one is nil."),
		most("min", func(a, b float64) bool { return a < b }, `math.min(10, sum(queue_length))`, "Least of the numbers; nil where one is nil."),
		{
			name: "math.modf", family: familyLuaMath, doc: "Integral and fractional part.", example: `(math.modf(3.5))`,
			params: []param{required("x", aNumber)}, result: isNumber, infer: inferPair,
			run: func(m *machine, _ int) (int, error) {
				x := m.number(1)
				whole, fraction := math.Modf(x)
				if math.IsInf(x, 0) {
					whole, fraction = x, 0
				}
				m.l.PushNumber(whole)
				m.l.PushNumber(fraction)
				return 2, nil
			},
		},
		binary("pow", math.Pow, `math.pow(2, 8)`, "a to the power of b."),
		unary("rad", func(x float64) float64 { return x * math.Pi / 180 }, `math.rad(180)`, "Radians of an angle in degrees."),
		unary("sin", math.Sin, `math.sin(1)`, "Sine."),
		unary("sinh", math.Sinh, `math.sinh(1)`, "Hyperbolic sine."),
		unary("sqrt", math.Sqrt, `math.sqrt(16)`, "Square root."),
		unary("tan", math.Tan, `math.tan(1)`, "Tangent."),
		unary("tanh", math.Tanh, `math.tanh(1)`, "Hyperbolic tangent."),
		constantValue("pi", `math.pi`, "The ratio of a circle's circumference to its diameter."),
		constantValue("huge", `math.min(math.huge, sum(queue_length))`, "Infinity."),
	}
}

func bitFunctions() []*builtin {
	entry := func(name, example, doc string, params []param, f func(m *machine, n int) (float64, error)) *builtin {
		return &builtin{
			name: "bit32." + name, family: familyBit, doc: doc, example: example, params: params, result: isNumber,
			run: func(m *machine, n int) (int, error) {
				r, err := f(m, n)
				if err != nil {
					return 0, err
				}
				return m.pushNumber(r)
			},
		}
	}
	all := []param{repeatable("x", isNumber)}
	fold := func(name string, start uint32, f func(a, b uint32) uint32, example, doc string) *builtin {
		return entry(name, example, doc, all, func(m *machine, n int) (float64, error) {
			r := start
			for i := 1; i <= n; i++ {
				r = f(r, m.bits(i))
			}
			return float64(r), nil
		})
	}
	shifted := func(name string, f func(x uint32, by float64) uint32, example, doc string) *builtin {
		return entry(name, example, doc, []param{required("x", aNumber), required("by", aNumber)}, func(m *machine, _ int) (float64, error) {
			return float64(f(m.bits(1), math.Trunc(m.number(2)))), nil
		})
	}
	and := func(a, b uint32) uint32 { return a & b }
	return []*builtin{
		fold("band", math.MaxUint32, and, `bit32.band(12, 10)`, "Bits that all have."),
		fold("bor", 0, func(a, b uint32) uint32 { return a | b }, `bit32.bor(12, 10)`, "Bits that any has."),
		fold("bxor", 0, func(a, b uint32) uint32 { return a ^ b }, `bit32.bxor(12, 10)`, "Bits that an odd number of them has."),
		entry("bnot", `bit32.bnot(0)`, "Bits that x has not.", []param{required("x", aNumber)}, func(m *machine, _ int) (float64, error) {
			return float64(^m.bits(1)), nil
		}),
		{
			name: "bit32.btest", family: familyBit, doc: "Whether there are bits that all have.", example: `bit32.btest(12, 10) and 1 or 0`,
			params: all, result: isBoolean,
			run: func(m *machine, n int) (int, error) {
				r := uint32(math.MaxUint32)
				for i := 1; i <= n; i++ {
					r &= m.bits(i)
				}
				return m.pushBoolean(r != 0)
			},
		},
		shifted("lshift", shiftLeft, `bit32.lshift(1, 4)`, "Bits shifted to the left."),
		shifted("rshift", func(x uint32, by float64) uint32 { return shiftLeft(x, -by) }, `bit32.rshift(16, 4)`, "Bits shifted to the right."),
		shifted("arshift", func(x uint32, by float64) uint32 {
			if by <= 0 || x < 1<<31 {
				return shiftLeft(x, -by)
			}
			return uint32(int32(x) >> uint(min(by, 31)))
		}, `bit32.arshift(16, 4)`, "Bits shifted to the right, with copies of the highest."),
		shifted("lrotate", rotateLeft, `bit32.lrotate(1, 33)`, "Bits rotated to the left."),
		shifted("rrotate", func(x uint32, by float64) uint32 { return rotateLeft(x, -by) }, `bit32.rrotate(1, 1)`, "Bits rotated to the right."),
		entry("extract", `bit32.extract(255, 4, 4)`, "The bits of a field, by default one wide.",
			[]param{required("x", aNumber), required("field", aNumber), optional("width", aNumber)}, func(m *machine, n int) (float64, error) {
				mask, at, err := m.field(n, 2)
				return float64(m.bits(1) >> at & mask), err
			}),
		entry("replace", `bit32.replace(0, 15, 4, 4)`, "x with the bits of a field replaced by v.",
			[]param{required("x", aNumber), required("v", aNumber), required("field", aNumber), optional("width", aNumber)},
			func(m *machine, n int) (float64, error) {
				mask, at, err := m.field(n, 3)
				return float64(m.bits(1)&^(mask<<at) | m.bits(2)&mask<<at), err
			}),
	}
}

// bits returns an argument modulo 2^32; NaN and infinities have no bits.
func (m *machine) bits(i int) uint32 {
	const modulus = 1 << 32
	f := math.Mod(math.Floor(m.number(i)), modulus)
	if f < 0 {
		f += modulus
	}
	if math.IsNaN(f) {
		return 0
	}
	return uint32(f)
}

func shiftLeft(x uint32, by float64) uint32 {
	switch {
	case by >= 32 || by <= -32 || math.IsNaN(by):
		return 0
	case by < 0:
		return x >> uint(-by)
	}
	return x << uint(by)
}

func rotateLeft(x uint32, by float64) uint32 {
	n := math.Mod(by, 32)
	if math.IsNaN(n) {
		n = 0
	}
	if n < 0 {
		n += 32
	}
	return x<<uint(n) | x>>uint(32-n)
}

// field returns the mask and the place that arguments i and i+1 mean.
func (m *machine) field(n, i int) (mask uint32, at uint, err error) {
	first, width := math.Trunc(m.number(i)), 1.0
	if n > i && m.kind(i+1) == isNumber {
		width = math.Trunc(m.number(i + 1))
	}
	if !(first >= 0 && width >= 1 && first+width <= 32) {
		return 0, 0, fmt.Errorf("there are no bits %s to %s", formatNumber(first), formatNumber(first+width-1))
	}
	return uint32(1<<uint(width) - 1), uint(first), nil
}
