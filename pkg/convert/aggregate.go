package convert

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// aggregate translates sum, topk and their like. Without labels to group by,
// they give a number, unless a vector is wanted.
func (t *translator) aggregate(e *parser.AggregateExpr, d demand) (term, error) {
	shape, safe := shapeSingle, true
	var args []node
	switch e.Op {
	case parser.SUM, parser.AVG, parser.MIN, parser.MAX, parser.COUNT, parser.GROUP, parser.STDDEV, parser.STDVAR:
	case parser.TOPK, parser.BOTTOMK:
		shape, safe = shapeVector, false // k may be too large
		fallthrough
	case parser.QUANTILE:
		param, err := t.translate(e.Param, anyShape)
		if err != nil {
			return term{}, err
		}
		args = append(args, param.node)
		safe = safe && param.safe
	case parser.COUNT_VALUES:
		return term{}, unsupported(e, "count_values is not supported: count(eq(v, 1)) counts one value")
	case parser.LIMITK, parser.LIMIT_RATIO:
		return term{}, unsupported(e, "%s is not supported: it picks series at random; topk picks them by value", e.Op)
	default:
		return term{}, unsupported(e, "the aggregation %s is not supported", e.Op)
	}
	vector, err := t.translate(e.Expr, wantVector)
	if err != nil {
		return term{}, err
	}
	args = append(args, vector.node)
	switch {
	case e.Without:
		shape = shapeVector
		args = append(args, labelList("without", e.Grouping))
	case len(e.Grouping) > 0:
		shape = shapeVector
		args = append(args, labelList("by", e.Grouping))
	case shape == shapeSingle && d == wantVector:
		shape = shapeVector
		args = append(args, labelList("by", nil))
	}
	floats := vector.floats || e.Op != parser.SUM && e.Op != parser.AVG && e.Op != parser.TOPK && e.Op != parser.BOTTOMK
	return term{node: call{e.Op.String(), args}, shape: shape, floats: floats, safe: safe && vector.safe}, nil
}

// labelList is a word such as by or on with its labels.
func labelList(word string, names []string) node {
	args := make([]node, len(names))
	for i, name := range names {
		args[i] = atom(quote(name))
	}
	return call{word, args}
}
