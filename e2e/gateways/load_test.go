package gateways_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An outcome is how one request went, as the client saw it.
type outcome struct {
	at      time.Time // when the answer was complete
	backend string    // host:port
	status  int       // 0 if there was no answer: the gateway has not counted it
	seconds float64
	tokens  float64
	slow    bool          // the backend took slowDelay
	late    time.Duration // by how much it was sent later than planned
}

// A load sends requests at a constant rate to fronts, in turn, and remembers
// how each went: the truth that gaugeway is measured by. The rate does not
// depend on the answers: what was held up is sent late, not left out.
type load struct {
	t      *testing.T
	rate   float64 // requests per second
	client *http.Client

	route       atomic.Pointer[[]front]
	connections atomic.Int64 // that are open

	mu       sync.Mutex
	outcomes []outcome // in the order of their time
	running  int
}

// A front takes the traffic of clients, at http://host:port.
type front interface{ url() string }

// fronts returns a list of gateways of one kind as what takes a load.
func fronts[F front](gateways []F) []front {
	list := make([]front, len(gateways))
	for i, g := range gateways {
		list[i] = g
	}
	return list
}

// startLoad sends rate requests per second until the test ends.
func startLoad(t *testing.T, rate float64, to ...front) *load {
	t.Helper()
	l := &load{t: t, rate: rate}
	l.client = &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: l.dial},
	}
	l.send(to...)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { l.run(ctx, &done) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
		l.client.CloseIdleConnections()
	})
	return l
}

// send directs the load to other fronts from the next request on; to none stops it.
func (l *load) send(to ...front) {
	route := slices.Clone(to)
	l.route.Store(&route)
}

func (l *load) run(ctx context.Context, done *sync.WaitGroup) {
	pause := time.Duration(float64(time.Second) / l.rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, due := 0, time.Now(); ; i, due = i+1, due.Add(pause) {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		route := *l.route.Load()
		if len(route) == 0 {
			continue
		}
		l.mu.Lock()
		l.running++
		l.mu.Unlock()
		done.Go(func() {
			// A request that has begun ends: nginx counts what it cannot deliver too.
			late := time.Since(due)
			o := l.request(context.WithoutCancel(ctx), route[i%len(route)])
			o.late = late
			l.mu.Lock()
			defer l.mu.Unlock()
			o.at = time.Now()
			l.outcomes = append(l.outcomes, o)
			l.running--
		})
	}
}

// dial opens a connection and counts it until it is closed.
func (l *load) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.connections.Add(1)
	return &countedConn{Conn: conn, open: &l.connections}, nil
}

type countedConn struct {
	net.Conn
	open   *atomic.Int64
	closed sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (l *load) request(ctx context.Context, f front) outcome {
	var o outcome
	begin := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url()+"/orders", nil)
	if err != nil {
		return o
	}
	req.Host = "shop.test"
	resp, err := l.client.Do(req)
	if err != nil {
		return o
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return o
	}
	o.seconds = time.Since(begin).Seconds()
	o.status = resp.StatusCode
	o.backend = resp.Header.Get("X-Backend")
	o.tokens, _ = strconv.ParseFloat(resp.Header.Get("X-Tokens"), 64)
	o.slow = resp.Header.Get("X-Slow") != ""
	return o
}

// await waits until n more requests have ended, answered or not.
func (l *load) await(n int) {
	l.t.Helper()
	ended := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.outcomes)
	}
	want := ended() + n
	eventually(l.t, fmt.Sprintf("%d more requests", n), func() error {
		if got := ended(); got < want {
			return fmt.Errorf("%d are missing", want-got)
		}
		return nil
	})
}

// awaitSeconds waits for as many requests as are sent in that many seconds.
func (l *load) awaitSeconds(n float64) {
	l.t.Helper()
	l.await(int(n * l.rate))
}

// finish stops sending and waits for the answers that are still to come.
func (l *load) finish() {
	l.t.Helper()
	l.send()
	eventually(l.t, "the last answers", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running > 0 {
			return fmt.Errorf("%d requests are running", l.running)
		}
		return nil
	})
}

// answered returns every request that was answered, in the order of the answers.
func (l *load) answered() truth { return l.between(time.Time{}, time.Now()) }

// between returns the requests that were answered in (from, to].
func (l *load) between(from, to time.Time) truth {
	l.mu.Lock()
	defer l.mu.Unlock()
	var part truth
	for _, o := range l.outcomes {
		if o.status != 0 && o.at.After(from) && !o.at.After(to) {
			part = append(part, o)
		}
	}
	return part
}

// A truth is what the client saw of some requests.
type truth []outcome

// where returns the requests that the condition holds for.
func (tr truth) where(condition func(outcome) bool) truth {
	var part truth
	for _, o := range tr {
		if condition(o) {
			part = append(part, o)
		}
	}
	return part
}

// failed reports whether the gateway answered with an error.
func failed(o outcome) bool { return o.status >= 500 }

// tokens returns how many tokens were generated.
func (tr truth) tokens() float64 {
	var sum float64
	for _, o := range tr {
		sum += o.tokens
	}
	return sum
}

// errorRatio returns the share of the requests that failed; there must be some.
func (tr truth) errorRatio() float64 {
	return float64(len(tr.where(failed))) / float64(len(tr))
}

// quantile returns a latency in seconds that a share q of the requests did not
// exceed; there must be some.
func (tr truth) quantile(q float64) float64 {
	seconds := make([]float64, len(tr))
	for i, o := range tr {
		seconds[i] = o.seconds
	}
	slices.Sort(seconds)
	return seconds[min(int(q*float64(len(seconds))), len(seconds)-1)]
}

// calm reports whether the client sent everything about when it had planned to.
// Where it did not, the machine was busy otherwise, and what gaugeway and the
// client make of such a moment cannot be compared to a few per cent.
func (tr truth) calm() bool {
	return !slices.ContainsFunc(tr, func(o outcome) bool { return o.late > 200*time.Millisecond })
}

// bounds are those of the gateway's histogram, in seconds.
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// bucket returns the number of the bucket that holds a latency.
func bucket(seconds float64) int {
	i, _ := slices.BinarySearch(bounds, seconds)
	return i
}
