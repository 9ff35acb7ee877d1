package demo

import (
	"math"
	"slices"
	"time"
)

// grid is the step of the integration. Whatever the times of calls, the model
// moves in whole steps, so that its numbers depend on nothing else.
const grid = 10 * time.Millisecond

// A route is one service behind the gateway.
type route struct {
	service, name string
	share         float64 // of the requests
	// prompt and completion are the tokens of a request; 0 for no LLM.
	prompt, completion float64
}

// routes are those of every pod; the shares add up to 1.
func routes() []route {
	return []route{
		{service: "checkout", name: "checkout", share: 0.6},
		{service: "catalog", name: "catalog.search", share: 0.3},
		{service: "assistant", name: "assistant.chat", share: 0.1, prompt: 180, completion: 60},
	}
}

// bounds are the upper bounds of Kong's latency buckets, in milliseconds.
var bounds = [...]float64{25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000, 10000, 30000, 60000}

// overhead is what the gateway itself adds to the upstream's latency, in milliseconds.
const overhead = 3

// distribution counts observations; below[i] those up to bounds[i].
type distribution struct {
	below [len(bounds)]float64
	count float64
	sum   float64 // milliseconds
}

// observe adds n observations, each floor plus an exponentially distributed
// time with this mean.
func (d *distribution) observe(n, floor, mean float64) {
	for i, bound := range bounds {
		if bound > floor {
			d.below[i] += n * -math.Expm1((floor-bound)/mean)
		}
	}
	d.count += n
	d.sum += n * (floor + mean)
}

// The responses that are told apart.
const (
	answered = iota // 200 by the service
	failed          // 502 by the service
	rejected        // 503 by Kong itself
	numResponses
)

// routeTotals are the counters of one route, before rounding.
type routeTotals struct {
	responses         [numResponses]float64
	request, upstream distribution
}

// A Model is a fleet of gateway pods under a Traffic, as counters. The load is
// shared equally among the pods that are ready; without any, it is lost. It is
// not safe for concurrent use.
//
// Since ready pods all see the same, their counters are the differences of one
// integral: what a pod that was always ready would have counted, less what it
// would have counted until the pod was.
type Model struct {
	traffic  Traffic
	capacity Capacity
	routes   []route
	elapsed  time.Duration // a multiple of grid
	totals   []routeTotals
	pods     []*modelPod // in the order of Add
}

type modelPod struct {
	name    string
	readyAt time.Duration
	ready   bool
	before  []routeTotals // totals when it became ready; nil until then
}

// NewModel returns a model at elapsed time 0, without pods.
func NewModel(traffic Traffic, capacity Capacity) *Model {
	return &Model{traffic: traffic, capacity: capacity, routes: routes(), totals: make([]routeTotals, len(routes()))}
}

// Add starts a pod, which takes load from the given elapsed time on, or from
// the present where that is later. The name must be new.
func (m *Model) Add(name string, readyAt time.Duration) {
	m.pods = append(m.pods, &modelPod{name: name, readyAt: readyAt})
	m.settle()
}

// Remove stops a pod; its load goes to the others from now on. A name that
// there is not is ignored.
func (m *Model) Remove(name string) {
	m.pods = slices.DeleteFunc(m.pods, func(p *modelPod) bool { return p.name == name })
}

// Ready returns how many pods take load.
func (m *Model) Ready() int {
	n := 0
	for _, p := range m.pods {
		if p.ready {
			n++
		}
	}
	return n
}

// settle makes pods ready whose time has come.
func (m *Model) settle() {
	for _, p := range m.pods {
		if !p.ready && p.readyAt <= m.elapsed {
			p.ready, p.before = true, slices.Clone(m.totals)
		}
	}
}

// Advance lets time pass, in whole steps of 10 ms, until the next step would
// go beyond the elapsed time. Earlier times than the present are ignored.
func (m *Model) Advance(elapsed time.Duration) {
	for m.elapsed+grid <= elapsed {
		rate := m.rate()
		m.elapsed += grid
		if rate > 0 {
			m.count(rate)
		}
		m.settle()
	}
}

// rate returns the requests per second of each ready pod at present.
func (m *Model) rate() float64 {
	ready := m.Ready()
	if ready == 0 {
		return 0
	}
	return m.traffic.Rate(m.elapsed) / float64(ready)
}

// count adds one step at this rate per pod.
func (m *Model) count(rate float64) {
	requests := rate * grid.Seconds()
	mean := m.capacity.Latency(rate)
	failures, rejections := m.capacity.errorRatio(rate)
	for i, r := range m.routes {
		t, n := &m.totals[i], requests*r.share
		t.responses[answered] += n * (1 - failures - rejections)
		t.responses[failed] += n * failures
		t.responses[rejected] += n * rejections
		t.request.observe(n, m.capacity.Floor, mean)
		t.upstream.observe(n*(1-rejections), m.capacity.Floor-overhead, mean)
	}
}

// podTotals returns the counters of a pod by route, before rounding; zeros
// where it is not ready yet.
func (m *Model) podTotals(p *modelPod) []routeTotals {
	totals := make([]routeTotals, len(m.totals))
	if !p.ready {
		return totals
	}
	for i := range totals {
		now, before, t := &m.totals[i], &p.before[i], &totals[i]
		for j := range t.responses {
			t.responses[j] = now.responses[j] - before.responses[j]
		}
		t.request = now.request.minus(&before.request)
		t.upstream = now.upstream.minus(&before.upstream)
	}
	return totals
}

func (d *distribution) minus(before *distribution) distribution {
	diff := distribution{count: d.count - before.count, sum: d.sum - before.sum}
	for i := range diff.below {
		diff.below[i] = d.below[i] - before.below[i]
	}
	return diff
}

// pod returns the pod of a name, or nil.
func (m *Model) pod(name string) *modelPod {
	i := slices.IndexFunc(m.pods, func(p *modelPod) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return m.pods[i]
}
