package demo

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Pod is one member of a Fleet.
type Pod struct {
	// Name is never used twice in a fleet.
	Name string
	// URL is where the pod's statistics are read.
	URL string
}

// A Fleet is a Model whose pods answer scrapes: each is an HTTP server on a
// loopback port of its own. It is safe for concurrent use.
type Fleet struct {
	clock   func() time.Time
	start   time.Time
	startup time.Duration
	serving sync.WaitGroup

	mu    sync.Mutex
	model *Model
	pods  []*fleetPod // oldest first
	named int         // pods so far
}

type fleetPod struct {
	Pod
	server *http.Server
}

// NewFleet returns a fleet without pods; the model's time begins now. A pod
// takes load once it ran for startup. The model belongs to the fleet from here on.
func NewFleet(model *Model, startup time.Duration, clock func() time.Time) *Fleet {
	return &Fleet{clock: clock, start: clock(), startup: startup, model: model}
}

// Elapsed returns the time since the fleet was made.
func (f *Fleet) Elapsed() time.Duration { return f.clock().Sub(f.start) }

// Scale adds or removes pods until there are n. The youngest are removed
// first; they stop answering at once, and their ports are free when Scale
// returns. A new pod answers at once and takes load after its startup. Where a
// pod cannot be started, the error says why and those before it stay.
func (f *Fleet) Scale(n int) error {
	f.mu.Lock()
	elapsed := f.Elapsed()
	f.model.Advance(elapsed)
	var removed []*fleetPod
	for len(f.pods) > max(n, 0) {
		last := f.pods[len(f.pods)-1]
		f.pods = f.pods[:len(f.pods)-1]
		f.model.Remove(last.Name)
		removed = append(removed, last)
	}
	var err error
	for len(f.pods) < n && err == nil {
		err = f.add(elapsed)
	}
	f.mu.Unlock()
	// A handler may hold up Close and wants the lock.
	for _, p := range removed {
		err = errors.Join(err, p.server.Close())
	}
	return err
}

// add starts one pod. The caller holds f.mu.
func (f *Fleet) add(elapsed time.Duration) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("a port for another pod: %w", err)
	}
	f.named++
	p := &fleetPod{Pod: Pod{
		Name: "kong-" + strconv.Itoa(f.named),
		URL:  "http://" + listener.Addr().String() + "/metrics",
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { f.serve(w, p.Name) })
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	f.serving.Go(func() {
		// It ends when the pod is removed, with http.ErrServerClosed.
		_ = p.server.Serve(listener)
	})
	f.model.Add(p.Name, elapsed+f.startup)
	f.pods = append(f.pods, p)
	return nil
}

// serve answers a scrape of the pod.
func (f *Fleet) serve(w http.ResponseWriter, pod string) {
	f.mu.Lock()
	f.model.Advance(f.Elapsed())
	body := f.model.AppendExposition(nil, pod)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	// A scraper that hangs up is no concern of the pod's.
	_, _ = w.Write(body)
}

// Pods returns the members, oldest first.
func (f *Fleet) Pods() []Pod {
	f.mu.Lock()
	defer f.mu.Unlock()
	pods := make([]Pod, len(f.pods))
	for i, p := range f.pods {
		pods[i] = p.Pod
	}
	return pods
}

// URLs returns where the members' statistics are read, oldest first.
func (f *Fleet) URLs() []string {
	pods := f.Pods()
	urls := make([]string, len(pods))
	for i, p := range pods {
		urls[i] = p.URL
	}
	return urls
}

// Ready returns how many members take load at present.
func (f *Fleet) Ready() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.model.Advance(f.Elapsed())
	return f.model.Ready()
}

// Close removes all pods and waits until their servers have ended.
func (f *Fleet) Close() error {
	err := f.Scale(0)
	f.serving.Wait()
	return err
}
