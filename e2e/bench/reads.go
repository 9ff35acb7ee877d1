package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// readsAllowed is how much longer a read may take than from the floor.
const readsAllowed = 1.05

// itemsName is a metric of many items.
const itemsName = "items"

// readers is how many clients read at the same time where requests per second
// are counted.
const readers = 8

// reads is line 5: reading gaugeway beside reading the floor, with few metrics
// and with many.
func (b *bench) reads(ctx context.Context) ([]row, error) {
	var rows []row
	for _, n := range []int{10, 10000} {
		more, err := b.readsOf(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d metrics: %w", n, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// readsOf measures with so many metrics of 10 targets, scraped meanwhile.
func (b *bench) readsOf(ctx context.Context, metrics int) ([]row, error) {
	defer b.stopAll()
	shape := load.Shape{Targets: 10, Routes: 80}
	targets, err := b.startLoad(ctx, load.Options{Shape: shape, Start: time.Now()})
	if err != nil {
		return nil, err
	}
	few := assorted(metrics)
	name := few[metrics/2].name
	all := slices.Concat(few, []gauge{{name: itemsName, lua: `rps(kong_http_requests_total["10s"], by("route", "code"))`, kind: total}})
	g, err := b.startGaugeway(ctx, shape.Targets, 5*time.Second, all)
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
	answers := map[string]*v1beta1.ExternalMetricValueList{}
	for _, name := range []string{name, itemsName} {
		if answers[name], err = g.list(ctx, name); err != nil {
			return nil, err
		}
	}
	f, err := b.startFloor(ctx, answers)
	if err != nil {
		return nil, err
	}

	of := fmt.Sprintf("read of one of %d metrics, ", metrics)
	many := fmt.Sprintf("read of %d items, ", len(answers[itemsName].Items))
	var rows []row
	for _, s := range []struct {
		what, path string
		protocol   protocol
	}{
		{of, metricPath(name), http2},
		{of, metricPath(name), http1},
		{many, metricPath(itemsName), http2},
	} {
		more, err := b.compare(ctx, g, f, s.what+string(s.protocol), s.path, s.protocol)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, g.sound(ctx, before)
}

// compare lets gaugeway, the floor and gaugeway's /healthz take turns.
func (b *bench) compare(ctx context.Context, g *gaugeway, f *floorServer, what, path string, p protocol) ([]row, error) {
	ours, err := newClient(g.root, g.token, g.authority, p)
	if err != nil {
		return nil, err
	}
	defer ours.close()
	theirs, err := newClient(f.root, f.token, f.authority, p)
	if err != nil {
		return nil, err
	}
	defer theirs.close()
	runners := []*reader{{client: ours, path: path}, {client: theirs, path: path}, {client: ours, path: "/healthz"}}
	const rounds = 40
	share := b.lasting(8*time.Second) / rounds
	for round := range rounds + 1 {
		for i := range runners {
			r := runners[(i+round)%len(runners)] // nobody always comes after the same one
			if err := r.alone(ctx, share, round > 0); err != nil {
				return nil, err
			}
			if err := r.together(ctx, share, round > 0); err != nil {
				return nil, err
			}
		}
	}
	return readRows(what, runners[0], runners[1], runners[2]), nil
}

// readRows compare gaugeway with the floor and with its own /healthz.
func readRows(what string, ours, floor, health *reader) []row {
	of := func(name string, show func(*reader) float64, unit string, toFloor, toHealth float64) row {
		return row{
			what: what + ": " + name, wanted: fmt.Sprintf("<= %.2f x", readsAllowed),
			measured: fmt.Sprintf(unit+" (floor "+unit+", /healthz "+unit+")", show(ours), show(floor), show(health)),
			ratio:    times(toFloor, "the floor") + ", " + times(toHealth, "/healthz"), verdict: judge(toFloor <= readsAllowed),
		}
	}
	half := func(r *reader) float64 { return percentile(r.took, 0.5) }
	slow := func(r *reader) float64 { return percentile(r.took, 0.99) }
	rate := func(r *reader) float64 { return percentile(r.rates, 0.5) }
	rates := of(fmt.Sprintf("requests per second of %d readers", readers), rate, "%.0f/s",
		paired(ours.rates, floor.rates), paired(ours.rates, health.rates))
	rates.wanted, rates.verdict = fmt.Sprintf(">= 1/%.2f x", readsAllowed), judge(paired(ours.rates, floor.rates) >= 1/readsAllowed)
	return []row{
		of("p50", half, "%.3f ms", paired(ours.halves, floor.halves), paired(ours.halves, health.halves)),
		of("p99", slow, "%.3f ms", slow(ours)/slow(floor), slow(ours)/slow(health)),
		rates,
	}
}

// A reader reads one path again and again.
type reader struct {
	client *client
	path   string
	took   []float64 // of each read without others, in ms
	halves []float64 // the median of each round of these
	rates  []float64 // of each round with others, per second
}

// alone reads one after the other for some time.
func (r *reader) alone(ctx context.Context, d time.Duration, count bool) error {
	var took []float64
	for begin := time.Now(); time.Since(begin) < d; {
		start := time.Now()
		if _, err := r.client.get(ctx, r.path); err != nil {
			return err
		}
		took = append(took, float64(time.Since(start))/float64(time.Millisecond))
	}
	if count {
		r.took = append(r.took, took...)
		r.halves = append(r.halves, percentile(took, 0.5))
	}
	return nil
}

// together lets several read at the same time.
func (r *reader) together(ctx context.Context, d time.Duration, count bool) error {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		reads int
		first error
	)
	begin := time.Now()
	for range readers {
		group.Go(func() {
			n := 0
			var err error
			for time.Since(begin) < d && err == nil {
				_, err = r.client.get(ctx, r.path)
				n++
			}
			mu.Lock()
			defer mu.Unlock()
			reads += n
			if first == nil {
				first = err
			}
		})
	}
	group.Wait()
	if count {
		r.rates = append(r.rates, float64(reads)/time.Since(begin).Seconds())
	}
	return first
}
