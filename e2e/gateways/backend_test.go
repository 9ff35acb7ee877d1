package gateways_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// What the backends do is fixed by the number of the request, so that the
// shares are exact: every tenth request is slow, every twentieth fails. Both
// delays lie well inside a bucket of the gateway's histogram.
const (
	fastDelay = 60 * time.Millisecond  // in the bucket (0.05, 0.1]
	slowDelay = 350 * time.Millisecond // in the bucket (0.25, 0.5]
)

// heldPath is where the backends answer nothing until the client has gone.
const heldPath = "/held"

// A backend is a server behind the gateways.
type backend struct {
	t        *testing.T
	address  string // host:port, the same when it is back
	requests *atomic.Int64
	server   *http.Server
	done     chan struct{} // closed once it serves no more
}

// newBackends starts n servers behind the gateways and returns their addresses.
func newBackends(t *testing.T, n int) []string {
	t.Helper()
	return addresses(startBackends(t, n))
}

// startBackends starts n servers behind the gateways. They number the requests
// together.
func startBackends(t *testing.T, n int) []*backend {
	t.Helper()
	var requests atomic.Int64
	var backends []*backend
	for range n {
		b := &backend{t: t, address: address(freePort(t)), requests: &requests}
		b.start()
		t.Cleanup(b.stop)
		backends = append(backends, b)
	}
	return backends
}

// addresses returns where backends listen, each as host:port.
func addresses(backends []*backend) []string {
	var list []string
	for _, b := range backends {
		list = append(list, b.address)
	}
	return list
}

// start lets the backend listen at its address.
func (b *backend) start() {
	b.t.Helper()
	l, err := new(net.ListenConfig).Listen(b.t.Context(), "tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	server, done := &http.Server{Handler: b}, make(chan struct{})
	b.server, b.done = server, done
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			b.t.Errorf("backend %s: %v", b.address, err)
		}
	}()
}

// stop closes the backend's port and connections: who connects is refused.
func (b *backend) stop() {
	_ = b.server.Close() // of connections that are open; they are closed all the same
	<-b.done
}

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == heldPath {
		<-r.Context().Done()
		return
	}
	i := b.requests.Add(1)
	delay := fastDelay
	if slow := i%10 == 9; slow {
		delay = slowDelay
		w.Header().Set("X-Slow", "yes")
	}
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("X-Backend", b.address)
	w.Header().Set("X-Tokens", strconv.FormatInt(20+i%10, 10))
	if i%20 == 7 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, "done")
}

// hold sends n requests that stay unanswered until the function that it returns
// is called.
func hold(t *testing.T, f front, n int) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	done := make(chan struct{}, n)
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url()+heldPath, nil)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
				t.Errorf("%s%s: answered with %s", f.url(), heldPath, resp.Status)
			}
		}()
	}
	released := false
	release = func() {
		if released {
			return
		}
		released = true
		cancel()
		for range n {
			<-done
		}
	}
	t.Cleanup(release)
	return release
}
