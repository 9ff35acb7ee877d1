package window

import (
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// TestRowsAreKeptWhateverTheirNumber: more than the interval lets expect, and more
// than room is made for at once; floats and histograms.
func TestRowsAreKeptWhateverTheirNumber(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		interval, retention int64
		every               int64 // ms between two scrapes
		scrapes, want       int   // rows that are kept at the least
	}{
		{"as expected", 5 * second, 60 * second, 5 * second, 100, 13},
		{"one that is missed now and then", 5 * second, 60 * second, 7 * second, 100, 9},
		{"more often than expected", 60 * second, 120 * second, second, 500, 121},
		{"a long window", second, 3600 * second, second, 5000, 3601},
		{"of results", 0, 60 * second, second, 300, 61},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := New(tt.interval)
			sel := &metric.Selector{Name: "x", Range: tt.retention}
			w.SetWants([]metric.Selector{*sel})
			w.SetTargets([]metric.Target{{ID: "a"}}, 0)
			table := &metric.Table{Series: []labels.Labels{parse("x{l=1}"), parse("x{l=2}")}}
			for n := range int64(tt.scrapes) {
				h := &histogram.FloatHistogram{Count: float64(n)}
				if err := w.Append("a", metric.Batch{
					Time: n * tt.every, Table: table, IDs: []uint32{0, 1}, Values: []float64{float64(n), 0}, Histograms: []*histogram.FloatHistogram{nil, h},
				}); err != nil {
					t.Fatal(err)
				}
			}
			v := NewView(All, Part{Window: w})
			v.Begin(int64(tt.scrapes) * tt.every)
			defer v.End()
			series := v.Select(sel)
			if len(series) != 2 {
				t.Fatalf("%d series", len(series))
			}
			rows := len(series[0].T)
			if rows < tt.want || rows > 2*tt.want {
				t.Errorf("%d rows, want %d or a few more", rows, tt.want)
			}
			for i, at := range series[0].T {
				n := float64(at / tt.every)
				if f, h := series[0].F[i], series[1].H[i]; f != n || h == nil || h.Count != n {
					t.Fatalf("at %d ms: %v and %v, want %v", at, f, h, n)
				}
			}
			if first := series[0].T[0]; int64(rows-1)*tt.every != series[0].T[rows-1]-first {
				t.Errorf("rows are missing after %d ms", first)
			}
		})
	}
}

// TestRoomGoesWithTheWants: a target keeps no room for what nobody wants any more.
func TestRoomGoesWithTheWants(t *testing.T) {
	t.Parallel()
	long, short := metric.Selector{Name: "x", Range: 600 * second}, metric.Selector{Name: "x", Range: 10 * second}
	f := newFeed(t, 5*second, long)
	f.targets(0, "a")
	for at := int64(5); at <= 50; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x": float64(at)})
	}
	f.w.SetWants([]metric.Selector{short})
	for at := int64(55); at <= 100; at += 5 {
		f.scrape("a", at*second, map[string]float64{"x": float64(at)})
	}
	f.w.SetWants([]metric.Selector{short, {Name: "y"}})
	if got := cap(f.w.targets["a"].values); got > 10 {
		t.Errorf("room for %d values of 4 rows", got)
	}
	f.expect(NewView(All, Part{Window: f.w}), 100*second, &short, "{__name__=\"x\", instance=\"a\"} 85:85 90:90 95:95 100:100\n")
}
