package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// upstreamLabel is the vocabulary's label of which upstream_pod is made.
const upstreamLabel = "upstream"

// A relabel gives series the vocabulary's labels when they are read, those that
// a use of a module groups by. What aggregates them then groups by these, and
// merges right what the gateway tells apart by more. It belongs to one program.
type relabel struct {
	rules []relabelRule
	pods  bool   // there is a rule that maps to pods
	key   string // equal for those that do the same

	// before and after are the labels of the last read and what they became.
	before, after []labels.Labels
}

// A relabelRule sets a label to what another has or holds: the first of some that
// has something.
type relabelRule struct {
	to   string
	from []labelMapping
	pod  bool // to the pod that has the address
}

// newRelabel returns what a grouping asks for; nil where series have it already.
func newRelabel(f *moduleFunction, by *usedGrouping) *relabel {
	if by == nil {
		return nil
	}
	r := &relabel{}
	var key strings.Builder
	for _, label := range by.labels {
		rule := relabelRule{to: label}
		source := label
		if label == vocabulary.UpstreamPod {
			rule.to, rule.pod, source = metric.LabelPod, true, upstreamLabel
		}
		m, ok := f.labels[source]
		if !ok || len(m) == 1 && m[0].label == label && m[0].extract == nil {
			continue
		}
		rule.from = m
		r.rules = append(r.rules, rule)
		r.pods = r.pods || rule.pod
		fmt.Fprintf(&key, " %q %t", rule.to, rule.pod)
		for _, from := range m {
			fmt.Fprintf(&key, "=%q %q %q", from.label, from.before, from.after)
		}
	}
	if len(r.rules) == 0 {
		return nil
	}
	r.key = key.String()
	return r
}

// relabelled returns series with the labels that r gives them, in label order.
// A label that is in the way is kept with a prefix.
func (m *machine) relabelled(r *relabel, series []metric.Series) ([]metric.Series, error) {
	if err := m.alloc(2 * sampleBytes * (1 + len(series))); err != nil {
		return nil, err
	}
	out := make([]metric.Series, 0, len(series))
	next := relabelling{m: m, r: r, pods: map[string]string{}, b: labels.NewBuilder(labels.EmptyLabels())}
	known, before, after := 0, make([]labels.Labels, 0, len(series)), make([]labels.Labels, 0, len(series))
	for _, s := range series {
		from := s.Labels
		for known < len(r.before) && labels.Compare(r.before[known], from) < 0 {
			known++
		}
		if known < len(r.before) && labels.Equal(r.before[known], from) {
			s.Labels = r.after[known]
		} else {
			lset, ok := next.labels(from)
			if !ok {
				continue
			}
			s.Labels = lset
		}
		out = append(out, s)
		before, after = append(before, from), append(after, s.Labels)
	}
	if !r.pods { // which may change their addresses at any time
		r.before, r.after = before, after
	}
	byLabels := func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) }
	if !slices.IsSortedFunc(out, byLabels) {
		slices.SortFunc(out, byLabels)
	}
	return out, m.charge(len(series) / 8)
}

// A relabelling is the work of one read.
type relabelling struct {
	m    *machine
	r    *relabel
	b    *labels.Builder
	pods map[string]string // by address; "" for none
}

// labels returns the labels of a series with those of the rules, and false
// where its address is no pod's.
func (n *relabelling) labels(from labels.Labels) (labels.Labels, bool) {
	n.b.Reset(from)
	for i := range n.r.rules {
		rule := &n.r.rules[i]
		value := rule.value(from)
		if rule.pod {
			if value = n.pod(value); value == "" {
				return labels.EmptyLabels(), false
			}
		}
		if old := from.Get(rule.to); old != "" && old != value {
			kept := "exported_" + rule.to
			for from.Has(kept) {
				kept = "exported_" + kept
			}
			n.b.Set(kept, old)
		}
		n.b.Set(rule.to, value)
	}
	return n.b.Labels(), true
}

// value returns what the rule finds in the labels of a series; "" for nothing.
func (r *relabelRule) value(from labels.Labels) string {
	for i := range r.from {
		if value := r.from[i].value(from.Get(r.from[i].label)); value != "" {
			return value
		}
	}
	return ""
}

// value returns what a label's value holds; "" for nothing.
func (m *labelMapping) value(text string) string {
	if m.extract == nil {
		return text
	}
	match := m.extract.FindStringSubmatch(text)
	if match == nil {
		return ""
	}
	return match[m.extract.SubexpIndex(extracted)]
}

func (n *relabelling) pod(value string) string {
	pod, known := n.pods[value]
	if !known {
		if address := lastAddress(value); address != "" && n.m.env.PodOf != nil {
			if name, ok := n.m.env.PodOf(address); ok {
				pod = name
			}
		}
		n.pods[value] = pod
	}
	return pod
}
