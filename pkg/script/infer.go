package script

import (
	"strings"

	"github.com/prometheus/common/model"

	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// maxListed is how many values a list of expressions may have: the interpreter
// fails at 255.
const maxListed = 50

// list infers a list of expressions, of which the last may give several values.
func (c *checker) list(exprs []syntax.Expr) list {
	var out list
	if len(exprs) > maxListed {
		c.errorf(syntax.Start(exprs[maxListed]), "pass a table", "a list has %d values, more than %d", len(exprs), maxListed)
		exprs = exprs[:maxListed]
	}
	for i, e := range exprs {
		if i < len(exprs)-1 {
			out.values = append(out.values, c.expr(e))
			continue
		}
		last := c.multi(e)
		out.values = append(out.values, last.values...)
		out.open = last.open
	}
	return out
}

// expr infers an expression that gives one value.
func (c *checker) expr(e syntax.Expr) value { return c.multi(e).at(0) }

// multi infers an expression that may give several values.
func (c *checker) multi(e syntax.Expr) list {
	if v := c.static(e); v != nil {
		return one(c.constant(e, v))
	}
	switch e := e.(type) {
	case *syntax.Call:
		return c.call(e)
	case *syntax.Method:
		return c.method(e)
	case *syntax.Paren:
		return one(c.expr(e.Inner))
	}
	return one(c.single(e))
}

func (c *checker) single(e syntax.Expr) value {
	switch e := e.(type) {
	case *syntax.Nil:
		return value{kinds: isNil}
	case *syntax.Bool:
		if e.Value {
			return value{kinds: isTrue}
		}
		return value{kinds: isFalse}
	case *syntax.Number:
		return value{kinds: isNumber}
	case *syntax.String:
		return value{kinds: isString, texts: []string{e.Value}}
	case *syntax.Name:
		return c.nameValue(e)
	case *syntax.Index:
		return c.index(e)
	case *syntax.Function:
		return c.functionLiteral(e)
	case *syntax.Unary:
		return c.unary(e)
	case *syntax.Binary:
		return c.binary(e)
	case *syntax.Table:
		return c.table(e)
	}
	return value{}
}

func (c *checker) nameValue(e *syntax.Name) value {
	if e.Local != nil {
		return *c.local(e.Local)
	}
	if b, ok := c.builtin(e); ok {
		return c.builtinValue(e, b)
	}
	if isLibrary(e.Text) {
		c.errorf(e.Pos, "name a function of it, such as "+e.Text+"."+c.firstOf(e.Text), "%s is no value", e.Text)
		return value{}
	}
	c.errorf(e.Pos, unavailable[e.Text], "%s is not available here", e.Text)
	return value{}
}

// firstOf returns a function of a library.
func (c *checker) firstOf(library string) string {
	for _, name := range c.library.names {
		if rest, ok := strings.CutPrefix(name, library+"."); ok {
			return rest
		}
	}
	return ""
}

// builtinValue is a function that is named but not called in place.
func (c *checker) builtinValue(e syntax.Expr, b *builtin) value {
	switch {
	case b.name == "now":
		c.use(b)
		c.replaced[e] = b.global()
		return value{kinds: isNumber}
	case b.name == "pairs" || b.name == "ipairs":
		c.errorf(syntax.Start(e), "write for k, x in "+b.name+"(t) do", "%s is no value", b.name)
		return value{}
	case b.static:
		c.errorf(syntax.Start(e), "write "+b.example, "%s is no value", b.name)
		return value{}
	}
	c.use(b)
	c.replaced[e] = b.global()
	return value{kinds: isFunction, functions: []any{b}}
}

func (c *checker) use(b *builtin) { c.used[b] = true }

// builtin returns the function that an expression names: rate or math.floor.
func (c *checker) builtin(e syntax.Expr) (*builtin, bool) {
	switch e := syntax.Strip(e).(type) {
	case *syntax.Name:
		if e.Local == nil && !isLibrary(e.Text) {
			b, ok := c.library.byName[e.Text]
			return b, ok
		}
	case *syntax.Index:
		object, ok := syntax.Strip(e.Object).(*syntax.Name)
		key, constant := c.constantText(e.Key)
		if ok && constant && object.Local == nil && isLibrary(object.Text) {
			b, ok := c.library.byName[object.Text+"."+key]
			return b, ok
		}
	}
	return nil, false
}

func (c *checker) index(e *syntax.Index) value {
	if b, ok := c.builtin(e); ok {
		return c.builtinValue(e, b)
	}
	if object, ok := syntax.Strip(e.Object).(*syntax.Name); ok && object.Local == nil && isLibrary(object.Text) {
		c.unknownMember(e, object.Text)
		return value{}
	}
	if c.dotted(e) {
		c.errorf(e.Pos, `write series"`+c.nameOf(e)+`"{}`, "a name with a dot is written in quotes")
		return value{}
	}
	object := c.expr(e.Object)
	key := c.expr(e.Key)
	var out value
	switch k := object.kinds; {
	case k == 0:
	case k.has(isSelector|isRange) && e.Dot:
		c.errorf(e.Pos, `a range is written ["1m"]`, "a vector has no fields")
	case k.has(isSelector | isRange):
		out = c.window(e, object, key)
	case k.only(isNumber|isVector|isNil) && !e.Dot && key.isDuration():
		c.errorf(e.Pos, `a range follows the name of a series: name["1m"]; self["1m"] reads what the metric returned before`, "a result has no range")
	case k.has(isVector) && !k.has(isTable):
		c.errorf(e.Pos, "scalar(v) gives the value of a single element, filter and each see all", "a vector has no fields")
	case !k.has(isTable | isLabels):
		c.errorf(e.Pos, "", "%s has no fields", k.article())
	}
	if object.kinds.has(isTable) {
		out.add(c.fields)
		out.kinds |= isNil
	}
	if object.kinds.has(isLabels) {
		out.add(value{kinds: isString, anyText: true})
	}
	return out
}

// dotted reports whether an expression is a metric's name with dots: a.b.c.
func (c *checker) dotted(e *syntax.Index) bool {
	for e.Dot {
		switch object := e.Object.(type) {
		case *syntax.Index:
			e = object
		case *syntax.Name:
			_, ok := c.static(object).(*selector)
			return ok && object.Local == nil
		default:
			return false
		}
	}
	return false
}

// nameOf returns the name that an expression is about, for messages.
func (c *checker) nameOf(e syntax.Expr) string {
	switch e := syntax.Strip(e).(type) {
	case *syntax.Name:
		return e.Text
	case *syntax.Index:
		if key, ok := c.constantText(e.Key); ok && e.Dot {
			return c.nameOf(e.Object) + "." + key
		}
		return c.nameOf(e.Object)
	case *syntax.Call:
		return c.nameOf(e.Func)
	}
	return "name"
}

func (c *checker) unknownMember(e *syntax.Index, library string) {
	key, ok := c.constantText(e.Key)
	if !ok {
		c.errorf(e.Pos, "write "+library+".name", "a function of %s is not named by a constant", library)
		return
	}
	name := library + "." + key
	cure := c.hint(name)
	switch name {
	case "math.random", "math.randomseed":
		cure = "a program gives the same for the same samples"
	case "string.gsub", "string.match", "string.gmatch":
		cure = "use label_replace for regular expressions, string.find for plain texts"
	}
	c.errorf(e.Pos, cure, "there is no function %s", name)
}

// hint names the nearest function.
func (c *checker) hint(name string) string {
	if near := c.library.nearest(name); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// window infers selector[range] where the two are not written in place.
func (c *checker) window(e *syntax.Index, object, key value) value {
	out := value{kinds: isRange, vague: object.vague || key.anyText}
	switch {
	case key.kinds == 0:
		return value{}
	case !key.kinds.has(isString):
		c.errorf(syntax.Start(e.Key), `write ["1m"]`, "a range is a duration in quotes, and this is %s", key.kinds.article())
		return value{}
	case key.anyText:
		c.errorf(syntax.Start(e.Key), `write it in place, ["1m"], or pass it as an argument`, "the range is not constant")
		return value{}
	}
	for _, s := range object.selectors {
		for _, text := range key.texts {
			w, err := s.window(text)
			if err != nil {
				c.fail(syntax.Start(e.Key), err)
				continue
			}
			out.selectors = append(out.selectors, c.intern(w))
		}
	}
	return out
}

// isDuration reports whether the value is a constant text that means a duration.
func (v value) isDuration() bool {
	if v.anyText || len(v.texts) == 0 {
		return false
	}
	for _, text := range v.texts {
		if _, err := model.ParseDuration(text); err != nil {
			return false
		}
	}
	return true
}

func (c *checker) table(e *syntax.Table) value {
	if len(e.Fields) > maxFields {
		c.errorf(e.Pos, "fill it in a loop", "a table is written with %d elements, more than %d", len(e.Fields), maxFields)
	}
	keys := map[string]bool{}
	for i, f := range e.Fields {
		if f.Key != nil {
			c.tableKey(f, keys)
		}
		if i == len(e.Fields)-1 && f.Key == nil {
			last := c.multi(f.Value)
			c.learn(c.fields.add(last.all()))
			continue
		}
		c.learn(c.fields.add(c.expr(f.Value)))
	}
	return value{kinds: isTable}
}

// maxFields is how many elements a table may be written with: they take memory
// in one step.
const maxFields = 100

func (c *checker) tableKey(f syntax.Field, seen map[string]bool) {
	switch key := syntax.Strip(f.Key).(type) {
	case *syntax.String:
		if seen[key.Value] {
			c.errorf(key.Pos, "remove one", "the key %s is given twice", key.Value)
		}
		seen[key.Value] = true
	case *syntax.Number, *syntax.Bool:
	case *syntax.Unary:
		if _, ok := key.Operand.(*syntax.Number); !ok || key.Op != "-" {
			c.errorf(f.Pos, "write t[k] = v after it", "a key in a table's braces is not constant")
		}
	default:
		c.errorf(f.Pos, "write t[k] = v after it", "a key in a table's braces is not constant")
	}
}

// condition checks what a statement tests.
func (c *checker) condition(e syntax.Expr) {
	c.checkTruth(syntax.Start(e), c.expr(e), "be tested", truthCure)
}

const truthCure = "use count(v), scalar(v) or absent(v)"

// checkTruth refuses to test what is always true.
func (c *checker) checkTruth(at syntax.Pos, v value, how, cure string) {
	switch {
	case v.kinds.has(vectorish):
		c.errorf(at, cure, "a vector is always true and cannot %s", how)
	case v.kinds.has(opaque):
		c.errorf(at, "", "%s is always true and cannot %s", (v.kinds & opaque).article(), how)
	}
}

func (c *checker) unary(e *syntax.Unary) value {
	switch e.Op {
	case "not":
		c.checkTruth(syntax.Start(e.Operand), c.expr(e.Operand), "be negated", truthCure)
		return value{kinds: isBoolean}
	case "#":
		v := c.expr(e.Operand)
		switch {
		case v.kinds.has(vectorish):
			c.errorf(e.Pos, "count(v) gives the number of elements", "a vector has no length")
		case v.kinds != 0 && !v.kinds.has(isTable|isString):
			c.errorf(e.Pos, "", "%s has no length", v.kinds.article())
		}
		return value{kinds: isNumber}
	}
	v := c.expr(e.Operand)
	if !c.checkOperand(e.Operand, v) {
		return value{}
	}
	return c.arithmetic(syntax.Start(e.Operand), v, v)
}

// checkOperand checks an operand of arithmetic.
func (c *checker) checkOperand(e syntax.Expr, v value) bool {
	switch {
	case v.kinds == 0:
		return true
	case v.kinds.has(isRange):
		c.errorf(syntax.Start(e), rangeCure(c.nameOf(e)+`["1m"]`), "a range has no value")
	case !v.kinds.has(aNumberOrVector | isString):
		c.errorf(syntax.Start(e), "operators take numbers and vectors", "arithmetic on %s", v.kinds.article())
	default:
		return true
	}
	return false
}

// arithmetic infers what an operator between numbers and vectors gives.
func (c *checker) arithmetic(at syntax.Pos, a, b value) value {
	c.read(a, at, nil)
	c.read(b, at, nil)
	out := value{quantile: a.quantile || b.quantile}
	numeric := isNumber | isString
	if a.kinds == 0 || b.kinds == 0 {
		return out
	}
	if a.kinds.has(vectorish) && b.kinds.has(vectorish|numeric) || b.kinds.has(vectorish) && a.kinds.has(numeric) {
		out.kinds |= isVector
	}
	if a.kinds.has(numeric) && b.kinds.has(numeric) {
		out.kinds |= isNumber
	}
	if (a.kinds | b.kinds).has(isNil) {
		out.kinds |= isNil
	}
	return out
}

func (c *checker) binary(e *syntax.Binary) value {
	switch e.Op {
	case "and":
		left := c.expr(e.Left)
		c.checkTruth(syntax.Start(e.Left), left, "be tested", "use vand(a, b) for vectors")
		right := c.expr(e.Right)
		out := left.with(isNil | isFalse)
		out.add(right)
		return out
	case "or":
		left := c.expr(e.Left)
		c.checkTruth(syntax.Start(e.Left), left, "be tested", "use vor(a, b) for vectors: vor(v, vector(0))")
		right := c.expr(e.Right)
		out := left.with(^(isNil | isFalse))
		out.add(right)
		return out
	}
	left, right := c.expr(e.Left), c.expr(e.Right)
	switch e.Op {
	case "..":
		c.errorf(e.Pos, "use concat(a, b)", "`..` is not available here")
		return value{kinds: isString, anyText: true}
	case "%":
		c.errorf(e.Pos, "use mod(a, b)", "`%%` is not available here")
		return c.arithmetic(e.Pos, left, right)
	case "==", "~=":
		c.checkEqual(e, left, right)
		return value{kinds: isBoolean}
	case "<", "<=", ">", ">=":
		c.checkOrder(e, left, right)
		return value{kinds: isBoolean}
	}
	ok := c.checkOperand(e.Left, left)
	if !c.checkOperand(e.Right, right) || !ok {
		return value{}
	}
	return c.arithmetic(e.Pos, left, right)
}

// checkEqual refuses == and ~= where they would never call a vector's own.
// That something is nil can be asked where it may be.
func (c *checker) checkEqual(e *syntax.Binary, left, right value) {
	filter := map[string]string{"==": "eq(v, x)", "~=": "ne(v, x)"}[e.Op]
	for _, pair := range [][2]value{{left, right}, {right, left}} {
		v, other := pair[0], pair[1]
		switch {
		case other.kinds == isNil && v.kinds.has(isNil):
		case v.kinds.has(vectorish) && other.kinds == isNil:
			c.errorf(e.Pos, "use absent(v) or count(v)", "a vector is never nil")
			return
		case v.kinds.has(vectorish):
			c.errorf(e.Pos, "use "+filter+" to filter it, or scalar(v)", "a vector cannot be compared with `%s`", e.Op)
			return
		case v.kinds.has(isRange):
			c.errorf(e.Pos, "apply a function that reads ranges first", "a range cannot be compared")
			return
		}
	}
}

func (c *checker) checkOrder(e *syntax.Binary, left, right value) {
	filter := map[string]string{"<": "lt(v, x)", "<=": "le(v, x)", ">": "gt(v, x)", ">=": "ge(v, x)"}[e.Op]
	both := left.kinds | right.kinds
	switch {
	case both.has(vectorish):
		c.errorf(e.Pos, "use "+filter+" to filter it, or scalar(v)", "a vector cannot be compared with `%s`", e.Op)
	case both.has(isRange):
		c.errorf(e.Pos, "apply a function that reads ranges first", "a range cannot be compared")
	case left.kinds == 0 || right.kinds == 0:
	case left.kinds.only(isNumber|isNil) && right.kinds == isString, left.kinds == isString && right.kinds.only(isNumber|isNil):
		c.errorf(e.Pos, "tonumber(s) makes a number of a string", "a number is compared with a string")
	case !left.kinds.has(isNumber|isString|isNil) || !right.kinds.has(isNumber|isString|isNil):
		c.errorf(e.Pos, "", "%s is compared with %s", left.kinds.article(), right.kinds.article())
	}
}

// constant makes the value of a constant expression, and remembers that a
// variable of the environment stands for it.
func (c *checker) constant(e syntax.Expr, v any) value {
	out := value{kinds: kindOf(v)}
	switch v := v.(type) {
	case invalid:
		return value{}
	case float64:
		out.kinds = isNumber
	case schedule:
		out.kinds = isBoolean
	case *selector:
		out.selectors = []*selector{v}
	case pattern, promath.Grouping, matching:
	}
	if c.final {
		c.replaced[e] = c.nameConstant(v)
	}
	return out
}
