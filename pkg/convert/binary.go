package convert

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// binary translates the operators between two operands.
func (t *translator) binary(e *parser.BinaryExpr, d demand) (term, error) {
	if m := e.VectorMatching; m != nil && (m.FillValues.LHS != nil || m.FillValues.RHS != nil) {
		return term{}, unsupported(e, "the modifier fill is not supported: vor(v, w) fills in the elements of w that v lacks")
	}
	switch {
	case e.Op.IsSetOperator():
		return t.set(e, d)
	case e.ReturnBool:
		return t.truth(e)
	}
	op, ok := operators[e.Op]
	if !ok {
		return term{}, unsupported(e, "the operator %s is not supported", e.Op)
	}
	left, right, err := t.operands(e, d)
	if err != nil {
		return term{}, err
	}
	shape := max(left.shape, right.shape)
	if shape == shapeVector && left.shape == shapeVector && right.shape == shapeVector {
		return between(e.VectorMatching, op, left, right), nil
	}
	if op.compares && left.shape == shapeNumber {
		// The elements of the vector are kept, be it left or right.
		op, left, right = op.mirrored(), right, left
	}
	return term{
		node:   op.apply(left.node, right.node),
		shape:  shape,
		floats: left.floats && right.floats,
		sure:   left.certain() && right.certain() && !op.compares,
		safe:   left.safe && right.safe,
	}, nil
}

// operands translates both sides. Where one of two vectors has labels, or a
// vector is wanted, both must be vectors to Lua, too.
func (t *translator) operands(e *parser.BinaryExpr, d demand) (left, right term, err error) {
	if left, err = t.translate(e.LHS, d); err != nil {
		return left, right, err
	}
	if right, err = t.translate(e.RHS, d); err != nil {
		return left, right, err
	}
	switch {
	case left.shape == shapeVector && right.shape == shapeSingle:
		right, err = t.translate(e.RHS, wantVector)
	case left.shape == shapeSingle && right.shape == shapeVector:
		left, err = t.translate(e.LHS, wantVector)
	}
	return left, right, err
}

// An operator is how Lua writes an operator of PromQL.
type operator struct {
	symbol   string // of Lua, if it has one that does the same
	function string // that does the same, and takes on(...) and the like
	compares bool
	truth    string          // the comparison of two numbers
	mirror   parser.ItemType // the comparison with sides exchanged
}

var operators = map[parser.ItemType]operator{
	parser.ADD:  {symbol: "+", function: "add"},
	parser.SUB:  {symbol: "-", function: "sub"},
	parser.MUL:  {symbol: "*", function: "mul"},
	parser.DIV:  {symbol: "/", function: "div"},
	parser.POW:  {symbol: "^", function: "pow"},
	parser.MOD:  {function: "fmod"},
	parser.GTR:  {function: "gt", compares: true, truth: ">", mirror: parser.LSS},
	parser.GTE:  {function: "ge", compares: true, truth: ">=", mirror: parser.LTE},
	parser.LSS:  {function: "lt", compares: true, truth: "<", mirror: parser.GTR},
	parser.LTE:  {function: "le", compares: true, truth: "<=", mirror: parser.GTE},
	parser.EQLC: {function: "eq", compares: true, truth: "==", mirror: parser.EQLC},
	parser.NEQ:  {function: "ne", compares: true, truth: "~=", mirror: parser.NEQ},
}

func (o operator) mirrored() operator { return operators[o.mirror] }

func (o operator) apply(left, right node) node {
	if o.symbol != "" {
		return operation{o.symbol, left, right}
	}
	return call{o.function, []node{left, right}}
}

// between translates an operator between two vectors with labels.
func between(m *parser.VectorMatching, op operator, left, right term) term {
	matching := matchingArgs(m)
	if len(matching) == 0 {
		return term{node: op.apply(left.node, right.node), shape: shapeVector}
	}
	return term{node: call{op.function, append([]node{left.node, right.node}, matching...)}, shape: shapeVector}
}

// matchingArgs are the arguments that say which elements match; none where all
// labels must.
func matchingArgs(m *parser.VectorMatching) []node {
	if m == nil {
		return nil
	}
	var args []node
	switch {
	case m.On:
		args = append(args, labelList("on", m.MatchingLabels))
	case len(m.MatchingLabels) > 0:
		args = append(args, labelList("ignoring", m.MatchingLabels))
	}
	switch m.Card {
	case parser.CardManyToOne:
		args = append(args, labelList("group_left", m.Include))
	case parser.CardOneToMany:
		args = append(args, labelList("group_right", m.Include))
	}
	return args
}

// set translates and, or and unless. `or` between numbers is Lua's, which leaves
// the right side alone if the left one has a value.
func (t *translator) set(e *parser.BinaryExpr, d demand) (term, error) {
	if e.Op == parser.LOR && d == anyShape {
		left, err := t.translate(e.LHS, anyShape)
		if err != nil {
			return term{}, err
		}
		right, err := t.translate(e.RHS, anyShape)
		if err != nil {
			return term{}, err
		}
		if left.shape <= shapeSingle && right.shape <= shapeSingle && right.safe {
			if left.certain() {
				return left, nil
			}
			return term{
				node:   operation{"or", left.node, right.node},
				shape:  shapeSingle,
				floats: left.floats && right.floats,
				sure:   right.certain(),
				safe:   left.safe,
			}, nil
		}
	}
	names := map[parser.ItemType]string{parser.LAND: "vand", parser.LOR: "vor", parser.LUNLESS: "vunless"}
	args, _, err := t.all([]parser.Expr{e.LHS, e.RHS}, wantVector)
	if err != nil {
		return term{}, err
	}
	return term{node: call{names[e.Op], append(args, matchingArgs(e.VectorMatching)...)}, shape: shapeVector}, nil
}

// truth translates comparisons that give 1 or 0.
func (t *translator) truth(e *parser.BinaryExpr) (term, error) {
	left, right, err := t.operands(e, wantVector)
	if err != nil {
		return term{}, err
	}
	op := operators[e.Op]
	switch {
	case left.shape == shapeVector && right.shape == shapeVector:
		return term{}, unsupported(e, "the modifier bool between two vectors is not supported: %s(a, b) filters", op.function)
	case left.shape == shapeNumber && right.shape == shapeNumber:
		return term{node: oneOrZero(op, left.node, right.node), shape: shapeNumber, floats: true, safe: left.safe && right.safe}, nil
	case left.shape == shapeNumber:
		op, left, right = op.mirrored(), right, left
	}
	switch {
	case hasMapping(right.node):
		return term{}, unsupported(e, "the modifier bool within the modifier bool is not supported: there are no functions in functions")
	case !right.safe:
		return term{}, unsupported(e, "the modifier bool with a scalar that may fail is not supported: name the scalar first, local x = scalar(v)")
	}
	vector := left.node
	if !left.floats {
		vector = operation{"+", vector, atom("0")} // leaves histograms out
	}
	body := mapping{oneOrZero(op, atom(mappedName), right.node)}
	return term{node: call{"map", []node{vector, body}}, shape: shapeVector, floats: true}, nil
}

// oneOrZero compares two numbers.
func oneOrZero(op operator, left, right node) node {
	return operation{"or", operation{"and", operation{op.truth, left, right}, atom("1")}, atom("0")}
}
