package cluster

import (
	"context"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Load sends requests at a rate to the ready pods of a Service, in turn, and
// remembers how each went: the truth that gaugeway is measured by. What the
// gateways hold up does not slow it down.
type Load struct {
	scenario *Scenario
	service  string
	client   *http.Client

	mu       sync.Mutex
	rate     float64
	targets  []string
	next     int
	outcomes []outcome // in the order of their answers
	running  int
}

// An outcome is how one request went.
type outcome struct {
	at      time.Time // when the answer was complete
	seconds float64
	status  int // 0: none
}

// Load sends requests per second to a Service of the scenario's namespace until
// the scenario ends.
func (s *Scenario) Load(service string, rate float64) *Load {
	s.Helper()
	l := &Load{scenario: s, service: service, rate: rate}
	transport := &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 10 * time.Second}
	l.client = &http.Client{Timeout: time.Minute, Transport: transport}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { l.run(ctx, &done) })
	s.Cleanup(func() {
		cancel()
		done.Wait()
		transport.CloseIdleConnections()
	})
	return l
}

// SetRate changes the rate, in requests per second, at once; 0 stops it.
func (l *Load) SetRate(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = rate
}

// Rate is the rate that is wanted.
func (l *Load) Rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// run sends what is due every few milliseconds.
func (l *Load) run(ctx context.Context, done *sync.WaitGroup) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last, looked := time.Now(), time.Time{}
	var due float64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(looked) > 100*time.Millisecond {
			targets := l.scenario.Node.Endpoints(l.scenario.Namespace, l.service)
			l.mu.Lock()
			l.targets = targets
			l.mu.Unlock()
			looked = now
		}
		due += l.Rate() * now.Sub(last).Seconds()
		last = now
		for ; due >= 1; due-- {
			if target := l.target(); target != "" {
				done.Go(func() { l.request(ctx, target) })
			}
		}
	}
}

// target returns the next ready pod's address, or "".
func (l *Load) target() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.targets) == 0 {
		return ""
	}
	l.next++
	l.running++
	return l.targets[l.next%len(l.targets)]
}

func (l *Load) request(ctx context.Context, target string) {
	begin := time.Now()
	status := func() int {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+target+"/", nil)
		if err != nil {
			return 0
		}
		resp, err := l.client.Do(req)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return 0
		}
		return resp.StatusCode
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.running--
	l.outcomes = append(l.outcomes, outcome{now, now.Sub(begin).Seconds(), status})
}

// A Truth is what the client saw of the answers that came within some time.
type Truth struct {
	Answers int     // with a status
	Lost    int     // without
	Failed  int     // with a status of 500 or more
	RPS     float64 // answers per second
	P95     float64 // latency in seconds; NaN without answers
}

// Truth tells of the last so many seconds.
func (l *Load) Truth(window time.Duration) Truth {
	now := time.Now()
	return l.Between(now.Add(-window), now)
}

// Between tells of what was answered in (from, to].
func (l *Load) Between(from, to time.Time) Truth {
	l.mu.Lock()
	defer l.mu.Unlock()
	tr := Truth{P95: math.NaN()}
	var seconds []float64
	for _, o := range slices.Backward(l.outcomes) {
		if !o.at.After(from) {
			break
		}
		switch {
		case o.at.After(to):
			continue
		case o.status == 0:
			tr.Lost++
			continue
		case o.status >= http.StatusInternalServerError:
			tr.Failed++
		}
		tr.Answers++
		seconds = append(seconds, o.seconds)
	}
	tr.RPS = float64(tr.Answers) / to.Sub(from).Seconds()
	if len(seconds) > 0 {
		slices.Sort(seconds)
		tr.P95 = seconds[min(len(seconds)*95/100, len(seconds)-1)]
	}
	return tr
}

// Running is how many requests wait for their answer.
func (l *Load) Running() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running
}
