package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
)

// outageAfter is how long requests to the API server have to fail until it is
// said: a connection that breaks now and then is no outage.
const outageAfter = 3 * time.Second

// An outage says once that the API server is away, and once that it is back, by
// the requests that this replica makes anyway: those of its watches and of the
// leader election come every few seconds while the API server is away.
type outage struct {
	log   logr.Logger
	clock clock.PassiveClock

	mu    sync.Mutex
	since time.Time // of the first request that failed since the last answer; zero for none
	said  bool
}

// wrap has an outage see what becomes of requests.
func (o *outage) wrap(next http.RoundTripper) http.RoundTripper {
	return &watchedTransport{RoundTripper: next, outage: o}
}

// A watchedTransport tells an outage of each answer, and of each that did not come.
type watchedTransport struct {
	http.RoundTripper
	outage *outage
}

// RoundTrip implements http.RoundTripper.
func (t *watchedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(request)
	switch {
	case err == nil:
		t.outage.answered()
	case !errors.Is(err, context.Canceled): // which is our own doing
		t.outage.failed(err)
	}
	return response, err
}

// WrappedRoundTripper lets client-go close idle connections.
func (t *watchedTransport) WrappedRoundTripper() http.RoundTripper { return t.RoundTripper }

func (o *outage) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	if o.since.IsZero() {
		o.since = now
	}
	if !o.said && now.Sub(o.since) >= outageAfter {
		o.said = true
		o.log.Error(err, "API server does not answer; the last configuration and targets stay in use", "since", o.since.UTC().Format(time.RFC3339))
	}
}

func (o *outage) answered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said {
		o.log.Info("API server answers again", "after", o.clock.Since(o.since).Round(time.Second).String())
	}
	o.since, o.said = time.Time{}, false
}
