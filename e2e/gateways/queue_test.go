package gateways_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// A queue takes messages and gives them back.
type queue interface {
	push(ctx context.Context) error
	pop(ctx context.Context) error // there is one
}

// A traffic of producers and consumers remembers how long the queue was: the
// truth that gaugeway is measured by.
type traffic struct {
	t     *testing.T
	queue queue

	mu      sync.Mutex
	lengths []length // in the order of their time
}

// A length is that of the queue from one moment on.
type length struct {
	at       time.Time
	messages int
}

// newTraffic begins with an empty queue and nothing that uses it.
func newTraffic(t *testing.T, q queue) *traffic {
	return &traffic{t: t, queue: q, lengths: []length{{time.Now(), 0}}}
}

// push puts n messages into the queue.
func (tr *traffic) push(n int) {
	tr.t.Helper()
	for range n {
		tr.change(+1, tr.queue.push)
	}
}

// pop takes n messages out of the queue.
func (tr *traffic) pop(n int) {
	tr.t.Helper()
	for range n {
		tr.change(-1, tr.queue.pop)
	}
}

// change does one thing to the queue. While it is done, the queue has its old
// length or its new one: both are remembered for that time.
func (tr *traffic) change(by int, do func(context.Context) error) {
	tr.t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	was := tr.lengths[len(tr.lengths)-1].messages
	tr.lengths = append(tr.lengths, length{time.Now(), was}, length{time.Now(), was + by})
	if err := do(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
	tr.lengths = append(tr.lengths, length{time.Now(), was + by})
}

// run pushes and pops so many messages, evenly over a time, which is longer where
// the machine is too slow for that. Producers are ahead of consumers.
func (tr *traffic) run(pushes, pops int, duration time.Duration) {
	tr.t.Helper()
	begin := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for pushed, popped := 0, 0; pushed < pushes || popped < pops; <-tick.C {
		share := min(1, float64(time.Since(begin))/float64(duration))
		due := int(share*float64(pushes)) - pushed
		tr.push(due)
		pushed += due
		due = int(share*float64(pops)) - popped
		tr.pop(due)
		popped += due
	}
}

// between returns the shortest and the longest that the queue was in a time.
func (tr *traffic) between(from, to time.Time) (shortest, longest int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	// The last change before the time tells the length at its beginning.
	first, _ := slices.BinarySearchFunc(tr.lengths, from, func(l length, at time.Time) int { return l.at.Compare(at) })
	first = max(first-1, 0)
	shortest, longest = tr.lengths[first].messages, tr.lengths[first].messages
	for _, l := range tr.lengths[first:] {
		if !l.at.After(to) {
			shortest, longest = min(shortest, l.messages), max(longest, l.messages)
		}
	}
	return shortest, longest
}

// agreeOnLength compares a metric with the length of a queue that grows and
// shrinks. What the metric is made of may be old by so much. Each answer must be
// a length that the queue had in that time.
func agreeOnLength(t *testing.T, a *adapter, tr *traffic, metric string, old time.Duration) {
	t.Helper()
	stop := a.watch(metric)
	tr.run(240, 80, 4*time.Second)
	tr.run(80, 200, 4*time.Second)
	readings := stop()
	var least, most float64
	for i, r := range readings {
		if r.status != "" {
			t.Errorf("%s has no answer: %s", metric, r.status)
			continue
		}
		// Answers tell the second of their samples, and scrapes are sent at the full
		// second and answered before the next.
		shortest, longest := tr.between(r.sampled.Add(-old), r.sampled.Add(time.Second))
		if r.value < float64(shortest) || r.value > float64(longest) {
			t.Errorf("%s of %s: got %v, the queue had %d to %d", metric, r.sampled.Format(time.TimeOnly), r.value, shortest, longest)
		}
		if i == 0 {
			least = r.value
		}
		least, most = min(least, r.value), max(most, r.value)
	}
	t.Logf("%s: %d answers, %v to %v", metric, len(readings), least, most)
	if most < least+100 {
		t.Errorf("%s: got %v to %v, want it to follow the queue", metric, least, most)
	}
}
