package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// A checker goes through a program's tree without running it. It infers what
// kinds of values each variable, field and result may have, whatever path is
// taken, and repeats that until nothing new is learnt; a last pass then reports
// what is wrong, and records what the program reads.
type checker struct {
	name    string
	library *functionTable
	limits  Limits

	errs, warnings Errors

	passes  int
	changed bool // something was learnt in this pass
	final   bool // this is the last pass

	locals  map[*syntax.Local]*value
	returns map[*syntax.Function]*returned // of the chunk under nil
	fields  value                          // what any element of any table may be
	current *syntax.Function

	statics   map[syntax.Expr]any
	selectors map[string]*selector // by key
	replaced  map[syntax.Expr]string
	constants []constant
	schedules []namedSchedule
	named     map[string]string // constants' names by what they are
	used      map[*builtin]bool
	closures  bool
	jumpsBack bool // there is a goto
	loops     int  // that surround what is checked
	stores    bool
	reads     readings
	relabels  map[syntax.Expr]*relabel // of selectors in uses of modules
	exclusive map[syntax.Expr]bool     // calls of fallback whose parts exclude each other
	mapsPods  bool                     // a use maps addresses to pods
	blind     []Percentile             // that are not told what is in flight
}

// returned is what a function may return.
type returned struct {
	values []value
	open   bool // there may be more, like the last
	seen   bool // there is a return
}

func newChecker(library *functionTable, o Options) *checker {
	return &checker{
		name:      o.Name,
		library:   library,
		limits:    o.Limits,
		locals:    map[*syntax.Local]*value{},
		returns:   map[*syntax.Function]*returned{},
		statics:   map[syntax.Expr]any{},
		selectors: map[string]*selector{},
		replaced:  map[syntax.Expr]string{},
		named:     map[string]string{},
		used:      map[*builtin]bool{},
		reads:     newReadings(),
	}
}

// maxPasses is beyond what sensible programs need: each pass but the last
// learns something that an earlier statement did not know yet.
const maxPasses = 50

func (c *checker) program(p *syntax.Program) {
	for c.changed = true; c.changed; c.passes++ {
		if c.passes == maxPasses {
			c.final = true
			c.errorf(p.Body[0].At(), "assign variables before they are used, and use fewer of them", "the program is too intricate to be checked")
			return
		}
		c.changed = false
		c.block(p.Body)
	}
	c.final = true
	c.block(p.Body)
	c.checkResult(p)
}

// errorf reports a mistake, in the last pass.
func (c *checker) errorf(at syntax.Pos, cure, format string, args ...any) {
	if c.final {
		c.errs = append(c.errs, &Error{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Cure: cure})
	}
}

// fail reports an error of a function as a mistake.
func (c *checker) fail(at syntax.Pos, err error) {
	e := &Error{Message: err.Error()}
	if own, ok := err.(*Error); ok { //nolint:errorlint // cured errors are not wrapped
		*e = *own
	}
	c.errorf(at, e.Cure, "%s", e.Message)
}

func (c *checker) warnf(at syntax.Pos, cure, format string, args ...any) {
	if c.final {
		c.warnings = append(c.warnings, &Error{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Cure: cure})
	}
}

func (c *checker) learn(changed bool) { c.changed = c.changed || changed }

// local returns what is known of a local variable.
func (c *checker) local(l *syntax.Local) *value {
	v, ok := c.locals[l]
	if !ok {
		v = &value{}
		c.locals[l] = v
	}
	return v
}

func (c *checker) assignLocal(l *syntax.Local, v value) { c.learn(c.local(l).add(v)) }

func (c *checker) declare(l *syntax.Local) {
	if isReserved(l.Name) {
		c.errorf(l.Pos, "choose another name", "the name %s is reserved", l.Name)
	}
	if l.Uses == 0 && !strings.HasPrefix(l.Name, "_") && !l.Param {
		c.warnf(l.Pos, "remove it", "the local variable %s is not used", l.Name)
	}
}

// isReserved reports whether a name is one of the environment's or of Lua itself.
func isReserved(name string) bool {
	return len(name) > 1 && name[0] == '_' && 'A' <= name[1] && name[1] <= 'Z'
}

func (c *checker) block(body []syntax.Stmt) {
	for _, s := range body {
		c.statement(s)
	}
}

func (c *checker) statement(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.LocalStmt:
		values := c.list(s.Exprs)
		for i, l := range s.Names {
			c.declare(l)
			c.assignLocal(l, values.at(i))
		}
	case *syntax.LocalFunction:
		c.declare(s.Name)
		c.assignLocal(s.Name, c.functionLiteral(s.Func))
	case *syntax.Assign:
		c.assign(s)
	case *syntax.CallStmt:
		if _, expression := s.Call.(*syntax.Paren); expression || c.static(s.Call) != nil {
			c.errorf(s.Pos, "assign it to a local variable or return it", "an expression is no statement")
			return
		}
		c.multi(s.Call)
	case *syntax.Do:
		c.block(s.Body)
	case *syntax.While:
		c.condition(s.Cond)
		c.loop(s.Body)
	case *syntax.Repeat:
		c.loop(s.Body)
		c.condition(s.Cond)
	case *syntax.Goto:
		c.jumpsBack = true
	case *syntax.If:
		for _, cond := range s.Conds {
			c.condition(cond)
		}
		for _, body := range s.Blocks {
			c.block(body)
		}
	case *syntax.NumericFor:
		for _, e := range []syntax.Expr{s.Start, s.Limit, s.Step} {
			if e == nil {
				continue
			}
			if v := c.expr(e); v.kinds != 0 && !v.kinds.has(isNumber|isString) {
				c.errorf(syntax.Start(e), "scalar(v) makes a number of a vector with one element", "the bounds of a loop are numbers, and this is %s", v.kinds.article())
			}
		}
		c.assignLocal(s.Var, value{kinds: isNumber})
		c.declareLoop(s.Var)
		c.loop(s.Body)
	case *syntax.GenericFor:
		c.genericFor(s)
	case *syntax.Return:
		c.returnStatement(s)
	}
}

func (c *checker) loop(body []syntax.Stmt) {
	c.loops++
	c.block(body)
	c.loops--
}

func (c *checker) declareLoop(l *syntax.Local) {
	if isReserved(l.Name) {
		c.errorf(l.Pos, "choose another name", "the name %s is reserved", l.Name)
	}
}

func (c *checker) assign(s *syntax.Assign) {
	values := c.list(s.Exprs)
	for i, target := range s.Targets {
		v := values.at(i)
		switch t := target.(type) {
		case *syntax.Name:
			if t.Local == nil {
				c.errorf(t.Pos, "write local "+t.Text+" = ...", "globals are read-only")
				continue
			}
			c.assignLocal(t.Local, v)
		case *syntax.Index:
			if len(s.Targets) > 1 {
				c.errorf(t.Pos, "write one assignment for each", "elements of tables are assigned one at a time")
			}
			c.store(t, v)
		}
	}
}

// store is t[k] = v.
func (c *checker) store(t *syntax.Index, v value) {
	c.stores = true
	if name, ok := syntax.Strip(t.Object).(*syntax.Name); ok && name.Local == nil && isLibrary(name.Text) {
		c.errorf(t.Pos, "write a local function", "the functions of %s cannot be changed", name.Text)
		return
	}
	object, key := c.expr(t.Object), c.expr(t.Key)
	if object.kinds != 0 && !object.kinds.has(isTable) {
		cure := ""
		if object.kinds.has(isVector) {
			cure = "map makes a changed vector"
		}
		c.errorf(t.Pos, cure, "%s cannot be changed", object.kinds.article())
	}
	if key.kinds != 0 && !key.kinds.has(isNumber|isString|isBoolean) {
		c.errorf(syntax.Start(t.Key), "use numbers, strings or booleans", "a key of a table is %s", key.kinds.article())
	}
	c.learn(c.fields.add(v))
}

func (c *checker) genericFor(s *syntax.GenericFor) {
	vars := make([]value, len(s.Vars))
	if call, b := c.iterator(s.Exprs); b != nil {
		c.use(b)
		c.replaced[syntax.Strip(call.Func)] = b.global()
		args := c.list(call.Args)
		c.checkArguments(&application{builtin: b, at: call.Pos, args: args, exprs: call.Args})
		vars[0].kinds = isNumber
		if b.name == "pairs" {
			vars[0].kinds |= isString | isBoolean
			vars[0].anyText = true
		}
		if len(vars) > 1 {
			vars[1] = c.fields
		}
	} else {
		values := c.list(s.Exprs)
		iterator := values.at(0)
		if iterator.kinds != 0 && !iterator.kinds.has(isFunction) {
			c.errorf(syntax.Start(s.Exprs[0]), "write for i, x in ipairs(t), or each(v, f) for vectors", "the loop iterates over %s", iterator.kinds.article())
		}
		results := c.invoke(iterator.functions, values.from(1), s.Pos)
		for i := range vars {
			vars[i] = results.at(i)
		}
	}
	for i, l := range s.Vars {
		c.declareLoop(l)
		c.assignLocal(l, vars[i])
	}
	c.loop(s.Body)
}

// iterator returns the call of pairs or ipairs that a loop is over.
func (c *checker) iterator(exprs []syntax.Expr) (*syntax.Call, *builtin) {
	call, ok := exprs[0].(*syntax.Call)
	if !ok || len(exprs) > 1 {
		return nil, nil
	}
	b, _ := c.builtin(call.Func)
	if b == nil || b.name != "pairs" && b.name != "ipairs" {
		return nil, nil
	}
	return call, b
}

func (c *checker) returnStatement(s *syntax.Return) {
	values := c.list(s.Exprs)
	if c.current == nil {
		c.checkReturned(s, values)
	}
	values = values.capped()
	r := c.returnsOf(c.current)
	c.learn(!r.seen || values.open && !r.open)
	r.open = r.open || values.open
	for i := range max(len(values.values), len(r.values)) {
		if i == len(r.values) {
			missing := value{}
			if r.seen {
				missing.kinds = isNil // another return has fewer
			}
			r.values = append(r.values, missing)
		}
		c.learn(r.values[i].add(values.at(i)))
	}
	r.seen = true
}

func (c *checker) returnsOf(f *syntax.Function) *returned {
	r, ok := c.returns[f]
	if !ok {
		r = &returned{}
		c.returns[f] = r
	}
	return r
}

// functionLiteral goes through a function's body.
func (c *checker) functionLiteral(f *syntax.Function) value {
	if f.Depth > 1 {
		c.errorf(f.Pos, "define it outside of the other function", "a function is defined within a function")
	}
	c.closures = true
	if (c.loops > 0 || c.jumpsBack) && len(captured(f)) > 1 {
		c.errorf(f.Pos, "define it before the loop, with what it needs as parameters", "a function within a loop uses several variables from outside")
	}
	outer := c.current
	c.current = f
	for _, p := range f.Params {
		c.declareLoop(p)
	}
	c.block(f.Body)
	if !ends(f.Body) {
		r := c.returnsOf(f)
		if len(r.values) == 0 {
			r.values = append(r.values, value{})
		}
		c.learn(r.values[0].add(value{kinds: isNil}))
	}
	c.current = outer
	return value{kinds: isFunction, functions: []any{f}}
}

// ends reports whether statements always return.
func ends(body []syntax.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch s := body[len(body)-1].(type) {
	case *syntax.Return:
		return true
	case *syntax.Do:
		return ends(s.Body)
	case *syntax.If:
		return len(s.Blocks) > len(s.Conds) && !slices.ContainsFunc(s.Blocks, func(b []syntax.Stmt) bool { return !ends(b) })
	}
	return false
}

// checkReturned checks a return of the chunk.
func (c *checker) checkReturned(s *syntax.Return, values list) {
	at := s.Pos
	if len(s.Exprs) > 0 {
		at = syntax.Start(s.Exprs[0])
	}
	if len(s.Exprs) > 1 {
		c.errorf(syntax.Start(s.Exprs[1]), "return a vector to give several", "a program returns one value")
	}
	v := values.at(0)
	switch {
	case v.kinds == isRange:
		c.errorf(at, "apply a function that reads ranges, such as rate", "the result is a range")
	case v.kinds != 0 && !v.kinds.has(isNumber|vectorish|isNil):
		c.errorf(at, resultCure, "the result is %s", v.kinds.article())
	}
	c.read(v, at, nil)
}

// checkResult checks what all returns of the chunk say together.
func (c *checker) checkResult(p *syntax.Program) {
	if r := c.returns[nil]; r == nil || !r.seen {
		at := syntax.Pos{Line: 1, Column: 1}
		if n := len(p.Body); n > 0 {
			at = p.Body[n-1].At()
		}
		c.errorf(at, "write return and the value", "the program returns nothing")
	} else if len(c.reads.wants) == 0 && len(c.errs) == 0 && !c.readsTime() {
		c.warnf(p.Body[0].At(), "name a metric", "the program reads no series")
	}
}

// readsTime reports whether the program depends on the time of evaluation.
func (c *checker) readsTime() bool { return len(c.schedules) > 0 || c.used[c.library.byName["now"]] }

// result is what the chunk returns.
func (c *checker) result() value {
	r := c.returns[nil]
	if r == nil || len(r.values) == 0 {
		return value{kinds: isNil}
	}
	return r.values[0]
}
