package script

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/Shopify/go-lua"
)

// maxResults is how many values a function may return.
const maxResults = 200

func baseFunctions() []*builtin {
	entry := func(name string, result kinds, example, doc string, params []param, run func(m *machine, n int) (int, error)) *builtin {
		return &builtin{name: name, family: familyBase, doc: doc, example: example, params: params, result: result, run: run}
	}
	out := []*builtin{
		entry("concat", isString, `error(concat("queue of ", 3))`,
			"The values joined to one string; instead of Lua's `..`.",
			[]param{repeatable("x", isString|isNumber|isBoolean|isNil)}, func(m *machine, n int) (int, error) {
				var b strings.Builder
				for i := 1; i <= n; i++ {
					s := m.describe(i)
					if b.Len()+len(s) > m.limits.StringBytes {
						return 0, m.checkString(b.Len() + len(s))
					}
					b.WriteString(s)
				}
				return m.pushString(b.String())
			}),
		entry("type", isString, `type(queue_length) == "vector" and 1 or 0`,
			"The kind of a value: nil, boolean, number, string, table, function, vector, range and others.",
			[]param{required("x", anything)}, func(m *machine, _ int) (int, error) {
				return m.pushString(m.kind(1).String())
			}),
		entry("tostring", isString, `#tostring(1.5)`,
			"The value as text: numbers with 14 digits, as Lua prints them.",
			[]param{required("x", anything)}, func(m *machine, _ int) (int, error) {
				return m.pushString(m.describe(1))
			}),
		entry("tonumber", isNumber|isNil, `tonumber("12.5") + tonumber("ff", 16)`,
			"The number that a text means, in a base of 2 to 36; nil where it means none.",
			[]param{required("x", anything), optional("base", aNumber)}, runToNumber),
		entry("error", 0, `if sum(queue_length) > 100 then error("no sensible queue") end return 1`,
			"Ends the program with a message; the metric has no value.",
			[]param{optional("message", anything)}, func(m *machine, n int) (int, error) {
				message := "error"
				if n > 0 {
					message = m.describe(1)
				}
				return 0, &Error{Message: message}
			}),
		entry("assert", anything, `return assert(sum(queue_length), "there are no queues")`,
			"The value, or an error with the message where it is nil or false.",
			[]param{required("x", anything), optional("message", anything)}, func(m *machine, n int) (int, error) {
				if m.l.ToBoolean(1) {
					return n, nil
				}
				message := "assertion failed!"
				if n > 1 {
					message = m.describe(2)
				}
				return 0, &Error{Message: message}
			}),
		entry("pcall", anything, "local ok, x = pcall(function() error(\"no\") end)\nreturn ok and 1 or 0",
			"Calls f with the values and returns true and its results, or false and the message of its error.",
			[]param{required("f", isFunction), repeatable("x", anything)}, runProtectedCall),
		entry("select", anything, `return (select(2, 10, 20, 30))`,
			"The values from the n-th on, counted from the end where n is negative; select(\"#\", ...) counts them.",
			[]param{required("n", isNumber|isString), repeatable("x", anything)}, runSelect),
		entry("ipairs", anything, "local s = 0\nfor i, x in ipairs({1, 2, 3}) do s = s + i * x end\nreturn s",
			"Iterates over a list, in order.",
			[]param{required("t", isTable)}, func(m *machine, _ int) (int, error) {
				m.l.PushGoFunction(m.nextIndex)
				m.l.PushValue(1)
				m.l.PushNumber(0)
				return 3, nil
			}),
		entry("pairs", anything, "local s = 0\nfor k, x in pairs({a = 1, b = 2}) do s = s + x end\nreturn s",
			"Iterates over a table: numbers first, then names, each in ascending order. Elements may be removed meanwhile.",
			[]param{required("t", isTable)}, runPairs),
	}
	for _, b := range out {
		switch b.name {
		case "error":
			b.verbatim = true
		case "assert":
			b.verbatim, b.infer = true, inferAssert
		case "pcall":
			b.infer, b.open = inferProtectedCall, true
		case "select":
			b.infer, b.open = inferSelect, true
		}
	}
	return out
}

// unavailable are names of Lua that programs might use, and what to do instead.
var unavailable = map[string]string{
	"_G":             "name what you need",
	"_ENV":           "name what you need",
	"_VERSION":       "it is Lua 5.2",
	"collectgarbage": "there is no need for it",
	"coroutine":      "use loops and functions",
	"debug":          "gaugeway check shows what a program does",
	"dofile":         "write it in place",
	"getmetatable":   "use functions and plain tables",
	"io":             "a program reads series only",
	"load":           "write it in place",
	"loadfile":       "write it in place",
	"loadstring":     "write it in place",
	"module":         "write it in place",
	"next":           "use pairs, or t[1] == nil for an empty list",
	"null":           "write nil",
	"os":             "the time is now; dates are within(...)",
	"package":        "write it in place",
	"print":          "use error(concat(...)) to look at values",
	"rawequal":       "use ==",
	"rawget":         "use t[k]",
	"rawlen":         "use #t",
	"rawset":         "use t[k] = v",
	"require":        "write it in place",
	"setmetatable":   "use functions and plain tables",
	"unpack":         "use table.unpack",
	"xpcall":         "use pcall",
}

func runToNumber(m *machine, n int) (int, error) {
	switch k := m.kind(1); {
	case n >= 2 && m.kind(2) == isNumber:
		base := m.number(2)
		if base != math.Floor(base) || base < 2 || base > 36 {
			return 0, fmt.Errorf("the base %s is not one of 2 to 36", formatNumber(base))
		}
		if k != isString {
			return 0, cured("leave the base out", "a base is for texts, not for %s", k.article())
		}
		if i, err := strconv.ParseInt(strings.TrimSpace(m.text(1)), int(base), 64); err == nil {
			return m.pushNumber(float64(i))
		}
	case k == isNumber:
		return m.pushNumber(m.number(1))
	case k == isString:
		if f, ok := parseNumber(m.text(1)); ok {
			return m.pushNumber(f)
		}
	}
	return m.pushNil()
}

// parseNumber reads a decimal number or a hexadecimal one, as Lua's tonumber.
// Infinities and NaN have no notation.
func parseNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || digits == "" || strings.ContainsAny(text, "_iInN") {
		return 0, false
	}
	if strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X") {
		if !strings.ContainsAny(digits, "pP") {
			text += "p0"
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// runProtectedCall calls a function. Budgets are not caught, and defects of the
// interpreter end the run.
func runProtectedCall(m *machine, n int) (int, error) {
	l := m.l
	if err := l.ProtectedCall(n-1, lua.MultipleReturns, 0); err != nil {
		if m.aborted != nil {
			return 0, m.aborted
		}
		message, ok := m.luaError(err)
		if !ok {
			return 0, &InternalError{Err: err}
		}
		l.SetTop(0)
		l.PushBoolean(false)
		results, err := m.pushString(message)
		return 1 + results, err
	}
	if l.Top() >= maxResults || !l.CheckStack(1) {
		return 0, fmt.Errorf("a function returned more than %d values", maxResults-1)
	}
	l.PushBoolean(true)
	l.Insert(1)
	return l.Top(), nil
}

func runSelect(m *machine, n int) (int, error) {
	if m.kind(1) == isString {
		if m.text(1) != "#" {
			return 0, cured(`write select("#", ...) or a number`, "%q selects nothing", m.text(1))
		}
		return m.pushNumber(float64(n - 1))
	}
	i := m.number(1)
	if i < 0 {
		i += float64(n)
	}
	if !(i >= 1) {
		return 0, fmt.Errorf("there is no value %s", formatNumber(m.number(1)))
	}
	if i >= float64(n) {
		return 0, nil
	}
	return n - int(i), nil
}

// nextIndex is the iterator of ipairs.
func (m *machine) nextIndex(l *lua.State) int {
	if l.TypeOf(1) != lua.TypeTable || l.TypeOf(2) != lua.TypeNumber {
		m.raise("ipairs", errIterator)
	}
	i := int(m.number(2)) + 1
	l.PushInteger(i)
	l.RawGetInt(1, i)
	if l.IsNil(-1) {
		return 1
	}
	return 2
}

var errIterator = cured("write for k, x in pairs(t) do", "it iterates in a for loop")

// runPairs takes the keys of a table at once, so that the order is the same in
// every run and elements may go while it iterates.
func runPairs(m *machine, _ int) (int, error) {
	keys, err := m.keys(1)
	if err != nil {
		return 0, err
	}
	position := 0
	m.l.PushGoFunction(func(l *lua.State) int {
		if l.TypeOf(1) != lua.TypeTable {
			m.raise("pairs", errIterator)
		}
		for ; position < len(keys); position++ {
			keys[position].push(l)
			l.PushValue(-1)
			l.RawGet(1)
			if !l.IsNil(-1) {
				position++
				return 2
			}
			l.Pop(2)
		}
		l.PushNil()
		return 1
	})
	m.l.PushValue(1)
	m.l.PushNil()
	return 3, nil
}

// A tableKey is a number, a string or a boolean.
type tableKey struct {
	kind   kinds
	number float64
	text   string
}

func (k tableKey) push(l *lua.State) {
	switch k.kind {
	case isNumber:
		l.PushNumber(k.number)
	case isString:
		l.PushString(k.text)
	default:
		l.PushBoolean(k.number != 0)
	}
}

func compareKeys(a, b tableKey) int {
	switch {
	case a.kind != b.kind && a.kind == isNumber, a.kind != b.kind && b.kind == isBoolean:
		return -1
	case a.kind != b.kind:
		return 1
	case a.number != b.number && a.number < b.number:
		return -1
	case a.number != b.number:
		return 1
	}
	return strings.Compare(a.text, b.text)
}

// keys returns the keys of a table in order. The interpreter takes time in the
// square of their number, which is charged for.
func (m *machine) keys(table int) ([]tableKey, error) {
	l := m.l
	var keys []tableKey
	l.PushNil()
	for l.Next(table) {
		l.Pop(1)
		k := tableKey{kind: m.kind(-1)}
		switch k.kind {
		case isNumber:
			k.number = m.number(-1)
		case isString:
			k.text = m.text(-1)
		case isBoolean:
			if l.ToBoolean(-1) {
				k.number = 1
			}
		default:
			return nil, errTableKey
		}
		keys = append(keys, k)
		if err := m.charge(1 + len(keys)/512); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys, nil
}

var errTableKey = cured("use numbers, strings or booleans", "a key of a table is of another kind")
