package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Shopify/go-lua"
)

// A Function is an entry of the reference of what programs may call.
type Function struct {
	// Name as it is written: rate, math.floor.
	Name string
	// Family groups functions of a kind: "Ranges", "Aggregation" and so on.
	Family string
	// Signature is the name with its parameters and result:
	// "rate(r: range) -> vector". Parameters in brackets may be left out.
	Signature string
	// Params are the parameters in order.
	Params []Param
	// Result is the kind of what it returns, such as "number or nil".
	Result string
	// Doc is one sentence, with units and the case of no data.
	Doc string
	// Example is a program that runs.
	Example string
}

// A Param is a parameter of a Function.
type Param struct {
	Name string
	// Kind is what may be given, such as "vector or number". Where a vector is
	// due, a selector is read and nil is the empty vector; where a number is due,
	// nil makes the result nil.
	Kind string
	// Optional: it may be left out. Variadic: it may be repeated, too.
	Optional, Variadic bool
}

// Reference returns all functions by family and, within one, in the order of
// the documentation.
func Reference() []Function {
	out := make([]Function, 0, len(library.ordered))
	for _, b := range library.ordered {
		f := Function{Name: b.name, Family: b.family, Signature: b.signature(), Result: b.result.String(), Doc: b.doc, Example: b.example}
		for _, p := range b.params {
			f.Params = append(f.Params, Param{Name: p.name, Kind: (p.kinds &^ isNil).String(), Optional: p.optional || p.variadic, Variadic: p.variadic})
		}
		out = append(out, f)
	}
	return out
}

// A builtin is a function that programs call: one entry drives the binding, the
// checks of arguments when compiling and running, hints and the reference.
type builtin struct {
	name, family string
	params       []param
	result       kinds
	doc, example string
	usage        string // the parameters of the signature, where params do not say it

	// run takes n arguments of the right kinds from the machine's stack, pushes
	// its results and returns how many.
	run func(m *machine, n int) (int, error)
	// fold computes the value where all arguments are constant strings; nil for
	// functions that are never folded.
	fold func(args []string) (any, error)
	// infer, where not nil, gives the results that are known when compiling, and
	// checks what the kinds of arguments do not say.
	infer func(c *checker, x *application) []value
	// filled: the result is too low until the range's window is filled.
	filled bool
	// quantile: the result is made of percentiles.
	quantile bool
	// q is the quantile of a percentile shorthand, which reads a name in three
	// shapes; 0 for others.
	q float64
	// variable: it is not called; it is a value.
	variable bool
	// open: it may return more values, like the last that infer gives.
	open bool
	// verbatim: its errors are the program's words.
	verbatim bool
	// static: it exists only when compiling; run is nil.
	static bool
}

type param struct {
	name               string
	kinds              kinds
	optional, variadic bool
	// takesNil: nil in place of a number does not make the result nil.
	takesNil bool
}

// What parameters accept.
const (
	aVector         = isVector | isSelector | isNil
	aRange          = isRange
	aNumber         = isNumber | isNil
	aNumberOrVector = isNumber | isVector | isSelector | isNil
	aString         = isString
	anything        = isNil | isBoolean | isNumber | isString | isTable | isFunction | isSelector | isRange | isVector | isMatcher | isGrouping | isMatching | isLabels
)

func required(name string, k kinds) param   { return param{name: name, kinds: k} }
func optional(name string, k kinds) param   { return param{name: name, kinds: k, optional: true} }
func repeatable(name string, k kinds) param { return param{name: name, kinds: k, variadic: true} }

func (b *builtin) signature() string {
	if b.variable {
		return fmt.Sprintf("%s: %s", b.name, b.result)
	}
	if b.usage != "" {
		return fmt.Sprintf("%s(%s) -> %s", b.name, b.usage, b.result)
	}
	var parts []string
	for _, p := range b.params {
		part := p.name + ": " + (p.kinds &^ isNil).String()
		if p.kinds == anything {
			part = p.name
		}
		switch {
		case p.variadic:
			part = "[" + part + ", ...]"
		case p.optional:
			part = "[" + part + "]"
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%s(%s) -> %s", b.name, strings.Join(parts, ", "), b.result)
}

// global is the name of the variable that holds the function while a program runs.
func (b *builtin) global() string {
	if b.variable {
		return nowGlobal
	}
	return "_F" + strings.ReplaceAll(b.name, ".", "_")
}

// Names of the environment begin with an underscore and a capital; programs
// cannot use such names.
const (
	nowGlobal      = "_Now"
	constantGlobal = "_K"
)

// arity returns how many arguments there must and may be.
func (b *builtin) arity() (least, most int) {
	for _, p := range b.params {
		switch {
		case p.variadic:
			return least, -1
		case !p.optional:
			least++
		}
		most++
	}
	return least, most
}

// param returns the parameter for argument i, counting from 0; nil beyond the last.
func (b *builtin) param(i int) *param {
	if i < len(b.params) {
		return &b.params[i]
	}
	if n := len(b.params); n > 0 && b.params[n-1].variadic {
		return &b.params[n-1]
	}
	return nil
}

// checkArity returns what is wrong with a number of arguments.
func (b *builtin) checkArity(n int) error {
	least, most := b.arity()
	switch {
	case n < least:
		return cured("write "+b.signature(), "%s takes %s, not %d", b.name, countArguments(least, most), n)
	case most >= 0 && n > most:
		return cured("write "+b.signature(), "%s takes %s, not %d", b.name, countArguments(least, most), n)
	}
	return nil
}

func countArguments(least, most int) string {
	noun := "arguments"
	if most == 1 || most < 0 && least == 1 {
		noun = "argument"
	}
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d %s", least, noun)
	case least == most:
		return fmt.Sprintf("%d %s", least, noun)
	}
	return fmt.Sprintf("%d to %d %s", least, most, noun)
}

// argumentError says that argument i, counting from 0, is of kind k.
func (b *builtin) argumentError(i int, k kinds) error {
	p := b.param(i)
	cure := "write " + b.signature()
	switch {
	case p.kinds == aRange && k.only(isSelector|isNil):
		cure = fmt.Sprintf(`give the selector a range: %s(name["1m"])`, b.name)
	case p.kinds == aRange && k.has(isNumber|isVector) && b.family == familyRange:
		cure = fmt.Sprintf(`apply it to each series first: sum(%s(name["1m"]))`, b.name)
	case k == isRange && p.kinds.has(isVector):
		cure = `apply rate or another function of ranges first, or leave ["..."] out`
	case k.only(isNumber|isNil) && p.kinds == aVector && b.family == familyHistogram:
		cure = `keep the label le of the buckets: sum(rate(name_bucket["1m"]), by("le"))`
	case k.only(isNumber|isNil) && p.kinds == aVector && b.family == familyAggregation:
		cure = "aggregate vectors; numbers have math.max, math.min and operators"
	case k.only(isNumber|isNil) && p.kinds == aVector && b.name == podOf:
		cure = `keep the label that holds the address: sum(v, by("upstream"))`
	case k.only(isNumber|isNil) && p.kinds.has(isVector) && !p.kinds.has(isNumber):
		cure = "vector(x) makes a vector of a number"
	case i == 0 && k.has(vectorish|isRange) && p.kinds.only(isNumber|isNil) && len(b.params) > 1 && b.params[1].kinds.has(isVector|isRange):
		cure = "the number comes first: " + b.signature()
	case k.has(vectorish) && p.kinds.only(isNumber|isNil):
		cure = "scalar(v) makes a number of a vector with one element"
	case k == isString && p.kinds == isGrouping:
		cure = `write by("label") or without("label")`
	}
	return cured(cure, "argument %d of %s is %s, and %s is due", i+1, b.name, k.article(), (p.kinds &^ isNil).article())
}

// bind returns the function that the interpreter calls.
func (m *machine) bind(b *builtin) lua.Function {
	f := m.bound[b]
	if f == nil {
		f = m.function(b)
		m.bound[b] = f
	}
	return f
}

func (m *machine) function(b *builtin) lua.Function {
	return func(l *lua.State) int {
		n := l.Top()
		results, done, err := m.prepare(b, n)
		if err != nil {
			m.raise("", err)
		}
		if done {
			return results
		}
		results, err = b.run(m, n)
		if err != nil {
			name := b.name
			if b.verbatim {
				name = ""
			}
			m.raise(name, err)
		}
		return results
	}
}

// prepare checks the arguments. Where nil stands for a number, the result is
// nil and the call is done.
func (m *machine) prepare(b *builtin, n int) (results int, done bool, err error) {
	if err := m.charge(1); err != nil {
		return 0, false, err
	}
	if err := b.checkArity(n); err != nil {
		return 0, false, err
	}
	absorbed := false
	for i := range n {
		p, k := b.param(i), m.kind(i+1)
		if !p.kinds.has(k) && !(k == isNil && p.optional) {
			return 0, false, b.argumentError(i, k)
		}
		if k == isNil && absorbs(p) {
			absorbed = true
		}
	}
	if absorbed {
		n, err := m.pushNil()
		return n, true, err
	}
	return 0, false, nil
}

// absorbs reports whether nil in place of a parameter makes the result nil.
func absorbs(p *param) bool {
	return p.kinds.has(isNumber) && p.kinds.only(aNumberOrVector) && !p.optional && !p.variadic && !p.takesNil
}

// A functionTable holds the builtins by name.
type functionTable struct {
	ordered []*builtin
	byName  map[string]*builtin
	names   []string // sorted
}

// library is what programs may call. It is never changed.
var library = newFunctionTable(
	rangeFunctions(),
	aggregations(),
	histogramFunctions(),
	shorthandFunctions(),
	mathFunctions(),
	operatorFunctions(),
	labelFunctions(),
	podFunctions(),
	selectorFunctions(),
	timeFunctions(),
	callbackFunctions(),
	baseFunctions(),
	stringFunctions(),
	tableFunctions(),
	luaMathFunctions(),
	bitFunctions(),
)

func newFunctionTable(families ...[]*builtin) functionTable {
	t := functionTable{ordered: slices.Concat(families...), byName: map[string]*builtin{}}
	for _, b := range t.ordered {
		t.byName[b.name] = b
		t.names = append(t.names, b.name)
	}
	slices.Sort(t.names)
	return t
}

// libraries are the tables that functions lie in.
func isLibrary(name string) bool {
	switch name {
	case "math", "string", "table", "bit32":
		return true
	}
	return false
}

// nearest returns the function whose name is most like a name; "" where none is.
func (t functionTable) nearest(name string) string {
	last := name[strings.LastIndex(name, ".")+1:]
	best, least := "", 1+max(1, min(2, len(last)/3))
	for _, candidate := range t.names {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out, replaced or swapped
// with their neighbour to make b of a (restricted Damerau-Levenshtein).
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, prev[j]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
