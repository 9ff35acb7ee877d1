package script

import (
	"github.com/Shopify/go-lua"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func callbackFunctions() []*builtin {
	callback := required("f", isFunction)
	return []*builtin{
		{
			name: "filter", family: familyCallback,
			doc:     "The elements for which f(value, labels) is true.",
			example: `filter(queue_length, function(x, labels) return x > 2 and labels.pod ~= "c" end)`,
			params:  []param{required("v", aVector), callback}, result: isVector,
			infer: inferCallback,
			run: func(m *machine, _ int) (int, error) {
				var out promath.Vector
				err := m.eachElement(func(s promath.Sample) error {
					if m.l.ToBoolean(-1) {
						out = append(out, s)
					}
					return nil
				})
				return m.pushVector(out, err)
			},
		},
		{
			name: "map", family: familyCallback,
			doc:     "The elements with f(value, labels) in place of their values; nil leaves an element out.",
			example: `map(queue_length, function(x, labels) return labels.pod == "a" and x * 2 or x end)`,
			params:  []param{required("v", aVector), callback}, result: isVector,
			infer: inferCallback,
			run: func(m *machine, _ int) (int, error) {
				var out promath.Vector
				err := m.eachElement(func(s promath.Sample) error {
					switch m.kind(-1) {
					case isNumber:
						out = append(out, promath.Sample{Labels: s.Labels.DropReserved(isMetricName), F: m.number(-1)})
					case isNil:
					default:
						return cured("return a number, or nil to leave the element out", "the function returned %s", m.kind(-1).article())
					}
					return nil
				})
				return m.pushVector(out, err)
			},
		},
		{
			name: "each", family: familyCallback,
			doc:     "Calls f(value, labels) for each element.",
			example: "local most = 0\neach(queue_length, function(x) if x > most then most = x end end)\nreturn most",
			params:  []param{required("v", aVector), callback}, result: isNil,
			infer: inferCallback,
			run: func(m *machine, _ int) (int, error) {
				return 0, m.eachElement(func(promath.Sample) error { return nil })
			},
		},
	}
}

// eachElement calls the function that is argument 2 for each element of the
// vector that is argument 1, in label order, and then take with its result on
// top of the stack.
func (m *machine) eachElement(take func(promath.Sample) error) error {
	v, err := m.vector(1)
	if err != nil {
		return err
	}
	for _, s := range v {
		if s.H != nil {
			return cured("use histogram_quantile, histogram_count or histogram_sum first", "an element is a histogram")
		}
		if err := m.charge(1); err != nil {
			return err
		}
		m.l.PushValue(2)
		m.l.PushNumber(s.F)
		m.pushValue(s.Labels)
		m.l.Call(2, 1)
		if err := take(s); err != nil {
			return err
		}
		m.l.Pop(1)
	}
	return nil
}

// luaError is the message that a protected call left on the stack, as the
// program sees it: "line 3: text".
func (m *machine) luaError(err error) (string, bool) {
	own, ok := err.(lua.RuntimeError) //nolint:errorlint // the interpreter returns it bare
	if !ok {
		return "", false
	}
	return m.ownError(string(own)).Error(), true
}
