package node

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Backend says how the built-in servers of a namespace answer requests: those
// of pods with the image e2e/backend or e2e/vllm, and the one inside each
// gateway pod that names no upstream Service.
type Backend struct {
	// Delay of an answer. A container's variable DELAY.
	Delay time.Duration
	// SlowEvery n-th answer takes SlowDelay; 0: none does. SLOW_EVERY, SLOW_DELAY.
	SlowEvery int
	SlowDelay time.Duration
	// FailEvery n-th answer is 503; 0: none is. FAIL_EVERY.
	FailEvery int
	// Workers of one server: as many requests are worked on at a time, the
	// others queue. 0: as many as come. WORKERS.
	Workers int
	// Tokens that an answer says it has generated, in the header X-Tokens. TOKENS.
	Tokens int
}

// SetBackend replaces what the containers' variables say, for every present and
// future server of a namespace; nil goes back to the variables.
func (n *Node) SetBackend(namespace string, b *Backend) {
	n.settings.mu.Lock()
	defer n.settings.mu.Unlock()
	n.settings.of(namespace).backend = b
}

// SetExposition says what pods of the image e2e/exposition show: the text for a
// pod's name.
func (n *Node) SetExposition(namespace string, text func(pod string) string) {
	n.settings.mu.Lock()
	defer n.settings.mu.Unlock()
	n.settings.of(namespace).text = text
}

// SetHandler says how pods of the image e2e/exposition answer: the handler for a
// pod's name; nil goes back to what SetExposition says.
func (n *Node) SetHandler(namespace string, handler func(pod string) http.Handler) {
	n.settings.mu.Lock()
	defer n.settings.mu.Unlock()
	n.settings.of(namespace).handler = handler
}

// settings are what tests want of the servers, by namespace.
type settings struct {
	mu         sync.Mutex
	namespaces map[string]*wishes
}

type wishes struct {
	backend *Backend
	text    func(pod string) string
	handler func(pod string) http.Handler
	llm     VLLM
	models  []*model // that run
	// unserved requests wait until a model runs.
	unserved float64
	held     bool // pods do not start
}

// of returns a namespace's wishes; the caller holds the lock.
func (s *settings) of(namespace string) *wishes {
	if s.namespaces == nil {
		s.namespaces = map[string]*wishes{}
	}
	w := s.namespaces[namespace]
	if w == nil {
		w = &wishes{}
		s.namespaces[namespace] = w
	}
	return w
}

// exposition shows what the test wants of a container's pod.
func (s *settings) exposition(c *Container) http.Handler {
	namespace, pod := c.pod.Namespace(), c.pod.Name()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		text, handler := s.of(namespace).text, s.of(namespace).handler
		s.mu.Unlock()
		if handler != nil {
			handler(pod).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		if text != nil {
			fmt.Fprint(w, text(pod))
		}
	})
}

// backend answers requests as the namespace's settings, or else the variables,
// say. /healthz answers at once.
func (s *settings) backend(c *Container, env map[string]string) http.Handler {
	own := backendOf(env)
	namespace, pod := c.pod.Namespace(), c.pod.Name()
	var requests atomic.Int64
	queue := newQueue()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			return
		}
		b := own
		s.mu.Lock()
		if wish := s.of(namespace).backend; wish != nil {
			b = *wish
		}
		s.mu.Unlock()
		queue.enter(b.Workers)
		defer queue.leave()
		i := int(requests.Add(1))
		delay := b.Delay
		if b.SlowEvery > 0 && i%b.SlowEvery == 0 {
			delay = b.SlowDelay
		}
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("X-Backend", pod)
		w.Header().Set("X-Tokens", strconv.Itoa(b.Tokens))
		if b.FailEvery > 0 && i%b.FailEvery == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, "done")
	})
}

func backendOf(env map[string]string) Backend {
	number := func(name string) int {
		n, _ := strconv.Atoi(env[name]) // without the variable, 0
		return n
	}
	duration := func(name string, otherwise time.Duration) time.Duration {
		d, err := time.ParseDuration(env[name])
		if err != nil {
			return otherwise
		}
		return d
	}
	return Backend{
		Delay:     duration("DELAY", 10*time.Millisecond),
		SlowEvery: number("SLOW_EVERY"),
		SlowDelay: duration("SLOW_DELAY", time.Second),
		FailEvery: number("FAIL_EVERY"),
		Workers:   number("WORKERS"),
		Tokens:    number("TOKENS"),
	}
}

// A queue lets a number of requests, which may change, be worked on at a time.
type queue struct {
	mu   sync.Mutex
	turn *sync.Cond
	busy int
}

func newQueue() *queue {
	q := &queue{}
	q.turn = sync.NewCond(&q.mu)
	return q
}

func (q *queue) enter(workers int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for workers > 0 && q.busy >= workers {
		q.turn.Wait()
	}
	q.busy++
}

func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	q.turn.Signal()
}
