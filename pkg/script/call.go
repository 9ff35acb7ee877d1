package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// An application is a call of a builtin.
type application struct {
	builtin *builtin
	at      syntax.Pos
	args    list
	exprs   []syntax.Expr // as they are written; nil where it is called through a variable
}

// arg returns where argument i, counting from 0, is written.
func (x *application) arg(i int) syntax.Pos {
	if i < len(x.exprs) {
		return syntax.Start(x.exprs[i])
	}
	return x.at
}

// last returns where the last part of argument i is written: the range of a
// selector that has one.
func (x *application) last(i int) syntax.Pos {
	if i < len(x.exprs) {
		return x.exprs[i].At()
	}
	return x.at
}

// call infers a call that is not static.
func (c *checker) call(e *syntax.Call) list {
	if b, ok := c.builtin(e.Func); ok {
		if b.name == "pairs" || b.name == "ipairs" {
			c.errorf(e.Pos, "write for k, x in "+b.name+"(t) do", "%s belongs into a for loop", b.name)
		}
		c.replaced[syntax.Strip(e.Func)] = b.global()
		c.replaced[e.Func] = b.global()
		return c.apply(&application{builtin: b, at: syntax.Start(e.Func), args: c.list(e.Args), exprs: e.Args})
	}
	if name, ok := syntax.Strip(e.Func).(*syntax.Name); ok && name.Local == nil && e.Style != '{' {
		c.list(e.Args)
		if cure, ok := unavailable[name.Text]; ok {
			c.errorf(name.Pos, cure, "%s is not available here", name.Text)
		} else if name.Text != "self" && !isLibrary(name.Text) {
			c.errorf(name.Pos, c.hint(name.Text), "there is no function %s", name.Text)
		} else {
			c.expr(e.Func)
			c.errorf(name.Pos, "", "%s cannot be called", name.Text)
		}
		return unknown()
	}
	f := c.expr(e.Func)
	if f.kinds.has(isSelector|isRange) && e.Style == '{' {
		return c.matched(e, f)
	}
	args := c.list(e.Args)
	if f.kinds.has(opaque) || f.kinds != 0 && !f.kinds.has(isFunction) {
		c.errorf(e.Pos, "", "%s cannot be called", f.kinds.article())
	}
	return c.invoke(f.functions, args, e.Pos)
}

// matched infers selector{matchers} where not all is known.
func (c *checker) matched(e *syntax.Call, f value) list {
	t, ok := e.Args[0].(*syntax.Table)
	if !ok {
		return unknown()
	}
	matchers, _ := c.staticMatchers(t)
	for _, field := range t.Fields {
		values := []syntax.Expr{field.Value}
		if inner, ok := syntax.Strip(field.Value).(*syntax.Table); ok {
			values = nil
			for _, item := range inner.Fields {
				values = append(values, item.Value)
			}
		}
		for _, v := range values {
			if got := c.expr(v); got.kinds != 0 && !got.kinds.has(isString|isMatcher) {
				c.errorf(syntax.Start(v), matcherCure, "a matcher is %s", got.kinds.article())
			}
		}
	}
	out := value{kinds: isSelector, vague: f.vague}
	for _, s := range f.selectors {
		if s.Range > 0 {
			c.errorf(e.Pos, `write name{label="value"}["1m"]`, "the matchers come before the range")
			continue
		}
		out.selectors = append(out.selectors, c.intern(s.match(matchers)))
	}
	return one(out)
}

// method infers s:name(...), a call of string.name(s, ...).
func (c *checker) method(e *syntax.Method) list {
	object := c.expr(e.Object)
	args := c.list(e.Args)
	args.values = append([]value{object}, args.values...)
	switch {
	case object.kinds.has(vectorish | isRange):
		c.errorf(e.Pos, "call a function: name(v)", "vectors and selectors have no methods")
		return unknown()
	case object.kinds != 0 && !object.kinds.has(isString):
		c.errorf(e.Pos, "", "%s has no methods", object.kinds.article())
		return unknown()
	}
	b, ok := c.library.byName["string."+e.Name]
	if !ok {
		c.errorf(e.Pos, c.hint("string."+e.Name), "there is no function string.%s", e.Name)
		return unknown()
	}
	return c.apply(&application{builtin: b, at: e.Pos, args: args, exprs: append([]syntax.Expr{e.Object}, e.Args...)})
}

// invoke infers a call of any of some functions.
func (c *checker) invoke(functions []any, args list, at syntax.Pos) list {
	var out list
	if len(functions) == 0 {
		return unknown()
	}
	for _, f := range functions {
		switch f := f.(type) {
		case *syntax.Function:
			for i, p := range f.Params {
				c.assignLocal(p, args.at(i))
			}
			r := c.returnsOf(f)
			out.join(list{values: r.values, open: r.open})
		case *builtin:
			out.join(c.apply(&application{builtin: f, at: at, args: args}))
		}
	}
	if len(out.values) == 0 {
		return unknown() // what it returns is not known yet
	}
	return out
}

// join makes a list be all that o may be, too.
func (l *list) join(o list) {
	values := slices.Clone(l.values)
	for i := range o.values {
		if i == len(values) {
			values = append(values, value{})
		}
		v := value{}
		v.add(values[i])
		v.add(o.values[i])
		values[i] = v
	}
	l.values, l.open = values, l.open || o.open
}

// apply checks a call of a builtin, records what it reads, and infers its results.
func (c *checker) apply(x *application) list {
	b := x.builtin
	if b.static || b.variable {
		c.errorf(x.at, "write "+b.example, "%s is no function", b.name)
		return unknown()
	}
	c.use(b)
	for x.args.open && len(x.args.values) < len(b.params) {
		x.args = x.args.extended()
	}
	if !c.checkArguments(x) {
		return unknown()
	}
	out := list{values: []value{{}}}
	if b.infer != nil {
		out.values = b.infer(c, x)
	} else {
		out.values[0].kinds = b.result
		out.values[0].anyText = b.result.has(isString)
	}
	out.open = b.open
	if len(out.values) == 0 {
		return unknown()
	}
	for i := range x.args.values {
		p := b.param(i)
		if p == nil {
			break
		}
		if absorbs(p) && x.args.values[i].kinds.has(isNil) {
			out.values[0].kinds |= isNil
		}
		if x.args.values[i].quantile && p.kinds.has(isVector) && b.family != familyAggregation {
			out.values[0].quantile = true
		}
	}
	if b.quantile {
		out.values[0].quantile = true
	}
	return out
}

// checkArguments checks the number and the kinds of arguments, and records what
// is read. It reports whether there are enough.
func (c *checker) checkArguments(x *application) bool {
	b, n := x.builtin, len(x.args.values)
	if !x.args.open {
		if err := b.checkArity(n); err != nil {
			c.fail(x.at, err)
			return false
		}
	}
	for i, v := range x.args.values {
		p := b.param(i)
		if p == nil {
			break
		}
		switch {
		case v.kinds == 0 || p.kinds == anything:
		case p.kinds == aVector && b.family == familyHistogram && !v.kinds.has(isRange) && v.kinds.has(aNumberOrVector):
			// What sums native histograms is one, though it looks like a number.
		case !p.kinds.has(v.kinds) && !(p.optional && v.kinds.has(isNil)):
			c.argumentError(x, i, v)
			continue
		}
		if p.kinds == aRange || p.kinds.has(isVector) && p.kinds != anything {
			c.read(v, x.last(i), b)
		}
	}
	return true
}

// argumentError reports an argument of the wrong kind. A name without quotes is
// a selector.
func (c *checker) argumentError(x *application, i int, v value) {
	if i < len(x.exprs) && v.kinds == isSelector && x.builtin.param(i).kinds == aString {
		if name, ok := syntax.Strip(x.exprs[i]).(*syntax.Name); ok && name.Local == nil {
			c.errorf(name.Pos, fmt.Sprintf("write %q", name.Text), "%s takes texts, which are in quotes", x.builtin.name)
			return
		}
	}
	c.fail(x.arg(i), x.builtin.argumentError(i, v.kinds))
}

// inferGrouped is an aggregation whose argument i, counting from 0, groups.
func inferGrouped(i int) func(*checker, *application) []value {
	return func(c *checker, x *application) []value {
		v := value{kinds: isNumber | isNil}
		if i < len(x.args.values) {
			g := x.args.values[i].kinds
			v.kinds = 0
			if g.has(isGrouping) {
				v.kinds |= isVector
			}
			if g.has(isNil) || g == 0 {
				v.kinds |= isNumber | isNil
			}
		}
		name := x.builtin.name
		if (name == "sum" || name == "avg") && len(x.args.values) > 0 && x.args.values[0].quantile {
			c.warnf(x.at, "group the percentile itself: p95(r, by(...)), or use max", "the %s of percentiles is no percentile", name)
		}
		return []value{v}
	}
}

// inferQuantile checks that a quantile is between 0 and 1.
func inferQuantile(c *checker, x *application) []value {
	c.checkQuantile(x)
	return []value{{kinds: x.builtin.result}}
}

func (c *checker) checkQuantile(x *application) {
	if len(x.exprs) == 0 {
		return
	}
	if q, ok := c.constantNumber(x.exprs[0]); ok && !(q >= 0 && q <= 1) {
		cure := ""
		if q > 1 {
			cure = "write " + formatNumber(q/100) + " for " + formatNumber(q) + " %"
		}
		c.errorf(x.arg(0), cure, "a quantile is between 0 and 1")
	}
}

func inferQuantileGrouped(i int) func(*checker, *application) []value {
	grouped := inferGrouped(i)
	return func(c *checker, x *application) []value {
		c.checkQuantile(x)
		return grouped(c, x)
	}
}

func inferHistogram(c *checker, x *application) []value {
	c.checkBuckets(x)
	return []value{{kinds: isVector}}
}

func inferHistogramQuantile(c *checker, x *application) []value {
	c.checkQuantile(x)
	return inferHistogram(c, x)
}

// checkBuckets refuses buckets that were summed without the label le.
func (c *checker) checkBuckets(x *application) {
	if len(x.exprs) == 0 {
		return
	}
	call, ok := syntax.Strip(x.exprs[len(x.exprs)-1]).(*syntax.Call)
	if !ok || len(call.Args) == 0 {
		return
	}
	if b, ok := c.builtin(call.Func); !ok || b.name != "sum" {
		return
	}
	keeps := false
	if len(call.Args) > 1 {
		g, ok := c.static(call.Args[1]).(promath.Grouping)
		keeps = !ok || g.Without != slices.Contains(g.Labels, "le")
	}
	if keeps || !c.readsBuckets(call.Args[0]) {
		return
	}
	c.errorf(syntax.Start(call.Args[0]), `write sum(v, by("le")), with the other labels that you want`, "the label le of the buckets is lost")
}

// readsBuckets reports whether a range function reads classic buckets only.
func (c *checker) readsBuckets(e syntax.Expr) bool {
	call, ok := syntax.Strip(e).(*syntax.Call)
	if !ok || len(call.Args) == 0 {
		return false
	}
	s, ok := c.static(call.Args[0]).(*selector)
	return ok && s.Range > 0 && strings.HasSuffix(s.Name, "_bucket")
}

func inferLikeFirst(c *checker, x *application) []value {
	v := value{}
	if len(x.args.values) > 0 {
		k := x.args.values[0].kinds
		v.kinds = k & (isNumber | isNil)
		if k.has(vectorish) {
			v.kinds |= isVector
		}
		if x.builtin.name == "clamp" && k.has(isNumber) {
			v.kinds |= isNil
		}
	}
	return []value{v}
}

func inferArithmetic(c *checker, x *application) []value {
	return []value{c.arithmetic(x.at, x.args.at(0), x.args.at(1))}
}

// inferRatio is a division in which no numerator has a meaning.
func inferRatio(_ *checker, x *application) []value {
	a, b := x.args.at(0), x.args.at(1)
	v := value{quantile: a.quantile || b.quantile}
	if b.kinds.has(vectorish) || a.kinds.has(vectorish) && b.kinds.has(isNumber) {
		v.kinds |= isVector
	}
	if a.kinds.has(isNumber|isNil) && b.kinds.has(isNumber) {
		v.kinds |= isNumber | isNil
	}
	if b.kinds.has(isNil) {
		v.kinds |= isNil
	}
	return []value{v}
}

func inferComparison(c *checker, x *application) []value {
	v := inferArithmetic(c, x)
	if v[0].kinds.has(isNumber) {
		v[0].kinds |= isNil
	}
	return v
}

func inferAbsorbing(_ *checker, x *application) []value {
	return []value{{kinds: isNumber | x.args.all().kinds&isNil}}
}

func inferPair(*checker, *application) []value {
	return []value{{kinds: isNumber}, {kinds: isNumber}}
}

// inferOffset is an offset that is not constant as a whole.
func inferOffset(c *checker, x *application) []value {
	s, d := x.args.at(0), x.args.at(1)
	out := s.with(isSelector | isRange)
	out.selectors = nil
	if d.anyText {
		c.errorf(x.arg(1), `write it in place, offset(name, "5m"), or pass it as an argument`, "the duration is not constant")
		return nil
	}
	for _, sel := range s.selectors {
		for _, text := range d.texts {
			back, err := sel.back(text)
			if err != nil {
				c.fail(x.arg(1), err)
				continue
			}
			if back.Offset > maxOffset {
				c.errorf(x.arg(1), "shorten it", "the offset exceeds a year")
				continue
			}
			out.selectors = append(out.selectors, c.intern(back))
		}
	}
	if len(out.selectors) > maxSelectors {
		out.selectors, out.vague = out.selectors[:maxSelectors], true
	}
	return []value{out}
}

// maxOffset bounds what repeated offsets add up to, in milliseconds.
const maxOffset = 366 * 24 * 3600 * 1000

// inferPercentile is p50 and its kin: what is in flight is read, too.
func inferPercentile(c *checker, x *application) []value {
	v := value{}
	grouped, options := false, false
	for i := 1; i < len(x.args.values); i++ {
		k := x.args.values[i].kinds
		options = options || k.has(isTable)
		if k.has(isGrouping) {
			grouped = true
			if k.has(isNil) {
				v.kinds |= isNumber | isNil
			}
		}
		if k.has(isTable) {
			c.percentileOptions(x, i)
		}
	}
	if p := (Percentile{Name: x.builtin.name, Line: x.at.Line, Column: x.at.Column}); c.final && !options && !slices.Contains(c.blind, p) {
		c.blind = append(c.blind, p)
	}
	if grouped {
		v.kinds |= isVector
	} else {
		v.kinds |= isNumber | isNil
	}
	return []value{v}
}

func (c *checker) percentileOptions(x *application, i int) {
	const cure = "write {inflight = v}"
	var t *syntax.Table
	if i < len(x.exprs) {
		t, _ = syntax.Strip(x.exprs[i]).(*syntax.Table)
	}
	if t == nil {
		c.errorf(x.arg(i), cure, "the options of %s are not written in place", x.builtin.name)
		return
	}
	for _, f := range t.Fields {
		key, ok := "", f.Key != nil
		if ok {
			key, ok = c.constantText(f.Key)
		}
		if !ok || key != "inflight" {
			c.errorf(f.Pos, cure, "%s has no such option", x.builtin.name)
			continue
		}
		v := c.expr(f.Value)
		if v.kinds != 0 && !v.kinds.has(aNumberOrVector) {
			c.errorf(syntax.Start(f.Value), "give a gauge, such as "+x.builtin.name+"(r, {inflight = sum(requests_in_flight)})", "what is in flight is %s", v.kinds.article())
			continue
		}
		c.read(v, syntax.Start(f.Value), nil)
	}
}

// inferCallback is filter, map or each, which call a function for each element.
func inferCallback(c *checker, x *application) []value {
	f := x.args.at(1)
	results := c.invoke(f.functions, list{values: []value{{kinds: isNumber}, {kinds: isLabels}}}, x.arg(1))
	r := results.at(0)
	switch x.builtin.name {
	case "filter":
		c.checkTruth(x.arg(1), r, "be what a filter asks for", "return a comparison of numbers")
	case "map":
		if r.kinds != 0 && !r.kinds.has(isNumber|isNil) {
			c.errorf(x.arg(1), "return a number, or nil to leave the element out", "the function returns %s", r.kinds.article())
		}
	case "each":
		return []value{{kinds: isNil}}
	}
	return []value{{kinds: isVector}}
}
