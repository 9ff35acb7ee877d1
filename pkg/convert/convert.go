// Package convert translates PromQL into the Lua that gaugeway's metrics are
// written in.
//
// The translation is exact: over the same samples the Lua gives what
// Prometheus's engine gives for the instant query, bit by bit, with delayed
// name removal off. What cannot be said exactly is refused, with the reason
// and, where there is one, the way to say it in Lua. Two tests hold that:
// Prometheus's own corpus of expectations, and random expressions over random
// series.
//
// # Numbers
//
// In PromQL, sum(x) is a vector of one element without labels; in Lua it is a
// number, or nil for the empty vector. The translation uses the number wherever
// arithmetic, a function of single values or the result is all that becomes of
// it, and writes sum(x, by()), which is a vector, where PromQL matches labels
// or filters. So
//
//	sum(rate(errors[1m])) / sum(rate(requests[1m])) or vector(0)
//
// becomes
//
//	sum(rate(errors["1m"])) / sum(rate(requests["1m"])) or 0
//
// A PromQL scalar is a number, too, but never nil.
package convert

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// An Unsupported error says that an expression is PromQL, but cannot be said in
// gaugeway's Lua.
type Unsupported struct {
	// Part is the smallest part of the expression that is concerned, in PromQL.
	Part string
	// Reason names what is not supported and, where there is one, the alternative.
	Reason string
	// Refused is why script does not compile the translation, which has a mistake
	// that PromQL allows; nil where there is no translation.
	Refused error
}

// Error returns the part and the reason.
func (e *Unsupported) Error() string { return fmt.Sprintf("%s: %s", e.Part, e.Reason) }

// Unwrap returns Refused.
func (e *Unsupported) Unwrap() error { return e.Refused }

// FromPromQL translates an expression. The Lua is one expression; where it is
// longer than 100 columns it is laid out over several lines.
//
// The error is an *Unsupported for what gaugeway's Lua lacks or refuses, else
// that of Prometheus's parser. Experimental functions are allowed.
func FromPromQL(expr string) (lua string, err error) {
	p := parser.NewParser(parser.Options{
		EnableExperimentalFunctions:  true,
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: true,
		EnableBinopFillModifiers:     true,
	})
	tree, err := p.ParseExpr(expr)
	if err != nil {
		return "", fmt.Errorf("this is no PromQL: %w", err)
	}
	t, err := newTranslator().translate(tree, anyShape)
	if err != nil {
		return "", err
	}
	switch t.shape {
	case shapeRange:
		return "", unsupported(tree, "a range is no result: apply a function such as rate or avg_over_time to it")
	case shapeString:
		return "", unsupported(tree, "a string is no result: a metric is a number or a vector")
	}
	lua = layout(t.node)
	if _, err := script.Compile(lua, script.Options{Name: "convert", Clock: stopped}); err != nil {
		return "", &Unsupported{Part: tree.String(), Reason: "the translation is refused: " + err.Error(), Refused: err}
	}
	return lua, nil
}

// stopped is a clock by which nothing takes long: whether an expression can be
// translated does not depend on the machine.
func stopped() time.Time { return time.Time{} }

// unsupported makes the error for a part of the expression.
func unsupported(part parser.Node, format string, args ...any) error {
	return &Unsupported{Part: part.String(), Reason: fmt.Sprintf(format, args...)}
}

// A shape is what an expression gives when it runs.
type shape int

const (
	shapeNumber shape = iota // a scalar of PromQL: a number, never nil
	shapeSingle              // a vector of at most one element, without labels: a number or nil
	shapeVector
	shapeRange
	shapeString
)

// A demand is which shape the surroundings of an expression can take.
type demand int

const (
	anyShape   demand = iota
	wantVector        // shapeVector, where PromQL has a vector
)

// A term is a translated expression.
type term struct {
	node
	shape shape
	// floats: it never gives a histogram.
	floats bool
	// sure: of a shapeSingle, that it is never nil.
	sure bool
	// safe: it cannot fail, because no two of its elements can come to have the
	// same labels. Only then it may be left unevaluated.
	safe bool
}

// certain reports whether a number is never nil.
func (t term) certain() bool { return t.shape == shapeNumber || t.sure }

// A translator translates the parts of one expression. It remembers them,
// because some are translated once for each demand.
type translator struct {
	done map[request]translation
}

type request struct {
	expr   parser.Expr
	demand demand
}

type translation struct {
	term term
	err  error
}

func newTranslator() *translator { return &translator{done: map[request]translation{}} }

// translate translates an expression of any type.
func (t *translator) translate(e parser.Expr, d demand) (term, error) {
	r := request{e, d}
	known, ok := t.done[r]
	if !ok {
		known.term, known.err = t.compute(e, d)
		t.done[r] = known
	}
	return known.term, known.err
}

func (t *translator) compute(e parser.Expr, d demand) (term, error) {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return t.translate(e.Expr, d)
	case *parser.NumberLiteral:
		return term{node: number(e.Val), shape: shapeNumber, floats: true, safe: true}, nil
	case *parser.StringLiteral:
		return term{node: atom(quote(e.Val)), shape: shapeString}, nil
	case *parser.VectorSelector:
		return instant(e)
	case *parser.MatrixSelector:
		return window(e)
	case *parser.UnaryExpr:
		return t.unary(e, d)
	case *parser.BinaryExpr:
		return t.binary(e, d)
	case *parser.AggregateExpr:
		return t.aggregate(e, d)
	case *parser.Call:
		return t.function(e, d)
	case *parser.SubqueryExpr:
		return term{}, unsupported(e, "subqueries are not supported: nothing is evaluated at earlier times; "+
			`self["10m"] reads what a metric returned before`)
	}
	return term{}, unsupported(e, "this kind of expression is not supported")
}

// unary translates +x and -x.
func (t *translator) unary(e *parser.UnaryExpr, d demand) (term, error) {
	x, err := t.translate(e.Expr, d)
	if err == nil && e.Op == parser.SUB {
		x.node = negation{x.node}
	}
	return x, err
}

// all translates the arguments of a function, and reports whether all
// are safe.
func (t *translator) all(args []parser.Expr, d demand) (nodes []node, safe bool, err error) {
	nodes, safe = make([]node, len(args)), true
	for i, arg := range args {
		x, err := t.translate(arg, d)
		if err != nil {
			return nil, false, err
		}
		nodes[i] = x.node
		safe = safe && (x.safe || x.shape == shapeString)
	}
	return nodes, safe, nil
}

// strip removes parentheses.
func strip(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// IsUnsupported reports whether an error says that PromQL cannot be translated.
func IsUnsupported(err error) bool {
	var u *Unsupported
	return errors.As(err, &u)
}
