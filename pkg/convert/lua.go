package convert

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A node is a piece of a Lua expression.
type node interface {
	// priority says how tightly the outermost operator binds.
	priority() int
	// flat prints the node on one line.
	flat(b *strings.Builder)
	// broken prints the node over several lines.
	broken(p *printer)
}

// Priorities of Lua's operators, as section 3.4.7 of its reference manual has
// them. What is no operator binds tightest.
const (
	priorityOr       = 1
	priorityAnd      = 2
	priorityCompare  = 3
	priorityAdditive = 6
	priorityFactor   = 7
	priorityUnary    = 8
	priorityPower    = 10
	priorityOperand  = 11
)

var priorities = map[string]int{
	"or": priorityOr, "and": priorityAnd,
	"<": priorityCompare, "<=": priorityCompare, ">": priorityCompare, ">=": priorityCompare,
	"==": priorityCompare, "~=": priorityCompare,
	"+": priorityAdditive, "-": priorityAdditive,
	"*": priorityFactor, "/": priorityFactor,
	"^": priorityPower,
}

// An atom is a name or a literal.
type atom string

func (atom) priority() int             { return priorityOperand }
func (a atom) flat(b *strings.Builder) { b.WriteString(string(a)) }
func (a atom) broken(p *printer)       { p.write(string(a)) }

// notANumber is NaN, for which Lua has no name.
type notANumber struct{}

func (notANumber) priority() int           { return priorityFactor }
func (notANumber) flat(b *strings.Builder) { b.WriteString("0/0") }
func (notANumber) broken(p *printer)       { p.write("0/0") }

// A call is a function and its arguments.
type call struct {
	name string
	args []node
}

func (call) priority() int { return priorityOperand }

func (c call) flat(b *strings.Builder) {
	b.WriteString(c.name + "(")
	for i, arg := range c.args {
		if i > 0 {
			b.WriteString(", ")
		}
		arg.flat(b)
	}
	b.WriteString(")")
}

func (c call) broken(p *printer) {
	p.write(c.name + "(")
	p.indent++
	for i, arg := range c.args {
		p.newline()
		comma := ""
		if i < len(c.args)-1 {
			comma = ","
		}
		p.node(arg, len(comma))
		p.write(comma)
	}
	p.indent--
	p.newline()
	p.write(")")
}

// A selection is a selector: a metric name, matchers in braces where there are
// any, and perhaps a range.
type selection struct {
	name     string
	braces   bool // even without matchers
	matchers []string
	span     string // the length of the range, quoted; empty for an instant
}

func (selection) priority() int { return priorityOperand }

func (s selection) flat(b *strings.Builder) {
	b.WriteString(s.name)
	if s.braces || len(s.matchers) > 0 {
		b.WriteString("{" + strings.Join(s.matchers, ", ") + "}")
	}
	b.WriteString(s.brackets())
}

func (s selection) brackets() string {
	if s.span == "" {
		return ""
	}
	return "[" + s.span + "]"
}

func (s selection) broken(p *printer) {
	if len(s.matchers) == 0 {
		p.write(flat(s))
		return
	}
	p.write(s.name + "{")
	p.indent++
	for _, m := range s.matchers {
		p.newline()
		p.write(m + ",")
	}
	p.indent--
	p.newline()
	p.write("}" + s.brackets())
}

// A negation is unary minus.
type negation struct{ operand node }

func (negation) priority() int { return priorityUnary }
func (n negation) flat(b *strings.Builder) {
	b.WriteString("-")
	n.paren().flat(b)
}
func (n negation) paren() operand { return operand{n.operand, n.operand.priority() <= priorityUnary} }
func (n negation) broken(p *printer) {
	p.write("-")
	n.paren().broken(p)
}

// An operation is two operands and an operator between them.
type operation struct {
	op          string
	left, right node
}

func (o operation) priority() int { return priorities[o.op] }

// operands returns both sides, in parentheses where Lua would read the
// expression as another one: all operators associate to the left but "^".
func (o operation) operands() (left, right operand) {
	own := o.priority()
	left = operand{o.left, o.left.priority() < own}
	right = operand{o.right, o.right.priority() <= own}
	if own == priorityPower {
		left.parens = o.left.priority() <= own
		right.parens = o.right.priority() < priorityUnary
	}
	return left, right
}

func (o operation) flat(b *strings.Builder) {
	left, right := o.operands()
	left.flat(b)
	b.WriteString(" " + o.op + " ")
	right.flat(b)
}

// broken puts each operand of a chain like a + b - c on a line of its own.
func (o operation) broken(p *printer) {
	left, right := o.operands()
	inner, chained := o.left.(operation)
	if chained && !left.parens && inner.priority() == o.priority() {
		inner.broken(p)
	} else {
		p.node(left, 0)
	}
	p.indent++
	p.newline()
	p.write(o.op + " ")
	p.node(right, 0)
	p.indent--
}

// An operand is a node, in parentheses where it needs them.
type operand struct {
	node
	parens bool
}

func (o operand) flat(b *strings.Builder) {
	if !o.parens {
		o.node.flat(b)
		return
	}
	b.WriteString("(")
	o.node.flat(b)
	b.WriteString(")")
}

func (o operand) broken(p *printer) {
	if !o.parens {
		o.node.broken(p)
		return
	}
	p.write("(")
	p.indent++
	p.newline()
	p.node(o.node, 0)
	p.indent--
	p.newline()
	p.write(")")
}

// A mapping is a function of one number: function(value) return body end.
type mapping struct{ body node }

// mappedName is the parameter's name; a metric of this name is written as
// series"value"{}.
const mappedName = "value"

func (mapping) priority() int { return priorityOperand }
func (m mapping) flat(b *strings.Builder) {
	b.WriteString("function(" + mappedName + ") return ")
	m.body.flat(b)
	b.WriteString(" end")
}

func (m mapping) broken(p *printer) {
	p.write("function(" + mappedName + ")")
	p.indent++
	p.newline()
	p.write("return ")
	p.node(m.body, 0)
	p.indent--
	p.newline()
	p.write("end")
}

// hasMapping reports whether there is a function in n.
func hasMapping(n node) bool {
	switch n := n.(type) {
	case term:
		return hasMapping(n.node)
	case mapping:
		return true
	case call:
		return slices.ContainsFunc(n.args, hasMapping)
	case negation:
		return hasMapping(n.operand)
	case operation:
		return hasMapping(n.left) || hasMapping(n.right)
	}
	return false
}

// maxColumns is where lines are broken.
const maxColumns = 100

// A printer lays a node out.
type printer struct {
	b      strings.Builder
	indent int
	column int
}

// layout prints a node, over several lines if it is long.
func layout(n node) string {
	var p printer
	p.node(n, 0)
	return p.b.String()
}

// flat prints a node on one line.
func flat(n node) string {
	var b strings.Builder
	n.flat(&b)
	return b.String()
}

// node prints n on the rest of the line if there is room for it and for what
// follows it, else over several lines.
func (p *printer) node(n node, follows int) {
	if line := flat(n); p.column+utf8.RuneCountInString(line)+follows <= maxColumns {
		p.write(line)
		return
	}
	n.broken(p)
}

// write prints text without line breaks.
func (p *printer) write(text string) {
	p.b.WriteString(text)
	p.column += utf8.RuneCountInString(text)
}

func (p *printer) newline() {
	p.b.WriteString("\n" + strings.Repeat("  ", p.indent))
	p.column = 2 * p.indent
}

// quote prints a string as a Lua literal. Text in UTF-8 stays as it is but for
// control characters; other bytes become decimal escapes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError && size == 1, r < ' ', r == 0x7f:
			fmt.Fprintf(&b, `\%03d`, s[i])
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	b.WriteByte('"')
	return b.String()
}

// number prints a float so that Lua reads the same float.
func number(f float64) node {
	switch {
	case math.IsNaN(f):
		return notANumber{}
	case math.Signbit(f):
		return negation{number(-f)}
	case math.IsInf(f, +1):
		return atom("math.huge")
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if exponent := math.Log10(f); exponent > -5 && exponent < 15 {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return atom(text)
}
