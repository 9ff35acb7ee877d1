package promath

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// LabelReplace sets the label dst of each element whose label src matches the
// regular expression (as a whole; dot matches newline, too) to replacement, in
// which $1 and ${name} stand for the expression's groups. Elements that do not
// match stay as they are; an empty result removes the label; a label that is
// not there has the value "".
//
// A regular expression that does not compile, a dst that is no label name and
// elements that come to have the same labels are errors.
func LabelReplace(v Vector, dst, replacement, src, regex string) (Vector, error) {
	re, err := regexp.Compile("^(?s:" + regex + ")$")
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %q in label_replace: %w", regex, err)
	}
	if err := checkLabelName(dst); err != nil {
		return nil, fmt.Errorf("destination of label_replace: %w", err)
	}
	var expanded []byte
	return relabel(v, dst, func(l labels.Labels) (string, bool) {
		value := l.Get(src)
		match := re.FindStringSubmatchIndex(value)
		if match == nil {
			return "", false
		}
		expanded = re.ExpandString(expanded[:0], replacement, value, match)
		return string(expanded), true
	})
}

// LabelJoin sets the label dst of each element to the values of its labels
// src, joined by the separator. A label that is not there has the value "". An
// empty result removes the label.
//
// A name that is no label name and elements that come to have the same labels
// are errors.
func LabelJoin(v Vector, dst, separator string, src ...string) (Vector, error) {
	if err := checkLabelName(dst); err != nil {
		return nil, fmt.Errorf("destination of label_join: %w", err)
	}
	for _, name := range src {
		if err := checkLabelName(name); err != nil {
			return nil, fmt.Errorf("source of label_join: %w", err)
		}
	}
	values := make([]string, len(src))
	return relabel(v, dst, func(l labels.Labels) (string, bool) {
		for i, name := range src {
			values[i] = l.Get(name)
		}
		return strings.Join(values, separator), true
	})
}

// relabel sets the label dst of each element to what value returns, where that
// says true.
func relabel(v Vector, dst string, value func(labels.Labels) (string, bool)) (Vector, error) {
	out := make(Vector, len(v))
	b := labels.NewBuilder(labels.EmptyLabels())
	for i := range v {
		out[i] = v[i]
		if s, ok := value(v[i].Labels); ok {
			b.Reset(v[i].Labels)
			out[i].Labels = b.Set(dst, s).Labels()
		}
	}
	return unique(out)
}

// checkLabelName returns an error unless name may be a label's.
func checkLabelName(name string) error {
	if name == "" || !utf8.ValidString(name) {
		return fmt.Errorf("%q is no label name: give one that is not empty, in UTF-8", name)
	}
	return nil
}

// Absent returns 1 where v is empty, and nothing where it is not. The element
// has the labels that an element of sel would be sure to have: those of its
// equality matchers, but no label that is matched twice, and not the metric
// name. sel may be nil, where v comes of no selector: then it has no labels.
func Absent(v Vector, sel *metric.Selector) Vector {
	if len(v) > 0 {
		return nil
	}
	b := labels.NewBuilder(labels.EmptyLabels())
	if sel != nil {
		seen := map[string]bool{}
		for _, m := range sel.Matchers {
			switch {
			case m.Name == labels.MetricName:
			case m.Type == labels.MatchEqual && !seen[m.Name]:
				b.Set(m.Name, m.Value)
				seen[m.Name] = true
			default:
				b.Del(m.Name)
			}
		}
	}
	return Vector{{Labels: b.Labels(), F: 1}}
}
