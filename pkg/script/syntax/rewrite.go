package syntax

import "fmt"

// Rewrite puts in the place of each expression in the statements, those in
// functions included, what f returns for it. It asks for an expression before
// its parts, and goes into those of what f left as it is.
func Rewrite(body []Stmt, f func(Expr) Expr) {
	r := rewriter{f: f}
	r.block(body)
}

type rewriter struct{ f func(Expr) Expr }

func (r *rewriter) block(body []Stmt) {
	for _, s := range body {
		r.statement(s)
	}
}

func (r *rewriter) statement(s Stmt) {
	switch s := s.(type) {
	case *LocalStmt:
		for i, e := range s.Exprs {
			s.Exprs[i] = r.expr(e)
			if i < len(s.Names) && s.Names[i].Init == e {
				s.Names[i].Init = s.Exprs[i]
			}
		}
	case *LocalFunction:
		r.block(s.Func.Body)
	case *Assign:
		r.list(s.Targets)
		r.list(s.Exprs)
	case *CallStmt:
		s.Call = r.expr(s.Call)
	case *Do:
		r.block(s.Body)
	case *While:
		s.Cond = r.expr(s.Cond)
		r.block(s.Body)
	case *Repeat:
		r.block(s.Body)
		s.Cond = r.expr(s.Cond)
	case *If:
		for i, block := range s.Blocks {
			if i < len(s.Conds) {
				s.Conds[i] = r.expr(s.Conds[i])
			}
			r.block(block)
		}
	case *NumericFor:
		s.Start, s.Limit = r.expr(s.Start), r.expr(s.Limit)
		if s.Step != nil {
			s.Step = r.expr(s.Step)
		}
		r.block(s.Body)
	case *GenericFor:
		r.list(s.Exprs)
		r.block(s.Body)
	case *Return:
		r.list(s.Exprs)
	}
}

func (r *rewriter) list(exprs []Expr) {
	for i, e := range exprs {
		exprs[i] = r.expr(e)
	}
}

func (r *rewriter) expr(e Expr) Expr {
	if out := r.f(e); out != e {
		return out
	}
	switch e := e.(type) {
	case *Index:
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
	case *Call:
		e.Func = r.expr(e.Func)
		r.list(e.Args)
	case *Method:
		e.Object = r.expr(e.Object)
		r.list(e.Args)
	case *Function:
		r.block(e.Body)
	case *Unary:
		e.Operand = r.expr(e.Operand)
	case *Binary:
		e.Left, e.Right = r.expr(e.Left), r.expr(e.Right)
	case *Table:
		for i := range e.Fields {
			if e.Fields[i].Key != nil {
				e.Fields[i].Key = r.expr(e.Fields[i].Key)
			}
			e.Fields[i].Value = r.expr(e.Fields[i].Value)
		}
	case *Paren:
		e.Inner = r.expr(e.Inner)
	}
	return e
}

// A Copier copies expressions.
type Copier struct {
	// Replace, where not nil, may give what stands in the place of an
	// expression; nil copies it.
	Replace func(Expr) Expr
	// Position, where not nil, gives a copy's position.
	Position func(Pos) Pos
}

// Copy returns an expression that shares nothing with e but its variables. It
// panics for functions.
func (c *Copier) Copy(e Expr) Expr {
	if c.Replace != nil {
		if out := c.Replace(e); out != nil {
			return out
		}
	}
	at := e.At()
	if c.Position != nil {
		at = c.Position(at)
	}
	switch e := e.(type) {
	case *Nil:
		return &Nil{Pos: at}
	case *Bool:
		return &Bool{Pos: at, Value: e.Value}
	case *Number:
		return &Number{Pos: at, Value: e.Value}
	case *String:
		return &String{Pos: at, Value: e.Value}
	case *Name:
		return &Name{Pos: at, Text: e.Text, Local: e.Local}
	case *Index:
		return &Index{Pos: at, Object: c.Copy(e.Object), Key: c.Copy(e.Key), Dot: e.Dot}
	case *Call:
		return &Call{Pos: at, Func: c.Copy(e.Func), Args: c.list(e.Args), Style: e.Style}
	case *Method:
		return &Method{Pos: at, Object: c.Copy(e.Object), Name: e.Name, Args: c.list(e.Args)}
	case *Unary:
		return &Unary{Pos: at, Op: e.Op, Operand: c.Copy(e.Operand)}
	case *Binary:
		return &Binary{Pos: at, Op: e.Op, Left: c.Copy(e.Left), Right: c.Copy(e.Right)}
	case *Table:
		return c.table(e, at)
	case *Paren:
		return &Paren{Pos: at, Inner: c.Copy(e.Inner)}
	}
	panic(fmt.Sprintf("an expression %T is not copied", e))
}

func (c *Copier) list(exprs []Expr) []Expr {
	var out []Expr
	for _, e := range exprs {
		out = append(out, c.Copy(e))
	}
	return out
}

func (c *Copier) table(t *Table, at Pos) *Table {
	out := &Table{Pos: at}
	for _, f := range t.Fields {
		field := Field{Pos: f.Pos, Name: f.Name, Value: c.Copy(f.Value)}
		if c.Position != nil {
			field.Pos = c.Position(f.Pos)
		}
		if f.Key != nil {
			field.Key = c.Copy(f.Key)
		}
		out.Fields = append(out.Fields, field)
	}
	return out
}
