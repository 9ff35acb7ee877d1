package script

import (
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
)

// What PromQL's functions give in corners where a shorter implementation would
// do otherwise.
func TestPromQLCorners(t *testing.T) {
	t.Parallel()
	mixed := newSeries("mixed{pod=h}", 0)
	mixed.H = []*histogram.FloatHistogram{{Count: 1, ZeroCount: 1}}
	env := environment(
		newSeries("mixed{pod=f}", 5), mixed,
		newSeries("a{pod=x}", -5), newSeries("b{pod=x,zone=z}", 3),
	)
	f := func(source, want string) {
		t.Helper()
		got, err := compile(t, source).Run(env)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if s := format(got); s != want {
			t.Errorf("%s = %s, want %s", source, s, want)
		}
	}
	f(`scalar(mixed)`, "5") // histograms do not count
	f(`scalar(mixed{pod="h"})`, "none")
	f(`scalar(vor(a, mixed))`, "none")
	f(`fmod(-5, 3)`, "-2")
	f(`fmod(a, 3)`, `[{pod="x"} -2]`)
	f(`fmod(a, b, on("pod"))`, `[{pod="x"} -2]`)
	f(`fmod(5, -math.huge)`, "5")
	f(`pow(a, b, ignoring("zone"))`, `[{pod="x"} -125]`)
	f(`pow(2, 10)`, "1024")
}
