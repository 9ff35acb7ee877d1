package demo

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A manualClock stands still until it is moved.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newManualClock() *manualClock {
	return &manualClock{now: time.UnixMilli(1_700_000_000_000).UTC()}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// get scrapes a URL on a connection of its own.
func get(t *testing.T, url string) (http.Header, string, error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header, string(body), nil
}

func newTestFleet(t *testing.T, clock *manualClock) *Fleet {
	f := NewFleet(NewModel(testTraffic(), testCapacity()), 500*time.Millisecond, clock.Now)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFleet(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	f := newTestFleet(t, clock)
	if err := f.Scale(3); err != nil {
		t.Fatal(err)
	}
	if n := f.Ready(); n != 0 {
		t.Errorf("%d pods are ready at once", n)
	}
	clock.Add(5 * time.Second)
	if n := f.Ready(); n != 3 {
		t.Errorf("%d of 3 pods are ready", n)
	}
	urls := f.URLs()
	for _, url := range urls {
		header, body, err := get(t, url)
		if err != nil {
			t.Fatal(err)
		}
		if got := header.Get("Content-Type"); got != "text/plain; charset=UTF-8" {
			t.Errorf("content type %q", got)
		}
		if !strings.Contains(body, `kong_http_requests_total{service="checkout"`) {
			t.Errorf("%s answers\n%s", url, body)
		}
	}

	// The youngest goes, and is replaced by another one that starts from zero.
	if err := f.Scale(2); err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, urls[2]); err == nil {
		t.Error("a removed pod answers")
	}
	if err := f.Scale(3); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range f.Pods() {
		names = append(names, p.Name)
	}
	if want := []string{"kong-1", "kong-2", "kong-4"}; !slices.Equal(names, want) {
		t.Errorf("pods %v, want %v", names, want)
	}
	_, body, err := get(t, f.URLs()[2])
	if err != nil || !strings.Contains(body, `kong_nginx_requests_total{node_id="kong-4",subsystem="http"} 0`) {
		t.Errorf("%v: a new pod answers\n%s", err, body)
	}
	if _, _, err := get(t, strings.TrimSuffix(urls[0], "/metrics")+"/"); err != nil {
		t.Error(err)
	}

	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, url := range urls {
		if _, _, err := get(t, url); err == nil {
			t.Errorf("%s answers after Close", url)
		}
	}
	if err := f.Scale(-1); err != nil || len(f.Pods()) != 0 {
		t.Errorf("a negative size: %v, %v", f.Pods(), err)
	}
}

// Scrapes, scaling and questions at once: for the race detector.
func TestFleetConcurrently(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	f := newTestFleet(t, clock)
	if err := f.Scale(2); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	first := f.URLs()[0]
	for range 4 {
		work.Go(func() {
			for range 20 {
				clock.Add(10 * time.Millisecond)
				if _, _, err := get(t, first); err != nil {
					t.Error(err)
				}
				f.Ready()
			}
		})
	}
	work.Go(func() {
		for i := range 20 {
			if err := f.Scale(1 + i%4); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
}
