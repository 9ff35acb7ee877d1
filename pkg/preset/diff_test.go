package preset

import (
	"math"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	const exact = -1
	f := func(want, tolerance, got float64, matches bool) {
		t.Helper()
		if tolerance == exact {
			tolerance = defaultTolerance * math.Abs(want)
		}
		w := wantedItem{value: want, tolerance: tolerance}
		if w.matches(gottenItem{Item: metric.Item{Value: got}}) != matches {
			t.Errorf("%v ± %v matches %v: %v, want %v", want, tolerance, got, !matches, matches)
		}
	}
	inf, nan := math.Inf(1), math.NaN()
	f(1, exact, 1, true)
	f(1, exact, 1+0.9e-9, true)
	f(1, exact, 1+2e-9, false)
	f(-1e12, exact, -1e12-900, true)
	f(-1e12, exact, -1e12-1100, false)
	f(0, exact, 0, true)
	f(0, exact, 5e-324, false)
	f(0, 0.5, -0.5, true)
	f(0, 0.5, 0.6, false)
	f(nan, exact, nan, true)
	f(nan, 1, 1, false)
	f(1, 1, nan, false)
	f(inf, exact, inf, true)
	f(inf, exact, -inf, false)
	f(1, 1, inf, false)
	f(inf, exact, 1e308, false)
}
