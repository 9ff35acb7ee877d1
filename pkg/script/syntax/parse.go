package syntax

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of what is read, so that neither this parser nor the compiler behind
// it, whose time grows with the cube of a chain of jumps, can be kept busy.
const (
	maxNesting = 100
	maxJumps   = 200
)

// Parse reads a program: an expression, or statements. Strings may have at
// most maxString bytes. The error is an *Error.
func Parse(source string, maxString int) (program *Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			failure, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			program, err = nil, failure
		}
	}()
	if strings.HasPrefix(source, "\x1b") {
		fail(Pos{1, 1}, "write it as text", "compiled programs are not accepted")
	}
	p := newParser(source, maxString)
	switch {
	case p.tok.kind == kindEOF:
		p.empty()
	case p.tok.kind == kindName || p.tok.kind == "(" || !p.startsStatement():
		at := p.tok.Pos
		e := p.expression()
		switch p.tok.kind {
		case kindEOF:
			return &Program{Body: []Stmt{&Return{Pos: at, Exprs: []Expr{e}}}, Expression: true}, nil
		case "=", ",":
		default:
			if !isCall(e) || isPromQL(p.tok) || !p.startsStatement() {
				p.unexpected("after an expression", "remove it, or join both by an operator or a comma")
			}
		}
		p = newParser(source, maxString) // it is a call or an assignment and more
	}
	body := p.block()
	if p.tok.kind != kindEOF {
		p.unexpected("", "remove it: there is nothing left to close")
	}
	if len(body) == 0 {
		p.empty()
	}
	return &Program{Body: body}, nil
}

func (p *parser) empty() {
	fail(p.tok.Pos, `write an expression, such as sum(rate(name["1m"]))`, "the program is empty")
}

type parser struct {
	lexer
	tok, ahead token
	hasAhead   bool
	last       token // before tok
	scope      []*Local
	depth      int // of functions
	level      int // of nested rules
	jumps      int
}

func newParser(source string, maxString int) *parser {
	p := &parser{lexer: lexer{src: source, line: 1, limit: maxString}}
	p.advance()
	return p
}

func (p *parser) advance() token {
	p.last = p.tok
	if p.hasAhead {
		p.tok, p.hasAhead = p.ahead, false
	} else {
		p.tok = p.next()
	}
	return p.last
}

func (p *parser) lookAhead() token {
	if !p.hasAhead {
		p.ahead, p.hasAhead = p.next(), true
	}
	return p.ahead
}

func (p *parser) accept(kind string) bool {
	if p.tok.kind == kind {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(kind, where string) {
	if p.tok.kind != kind {
		p.unexpected(where+", where `"+kind+"` is due", "write `"+kind+"` there")
	}
	p.advance()
}

// closing expects what closes the bracket or block that opened at a position.
func (p *parser) closing(kind, opened string, at Pos) {
	if p.tok.kind == kind {
		p.advance()
		return
	}
	cure := "write `" + kind + "` there"
	switch {
	case kind == "}" && p.tok.kind == "=":
		cure = `write name = value, or ["name"] = value`
	case p.tok.kind == kindEOF || isKeyword(kind):
	case kind == "}" && p.last.kind == kindName:
		cure = "write name = value, a comma before what follows, or `}` there"
	case kind == "}", kind == ")":
		cure += ", or a comma before what follows"
	}
	p.unexpected(fmt.Sprintf("where `%s` is due to close the `%s` of line %d", kind, opened, at.Line), cure)
}

// unexpected fails at the current token, with this cure. Words of PromQL and of
// other languages get their own.
func (p *parser) unexpected(where, cure string) {
	switch {
	case isPromQL(p.tok):
		cure = promQL[p.tok.text]
	case p.tok.kind == kindName && endsExpression(p.last.kind):
		cure = "join what belongs together by an operator or a comma"
	case p.tok.kind == "=" && where == "after an expression":
		cure = "write == to compare, or local name = value"
	}
	if where != "" {
		where = " " + where
	}
	fail(p.tok.Pos, cure, "unexpected %s%s", p.tok.describe(), where)
}

func endsExpression(kind string) bool {
	switch kind {
	case kindName, kindNumber, kindString, ")", "]", "}":
		return true
	}
	return false
}

// startsStatement reports whether a statement may follow.
func (p *parser) startsStatement() bool {
	switch p.tok.kind {
	case kindName, "(", "local", "if", "for", "while", "repeat", "do", "return", "function", "goto", "break", "::", ";":
		return true
	}
	return false
}

var promQL = map[string]string{
	"by":          `write sum(v, by("pod")), with the names in quotes`,
	"without":     `write sum(v, without("pod")), with the names in quotes`,
	"on":          `write div(a, b, on("pod"))`,
	"ignoring":    `write div(a, b, ignoring("code"))`,
	"group_left":  `write div(a, b, on("pod"), group_left())`,
	"group_right": `write div(a, b, on("pod"), group_right())`,
	"unless":      "write vunless(a, b)",
	"offset":      `write offset(selector, "5m")`,
	"bool":        "comparisons of numbers are true or false; gt(v, x) and its kin filter vectors",
}

func isPromQL(t token) bool { return t.kind == kindName && promQL[t.text] != "" }

func isCall(e Expr) bool {
	switch e.(type) {
	case *Call, *Method:
		return true
	}
	return false
}

func (p *parser) enter() {
	if p.level++; p.level > maxNesting {
		fail(p.tok.Pos, "split it with local variables", "the program nests more than %d deep", maxNesting)
	}
}

func (p *parser) leave() { p.level-- }

func (p *parser) jump() {
	if p.jumps++; p.jumps > maxJumps {
		fail(p.tok.Pos, "look values up in a table instead", "the program has more than %d of and, or, if and loops", maxJumps)
	}
}

func (p *parser) name(where string) token {
	if p.tok.kind != kindName {
		cure := "write a name there"
		if where == "after a colon" {
			cure = "a colon is part of a metric's name; give a field its value by name = value"
		}
		where += ", where a name is due"
		if isKeyword(p.tok.kind) {
			fail(p.tok.Pos, "choose another name", "`%s` is a word of the language and no name", p.tok.kind)
		}
		p.unexpected(where, cure)
	}
	return p.advance()
}

func (p *parser) declare(t token) *Local {
	return &Local{Pos: t.Pos, Name: t.text}
}

func (p *parser) resolve(name string) *Local {
	for _, l := range slices.Backward(p.scope) {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// block reads statements up to what cannot start one.
func (p *parser) block() []Stmt {
	mark := len(p.scope)
	body := p.statements()
	p.scope = p.scope[:mark]
	return body
}

func (p *parser) statements() []Stmt {
	var body []Stmt
	for {
		switch p.tok.kind {
		case kindEOF, "end", "else", "elseif", "until":
			return body
		case ";":
			p.advance()
		case "return":
			at := p.advance().Pos
			r := &Return{Pos: at}
			switch p.tok.kind {
			case kindEOF, "end", "else", "elseif", "until", ";":
			default:
				r.Exprs = p.expressions()
			}
			p.accept(";")
			body = append(body, r)
			switch p.tok.kind {
			case kindEOF, "end", "else", "elseif", "until":
			default:
				p.unexpected("after return, which is the last statement of its block", "remove it, or move it before return")
			}
			return body
		default:
			body = append(body, p.statement())
		}
	}
}

func (p *parser) statement() Stmt {
	p.enter()
	defer p.leave()
	at := p.tok.Pos
	switch p.tok.kind {
	case "local":
		p.advance()
		if p.accept("function") {
			return p.localFunction(at)
		}
		return p.local(at)
	case "if":
		return p.ifStatement()
	case "while":
		p.jump()
		p.advance()
		cond := p.expression()
		p.expect("do", "in a while loop")
		s := &While{Pos: at, Cond: cond, Body: p.block()}
		p.closing("end", "while", at)
		return s
	case "repeat":
		p.jump()
		p.advance()
		mark := len(p.scope)
		s := &Repeat{Pos: at, Body: p.statements()}
		p.closing("until", "repeat", at)
		s.Cond = p.expression() // sees the locals of the body
		p.scope = p.scope[:mark]
		return s
	case "for":
		p.jump()
		return p.forStatement()
	case "do":
		p.advance()
		s := &Do{Pos: at, Body: p.block()}
		p.closing("end", "do", at)
		return s
	case "function":
		return p.functionStatement()
	case "break":
		p.jump()
		p.advance()
		return &Break{Pos: at}
	case "goto":
		p.jump()
		p.advance()
		return &Goto{Pos: at, Label: p.name("after goto").text}
	case "::":
		p.advance()
		s := &Label{Pos: at, Name: p.name("in a label").text}
		p.expect("::", "after a label")
		return s
	}
	return p.callOrAssign()
}

func (p *parser) local(at Pos) Stmt {
	s := &LocalStmt{Pos: at}
	for {
		s.Names = append(s.Names, p.declare(p.name("after local")))
		if !p.accept(",") {
			break
		}
	}
	if p.accept("=") {
		s.Exprs = p.expressions()
	}
	for i, n := range s.Names {
		if i < len(s.Exprs) && !(i == len(s.Exprs)-1 && i < len(s.Names)-1) {
			n.Init = s.Exprs[i]
		}
	}
	p.scope = append(p.scope, s.Names...)
	return s
}

func (p *parser) localFunction(at Pos) Stmt {
	l := p.declare(p.name("after local function"))
	p.scope = append(p.scope, l)
	f := p.function(at)
	l.Init = f
	return &LocalFunction{Pos: at, Name: l, Func: f}
}

func (p *parser) functionStatement() Stmt {
	at := p.advance().Pos
	var target Expr = p.variable(p.name("after function"))
	for p.tok.kind == "." {
		dot := p.advance()
		key := p.name("after a dot")
		target = &Index{Pos: dot.Pos, Object: target, Key: &String{Pos: key.Pos, Value: key.text}, Dot: true}
	}
	if p.tok.kind == ":" {
		fail(p.tok.Pos, "write local function name(self)", "methods cannot be defined")
	}
	if n, ok := target.(*Name); ok && n.Local != nil {
		n.Local.Assigned = true
	}
	return &Assign{Pos: at, Targets: []Expr{target}, Exprs: []Expr{p.function(at)}}
}

func (p *parser) ifStatement() Stmt {
	s := &If{Pos: p.tok.Pos}
	for {
		p.jump()
		p.advance() // if or elseif
		s.Conds = append(s.Conds, p.expression())
		if p.tok.kind == "=" {
			fail(p.tok.Pos, "write == to compare", "unexpected `=` in a condition")
		}
		p.expect("then", "in if")
		s.Blocks = append(s.Blocks, p.block())
		switch p.tok.kind {
		case "elseif":
			s.Jumps = append(s.Jumps, p.tok.Pos)
			continue
		case "else":
			s.Jumps = append(s.Jumps, p.tok.Pos)
			p.advance()
			s.Blocks = append(s.Blocks, p.block())
		}
		p.closing("end", "if", s.Pos)
		return s
	}
}

func (p *parser) forStatement() Stmt {
	at := p.advance().Pos
	first := p.declare(p.name("after for"))
	if p.accept("=") {
		s := &NumericFor{Pos: at, Var: first, Start: p.expression()}
		p.expect(",", "in a for loop")
		s.Limit = p.expression()
		if p.accept(",") {
			s.Step = p.expression()
		}
		s.Body = p.loopBody(at, first)
		return s
	}
	s := &GenericFor{Pos: at, Vars: []*Local{first}}
	for p.accept(",") {
		s.Vars = append(s.Vars, p.declare(p.name("after for")))
	}
	p.expect("in", "in a for loop")
	s.Exprs = p.expressions()
	s.Body = p.loopBody(at, s.Vars...)
	return s
}

func (p *parser) loopBody(at Pos, vars ...*Local) []Stmt {
	p.expect("do", "in a for loop")
	mark := len(p.scope)
	p.scope = append(p.scope, vars...)
	body := p.block()
	p.scope = p.scope[:mark]
	p.closing("end", "for", at)
	return body
}

func (p *parser) callOrAssign() Stmt {
	at := p.tok.Pos
	e := p.suffixed()
	if p.tok.kind != "=" && p.tok.kind != "," {
		if !isCall(e) {
			if isPromQL(p.tok) {
				p.unexpected("", "")
			}
			fail(at, "assign it to a local variable or return it", "an expression is no statement")
		}
		return &CallStmt{Pos: at, Call: e}
	}
	s := &Assign{Pos: at}
	for {
		switch t := e.(type) {
		case *Index:
		case *Name:
			if t.Local != nil {
				t.Local.Assigned = true
				t.Local.Uses--
			}
		default:
			fail(e.At(), "assign to a local variable or to an element of a table", "this cannot be assigned to")
		}
		s.Targets = append(s.Targets, e)
		if !p.accept(",") {
			break
		}
		e = p.suffixed()
	}
	p.expect("=", "in an assignment")
	s.Exprs = p.expressions()
	return s
}

func (p *parser) function(at Pos) *Function {
	p.depth++
	mark := len(p.scope)
	f := &Function{Pos: at, Depth: p.depth}
	p.expect("(", "after function")
	for p.tok.kind != ")" {
		if p.tok.kind == "..." {
			p.varargs()
		}
		l := p.declare(p.name("among the parameters"))
		l.Param = true
		f.Params = append(f.Params, l)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", "after the parameters")
	p.scope = append(p.scope, f.Params...)
	f.Body = p.block()
	p.closing("end", "function", at)
	p.scope = p.scope[:mark]
	p.depth--
	return f
}

func (p *parser) varargs() {
	fail(p.tok.Pos, "name the parameters, or pass a table", "`...` is not available here")
}
