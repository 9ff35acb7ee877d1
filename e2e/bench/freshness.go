package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// What line 6 allows: one interval, plus the rest for scraping, evaluating and
// reading; and with a target that hangs, the tick's deadline more.
const (
	freshInterval = time.Second
	freshExtra    = 50 * time.Millisecond
	freshDeadline = freshInterval / 5
)

// pollEvery is how often the freshness is read.
const pollEvery = 5 * time.Millisecond

// clockMetric shows the oldest exposition among the targets': a change of all
// targets at the same time can be read once it is not older than that. By its
// name it is evaluated, and published, after all others.
const clockMetric = "zz-oldest"

// freshness is line 6: the time from a change at the targets to the value that
// can be read.
func (b *bench) freshness(ctx context.Context) ([]row, error) {
	var rows []row
	for _, shape := range []load.Shape{{Targets: 40, Routes: 80}, {Targets: 200, Routes: 6}} {
		what := fmt.Sprintf("%d targets of %d series every %v", shape.Targets, shape.Series(), freshInterval)
		calm, err := b.delaysOf(ctx, shape, false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		hanging, err := b.delaysOf(ctx, shape, true)
		if err != nil {
			return nil, fmt.Errorf("%s, one hangs: %w", what, err)
		}
		inMS := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		p99, bound := percentile(calm, 0.99), inMS(freshInterval+freshExtra)
		slow, allowed := percentile(hanging, 0.99), inMS(freshDeadline)
		rows = append(rows,
			row{what: what + ": p99 from the change to the answer", wanted: "<= " + milliseconds(bound),
				measured: fmt.Sprintf("%s (p50 %s, at most %s)", milliseconds(p99), milliseconds(percentile(calm, 0.5)), milliseconds(percentile(calm, 1))),
				ratio:    times(p99/inMS(freshInterval), "the interval"), verdict: judge(p99 <= bound)},
			row{what: "the same with one target hanging", wanted: fmt.Sprintf("at most %s more", milliseconds(allowed)),
				measured: fmt.Sprintf("%s, %.0f ms more (p50 %s, at most %s)", milliseconds(slow), slow-p99, milliseconds(percentile(hanging, 0.5)), milliseconds(percentile(hanging, 1))),
				ratio:    times((slow-p99)/allowed, "the deadline"), verdict: judge(slow-p99 <= allowed)})
	}
	return rows, nil
}

// delaysOf returns how long changes took until they could be read, in milliseconds.
func (b *bench) delaysOf(ctx context.Context, shape load.Shape, hanging bool) ([]float64, error) {
	defer b.stopAll()
	o := load.Options{Shape: shape, Start: time.Now(), Hanging: hanging}
	targets, err := b.startLoad(ctx, o)
	if err != nil {
		return nil, err
	}
	metrics := perService(shape, shape.Services(), 10*time.Second)
	for i := range metrics {
		if hanging { // its requests are not counted
			metrics[i].want = 0
		}
	}
	metrics = append(metrics, gauge{name: clockMetric, lua: "min(" + load.ClockName + ")", kind: level})
	g, err := b.startGaugeway(ctx, shape.Targets, freshInterval, metrics)
	if err != nil {
		return nil, err
	}
	before, err := g.troubles(ctx)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, 12*time.Second, targets, g.program); err != nil {
		return nil, err
	}
	if err := verify(ctx, g); err != nil {
		return nil, err
	}
	seen, err := watch(ctx, g, o.Start, b.lasting(20*time.Second))
	if err != nil {
		return nil, err
	}
	if !hanging {
		err = g.sound(ctx, before)
	}
	return delays(seen), err
}

// watch reads the clock metric often and notes when it shows something new.
func watch(ctx context.Context, g *gaugeway, start time.Time, d time.Duration) ([]sight, error) {
	var seen []sight
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < d; <-tick.C {
		v, err := g.value(ctx, clockMetric)
		if err != nil {
			return nil, err
		}
		shown := time.Duration(v) * time.Microsecond
		if len(seen) == 0 || shown != seen[len(seen)-1].shown {
			seen = append(seen, sight{at: time.Since(start), shown: shown})
		}
	}
	if wanted := int(d/freshInterval) * 9 / 10; len(seen) < wanted {
		return nil, fmt.Errorf("the answer changed %d times in %v, want at least %d", len(seen), d, wanted)
	}
	return seen[1:], nil // when the first was published is not known
}
