package script

func coalesceFunction() *builtin {
	return &builtin{
		name: "coalesce", family: familyShorthand,
		doc: "The first of the values that has data: a number, or a vector with elements. Where none has, it is empty if one is a vector, " +
			"else nil. While there are both, targets that show the second only do not count: where it is two names of one thing, take fallback. " +
			"vor puts elements of two vectors together.",
		example: `coalesce(rps(http_requests_total["1m"]), rps(requests_total["1m"]))`,
		params:  []param{{name: "v", kinds: aNumberOrVector, takesNil: true}, {name: "v", kinds: aNumberOrVector, variadic: true}},
		usage:   "v: number or vector, [v, ...]", result: isNumber | isVector | isNil,
		infer: inferCoalesce,
		run:   runCoalesce,
	}
}

// inferCoalesce joins what the values may be. It is nil only where all may be,
// and nil cannot come behind a vector.
func inferCoalesce(_ *checker, x *application) []value {
	out := value{kinds: isNil}
	for _, v := range x.args.values {
		k := v.kinds
		if k.has(vectorish) {
			k = k&^vectorish | isVector
		}
		out.kinds |= k & (isNumber | isVector)
		if k == 0 {
			return []value{{}}
		}
		if k&isNil == 0 {
			out.kinds &^= isNil
		}
	}
	return []value{out}
}

func runCoalesce(m *machine, n int) (int, error) {
	vector := 0
	for i := 1; i <= n; i++ {
		switch k := m.kind(i); k {
		case isNumber:
			return m.pushNumber(m.number(i))
		case isVector, isSelector:
			v, err := m.vector(i)
			if err != nil {
				return 0, err
			}
			if len(v) > 0 {
				return m.pushVector(v, nil)
			}
			vector = i
		}
	}
	if vector > 0 {
		return m.pushVector(nil, nil)
	}
	return m.pushNil()
}
