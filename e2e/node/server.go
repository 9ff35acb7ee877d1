package node

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// A server is a program inside the test's process. SIGSTOP makes its answers
// wait until SIGCONT.
type server struct {
	http *http.Server
	done chan struct{}
	once sync.Once

	mu     sync.Mutex
	paused chan struct{} // nil, or closed when the pause ends
}

// serve starts a server at a port of the pod's address.
func (c *Container) serve(port int, handler http.Handler) (program, error) {
	s, err := c.listen(fmt.Sprintf("%s:%d", c.pod.sandbox.address, port), handler)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Container) listen(address string, handler http.Handler) (*server, error) {
	l, err := c.pod.sandbox.listen(address)
	if err != nil {
		return nil, err
	}
	s := &server{done: make(chan struct{})}
	s.http = &http.Server{Handler: s.gate(handler), ReadHeaderTimeout: time.Minute}
	c.pod.node.background.Go(func() {
		_ = s.http.Serve(l) // it ends by Stop
		s.once.Do(func() { close(s.done) })
	})
	return s, nil
}

// gate lets requests pass unless the server is paused.
func (s *server) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		paused := s.paused
		s.mu.Unlock()
		if paused != nil {
			select {
			case <-paused:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Done implements program.
func (s *server) Done() <-chan struct{} { return s.done }

// SignalGroup implements program.
func (s *server) SignalGroup(signal syscall.Signal) {
	if signal == syscall.SIGKILL {
		_ = s.http.Close() // it fails where there is nothing left to close
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case signal == syscall.SIGSTOP && s.paused == nil:
		s.paused = make(chan struct{})
	case signal == syscall.SIGCONT && s.paused != nil:
		close(s.paused)
		s.paused = nil
	}
}

// Stop implements program.
func (s *server) Stop(_ syscall.Signal, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // it fails where there is nothing left to close
	}
	<-s.done
}

// An idle program does nothing until it is told to end.
type idle struct {
	done chan struct{}
	once sync.Once
}

func newIdle() *idle { return &idle{done: make(chan struct{})} }

// Done implements program.
func (i *idle) Done() <-chan struct{} { return i.done }

// SignalGroup implements program.
func (i *idle) SignalGroup(s syscall.Signal) {
	if s == syscall.SIGKILL {
		i.once.Do(func() { close(i.done) })
	}
}

// Stop implements program.
func (i *idle) Stop(syscall.Signal, time.Duration) { i.once.Do(func() { close(i.done) }) }
