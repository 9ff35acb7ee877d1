package promath_test

import (
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// TestBucketIncreases: the buckets of a histogram cover the same time.
func TestBucketIncreases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		start, end float64 // the window, in rows of 10 s
		series     string
		want       string
	}{
		{"all known", 0, 3, `x{le="1"} 0 3 6 9
		                     x{le="2"} 0 10 20 50`, `{le="1"} 0.3
		                                             {le="2"} 1.6666666666666667`},
		{"absent at first", 0, 3, `x{le="1"} _ _ 3 9
		                           x{le="2"} 0 10 20 50`, `{le="1"} 0.3
		                                                   {le="2"} 1.6666666666666667`},
		{"unknown at first, then there", 0, 3, `x{le="1"} ? ? 3 9
		                                        x{le="2"} 0 10 20 50`, `{le="1"} 0.6
		                                                                {le="2"} 3`},
		{"unknown at first, then absent", 0, 3, `x{le="1"} ? _ 3 9
		                                         x{le="2"} 0 10 20 50`, `{le="1"} 0.45
		                                                                 {le="2"} 2`},
		{"unknown for different times", 0, 4, `x{le="1"} ? ? 3 9 10
		                                       x{le="2"} ? _ 10 20 50
		                                       x{le="3"} 0 10 20 50 90`, `{le="1"} 0.35
		                                                                  {le="2"} 2
		                                                                  {le="3"} 3.5`},
		{"unknown but for the last row", 0, 3, `x{le="1"} ? ? ? 9
		                                        x{le="2"} 0 10 20 50`, ``},
		{"unknown before the window only", 2, 4, `x{le="1"} ? ? 3 9 12
		                                          x{le="2"} 0 10 20 50 90`, `{le="1"} 0.45
		                                                                     {le="2"} 3.5`},
		{"all unknown for the same time", 0, 3, `x{le="1"} ? 0 3 9
		                                         x{le="2"} ? _ 20 50`, `{le="1"} 0.45
		                                                                {le="2"} 2.5`},
		{"reset within the time that is known", 0, 3, `x{le="1"} ? 3 6 9
		                                               x{le="2"} 0 10 5 8`, `{le="1"} 0.3
		                                                                     {le="2"} 0.4`},
		{"another histogram", 0, 3, `x{le="1",route="a"} ? ? 3 9
		                             x{le="1",route="b"} 0 3 6 9
		                             x{le="2",route="a"} 0 10 20 50
		                             x{le="2",route="b"} 0 10 20 50`, `{le="1", route="a"} 0.6
		                                                               {le="1", route="b"} 0.3
		                                                               {le="2", route="a"} 3
		                                                               {le="2", route="b"} 1.6666666666666667`},
		{"the target is gone", 0, 4, `x{le="1"} ? ? 3 9 _
		                              x{le="2"} 0 10 20 50 _`, `{le="1"} 0.6
		                                                        {le="2"} 3`},
		{"no rows", 0, 1, ``, ``},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			histograms := promath.Grouping{Without: true, Labels: []string{labels.BucketLabel}}
			r := rangeOf(t, tc.start, tc.end, tc.series)
			check(t, text(promath.BucketIncreases(r, histograms).Rate(promath.Grouping{})), tc.want)

			// The same without labels.
			var of []int32
			r.Of = &of
			histograms.Known = func() promath.Groups { return groupsOf(r) }
			v, err := promath.BucketIncreases(r, histograms).Rate(promath.Grouping{Known: func() promath.Groups {
				return promath.Groups{Of: make([]int32, len(of)), Labels: []labels.Labels{{}}}
			}})
			for i := range v {
				v[i].Labels = r.Series[of[i]].Labels.DropReserved(func(name string) bool { return name == labels.MetricName })
			}
			check(t, text(v, err), tc.want)
		})
	}
}

// groupsOf returns which series are of the same histogram.
func groupsOf(r promath.Range) promath.Groups {
	var g promath.Groups
	for _, s := range r.Series {
		l := labels.NewBuilder(s.Labels).Del(labels.BucketLabel).Labels()
		n := slices.IndexFunc(g.Labels, func(o labels.Labels) bool { return labels.Equal(o, l) })
		if n < 0 {
			n = len(g.Labels)
			g.Labels = append(g.Labels, l)
		}
		g.Of = append(g.Of, int32(n))
	}
	return g
}

// TestBucketIncreasesOfTargets: what is not known of one target is no matter of
// another, though no label tells their histograms apart.
func TestBucketIncreasesOfTargets(t *testing.T) {
	t.Parallel()
	r := rangeOf(t, 0, 3, `x{le="1"} ? ? 3 9
	                       x{le="2"} 0 10 20 50`)
	r.Series = append(r.Series, rangeOf(t, 0, 3, `x{le="1",pod="b"} 0 3 6 9
	                                              x{le="2",pod="b"} 0 10 20 50`).Series...)
	histograms := promath.Grouping{Without: true, Labels: []string{labels.BucketLabel, "pod"}}
	check(t, text(promath.BucketIncreases(r, histograms).Rate(promath.Grouping{})), `{le="1"} 0.6
	                                                                                 {le="2"} 3
	                                                                                 {le="1", pod="b"} 0.3
	                                                                                 {le="2", pod="b"} 1.6666666666666667`)
}
