package controller

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// An outage says once that the API server is away, and once that it is back.
type outage struct {
	log logr.Logger

	mu   sync.Mutex
	away bool
}

// begins notes that a request failed because the API server is away.
func (o *outage) begins(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.away {
		o.log.Error(err, "API server does not answer; statuses and APIServices wait")
	}
	o.away = true
}

// ends notes that the API server answered.
func (o *outage) ends() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		o.log.Info("API server answers again")
	}
	o.away = false
}

// isAway reports whether an error is about the API server and not about the
// request: it cannot be reached, is overloaded or broken.
func isAway(err error) bool {
	var transport *url.Error
	var network net.Error
	return errors.As(err, &transport) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// A backoff is how long to wait after failures in a row: from the shortest,
// doubled each time, up to the longest.
type backoff struct {
	shortest, longest time.Duration
	last              time.Duration
}

// next returns the time to wait after one more failure.
func (b *backoff) next() time.Duration {
	b.last = min(max(b.shortest, 2*b.last), b.longest)
	return b.last
}

// reset notes a success.
func (b *backoff) reset() { b.last = 0 }
