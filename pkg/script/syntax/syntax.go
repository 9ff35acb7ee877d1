// Package syntax reads and prints the subset of Lua 5.2 that gaugeway's
// programs are written in.
//
// Parse gives a tree in which each name is resolved to the local variable that
// it means and everything has its line and column. Print writes a tree as Lua
// that keeps every token on its line. What runs is what Print wrote: there is
// only one reading of a program, the one that was checked.
//
// Beyond the grammar of Lua 5.2 nothing is accepted. Left out are varargs,
// methods other than calls of strings' methods, hexadecimal fractions and
// names outside ASCII; of what is accepted, package script refuses more.
package syntax

import "fmt"

// A Pos is a position in the source. Lines and columns count from 1, columns
// in bytes. The zero Pos is no position.
type Pos struct{ Line, Column int }

// At returns the position itself, so that what embeds a Pos has a position.
func (p Pos) At() Pos { return p }

// An Error is a place where the source is not a program.
type Error struct {
	Line, Column int
	// Message says what is wrong, Cure, where it is not empty, what to write.
	Message, Cure string
}

// Error returns "line:column: message".
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// A Local is a local variable, a parameter or a loop variable.
type Local struct {
	Pos
	Name string
	// Init is what it is declared with, nil where that is nothing, a loop's, a
	// caller's or one of several results.
	Init Expr
	// Assigned: it is assigned to after its declaration.
	Assigned bool
	// Param: it is a parameter of a function.
	Param bool
	// Uses counts where it is read.
	Uses int
}

// An Expr is an expression.
type Expr interface{ At() Pos }

// The expressions.
type (
	// Nil is nil.
	Nil struct{ Pos }
	// Bool is true or false.
	Bool struct {
		Pos
		Value bool
	}
	// Number is a number, finite and not negative.
	Number struct {
		Pos
		Value float64
	}
	// String is a string of any bytes.
	String struct {
		Pos
		Value string
	}
	// Name is a variable.
	Name struct {
		Pos
		Text string
		// Local is nil where no local variable of this name is in scope. Text may
		// then hold one colon, if a table in braces follows.
		Local *Local
	}
	// Index is Object[Key] or, with Dot, Object.Key where Key is a String.
	Index struct {
		Pos    // of the bracket or dot
		Object Expr
		Key    Expr
		Dot    bool
	}
	// Call is Func(Args); Style is '(', or for calls without parentheses '{' or '"'.
	Call struct {
		Pos   // of the argument list
		Func  Expr
		Args  []Expr
		Style byte
	}
	// Method is Object:Name(Args), where Object is not a global name.
	Method struct {
		Pos    // of the colon
		Object Expr
		Name   string
		Args   []Expr
	}
	// Function is a function.
	Function struct {
		Pos
		Params []*Local
		Body   []Stmt
		// Depth is 1 in the chunk itself, 2 within such a function, and so on.
		Depth int
	}
	// Unary is Op Operand: "-", "not" or "#".
	Unary struct {
		Pos
		Op      string
		Operand Expr
	}
	// Binary is Left Op Right. "and", "or", the comparisons, "..", "%" and the
	// arithmetic are all Binary.
	Binary struct {
		Pos         // of the operator
		Op          string
		Left, Right Expr
	}
	// Table is a table constructor.
	Table struct {
		Pos
		Fields []Field
	}
	// Paren is an expression in parentheses.
	Paren struct {
		Pos
		Inner Expr
	}
)

// A Field is an element of a Table; Key is nil for elements of the list. Name
// tells that the key is written as a name.
type Field struct {
	Pos
	Key   Expr
	Name  bool
	Value Expr
}

// A Stmt is a statement.
type Stmt interface{ At() Pos }

// The statements.
type (
	// LocalStmt is local Names = Exprs.
	LocalStmt struct {
		Pos
		Names []*Local
		Exprs []Expr
	}
	// LocalFunction is local function Name.
	LocalFunction struct {
		Pos
		Name *Local
		Func *Function
	}
	// Assign is Targets = Exprs. A target is a Name or an Index. A statement
	// "function a.b() end" is an Assign, too.
	Assign struct {
		Pos
		Targets []Expr
		Exprs   []Expr
	}
	// CallStmt is a Call or a Method as a statement.
	CallStmt struct {
		Pos
		Call Expr
	}
	// Do is do Body end.
	Do struct {
		Pos
		Body []Stmt
	}
	// While is while Cond do Body end.
	While struct {
		Pos
		Cond Expr
		Body []Stmt
	}
	// Repeat is repeat Body until Cond.
	Repeat struct {
		Pos
		Body []Stmt
		Cond Expr
	}
	// If is if Conds[0] then Blocks[0] elseif ...; there is one block more where
	// there is an else.
	If struct {
		Pos
		Conds  []Expr
		Blocks [][]Stmt
		// Jumps are the positions of "elseif" and "else".
		Jumps []Pos
	}
	// NumericFor is for Var = Start, Limit, Step do Body end; Step may be nil.
	NumericFor struct {
		Pos
		Var                *Local
		Start, Limit, Step Expr
		Body               []Stmt
	}
	// GenericFor is for Vars in Exprs do Body end.
	GenericFor struct {
		Pos
		Vars  []*Local
		Exprs []Expr
		Body  []Stmt
	}
	// Return is return Exprs.
	Return struct {
		Pos
		Exprs []Expr
	}
	// Break is break.
	Break struct{ Pos }
	// Goto is goto Label.
	Goto struct {
		Pos
		Label string
	}
	// Label is ::Name::.
	Label struct {
		Pos
		Name string
	}
)

// A Program is a source that was read.
type Program struct {
	Body []Stmt
	// Expression: the source is an expression; Body is a Return of it.
	Expression bool
}

// Start returns where an expression begins.
func Start(e Expr) Pos {
	for {
		switch x := e.(type) {
		case *Index:
			e = x.Object
		case *Call:
			e = x.Func
		case *Method:
			e = x.Object
		case *Binary:
			e = x.Left
		default:
			return e.At()
		}
	}
}

// Strip removes the parentheses around an expression.
func Strip(e Expr) Expr {
	for {
		p, ok := e.(*Paren)
		if !ok {
			return e
		}
		e = p.Inner
	}
}
