package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/exposition"
)

const promText = "text/plain; version=0.0.4; charset=utf-8"

// answer serves a body as Prometheus text.
func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", promText)
		fmt.Fprint(w, body)
	}
}

// TestScrape: what is asked for, and what comes of the answer.
func TestScrape(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := write(t, dir, "token", "\n s3cr3t \n")
	tests := []struct {
		name   string
		config Config
		path   string
		want   map[string]string // headers, and the request URI as ":uri"
	}{
		{"plain", Config{}, "/metrics", map[string]string{
			":uri":            "/metrics",
			"Accept-Encoding": "identity",
			"User-Agent":      "gaugeway",
			"Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4," +
				"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
			"Authorization": "",
		}},
		{"compression", Config{Compression: true}, "/metrics", map[string]string{"Accept-Encoding": "gzip"}},
		{"protobuf", Config{Protocols: append([]Protocol{PrometheusProto}, DefaultProtocols()...)}, "/", map[string]string{
			"Accept": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.6," +
				"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4," +
				"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		}},
		{"one protocol", Config{Protocols: []Protocol{PrometheusText0_0_4}}, "/", map[string]string{"Accept": "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"}},
		{"JSON", Config{Format: exposition.Json, Protocols: []Protocol{PrometheusText0_0_4}}, "/", map[string]string{"Accept": "application/json;q=0.9,*/*;q=0.1"}},
		{"CSV", Config{Format: exposition.Csv}, "/", map[string]string{"Accept": "text/csv;q=0.9,text/plain;q=0.8,*/*;q=0.1"}},
		{"stub_status", Config{Format: exposition.StubStatus}, "/", map[string]string{"Accept": "text/plain;q=0.9,*/*;q=0.1"}},
		{"params", Config{Params: url.Values{"b": {"2", "3 4"}}}, "/metrics?a=1", map[string]string{":uri": "/metrics?a=1&b=2&b=3+4"}},
		{"only params", Config{Params: url.Values{"b": {"2"}}}, "/metrics", map[string]string{":uri": "/metrics?b=2"}},
		{"bearer", Config{Authorization: &Authorization{CredentialsFile: token}}, "/", map[string]string{"Authorization": "Bearer s3cr3t"}},
		{"other type", Config{Authorization: &Authorization{Type: "Token", CredentialsFile: token}}, "/", map[string]string{"Authorization": "Token s3cr3t"}},
		{"bearer in memory", Config{Authorization: &Authorization{Credentials: func() ([]byte, error) { return []byte("s3cr3t\n"), nil }}}, "/",
			map[string]string{"Authorization": "Bearer s3cr3t"}},
		{"basic in memory", Config{BasicAuth: &BasicAuth{Username: "me", Password: func() ([]byte, error) { return []byte("s3cr3t"), nil }}}, "/",
			map[string]string{"Authorization": "Basic bWU6czNjcjN0"}},
		{"basic", Config{BasicAuth: &BasicAuth{Username: "me", PasswordFile: token}}, "/", map[string]string{"Authorization": "Basic bWU6czNjcjN0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := map[string]string{}
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				for name := range tt.want {
					got[name] = r.Header.Get(name)
				}
				if _, ok := tt.want[":uri"]; ok {
					got[":uri"] = r.RequestURI
				}
				answer("a 1\nb 2\n")(w, r)
			})
			config := tt.config
			config.Now = ticking(1_000_000, 250*time.Millisecond)
			result, err := scraper(t, config).Scrape(t.Context(), server+tt.path, exposition.NewParser(exposition.Options{}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if result.Batch.Time != 1_000_250 || len(result.Batch.IDs) != 2 || result.Stats.Samples != 2 || result.Bytes != 8 || result.Duration != 500*time.Millisecond {
				t.Errorf("result %+v", result)
			}
		})
	}
}

// TestGzip: a packed body is read, whether it was asked for or not.
func TestGzip(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a{x=\"1\"} 1\n", 10_000)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", promText)
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, packed(text))
	})
	for _, asked := range []bool{true, false} {
		s := scraper(t, Config{Compression: asked})
		p := exposition.NewParser(exposition.Options{})
		for range 3 {
			result, err := s.Scrape(t.Context(), server, p)
			if err != nil {
				t.Fatal(err)
			}
			if result.Bytes != len(text) || result.Stats.Samples != 10_000 {
				t.Errorf("%d bytes, %+v", result.Bytes, result.Stats)
			}
		}
	}
}

// TestConnectionIsKept: scrapes of one target use one connection.
func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	peers := map[string]bool{}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		answer(strings.Repeat("a 1\n", 5000))(w, r)
	})
	s := scraper(t, Config{})
	p := exposition.NewParser(exposition.Options{})
	for range 4 {
		if _, err := s.Scrape(t.Context(), server, p); err != nil {
			t.Fatal(err)
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for 4 scrapes", len(peers))
	}
}

// TestCredentialsAreReadAnew: a secret that was renewed is used.
func TestCredentialsAreReadAnew(t *testing.T) {
	t.Parallel()
	var got []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		answer("a 1\n")(w, r)
	})
	dir := t.TempDir()
	s := scraper(t, Config{Authorization: &Authorization{CredentialsFile: write(t, dir, "token", "one")}})
	for _, token := range []string{"one", "two"} {
		write(t, dir, "token", token)
		if _, err := s.Scrape(t.Context(), server, exposition.NewParser(exposition.Options{})); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Bearer one", "Bearer two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFaults: each way in which a target fails, and what is said about it.
func TestFaults(t *testing.T) {
	t.Parallel()
	const small = 1 << 20
	// With hang, the handler never ends by itself; short scrapers give up soon.
	hang := func(r *http.Request) { <-r.Context().Done() }
	short := Config{Timeout: 50 * time.Millisecond}
	tests := []struct {
		name    string
		config  Config
		handler http.HandlerFunc
		reason  Reason
		message string
	}{
		{"no answer", short, func(_ http.ResponseWriter, r *http.Request) { hang(r) }, ReasonTimeout,
			"no complete answer within 50ms, given up before the answer began: see why the target is slow, or raise spec.scrapeTimeout: context deadline exceeded"},
		{"slow trickle", short, func(w http.ResponseWriter, r *http.Request) {
			answer("a 1\nb")(w, r)
			w.(http.Flusher).Flush()
			hang(r)
		}, ReasonTimeout,
			"no complete answer within 50ms, given up ..."},
		{"500", Config{}, status(500), ReasonStatus, "status 500 Internal Server Error: see the target's log"},
		{"204", Config{}, status(204), ReasonStatus, "status 204 No Content: see the target's log"},
		{"401", Config{}, status(401), ReasonStatus, "status 401 Unauthorized: see spec.authorization or spec.basicAuth, and what the target allows"},
		{"403", Config{}, status(403), ReasonStatus, "status 403 Forbidden: see spec.authorization or spec.basicAuth, and what the target allows"},
		{"404", Config{}, status(404), ReasonStatus, "status 404 Not Found: is the path right, and are the target's statistics turned on?"},
		{"400", Config{}, status(400), ReasonStatus, "status 400 Bad Request: does the port want https?"},
		{"unknown status", Config{}, status(599), ReasonStatus, "status 599: see the target's log"},
		{"redirect", Config{}, redirect("http://user:s3cr3t@elsewhere/metrics/?token=s3cr3t"), ReasonRedirect,
			`status 307 redirects to http on the host "elsewhere", path "/metrics/", which is not followed: let the source name the final scheme, port and path`},
		{"redirect to a path", Config{}, redirect("/metrics/?token=s3cr3t"), ReasonRedirect,
			`status 307 redirects to the path "/metrics/", which is not followed: let the source name the final scheme, port and path`},
		{"redirect to a host", Config{}, redirect("//elsewhere:81/"), ReasonRedirect,
			`status 307 redirects to the host "elsewhere:81", path "/", which is not followed: let the source name the final scheme, port and path`},
		{"redirect nowhere", Config{}, redirect("http://%zz?token=s3cr3t"), ReasonRedirect,
			"status 307 redirects elsewhere, which is not followed: let the source name the final scheme, port and path"},
		{"html", Config{}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><p>hello") }, ReasonContent,
			"the body cannot be read: this is an HTML page: is the path right?"},
		{"junk", Config{}, answer("\x00\x01\x02\xff\xfe\n\x03"), ReasonContent,
			`the body cannot be read: none of 2 lines can be read (the first is line 1, "\x00\x01\x02\xff\xfe": a NUL byte or an end mark amid the body): is the path right?`},
		{"truncated gzip", Config{}, raw("gzip", packed(strings.Repeat("a 1\n", 100))[:30]), ReasonEncoding,
			"the gzip body is truncated or corrupt: see whether a proxy cuts it off, or turn spec.enableCompression off: unexpected EOF"},
		{"corrupt gzip", Config{}, raw("gzip", packed("a 1\n")[:20]+"\x01\x02\x03\x04\x05\x06\x07\x08"), ReasonEncoding,
			"the gzip body is truncated or corrupt: see whether a proxy cuts it off, or turn spec.enableCompression off: gzip: invalid checksum"},
		{"no gzip", Config{}, raw("gzip", "a 1\nb 2\nc 3\n"), ReasonEncoding,
			"the gzip body is truncated or corrupt: see whether a proxy cuts it off, or turn spec.enableCompression off: gzip: invalid header"},
		{"brotli", Config{}, raw("br", "x"), ReasonEncoding,
			`the body is packed with "br", which was not asked for and is not read: let the target send it plain or as gzip`},
		{"gzip not declared", Config{}, raw("", packed("a 1\n")), ReasonContent,
			"the body cannot be read: this is gzip that the server did not declare as such: let it set Content-Encoding"},
		{"announced too large", Config{BodySizeLimit: 7}, answer("a 1\nb 2\n"), ReasonTooLarge,
			"body larger than 7: raise spec.bodySizeLimit, or let the target show less"},
		{"too large", Config{BodySizeLimit: small}, flood(small + 1), ReasonTooLarge,
			"body larger than 1Mi: raise spec.bodySizeLimit, or let the target show less"},
		{"too large unpacked", Config{BodySizeLimit: small}, raw("gzip", packed(strings.Repeat("a 1\n", small))), ReasonTooLarge,
			"body larger than 1Mi: raise spec.bodySizeLimit, or let the target show less"},
		{"too large packed", Config{BodySizeLimit: small}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			nothing := packed("") // unpacks to nothing, again and again
			for n := 0; n <= small; n += len(nothing) {
				fmt.Fprint(w, nothing)
			}
		}, ReasonTooLarge, "body larger than 1Mi: raise spec.bodySizeLimit, or let the target show less"},
		{"huge headers", Config{}, func(w http.ResponseWriter, r *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("y", 4096))
			}
			answer("a 1\n")(w, r)
		}, ReasonTooLarge, "response headers larger than 64Ki: is this the port of the statistics?"},
		{"broken off", Config{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer("a 1\n")(w, r)
		}, ReasonConnect, "the target closed the connection after 4 bytes of the body: see its log: unexpected EOF"},
		{"hung up", Config{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ReasonConnect,
			"the target closed the connection before the answer began: see its log: EOF"},
		{"no HTTP", Config{}, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprint(conn, "+PONG\r\n")
				conn.Close()
			}
		}, ReasonConnect, "this is not HTTP: is the port right, and does it want https?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, tt.handler)
			result, err := scraper(t, tt.config).Scrape(t.Context(), server+"?key=s3cr3t", exposition.NewParser(exposition.Options{}))
			checkError(t, err, tt.reason, tt.message)
			if result.Batch.Table != nil {
				t.Error("a batch beside the error")
			}
		})
	}
}

// TestUnreachable: nobody listens, nobody has the name, the URL is none.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	listener.Close()
	f := func(target string, reason Reason, message string) {
		t.Helper()
		_, err := scraper(t, Config{}).Scrape(t.Context(), target, exposition.NewParser(exposition.Options{}))
		checkError(t, err, reason, message)
	}
	f("http://"+free+"/?key=s3cr3t", ReasonConnect,
		"no connection, or it broke before the answer began, is the target listening on this port?: dial tcp "+free+": connect: connection refused")
	const invalid = "the URL is not valid: give scheme, http or https, host and path"
	f("http://127.0.0.1:port/?key=s3cr3t", ReasonConnect, invalid)
	f("ftp://127.0.0.1/?key=s3cr3t", ReasonConnect, invalid)
	f("/metrics?key=s3cr3t", ReasonConnect, invalid)
	f("http://me:s3cr3t@"+free, ReasonCredentials, "the URL holds a user: move it to spec.basicAuth")
}

// TestTransportErrors: failures that cannot be had from a server of the test.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	s := scraper(t, Config{})
	f := func(cause error, reason Reason, message string) {
		t.Helper()
		checkError(t, s.transportError(t.Context(), cause, "before the answer began"), reason, message)
	}
	f(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "kong.invalid", IsNotFound: true}}, ReasonDNS,
		"the host has no address, is its name right?: dial tcp: lookup kong.invalid: no such host")
	f(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "i/o timeout", Name: "kong.invalid", IsTimeout: true}}, ReasonTimeout,
		"no complete answer within 1m0s, given up before the answer began: see why the target is slow, or raise spec.scrapeTimeout: context deadline exceeded")
}

// TestCancelled: a scrape that its caller ends says so.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answer("a 1\n")(w, r)
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	_, err := scraper(t, Config{Timeout: time.Hour}).Scrape(ctx, server, exposition.NewParser(exposition.Options{}))
	var e *Error
	if !errors.As(err, &e) || e.Reason != ReasonTimeout || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestHugeBody: of a body of a gigabyte no more than the limit is read, and held
// in memory. It is not parallel, since it counts what is allocated.
func TestHugeBody(t *testing.T) {
	const limit = 1 << 20
	written := make(chan int, 1)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		line := []byte(strings.Repeat("a 1\n", 8192))
		for n < 1<<30 {
			m, err := w.Write(line)
			n += m
			if err != nil {
				break
			}
		}
		written <- n
	})
	s := scraper(t, Config{BodySizeLimit: limit})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.Scrape(t.Context(), server, exposition.NewParser(exposition.Options{}))
	runtime.ReadMemStats(&after)
	checkError(t, err, ReasonTooLarge, "body larger than 1Mi: raise spec.bodySizeLimit, or let the target show less")
	if n := <-written; n > 256*limit {
		t.Errorf("the server got rid of %d bytes", n)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 8*limit {
		t.Errorf("%d bytes allocated for a limit of %d", n, limit)
	}
}

// TestBuffersAreReused: a scrape does not allocate its body anew. (Under the race
// detector a pool forgets some of what it is given.) It is not parallel, since it
// counts what is allocated.
func TestBuffersAreReused(t *testing.T) {
	const scrapes = 20
	body := []byte(strings.Repeat("# "+strings.Repeat("x", 1021)+"\n", 1<<10))
	s := scraper(t, Config{})
	p := exposition.NewParser(exposition.Options{})
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(body); err != nil {
			t.Error(err)
		}
	})
	var before, after runtime.MemStats
	for i := range 1 + scrapes {
		if i == 1 {
			runtime.ReadMemStats(&before)
		}
		if _, err := s.Scrape(t.Context(), server, p); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := int(after.TotalAlloc - before.TotalAlloc); n > scrapes*len(body)*3/4 {
		t.Errorf("%d bytes allocated to read %d bytes %d times", n, len(body), scrapes)
	}
}

// TestReadUpTo: readers of all sizes, to the limit and beyond.
func TestReadUpTo(t *testing.T) {
	t.Parallel()
	f := func(size, limit, room int, want error) {
		t.Helper()
		buf := make([]byte, 0, room)
		err := readUpTo(bytes.NewReader(make([]byte, size)), &buf, int64(limit))
		if !errors.Is(err, want) || want == nil && (len(buf) != size || cap(buf) <= len(buf)) {
			t.Errorf("%d of %d bytes into %d: %d read into %d, %v", size, limit, room, len(buf), cap(buf), err)
		}
		if limit := limit + 1 + 2*minRead; cap(buf) > max(limit, room) {
			t.Errorf("%d bytes of memory", cap(buf))
		}
	}
	for _, room := range []int{0, 1, minRead, 10 * minRead} {
		for _, size := range []int{0, 1, minRead - 1, minRead, minRead + 1, 5*minRead - 1} {
			f(size, 5*minRead-1, room, nil)
			f(size, size, room, nil)
			f(size+1, size, room, errTooLarge)
		}
	}
}

// checkError checks an error of Scrape, and that it holds no secret. A message
// that ends with "..." is the start of the error's.
func checkError(t *testing.T, err error, reason Reason, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	got := e.Error()
	if start, ok := strings.CutSuffix(message, "..."); ok {
		got, message = got[:min(len(got), len(start))], start
	}
	if e.Reason != reason || got != message {
		t.Errorf("\n got %s: %s\nwant %s: %s", e.Reason, e, reason, message)
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%q holds a secret", err)
	}
}

// scraper returns a Scraper that is closed with the test. Its timeout is long
// where none is given, since machines may be slow.
func scraper(t testing.TB, c Config) *Scraper {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// serve returns the URL of a server that lives as long as the test.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestRedirectsAreNotFollowed: a target cannot make the scraper ask another one.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other one is asked") })
	s := scraper(t, Config{})
	_, err := s.Scrape(t.Context(), serve(t, redirect(elsewhere)), exposition.NewParser(exposition.Options{}))
	checkError(t, err, ReasonRedirect, "status 307 redirects to http on the host...")
	if s.connections().Proxy != nil {
		t.Error("a proxy may be used")
	}
}

func redirect(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// raw serves a body with a content encoding.
func raw(encoding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", promText)
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		fmt.Fprint(w, body)
	}
}

// flood serves n bytes without saying how many they are.
func flood(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		fmt.Fprint(w, strings.Repeat("\n", n))
	}
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	fmt.Fprint(z, text)
	z.Close()
	return b.String()
}

// ticking returns a clock that begins at a time in milliseconds and goes on by
// step with each look at it.
func ticking(start int64, step time.Duration) func() time.Time {
	now := time.UnixMilli(start)
	return func() time.Time {
		defer func() { now = now.Add(step) }()
		return now
	}
}

// write writes a file and returns its name.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
