package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// A gauge is a metric that gaugeway is configured with.
type gauge struct {
	name string
	lua  string
	kind string  // Level or Total
	want float64 // the truth; 0 where it is not known
}

// The types of a metric.
const (
	level = "Level"
	total = "Total"
)

// tolerance is how far an answer may be from the truth, relatively. Counters are
// whole numbers, and scrapes take a moment.
const tolerance = 0.02

// perService are one p95 and one RPS metric for each of the services.
func perService(s load.Shape, services int, window time.Duration) []gauge {
	var all []gauge
	for i := range services {
		name := load.Service(i * load.RoutesPerService)
		all = append(all,
			gauge{name + "-p95", fmt.Sprintf(`p95(kong_request_latency_ms{service="%s"}["%s"])`, name, seconds(window)), level, s.P95(i)},
			gauge{name + "-rps", fmt.Sprintf(`rps(kong_http_requests_total{service="%s"}["%s"])`, name, seconds(window)), total, s.RPS(i)})
	}
	return sorted(all)
}

// assorted are n metrics, no two of which compute the same: each has its own
// combination of a route, a set of status codes and a window. What they cost
// does not depend on their number: any stretch of them has the same mixture.
func assorted(n int) []gauge {
	codes := load.Codes()
	sets, windows := 1<<len(codes)-1, 11 // without a common divisor, so that all pairs occur
	all := make([]gauge, n)
	for i := range all {
		var chosen []string
		for bit, code := range codes {
			if (i%sets+1)&(1<<bit) != 0 {
				chosen = append(chosen, code)
			}
		}
		all[i] = gauge{
			name: fmt.Sprintf("assorted-%05d", i),
			lua: fmt.Sprintf(`rps(kong_http_requests_total{route="%s",code=re"%s"}["%ds"])`,
				load.Route(i/(sets*windows)), strings.Join(chosen, "|"), 10+i%windows),
			kind: total,
		}
	}
	return all
}

// sorted brings metrics into the order in which they are evaluated.
func sorted(all []gauge) []gauge {
	slices.SortFunc(all, func(a, b gauge) int { return cmp.Compare(a.name, b.name) })
	return all
}

// verify compares what gaugeway answers with the truth.
func verify(ctx context.Context, g *gaugeway) error {
	var wrong []error
	for _, m := range g.metrics {
		if m.want == 0 {
			continue
		}
		got, err := g.value(ctx, m.name)
		if err == nil && !(math.Abs(got/m.want-1) <= tolerance) {
			err = fmt.Errorf("%s answers %v, the truth is %v", m.name, got, m.want)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 3 {
		wrong = append(wrong[:3], fmt.Errorf("and %d more", len(wrong)-3))
	}
	return errors.Join(wrong...)
}

// seconds prints a window as an expression names it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }
