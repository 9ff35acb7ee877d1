package script

import (
	"slices"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// A Constant is a piece of a module's data: a string, a number, a boolean, nil,
// or a table of constants with names or in a list. The functions of a module
// are in it, too, as constants of their own kind that say no more.
type Constant struct {
	// Line and Column of where it is written, counting from 1.
	Line, Column int
	// Kind says which of the following fields has a meaning.
	Kind ConstantKind
	// Text of a string.
	Text string
	// Number of a number.
	Number float64
	// Boolean of a boolean.
	Boolean bool
	// Fields of a table with names, in the order of the source. No name is there
	// twice.
	Fields []ConstantField
	// List is the elements of a table without names, in their order.
	List []Constant
}

// A ConstantKind is the kind of a constant.
type ConstantKind string

// The kinds of constants. A table has Fields or a List or, where it is empty,
// neither.
const (
	ConstantNil      ConstantKind = "nil"
	ConstantString   ConstantKind = "string"
	ConstantNumber   ConstantKind = "number"
	ConstantBoolean  ConstantKind = "boolean"
	ConstantTable    ConstantKind = "table"
	ConstantFunction ConstantKind = "function"
)

// A ConstantField is a named element of a table.
type ConstantField struct {
	// Line and Column of the name.
	Line, Column int
	Name         string
	Value        Constant
}

// Field returns the element of that name, and false where there is none.
func (c *Constant) Field(name string) (Constant, bool) {
	i := slices.IndexFunc(c.Fields, func(f ConstantField) bool { return f.Name == name })
	if i < 0 {
		return Constant{}, false
	}
	return c.Fields[i].Value, true
}

// Any returns the constant as encoding/json decodes its like: nil, string,
// float64, bool, map[string]any or []any, and an empty table as nil. Functions
// are nil.
func (c *Constant) Any() any {
	switch c.Kind {
	case ConstantString:
		return c.Text
	case ConstantNumber:
		return c.Number
	case ConstantBoolean:
		return c.Boolean
	case ConstantTable:
	default:
		return nil
	}
	switch {
	case len(c.Fields) > 0:
		out := make(map[string]any, len(c.Fields))
		for _, f := range c.Fields {
			out[f.Name] = f.Value.Any()
		}
		return out
	case len(c.List) > 0:
		out := make([]any, len(c.List))
		for i := range c.List {
			out[i] = c.List[i].Any()
		}
		return out
	}
	return nil
}

func (c *Constant) at() syntax.Pos { return syntax.Pos{Line: c.Line, Column: c.Column} }

// constant reads an expression as a constant.
func (r *moduleReader) constant(e syntax.Expr) Constant {
	at := syntax.Start(e)
	out := Constant{Line: at.Line, Column: at.Column, Kind: ConstantNil}
	switch e := syntax.Strip(e).(type) {
	case *syntax.Nil:
	case *syntax.Bool:
		out.Kind, out.Boolean = ConstantBoolean, e.Value
	case *syntax.Number:
		out.Kind, out.Number = ConstantNumber, e.Value
	case *syntax.String:
		out.Kind, out.Text = ConstantString, e.Value
	case *syntax.Function:
		out.Kind = ConstantFunction
	case *syntax.Unary:
		inner := r.constant(e.Operand)
		if e.Op != "-" || inner.Kind != ConstantNumber {
			r.errorf(e.Pos, "write the value in place", "this is not constant")
			break
		}
		out.Kind, out.Number = ConstantNumber, -inner.Number
	case *syntax.Table:
		r.table(&out, e)
	default:
		r.errorf(at, "write the value in place; only the functions named value compute", "this is not constant")
	}
	return out
}

func (r *moduleReader) table(out *Constant, t *syntax.Table) {
	out.Kind = ConstantTable
	for _, f := range t.Fields {
		if f.Key == nil {
			out.List = append(out.List, r.constant(f.Value))
			continue
		}
		key, ok := syntax.Strip(f.Key).(*syntax.String)
		if !ok {
			r.errorf(f.Pos, `write name = value or ["name"] = value; elements of a list have no keys`, "the name of a field is no string")
			continue
		}
		if _, twice := out.Field(key.Value); twice {
			r.errorf(f.Pos, "remove one", "the field %s is given twice", key.Value)
			continue
		}
		out.Fields = append(out.Fields, ConstantField{Line: f.Line, Column: f.Column, Name: key.Value, Value: r.constant(f.Value)})
	}
	if len(out.Fields) > 0 && len(out.List) > 0 {
		r.errorf(out.List[0].at(), "give each element a name, or none", "a table has elements with names and without")
	}
}
