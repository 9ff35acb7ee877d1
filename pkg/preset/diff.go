package preset

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/hpa"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// Texts of what is no item.
const (
	noData = "no data"
	idle   = "idle"
)

// diff compares what is expected with what a run returned. It returns nil where
// all is as expected, else a line for each item; see Evaluation.Diff.
func (want *expectation) diff(v script.Value, err error) []string {
	var lines []string
	if want.given {
		lines = want.diffValue(v, err)
	}
	if want.hpa != nil {
		lines = append(lines, want.hpa.diff(v, err)...)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return l[0] != ' ' }) {
		return nil
	}
	return lines
}

func (want *expectation) diffValue(v script.Value, err error) []string {
	switch {
	case want.fails != "":
		if err != nil && strings.Contains(err.Error(), want.fails) {
			return []string{"  " + oneLine(err)}
		}
		return replaced(fmt.Sprintf("error with %q", want.fails), v, err)
	case err != nil:
		return replaced(want.text(), v, err)
	case want.idle:
		if len(v.Items) == 0 && len(v.Idle) > 0 {
			return nil
		}
		return replaced(idle, v, nil)
	case len(want.items) == 0:
		if len(v.Items)+len(v.Idle) == 0 {
			return []string{"  " + noData}
		}
		return replaced(noData, v, nil)
	case len(v.Items)+len(v.Idle) == 0:
		return replaced(want.text(), v, nil)
	}
	return want.diffItems(v)
}

// diffItems compares item by item, in the order of their labels.
func (want *expectation) diffItems(v script.Value) []string {
	var lines []string
	w, g := want.items, gotten(v)
	for len(w)+len(g) > 0 {
		var order int
		switch {
		case len(g) == 0:
			order = -1
		case len(w) == 0:
			order = 1
		default:
			order = labels.Compare(w[0].labels, g[0].Labels)
		}
		switch {
		case order < 0:
			lines = append(lines, "- "+w[0].String())
			w = w[1:]
		case order > 0:
			lines = append(lines, "+ "+g[0].String())
			g = g[1:]
		case w[0].matches(g[0]):
			lines = append(lines, "  "+g[0].String())
			w, g = w[1:], g[1:]
		default:
			lines = append(lines, "- "+w[0].String(), "+ "+g[0].String())
			w, g = w[1:], g[1:]
		}
	}
	return lines
}

// text returns what is expected, one item a line.
func (want *expectation) text() string {
	switch {
	case want.idle:
		return idle
	case len(want.items) == 0:
		return noData
	}
	var lines []string
	for _, w := range want.items {
		lines = append(lines, w.String())
	}
	return strings.Join(lines, "\n")
}

// replaced says that all came otherwise: each line of want is gone, and what
// came is new.
func replaced(want string, v script.Value, err error) []string {
	var lines []string
	for _, line := range strings.Split(want, "\n") {
		lines = append(lines, "- "+line)
	}
	switch items := gotten(v); {
	case err != nil:
		lines = append(lines, "+ "+oneLine(err))
	case len(items) == 0:
		lines = append(lines, "+ "+noData)
	default:
		for _, g := range items {
			lines = append(lines, "+ "+g.String())
		}
	}
	return lines
}

func oneLine(err error) string { return "error: " + strings.ReplaceAll(err.Error(), "\n", " ") }

// A gottenItem is an item, or a group for which a percentile had no observation.
type gottenItem struct {
	metric.Item
	idle bool
}

// gotten returns the items and the idle groups of a value, in label order. A
// group that has an item is not idle.
func gotten(v script.Value) []gottenItem {
	var out []gottenItem
	for _, i := range v.Items {
		out = append(out, gottenItem{Item: i})
	}
	for _, group := range v.Idle {
		if !slices.ContainsFunc(v.Items, func(i metric.Item) bool { return labels.Equal(i.Labels, group) }) {
			out = append(out, gottenItem{Item: metric.Item{Labels: group}, idle: true})
		}
	}
	slices.SortStableFunc(out, func(a, b gottenItem) int { return labels.Compare(a.Labels, b.Labels) })
	return out
}

// String prints the item: {pod="a"} 12.5.
func (g gottenItem) String() string { return itemText(g.Labels, g.idle, g.Value) }

// String prints the item with its tolerance: {pod="a"} 12.5 ± 0.1.
func (w wantedItem) String() string { return itemText(w.labels, w.idle, w.value) + w.shown }

func itemText(lset labels.Labels, isIdle bool, v float64) string {
	if isIdle {
		return lset.String() + " " + idle
	}
	return lset.String() + " " + formatNumber(v)
}

// matches compares an item with one of the same labels. NaN matches NaN, and an
// infinity itself, whatever the tolerance.
func (w wantedItem) matches(g gottenItem) bool {
	switch {
	case w.idle || g.idle:
		return w.idle == g.idle
	case math.IsNaN(w.value):
		return math.IsNaN(g.Value)
	case math.IsInf(w.value, 0):
		return w.value == g.Value
	}
	return math.Abs(g.Value-w.value) <= w.tolerance
}

// diff compares how many replicas an autoscaler with the default tolerance asks
// for. Without an answer it leaves them as they are. What a group that is idle
// answers is not known here, so it never is as expected.
func (want *wantedReplicas) diff(v script.Value, err error) []string {
	expected := fmt.Sprintf("%d replicas", want.want)
	items := want.selected(v)
	if i := slices.IndexFunc(items, func(g gottenItem) bool { return g.idle }); i >= 0 && err == nil {
		return []string{"- " + expected, fmt.Sprintf("+ unknown: %s is idle, which answers its last value and then 0, see idle.after", items[i].Labels)}
	}
	got, why := want.propose(items, err)
	if got == want.want {
		return []string{fmt.Sprintf("  %s: %s", expected, why)}
	}
	return []string{"- " + expected, fmt.Sprintf("+ %d replicas: %s", got, why)}
}

// selected returns the items that the autoscaler's selector leaves.
func (want *wantedReplicas) selected(v script.Value) []gottenItem {
	return slices.DeleteFunc(gotten(v), func(g gottenItem) bool {
		return slices.ContainsFunc(want.selector, func(m *labels.Matcher) bool { return !m.Matches(g.Labels.Get(m.Name)) })
	})
}

// propose returns how many replicas the autoscaler asks for, and why.
func (want *wantedReplicas) propose(items []gottenItem, err error) (int32, string) {
	var usage int64
	if err == nil {
		usage, err = sum(items)
	}
	if err != nil {
		return want.current, "unchanged, for there is no answer: " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	p := want.target.Propose(usage, hpa.Steady(want.current), hpa.DefaultTolerance())
	return max(p.Replicas, 0), p.String()
}

// sum adds up the items as an autoscaler does, in thousandths.
func sum(items []gottenItem) (int64, error) {
	var milli []int64
	for _, g := range items {
		m, err := hpa.Milli(g.Value)
		if err != nil {
			return 0, err
		}
		milli = append(milli, m)
	}
	return hpa.Sum(milli)
}
