package scrape

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaugeway/gaugeway/pkg/exposition"
)

// whole serves a body at once.
func whole(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", promText)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	}
}

// TestConnectionsOfAllTargetsAreKept: also of those that share an address, however
// many they are.
func TestConnectionsOfAllTargetsAreKept(t *testing.T) {
	t.Parallel()
	const targets = 60
	var mu sync.Mutex
	peers := map[string]bool{}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		peers[r.RemoteAddr] = true
		mu.Unlock()
		whole("a 1\n")(w, r)
	})
	s := scraper(t, Config{})
	for range 4 {
		var wg sync.WaitGroup
		for n := range targets {
			wg.Go(func() {
				if _, err := s.Scrape(t.Context(), fmt.Sprint(server, "/", n), exposition.NewParser(exposition.Options{})); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if len(peers) > targets {
		t.Errorf("%d connections for %d targets", len(peers), targets)
	}
}

// hanging serves the beginning of a body, and no more before the request ends.
// It says when it has begun.
func hanging(begun *sync.WaitGroup) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer("a 1\nb")(w, r)
		w.(http.Flusher).Flush()
		begun.Done()
		<-r.Context().Done()
	}
}

// TestBodiesAreReadAFewAtATime: those of all other targets wait in their
// connections.
func TestBodiesAreReadAFewAtATime(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(maxBodies)
	hang, other := serve(t, hanging(&begun)), serve(t, whole("a 1\n"))
	s := scraper(t, Config{})
	s.stall = time.Hour
	hour, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	for range maxBodies {
		ended.Go(func() { _, _ = s.Scrape(hour, hang, exposition.NewParser(exposition.Options{})) })
	}
	begun.Wait()
	for len(s.turns) < maxBodies {
		time.Sleep(time.Millisecond)
	}
	soon, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if _, err := s.Scrape(soon, other, exposition.NewParser(exposition.Options{})); err == nil {
		t.Error("one body more than allowed was read")
	}
	cancel()
	ended.Wait()
	if len(s.turns) != 0 {
		t.Errorf("%d turns were not given back", len(s.turns))
	}
	if _, err := s.Scrape(t.Context(), other, exposition.NewParser(exposition.Options{})); err != nil {
		t.Error(err)
	}
}

// TestABodyThatStallsDoesNotHoldUpOthers: as many as are read at once hang, and
// the others are read all the same.
func TestABodyThatStallsDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	var begun, ended sync.WaitGroup
	begun.Add(maxBodies)
	hang, other := serve(t, hanging(&begun)), serve(t, whole("a 1\n"))
	s := scraper(t, Config{Timeout: time.Second})
	s.stall = time.Nanosecond
	for range maxBodies {
		ended.Go(func() {
			if _, err := s.Scrape(t.Context(), hang, exposition.NewParser(exposition.Options{})); err == nil {
				t.Error("a body that hangs was read")
			}
		})
	}
	begun.Wait()
	for range 3 {
		if _, err := s.Scrape(t.Context(), other, exposition.NewParser(exposition.Options{})); err != nil {
			t.Error(err)
		}
	}
	ended.Wait()
	if len(s.turns) != 0 {
		t.Errorf("%d turns were not given back", len(s.turns))
	}
}

// TestBufferIsSizedByTheLastBody: the next body fits, also if it is a bit larger,
// and what a large one took is not kept for small ones.
func TestBufferIsSizedByTheLastBody(t *testing.T) {
	t.Parallel()
	s := scraper(t, Config{})
	p := exposition.NewParser(exposition.Options{})
	f := func(lines, least, most int) {
		t.Helper()
		server := serve(t, whole(strings.Repeat("a 1\n", lines)))
		if _, err := s.Scrape(t.Context(), server, p); err != nil {
			t.Fatal(err)
		}
		buf := s.buffer()
		defer s.keep(buf)
		if got := cap(*buf); got < least || got > most {
			t.Errorf("a buffer of %d bytes after a body of %d", got, 4*lines)
		}
	}
	f(100_000, 400_000+minRead+20_000, 600_000)
	f(1000, 4000+minRead, 30_000)
}

// TestNoAllocationPerLine: a scrape of many lines makes no more garbage than one
// of few, once the target is known.
func TestNoAllocationPerLine(t *testing.T) {
	allocations := func(lines int) float64 {
		var b strings.Builder
		for n := range lines {
			fmt.Fprintf(&b, "a{n=\"%d\"} %d\n", n, n*n)
		}
		server := serve(t, whole(b.String()))
		s := scraper(t, Config{})
		p := exposition.NewParser(exposition.Options{})
		scrape := func() {
			if _, err := s.Scrape(t.Context(), server, p); err != nil {
				t.Fatal(err)
			}
		}
		scrape()
		scrape()
		return testing.AllocsPerRun(20, scrape)
	}
	few, many := allocations(10), allocations(5000)
	if more := many - few; more > 50 {
		t.Errorf("%v allocations for 10 lines, %v for 5000", few, many)
	}
}

// BenchmarkScrape reads 200 KB over a connection that is kept, again and again.
// What it allocates is the server's, too.
func BenchmarkScrape(b *testing.B) {
	var body strings.Builder
	for n := range 2400 {
		fmt.Fprintf(&body, "kong_request_latency_ms_bucket{service=\"service-%d\",route=\"route-%d\",workspace=\"default\",le=\"250\"} %d\n", n/20, n/10, n)
	}
	server := serve(b, whole(body.String()))
	s := scraper(b, Config{})
	p := exposition.NewParser(exposition.Options{})
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Scrape(b.Context(), server, p); err != nil {
			b.Fatal(err)
		}
	}
}
