package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// port of all targets, as pods of a deployment have the same.
const port = 9542

// Address returns where a target listens: like pods, each has an address of its
// own, and all the same port.
func Address(target int) string {
	return fmt.Sprintf("127.50.%d.%d:%d", target/200, target%200+1, port)
}

// URL returns where a target's statistics are.
func URL(target int) string { return "http://" + Address(target) + "/metrics" }

// Options of a load.
type Options struct {
	Shape
	// Start is when the load's time began: what the gauge ClockName counts from.
	Start time.Time
	// Hanging makes the last target accept connections and never answer.
	Hanging bool
}

// Serve answers scrapes until ctx is done. ready is called once all targets
// listen.
func Serve(ctx context.Context, o Options, ready func()) error {
	shown := newExposition(o.Shape)
	buffers := sync.Pool{New: func() any {
		b := make([]byte, 0, shown.size)
		return &b
	}}
	answer := func(target int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			b := buffers.Get().(*[]byte)
			*b = shown.append((*b)[:0], target, time.Since(o.Start))
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			// No Content-Length: Kong answers in chunks as well. A scraper that
			// hangs up is no concern of the target's.
			_, _ = w.Write(*b)
			buffers.Put(b)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

	var serving sync.WaitGroup
	var servers []*http.Server
	stop := func() error {
		var err error
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
		serving.Wait()
		return err
	}
	for target := range o.Targets {
		l, err := net.Listen("tcp", Address(target))
		if err != nil {
			return errors.Join(fmt.Errorf("target %d, is another load running?: %w", target, err), stop())
		}
		handler := answer(target)
		if o.Hanging && target == o.Targets-1 {
			handler = hang
		}
		s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		servers = append(servers, s)
		serving.Go(func() { _ = s.Serve(l) }) // it ends with http.ErrServerClosed
	}
	ready()
	<-ctx.Done()
	return stop()
}
