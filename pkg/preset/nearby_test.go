package preset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// TestNearbyIsBounded: of many values some are remembered, and one that was asked
// for is never said not to be there.
func TestNearbyIsBounded(t *testing.T) {
	t.Parallel()
	asks := func(value string) metric.Selector {
		return metric.Selector{Name: "a", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "x", value)}}
	}
	long := metric.Selector{Name: "c", Matchers: asks("none").Matchers}
	missing, late := asks("none"), asks("v900")
	n := NewNearby([]metric.Selector{missing, late, long})
	for i := range 1000 {
		n.See(labels.FromStrings(labels.MetricName, "a", "x", fmt.Sprintf("v%d", i)))
		n.See(labels.FromStrings(labels.MetricName, "b", "x", fmt.Sprintf("v%d", i)))
	}
	f := func(sel metric.Selector, want string) {
		t.Helper()
		name, why := lacking([]*Nearby{n}, []*metric.Selector{&sel}, func(label string) string { return label })
		if name != sel.Name || why != want {
			t.Errorf("%s: %s: %s\nwant %s", sel.String(), name, why, want)
		}
	}
	n.See(labels.FromStrings(labels.MetricName, "c", "x", strings.Repeat("v", 200)))
	f(missing, `no x "none"; there are: v0, v1, v10 and more than 97 more`)
	f(long, `no x "none"; there are: `+strings.Repeat("v", 100)+"...")
	f(late, `no series with x "v900"`)
	if got := len(n.wants["a"].values["x"]); got != maxNearby || n.wants["b"] != nil {
		t.Errorf("%d values, and of what nobody asks for %v", got, n.wants["b"])
	}
}

// TestNearbyVersion: it changes with what would be said, and else not.
func TestNearbyVersion(t *testing.T) {
	t.Parallel()
	re := metric.Selector{Name: "a", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "x", "z.*")}}
	n := NewNearby([]metric.Selector{re})
	f := func(name, value string, changed bool) {
		t.Helper()
		before := n.Version()
		n.See(labels.FromStrings(labels.MetricName, name, "x", value))
		if got := n.Version() != before; got != changed {
			t.Errorf("%s{x=%q}: changed: %v, want %v", name, value, got, changed)
		}
	}
	f("b", "v", false)
	f("a", "", true) // the name is there
	f("a", "", false)
	f("a", "v", true)
	f("a", "v", false)
	f("a", "zoo", true)
	f("a", "zoo", false)
	for i := range maxNearby - 2 {
		f("a", fmt.Sprint(i), true)
	}
	f("a", "more", true)
	f("a", "and more", false)
}
