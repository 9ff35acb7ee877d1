package syntax

// Priorities of the binary operators: how tightly they bind to the left and to
// the right. Those of Lua 5.2.
var priorities = map[string]struct{ left, right int }{
	"or": {1, 1}, "and": {2, 2},
	"==": {3, 3}, "~=": {3, 3}, "<": {3, 3}, "<=": {3, 3}, ">": {3, 3}, ">=": {3, 3},
	"..": {5, 4},
	"+":  {6, 6}, "-": {6, 6},
	"*": {7, 7}, "/": {7, 7}, "%": {7, 7},
	"^": {10, 9},
}

const unaryPriority = 8

func (p *parser) expressions() []Expr {
	list := []Expr{p.expression()}
	for p.accept(",") {
		list = append(list, p.expression())
	}
	return list
}

func (p *parser) expression() Expr { return p.operand(0) }

// operand reads an expression of operators that bind tighter than a priority.
func (p *parser) operand(limit int) Expr {
	p.enter()
	defer p.leave()
	var left Expr
	switch p.tok.kind {
	case "-", "not", "#":
		op := p.advance()
		left = &Unary{Pos: op.Pos, Op: op.kind, Operand: p.operand(unaryPriority)}
	default:
		left = p.simple()
	}
	for {
		priority, ok := priorities[p.tok.kind]
		if !ok || priority.left <= limit {
			return left
		}
		op := p.advance()
		if op.kind == "and" || op.kind == "or" {
			p.jump()
		}
		left = &Binary{Pos: op.Pos, Op: op.kind, Left: left, Right: p.operand(priority.right)}
	}
}

func (p *parser) simple() Expr {
	at := p.tok.Pos
	switch p.tok.kind {
	case kindNumber:
		return &Number{Pos: at, Value: p.advance().number}
	case kindString:
		return &String{Pos: at, Value: p.advance().text}
	case "nil":
		p.advance()
		return &Nil{Pos: at}
	case "true", "false":
		return &Bool{Pos: at, Value: p.advance().kind == "true"}
	case "...":
		p.varargs()
	case "{":
		return p.table()
	case "function":
		p.advance()
		return p.function(at)
	}
	return p.suffixed()
}

// suffixed reads a variable or parentheses, and the indices and calls after it.
func (p *parser) suffixed() Expr {
	var e Expr
	switch p.tok.kind {
	case kindName:
		e = p.variable(p.advance())
	case "(":
		open := p.advance().Pos
		e = &Paren{Pos: open, Inner: p.expression()}
		p.closing(")", "(", open)
	default:
		p.unexpected("where an expression is due", "write a value there, or remove what stands before it")
	}
	for {
		at := p.tok.Pos
		switch p.tok.kind {
		case ".":
			p.advance()
			key := p.name("after a dot")
			e = &Index{Pos: at, Object: e, Key: &String{Pos: key.Pos, Value: key.text}, Dot: true}
		case "[":
			p.advance()
			key := p.expression()
			p.closing("]", "[", at)
			e = &Index{Pos: at, Object: e, Key: key}
		case ":":
			e = p.colon(e)
		case "(", "{", kindString:
			style := p.tok.kind[0]
			if style == '(' && at.Line > p.last.Line {
				fail(at, "put it on the line of the function's name, or a semicolon before it", "a parenthesis on a line of its own could be a call or a statement")
			}
			if p.tok.kind == kindString {
				style = '"'
			}
			e = &Call{Pos: at, Func: e, Args: p.arguments(), Style: style}
		default:
			return e
		}
	}
}

func (p *parser) variable(t token) *Name {
	n := &Name{Pos: t.Pos, Text: t.text, Local: p.resolve(t.text)}
	if n.Local != nil {
		n.Local.Uses++
	}
	return n
}

// colon reads what follows a colon: the rest of a metric's name, or a method.
func (p *parser) colon(e Expr) Expr {
	at := p.advance().Pos
	name := p.name("after a colon")
	n, ok := e.(*Name)
	if !ok || n.Local != nil {
		if p.tok.kind != "(" && p.tok.kind != kindString && p.tok.kind != "{" {
			p.unexpected("where the arguments of a method are due", "write them in parentheses")
		}
		return &Method{Pos: at, Object: e, Name: name.text, Args: p.arguments()}
	}
	full := n.Text + ":" + name.text
	switch p.tok.kind {
	case "{":
	case ":":
		fail(n.Pos, `write series"`+full+`:..."{}`, "a name with several colons cannot be written like this")
	default:
		fail(n.Pos, "write "+full+"{}", "a name with a colon needs braces")
	}
	n.Text = full
	return n
}

func (p *parser) arguments() []Expr {
	at := p.tok.Pos
	switch p.tok.kind {
	case kindString:
		return []Expr{&String{Pos: at, Value: p.advance().text}}
	case "{":
		return []Expr{p.table()}
	}
	p.advance()
	var args []Expr
	if p.tok.kind != ")" {
		args = p.expressions()
	}
	p.closing(")", "(", at)
	return args
}

func (p *parser) table() Expr {
	open := p.advance().Pos
	t := &Table{Pos: open}
	for p.tok.kind != "}" {
		t.Fields = append(t.Fields, p.field())
		if !p.accept(",") && !p.accept(";") {
			break
		}
	}
	p.closing("}", "{", open)
	return t
}

func (p *parser) field() Field {
	at := p.tok.Pos
	switch {
	case p.tok.kind == kindName && p.lookAhead().kind == "=":
		key := p.advance()
		p.advance()
		return Field{Pos: at, Key: &String{Pos: key.Pos, Value: key.text}, Name: true, Value: p.expression()}
	case isKeyword(p.tok.kind) && p.tok.kind != "function" && p.tok.kind != "not" && p.lookAhead().kind == "=":
		fail(at, `write ["`+p.tok.kind+`"]=`, "`%s` is a word of the language and no name", p.tok.kind)
	case p.tok.kind == "[":
		p.advance()
		key := p.expression()
		p.closing("]", "[", at)
		p.expect("=", "after a key")
		return Field{Pos: at, Key: key, Value: p.expression()}
	}
	return Field{Pos: at, Value: p.expression()}
}
