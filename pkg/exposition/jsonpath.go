package exposition

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// maxPath is the longest JSONPath, in bytes.
const maxPath = 1000

// A jsonPath is a JSONPath in the notation of client-go, which is kubectl's, and
// is parsed by client-go. It is evaluated here, on a document that keeps the
// order of its keys and the digits of its numbers, and differs from client-go in
// what depends on that or would fail:
//
//   - Keys come in the order of the document, not in a random one.
//   - What is not there is nothing: a missing key, an index or slice beyond the
//     end, a field of a number, a filter on a number. An empty list does not hide
//     the lists after it.
//   - A filter compares numbers as numbers, 2 and 2.0 and 1e3 alike, and finds
//     nothing unequal where it compares other kinds. It looks through the values
//     of an object too.
//   - `..` may come once, and `*` and `..` do not take strings apart.
type jsonPath struct {
	text  string // as given
	steps []pathStep
}

// A pathStep leads from one value to others.
type pathStep struct {
	kind         stepKind
	name         string       // of stepField
	from, to, by int          // of stepSlice; of stepIndex from alone
	branches     [][]pathStep // of stepUnion
	filter       *pathFilter  // of stepFilter
}

type stepKind uint8

const (
	stepField stepKind = iota
	stepIndex
	stepSlice   // elements of a list
	stepAll     // elements of a list, values of an object
	stepDescend // the value and each list and object in it
	stepUnion
	stepFilter
)

// A pathFilter keeps the elements for which left compares to right, or, without
// an operator, those in which left finds something.
type pathFilter struct {
	left, right operand
	operator    string
}

// An operand is a path from the element, or a constant.
type operand struct {
	steps    []pathStep
	constant *scalar
}

// A scalar is a value that can be compared.
type scalar struct {
	kind   jsonKind // jsonString, jsonNumber or jsonBool
	text   string   // of a string or bool
	number float64
}

// newJSONPath parses a path. Braces, and the dot at the beginning, may be absent.
func newJSONPath(text string) (jsonPath, error) {
	inner := strings.TrimSpace(text)
	switch {
	case inner == "":
		return jsonPath{}, errors.New("the path is empty: write . for the value itself")
	case inner[0] == '{':
	case strings.IndexByte(".[$@", inner[0]) >= 0:
		inner = "{" + inner + "}"
	default:
		inner = "{." + inner + "}"
	}
	roots, err := parsePath(inner)
	if err != nil {
		return jsonPath{}, err
	}
	list, ok := roots[0].(*jsonpath.ListNode)
	if len(roots) != 1 || !ok {
		return jsonPath{}, fmt.Errorf("%q is more than one path", text)
	}
	steps, err := pathSteps(list.Nodes)
	if err != nil {
		return jsonPath{}, fmt.Errorf("the path %q: %w", text, err)
	}
	return jsonPath{text: text, steps: steps}, nil
}

// parsePath returns the parts of a template, one at least.
func parsePath(text string) ([]jsonpath.Node, error) {
	if len(text) > maxPath {
		return nil, fmt.Errorf("a path of %d bytes is too long: %d are allowed", len(text), maxPath)
	}
	p, err := jsonpath.Parse("path", text)
	if err != nil {
		return nil, fmt.Errorf("%q is no JSONPath: %w", text, err)
	}
	if len(p.Root.Nodes) == 0 {
		return nil, fmt.Errorf("%q is no JSONPath", text)
	}
	return p.Root.Nodes, nil
}

// pathSteps translates what client-go parsed.
func pathSteps(nodes []jsonpath.Node) ([]pathStep, error) {
	var steps []pathStep
	descends := 0
	for _, node := range nodes {
		switch node := node.(type) {
		case *jsonpath.FieldNode:
			if node.Value != "" { // "." is the value itself
				steps = append(steps, pathStep{kind: stepField, name: node.Value})
			}
		case *jsonpath.WildcardNode:
			steps = append(steps, pathStep{kind: stepAll})
		case *jsonpath.RecursiveNode:
			if descends++; descends > 1 {
				return nil, errors.New(".. may come once")
			}
			steps = append(steps, pathStep{kind: stepDescend})
		case *jsonpath.ArrayNode:
			step, err := arrayStep(node)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		case *jsonpath.UnionNode:
			step := pathStep{kind: stepUnion}
			for _, branch := range node.Nodes {
				s, err := pathSteps(branch.Nodes)
				if err != nil {
					return nil, err
				}
				step.branches = append(step.branches, s)
			}
			steps = append(steps, step)
		case *jsonpath.FilterNode:
			filter, err := newFilter(node)
			if err != nil {
				return nil, err
			}
			steps = append(steps, pathStep{kind: stepFilter, filter: filter})
		default:
			return nil, fmt.Errorf("%v has no place here: use fields, indices, *, .. and filters", node)
		}
	}
	return steps, nil
}

// arrayStep translates [n], [from:to] and [from:to:by]. [*] is parsed as [:].
func arrayStep(node *jsonpath.ArrayNode) (pathStep, error) {
	from, to, by := node.Params[0], node.Params[1], node.Params[2]
	step := pathStep{kind: stepSlice, from: from.Value, to: math.MaxInt, by: 1}
	switch {
	case to.Derived && !from.Known:
		return step, errors.New("[] lacks an index: write [*] for all")
	case to.Derived:
		step.kind = stepIndex
		return step, nil
	}
	if to.Known {
		step.to = to.Value
	}
	if by.Known {
		step.by = by.Value
	}
	if step.by <= 0 {
		return step, fmt.Errorf("a slice takes each %dth element: the step must be 1 at least", step.by)
	}
	return step, nil
}

func newFilter(node *jsonpath.FilterNode) (*pathFilter, error) {
	left, err := newOperand(node.Left.Nodes)
	if err != nil {
		return nil, err
	}
	f := &pathFilter{left: left}
	switch node.Operator {
	case "exists":
		if left.constant != nil {
			return nil, errors.New("a filter is a constant: compare something to it")
		}
		return f, nil
	case "==", "!=", "<", "<=", ">", ">=":
		f.operator = node.Operator
	default:
		return nil, fmt.Errorf("a filter cannot compare with %s: use ==, !=, <, <=, > or >=", node.Operator)
	}
	f.right, err = newOperand(node.Right.Nodes)
	return f, err
}

func newOperand(nodes []jsonpath.Node) (operand, error) {
	if len(nodes) == 1 {
		switch node := nodes[0].(type) {
		case *jsonpath.TextNode:
			return operand{constant: &scalar{kind: jsonString, text: node.Text}}, nil
		case *jsonpath.IntNode:
			return operand{constant: &scalar{kind: jsonNumber, number: float64(node.Value)}}, nil
		case *jsonpath.FloatNode:
			return operand{constant: &scalar{kind: jsonNumber, number: node.Value}}, nil
		case *jsonpath.BoolNode:
			return operand{constant: &scalar{kind: jsonBool, text: fmt.Sprint(node.Value)}}, nil
		}
	}
	steps, err := pathSteps(nodes)
	return operand{steps: steps}, err
}

// compare reports whether a filter's comparison of two values holds. Values of
// different kinds are unequal, and in no order.
func compare(left scalar, operator string, right scalar) bool {
	if left.kind != right.kind {
		return operator == "!="
	}
	order := strings.Compare(left.text, right.text)
	if left.kind == jsonNumber {
		order = 0
		if left.number < right.number {
			order = -1
		} else if left.number > right.number {
			order = 1
		}
	}
	switch operator {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}
