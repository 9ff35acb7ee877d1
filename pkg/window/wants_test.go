package window

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A series that was wanted all the time was absent in the rows before it, though
// others were not wanted then: it began at 0.
func TestWhatOthersWantMakesNoSeriesUnknown(t *testing.T) {
	t.Parallel()
	of := func(name, instance string) metric.Selector {
		sel := metric.Selector{Name: name, Range: 60 * second}
		if instance != "" {
			sel.Matchers = []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "instance", instance)}
		}
		return sel
	}
	x, longer, other, ofA, ofB := of("x", ""), of("x", ""), of("y", ""), of("x", "a"), of("x", "b")
	longer.Range *= 2
	for _, tt := range []struct {
		name  string
		wants [3][]metric.Selector // from the start, after the first row and after the second
		want  string               // of a series that comes with the third row
	}{
		{"another name", [3][]metric.Selector{{x}, {x, other}, {x, other}}, "5:- 10:- 15:1"},
		{"another name with each row", [3][]metric.Selector{{x}, {x, other}, {x}}, "5:- 10:- 15:1"},
		{"a longer range", [3][]metric.Selector{{x}, {longer}, {longer}}, "5:- 10:- 15:1"},
		{"a narrower selector besides", [3][]metric.Selector{{x}, {x, ofA}, {x, ofA}}, "5:- 10:- 15:1"},
		{"a wider selector besides", [3][]metric.Selector{{ofA}, {ofA, x}, {ofA, x}}, "5:- 10:- 15:1"},
		{"of another target before", [3][]metric.Selector{{ofB}, {ofB, x}, {ofB, x}}, "5:? 10:- 15:1"},
		{"wanted since the first row", [3][]metric.Selector{{other}, {x}, {x, other}}, "5:? 10:- 15:1"},
		{"wanted since the second row", [3][]metric.Selector{{other}, {other, ofA}, {x}}, "5:? 10:? 15:1"},
		{"not wanted for a time", [3][]metric.Selector{{x}, {other}, {x}}, "5:? 10:? 15:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFeed(t, 5*second, tt.wants[0]...)
			f.targets(0, "a")
			f.scrape("a", 5*second, map[string]float64{"z": 1})
			f.w.SetWants(tt.wants[1])
			f.scrape("a", 10*second, map[string]float64{"z": 1})
			f.w.SetWants(tt.wants[2])
			f.scrape("a", 15*second, map[string]float64{"x{l=1}": 1})
			f.expect(NewView(All, Part{Window: f.w}), 15*second, &x, `{__name__="x", instance="a", l="1"} `+tt.want+"\n")
		})
	}
}
