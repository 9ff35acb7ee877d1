package script

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

func labelFunctions() []*builtin {
	return []*builtin{
		{
			name: "label_replace", family: familyLabel,
			doc:     "Sets label dst to replacement, in which $1 is the first group, where regex matches the whole of label src.",
			example: `label_replace(queue_length, "name", "pod-$1", "pod", "(.*)")`,
			params: []param{
				required("v", aVector), required("dst", aString), required("replacement", aString), required("src", aString), required("regex", aString),
			},
			result: isVector,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.vector(1)
				if err != nil {
					return 0, err
				}
				return m.pushVector(promath.LabelReplace(v, m.text(2), m.text(3), m.text(4), m.text(5)))
			},
		},
		{
			name: "label_join", family: familyLabel,
			doc:     "Sets label dst to the values of the labels src, joined by a separator.",
			example: `label_join(queue_length, "id", "/", "pod", "source")`,
			params: []param{
				required("v", aVector), required("dst", aString), required("separator", aString), repeatable("src", aString),
			},
			result: isVector,
			run: func(m *machine, n int) (int, error) {
				v, err := m.vector(1)
				if err != nil {
					return 0, err
				}
				return m.pushVector(promath.LabelJoin(v, m.text(2), m.text(3), m.texts(4, n)...))
			},
		},
		{
			name: "absent", family: familyLabel,
			doc:     "1, with the labels that the matchers demand, where the vector is empty, else nothing.",
			example: `absent(no_such_metric{job="x"})`,
			params:  []param{required("v", aVector)}, result: isVector,
			run: func(m *machine, _ int) (int, error) {
				v, err := m.vector(1)
				if err != nil {
					return 0, err
				}
				demanded := &metric.Selector{}
				if s := m.selector(1); s != nil {
					demanded = &s.Selector
				}
				return m.pushVector(promath.Absent(v, demanded), nil)
			},
		},
		groupingFunction("by", false, `sum(queue_length, by("pod", "source"))`, "Group by these labels."),
		groupingFunction("without", true, `sum(queue_length, without("pod"))`, "Group by all labels but these."),
	}
}

func groupingFunction(name string, without bool, example, doc string) *builtin {
	return &builtin{
		name: name, family: familyLabel, doc: doc, example: example,
		params: []param{repeatable("label", aString)}, result: isGrouping,
		fold: func(args []string) (any, error) { return promath.Grouping{Without: without, Labels: args}, nil },
		run: func(m *machine, n int) (int, error) {
			m.pushValue(promath.Grouping{Without: without, Labels: m.texts(1, n)})
			return 1, nil
		},
	}
}

func selectorFunctions() []*builtin {
	return []*builtin{
		{
			name: "series", family: familySelector, static: true,
			doc:     "The series of a name that cannot be written as a Lua name; the name is a constant.",
			example: `sum(series"queue_length"{pod="a"})`,
			params:  []param{required("name", aString)}, result: isSelector,
		},
		patternFunction("re", labels.MatchRegexp, `sum(rate(requests_total{code=re"5.."}["1m"]))`,
			"Matches label values by a regular expression (RE2), which must match the whole value."),
		patternFunction("nre", labels.MatchNotRegexp, `sum(rate(requests_total{code=nre"5.."}["1m"]))`,
			"Matches label values that a regular expression does not match."),
		patternFunction("neq", labels.MatchNotEqual, `sum(rate(requests_total{code=neq"200"}["1m"]))`,
			"Matches label values other than this one."),
		{
			name: "offset", family: familySelector,
			doc:     "The selector or range as it was so long ago; the duration is a constant.",
			example: `sum(rate(requests_total["30s"])) - sum(rate(offset(requests_total["30s"], "30s")))`,
			params:  []param{required("s", isSelector|isRange), required("duration", aString)}, result: isSelector | isRange,
			infer: inferOffset,
			run: func(m *machine, _ int) (int, error) {
				s, err := m.selector(1).back(m.text(2))
				if err != nil {
					return 0, err
				}
				return m.pushSelector(s)
			},
		},
		{
			name: "self", family: familySelector, static: true, variable: true,
			doc:     "What this metric returned before: self[\"10m\"] is a range of it.",
			example: `max_over_time(self["10m"])`,
			result:  isSelector,
		},
		{
			name: "metric", family: familySelector, static: true,
			doc:     "What another metric of the namespace returned before; its name is a constant.",
			example: `max_over_time(metric"checkout-rps"["10m"])`,
			params:  []param{required("name", aString)}, result: isSelector,
		},
		fallbackFunction(),
	}
}

func patternFunction(name string, op labels.MatchType, example, doc string) *builtin {
	return &builtin{
		name: name, family: familySelector, doc: doc, example: example,
		params: []param{required("value", aString)}, result: isMatcher,
		fold: func(args []string) (any, error) { return pattern{op: op, text: args[0]}, nil },
		run: func(m *machine, _ int) (int, error) {
			m.pushValue(pattern{op: op, text: m.text(1)})
			return 1, nil
		},
	}
}
