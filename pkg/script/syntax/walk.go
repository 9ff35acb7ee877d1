package syntax

// Walk calls expr for every expression in the statements, those in functions
// included, and local for every variable that is declared there, each in the
// order of the source and an expression before its parts.
func Walk(body []Stmt, expr func(Expr), local func(*Local)) {
	w := walker{expr: expr, local: local}
	w.block(body)
}

type walker struct {
	expr  func(Expr)
	local func(*Local)
}

func (w *walker) block(body []Stmt) {
	for _, s := range body {
		w.statement(s)
	}
}

func (w *walker) locals(names ...*Local) {
	for _, l := range names {
		w.local(l)
	}
}

func (w *walker) statement(s Stmt) {
	switch s := s.(type) {
	case *LocalStmt:
		w.each(s.Exprs...)
		w.locals(s.Names...)
	case *LocalFunction:
		w.locals(s.Name)
		w.each(s.Func)
	case *Assign:
		w.each(s.Targets...)
		w.each(s.Exprs...)
	case *CallStmt:
		w.each(s.Call)
	case *Do:
		w.block(s.Body)
	case *While:
		w.each(s.Cond)
		w.block(s.Body)
	case *Repeat:
		w.block(s.Body)
		w.each(s.Cond)
	case *If:
		for i, cond := range s.Conds {
			w.each(cond)
			w.block(s.Blocks[i])
		}
		if len(s.Blocks) > len(s.Conds) {
			w.block(s.Blocks[len(s.Conds)])
		}
	case *NumericFor:
		w.each(s.Start, s.Limit)
		if s.Step != nil {
			w.each(s.Step)
		}
		w.locals(s.Var)
		w.block(s.Body)
	case *GenericFor:
		w.each(s.Exprs...)
		w.locals(s.Vars...)
		w.block(s.Body)
	case *Return:
		w.each(s.Exprs...)
	}
}

func (w *walker) each(exprs ...Expr) {
	for _, e := range exprs {
		w.expression(e)
	}
}

func (w *walker) expression(e Expr) {
	w.expr(e)
	switch e := e.(type) {
	case *Index:
		w.each(e.Object, e.Key)
	case *Call:
		w.each(e.Func)
		w.each(e.Args...)
	case *Method:
		w.each(e.Object)
		w.each(e.Args...)
	case *Function:
		w.locals(e.Params...)
		w.block(e.Body)
	case *Unary:
		w.each(e.Operand)
	case *Binary:
		w.each(e.Left, e.Right)
	case *Table:
		for _, f := range e.Fields {
			if f.Key != nil {
				w.each(f.Key)
			}
			w.each(f.Value)
		}
	case *Paren:
		w.each(e.Inner)
	}
}
