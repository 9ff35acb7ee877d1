package syntax

import (
	"fmt"
	"strconv"
	"strings"
)

// A Printer writes trees as Lua. The zero Printer changes nothing.
type Printer struct {
	// Replace, where not nil, may give the name of a variable to be written in
	// place of an expression; "" leaves the expression as it is.
	Replace func(Expr) string
	// Method, where not nil, gives the function for a method: a:upper() is then
	// written as function(a).
	Method func(*Method) string
	// Store, where not "", is the function that stores into tables: t[k] = v is
	// then written as store(t, k, v).
	Store string

	out  strings.Builder
	line int
}

// Print returns the statements as Lua, with everything on its line.
func (p *Printer) Print(body []Stmt) string {
	p.out.Reset()
	p.line = 1
	p.block(body)
	return p.out.String()
}

func (p *Printer) at(pos Pos) {
	for p.line < pos.Line {
		p.out.WriteByte('\n')
		p.line++
	}
}

func (p *Printer) text(parts ...string) {
	for _, s := range parts {
		p.out.WriteString(s)
	}
}

func (p *Printer) block(body []Stmt) {
	for _, s := range body {
		p.statement(s)
		p.text("; ")
	}
}

func (p *Printer) statement(s Stmt) {
	p.at(s.At())
	switch s := s.(type) {
	case *LocalStmt:
		p.text("local ")
		p.names(s.Names)
		if len(s.Exprs) > 0 {
			p.text(" = ")
			p.list(s.Exprs)
		}
	case *LocalFunction:
		p.text("local function ", s.Name.Name)
		p.function(s.Func)
	case *Assign:
		p.assign(s)
	case *CallStmt:
		p.expr(s.Call)
	case *Do:
		p.text("do ")
		p.block(s.Body)
		p.text("end")
	case *While:
		p.text("while ")
		p.expr(s.Cond)
		p.text(" do ")
		p.block(s.Body)
		p.text("end")
	case *Repeat:
		p.text("repeat ")
		p.block(s.Body)
		p.text("until ")
		p.expr(s.Cond)
	case *If:
		p.conditional(s)
	case *NumericFor:
		p.text("for ", s.Var.Name, " = ")
		p.expr(s.Start)
		p.text(", ")
		p.expr(s.Limit)
		if s.Step != nil {
			p.text(", ")
			p.expr(s.Step)
		}
		p.text(" do ")
		p.block(s.Body)
		p.text("end")
	case *GenericFor:
		p.text("for ")
		p.names(s.Vars)
		p.text(" in ")
		p.list(s.Exprs)
		p.text(" do ")
		p.block(s.Body)
		p.text("end")
	case *Return:
		p.text("return ")
		p.list(s.Exprs)
	case *Break:
		p.text("break")
	case *Goto:
		p.text("goto ", s.Label)
	case *Label:
		p.text("::", s.Name, "::")
	default:
		panic(fmt.Sprintf("unknown statement %T", s))
	}
}

func (p *Printer) assign(s *Assign) {
	if target, ok := s.Targets[0].(*Index); ok && p.Store != "" && len(s.Targets) == 1 {
		p.text(p.Store, "(")
		p.expr(target.Object)
		p.text(", ")
		p.expr(target.Key)
		p.text(", ")
		p.list(s.Exprs)
		p.text(")")
		return
	}
	p.list(s.Targets)
	p.text(" = ")
	p.list(s.Exprs)
}

func (p *Printer) conditional(s *If) {
	word := "if "
	for i, cond := range s.Conds {
		p.text(word)
		p.expr(cond)
		p.text(" then ")
		p.block(s.Blocks[i])
		if i < len(s.Jumps) {
			p.at(s.Jumps[i])
		}
		word = "elseif "
	}
	if len(s.Blocks) > len(s.Conds) {
		p.text("else ")
		p.block(s.Blocks[len(s.Conds)])
	}
	p.text("end")
}

func (p *Printer) names(names []*Local) {
	for i, n := range names {
		if i > 0 {
			p.text(", ")
		}
		p.text(n.Name)
	}
}

func (p *Printer) list(exprs []Expr) {
	for i, e := range exprs {
		if i > 0 {
			p.text(", ")
		}
		p.expr(e)
	}
}

func (p *Printer) function(f *Function) {
	p.text("(")
	p.names(f.Params)
	p.text(") ")
	p.block(f.Body)
	p.text("end")
}

func (p *Printer) expr(e Expr) {
	if p.Replace != nil {
		if name := p.Replace(e); name != "" {
			p.at(e.At())
			p.text(name)
			return
		}
	}
	switch e := e.(type) {
	case *Index:
		p.expr(e.Object)
		p.at(e.Pos)
		p.text("[")
		p.expr(e.Key)
		p.text("]")
		return
	case *Call:
		p.expr(e.Func)
		if e.Style != '(' {
			p.list(e.Args)
		} else {
			p.arguments(e.Args)
		}
		return
	case *Method:
		p.method(e)
		return
	case *Binary:
		p.expr(e.Left)
		p.at(e.Pos)
		p.text(" ", e.Op, " ")
		p.expr(e.Right)
		return
	}
	p.at(e.At())
	switch e := e.(type) {
	case *Nil:
		p.text("nil")
	case *Bool:
		p.text(strconv.FormatBool(e.Value))
	case *Number:
		p.text(strconv.FormatFloat(e.Value, 'g', -1, 64))
	case *String:
		p.text(Quote(e.Value))
	case *Name:
		p.text(e.Text)
	case *Function:
		p.text("function")
		p.function(e)
	case *Unary:
		p.text(e.Op, " ")
		p.expr(e.Operand)
	case *Table:
		p.table(e)
	case *Paren:
		p.text("(")
		p.expr(e.Inner)
		p.text(")")
	default:
		panic(fmt.Sprintf("unknown expression %T", e))
	}
}

func (p *Printer) arguments(args []Expr) {
	p.text("(")
	p.list(args)
	p.text(")")
}

func (p *Printer) method(m *Method) {
	if p.Method == nil {
		p.expr(m.Object)
		p.at(m.Pos)
		p.text(":", m.Name)
		p.arguments(m.Args)
		return
	}
	p.text(p.Method(m))
	p.arguments(append([]Expr{m.Object}, m.Args...))
}

func (p *Printer) table(t *Table) {
	p.text("{")
	for i, f := range t.Fields {
		if i > 0 {
			p.text(", ")
		}
		p.at(f.Pos)
		if f.Key != nil {
			p.text("[")
			p.expr(f.Key)
			p.text("] = ")
		}
		p.expr(f.Value)
	}
	p.text("}")
}

// Quote returns a string as a Lua literal on one line, in ASCII.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
