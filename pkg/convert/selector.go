package convert

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// instant translates a selector of instants.
func instant(e *parser.VectorSelector) (term, error) { return selector(e, e, 0) }

// window translates a selector of ranges.
func window(e *parser.MatrixSelector) (term, error) {
	vs, ok := e.VectorSelector.(*parser.VectorSelector)
	switch {
	case !ok:
		return term{}, unsupported(e, "ranges of anything but a selector are not supported")
	case e.RangeExpr != nil:
		return term{}, unsupported(e, "computed durations are not supported: write the range as a constant")
	case e.Range < time.Millisecond:
		return term{}, unsupported(e, "ranges below a millisecond are not supported")
	}
	return selector(e, vs, e.Range)
}

// selector translates a selector; part is what it is a part of, and a range of
// 0 is an instant.
func selector(part parser.Node, e *parser.VectorSelector, span time.Duration) (term, error) {
	switch {
	case e.Timestamp != nil || e.StartOrEnd != 0:
		return term{}, unsupported(part, `the modifier @ is not supported: the time is that of the evaluation; offset(x, "5m") looks back`)
	case e.Anchored:
		return term{}, unsupported(part, `the modifier anchored is not supported: rps(x["1m"]) is a rate that is not extrapolated`)
	case e.Smoothed:
		return term{}, unsupported(part, "the modifier smoothed is not supported")
	case e.OriginalOffsetExpr != nil:
		return term{}, unsupported(part, "computed durations are not supported: write the offset as a constant")
	case e.OriginalOffset < 0:
		return term{}, unsupported(part, "a negative offset is not supported: there are no samples after the time of the evaluation")
	}
	name, matchers, err := splitName(part, e)
	if err != nil {
		return term{}, err
	}
	s := selection{matchers: matcherFields(matchers)}
	s.name, s.braces = metricName(name)
	t := term{node: s, shape: shapeVector, safe: true}
	if span > 0 {
		s.span = quote(duration(span))
		t = term{node: s, shape: shapeRange, safe: true}
	}
	if e.OriginalOffset >= time.Millisecond {
		t.node = call{"offset", []node{t.node, atom(quote(duration(e.OriginalOffset)))}}
	}
	return t, nil
}

// splitName separates the metric's name from the other matchers.
func splitName(part parser.Node, e *parser.VectorSelector) (name string, rest []*labels.Matcher, err error) {
	for _, m := range e.LabelMatchers {
		switch {
		case m.Name != labels.MetricName:
			rest = append(rest, m)
		case m.Type != labels.MatchEqual:
			return "", nil, unsupported(part, `a metric's name can only be matched with "=": select each name by itself, and join them with vor`)
		case name != "" && m.Value != name:
			return "", nil, unsupported(part, "no metric has two names")
		default:
			name = m.Value
		}
	}
	if name == "" {
		return "", nil, unsupported(part, "a selector without a metric's name is not supported: name the metric")
	}
	return name, rest, nil
}

// matcherFields prints matchers as the fields of a Lua table, those of one label
// together, in order of first appearance.
func matcherFields(matchers []*labels.Matcher) []string {
	var (
		order  []string
		values = map[string][]string{}
	)
	for _, m := range matchers {
		if values[m.Name] == nil {
			order = append(order, m.Name)
		}
		if v := matcherValue(m); !slices.Contains(values[m.Name], v) {
			values[m.Name] = append(values[m.Name], v)
		}
	}
	fields := make([]string, len(order))
	for i, name := range order {
		key, value := name, values[name][0]
		if !isName(name) {
			key = "[" + quote(name) + "]"
		}
		if len(values[name]) > 1 {
			value = "{" + strings.Join(values[name], ", ") + "}"
		}
		fields[i] = key + "=" + value
	}
	return fields
}

func matcherValue(m *labels.Matcher) string {
	switch m.Type {
	case labels.MatchNotEqual:
		return "neq" + quote(m.Value)
	case labels.MatchRegexp:
		return "re" + quote(m.Value)
	case labels.MatchNotRegexp:
		return "nre" + quote(m.Value)
	}
	return quote(m.Value)
}

// duration prints a duration as PromQL does: 1h30m.
func duration(d time.Duration) string { return model.Duration(d.Truncate(time.Millisecond)).String() }

// absentee translates the argument of absent and absent_over_time, whose
// result has labels of the selector if it is one.
func (t *translator) absentee(e parser.Expr) (node, error) {
	e = strip(e)
	x, err := t.translate(e, wantVector)
	if err != nil {
		return nil, err
	}
	var matchers []*labels.Matcher
	switch e := e.(type) {
	case *parser.VectorSelector:
		matchers = e.LabelMatchers
	case *parser.MatrixSelector:
		matchers = e.VectorSelector.(*parser.VectorSelector).LabelMatchers
	case *parser.UnaryExpr:
		if e.Op == parser.ADD {
			// Not a selector to PromQL, so that the result has no labels.
			return operation{"*", x.node, atom("1")}, nil
		}
	}
	if !orderIndependent(matchers) {
		return nil, unsupported(e, "several matchers on one label are not supported where something may be absent: "+
			"which labels the result has would depend on their order")
	}
	return x.node, nil
}

// orderIndependent reports whether absent gives the labels that PromQL gives it
// when the matchers are read in gaugeway's order, by label and then as they
// print: of one label an equality counts unless another matcher follows it.
func orderIndependent(matchers []*labels.Matcher) bool {
	last := func(ms []*labels.Matcher) map[string]string {
		seen, values := map[string]bool{}, map[string]string{}
		for _, m := range ms {
			delete(values, m.Name)
			if m.Type == labels.MatchEqual && !seen[m.Name] {
				values[m.Name], seen[m.Name] = m.Value, true
			}
		}
		return values
	}
	sorted := slices.Clone(matchers)
	slices.SortStableFunc(sorted, func(a, b *labels.Matcher) int { return strings.Compare(a.String(), b.String()) })
	sorted = slices.CompactFunc(sorted, func(a, b *labels.Matcher) bool { return a.String() == b.String() })
	return maps.Equal(last(matchers), last(sorted))
}
