package script

import (
	"slices"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func totalFunction() *builtin {
	return &builtin{
		name: "total", family: familyShorthand,
		doc: "The sum of the values that have data: of numbers, or of the elements that have the same labels, where an element without its like " +
			"in the others stays. Where none has data, it is empty if one is a vector, else nil. So names of several versions add up while " +
			"a gateway is being updated; where one target shows both names at once, take fallback, or it counts twice.",
		example: `total(rps(http_requests_total["1m"]), rps(requests_total["1m"]))`,
		params:  []param{{name: "v", kinds: aNumberOrVector, takesNil: true}, {name: "v", kinds: aNumberOrVector, variadic: true}},
		usage:   "v: number or vector, [v, ...]", result: isNumber | isVector | isNil,
		infer: inferTotal,
		run:   runTotal,
	}
}

// What is said of a number beside a vector.
const (
	mixedMessage = "a number and a vector do not add up"
	mixedCure    = "aggregate the vector, sum(v), or group the number: sum(v, by(...))"
)

// inferTotal joins what the values may be, as coalesce does.
func inferTotal(c *checker, x *application) []value {
	number := func(v value) bool { return v.kinds.has(isNumber) && v.kinds.only(isNumber|isNil) }
	vector := func(v value) bool { return v.kinds.only(vectorish) }
	if slices.ContainsFunc(x.args.values, number) {
		if i := slices.IndexFunc(x.args.values, vector); i >= 0 {
			c.errorf(x.arg(i), mixedCure, mixedMessage)
		}
	}
	if slices.ContainsFunc(x.args.values, func(v value) bool { return v.quantile }) {
		c.warnf(x.at, "take coalesce(a, b), the first that has data, or max", "the total of percentiles is no percentile")
	}
	return inferCoalesce(c, x)
}

func runTotal(m *machine, n int) (int, error) {
	var sum float64
	var elements promath.Vector
	number, vector := false, false
	for i := 1; i <= n; i++ {
		o, err := m.operand(i)
		if err != nil {
			return 0, err
		}
		switch o.kind {
		case isNumber:
			sum, number = sum+o.number, true
		case isVector:
			if err := m.alloc(sampleBytes * len(o.vector)); err != nil {
				return 0, err
			}
			elements, vector = append(elements, o.vector...), true
		}
	}
	switch {
	case number && len(elements) > 0:
		return 0, cured(mixedCure, mixedMessage)
	case number:
		return m.pushNumber(sum)
	case vector:
		return m.pushVector(promath.Sum(elements, promath.Grouping{Without: true}))
	}
	return m.pushNil()
}
