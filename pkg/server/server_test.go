package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"k8s.io/metrics/pkg/client/external_metrics"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const api = "/apis/external.metrics.k8s.io/v1beta1"

func TestMain(m *testing.M) {
	if _, err := new(Options).SetUpLogging(os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A fixture is a server under test. Its clock stands still at now, which is the
// time of the test's start because certificates must be valid.
type fixture struct {
	*Server
	now     time.Time
	board   *metric.Board
	options Options
	// config is that of the kubeconfig.
	config *rest.Config
	client *http.Client
	// stop stops the server and returns what Run returned.
	stop func() error
}

// newFixture returns a board to serve and options without a mode.
func newFixture() *fixture {
	f := &fixture{now: time.Now().Truncate(time.Second), board: new(metric.Board)}
	f.options = Options{
		Board:    f.board,
		Registry: prometheus.NewRegistry(),
		Clock:    clocktesting.NewFakePassiveClock(f.now),
	}
	return f
}

// standalone starts a standalone server on any port.
func standalone(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := newFixture()
	f.options.Standalone = &Standalone{StateDir: t.TempDir()}
	for _, c := range change {
		c(&f.options)
	}
	f.start(t)
	var err error
	if f.config, err = clientcmd.BuildConfigFromFlags("", f.Kubeconfig()); err != nil {
		t.Fatal(err)
	}
	f.client = httpClient(t, f.config)
	return f
}

// start starts the server, and stops it with the test.
func (f *fixture) start(t testing.TB) {
	t.Helper()
	var err error
	if f.Server, err = New(f.options); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func httpClient(t testing.TB, config *rest.Config) *http.Client {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// get returns the status and the body of an answer.
func (f *fixture) get(t testing.TB, client *http.Client, path string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// declare puts metrics on the board.
func (f *fixture) declare(entries ...*metric.Entry) { f.board.Set(entries) }

// entry is a metric whose result has samples of two seconds ago.
func (f *fixture) entry(namespace, name string, items ...metric.Item) *metric.Entry {
	e := &metric.Entry{
		Key:      metric.Key{Namespace: namespace, Name: name},
		External: strings.ReplaceAll(name, "-", "_"),
		MaxAge:   30 * time.Second,
	}
	if len(items) > 0 {
		e.Publish(&metric.Result{
			State: metric.StateFresh, Items: items,
			Time: f.now.Add(-2 * time.Second).UnixMilli(), Evaluated: f.now.UnixMilli(),
			Window: 30_000, Covered: 4, Expected: 4,
		})
	}
	return e
}

func item(value float64, pairs ...string) metric.Item {
	return metric.Item{Labels: promlabels.FromStrings(pairs...), Value: value}
}

func TestExternalMetrics(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	f.declare(
		f.entry("demo", "checkout-p95", item(0.25)),
		f.entry("demo", "queue", item(3, "pod", "a"), item(1.5, "pod", "b")),
		f.entry("demo", "unread"),
	)
	status := func(code int, reason metav1.StatusReason, message string) string {
		return fmt.Sprintf("%d %s: %s", code, reason, message)
	}
	tests := []struct{ name, path, want string }{
		{"one number", "/namespaces/demo/checkout_p95", `200 checkout_p95{} 250m window 30 age 2s`},
		{"several", "/namespaces/demo/queue", "200 queue{pod=a} 3 window 30 age 2s, queue{pod=b} 1500m window 30 age 2s"},
		{"selector", "/namespaces/demo/queue?labelSelector=" + url.QueryEscape("pod in (b,c)"), "200 queue{pod=b} 1500m window 30 age 2s"},
		{
			"selector that nothing matches", "/namespaces/demo/queue?labelSelector=pod%3Dz",
			status(503, "ServiceUnavailable", `metric demo/queue has no fresh value: no element matches selector "pod=z", labels seen: {pod=a}, {pod=b}`),
		},
		{"unknown", "/namespaces/demo/queu", status(404, "NotFound", `external metric "queu" is not declared in namespace "demo"; declared there: queue, unread, checkout_p95`)},
		{"other namespace", "/namespaces/shop/queue", status(404, "NotFound", `external metric "queue" is not declared in namespace "shop", nor is any other: a metric can only be read in its own namespace`)},
		{"without result", "/namespaces/demo/unread", status(503, "ServiceUnavailable", "metric demo/unread has no fresh value: it has not been evaluated yet")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, body := f.get(t, f.client, api+test.path)
			var got string
			if code == http.StatusOK {
				got = fmt.Sprint(code, " ", printList(t, f.now, body))
			} else {
				var s metav1.Status
				if err := json.Unmarshal([]byte(body), &s); err != nil {
					t.Fatalf("%v in %s", err, body)
				}
				got = status(int(s.Code), s.Reason, s.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// printList prints an ExternalMetricValueList in JSON.
func printList(t *testing.T, now time.Time, body string) string {
	t.Helper()
	var list v1beta1.ExternalMetricValueList
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if want := "external.metrics.k8s.io/v1beta1, Kind=ExternalMetricValueList"; list.GroupVersionKind().String() != want {
		t.Errorf("got a %s", list.GroupVersionKind())
	}
	var items []string
	for _, i := range list.Items {
		items = append(items, fmt.Sprintf("%s{%s} %s window %d age %s", i.MetricName, labels.Set(i.MetricLabels), i.Value.String(), *i.WindowSeconds, now.Sub(i.Timestamp.Time)))
	}
	return strings.Join(items, ", ")
}

// TestConcurrentReads lets encoders of all formats share the items of one
// result; the race detector tells whether one of them writes to them.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	f.declare(f.entry("demo", "queue", item(3, "pod", "a"), item(1.5, "pod", "b")))
	var readers sync.WaitGroup
	for _, format := range []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"} {
		for range 2 {
			readers.Go(func() {
				for range 10 {
					if code, body := f.get(t, f.client, api+"/namespaces/demo/queue", "Accept", format); code != http.StatusOK {
						t.Errorf("%s: %d %s", format, code, body)
					}
				}
			})
		}
	}
	readers.Wait()
}

// TestMetricsClient reads with the client that the HorizontalPodAutoscaler uses.
func TestMetricsClient(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	f.declare(f.entry("demo", "queue", item(3, "pod", "a"), item(1.5, "pod", "b")))
	client, err := external_metrics.NewForConfig(f.config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.NamespacedMetrics("demo").List("queue", labels.SelectorFromSet(labels.Set{"pod": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Value.MilliValue() != 1500 {
		t.Errorf("got %v", list.Items)
	}
	if _, err := client.NamespacedMetrics("demo").List("other", labels.Everything()); !apierrors.IsNotFound(err) {
		t.Errorf("an unknown metric gives %v, want NotFound", err)
	}
}

// TestDiscovery: what kubectl asks for before it asks for anything else. The
// names follow the board.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	client, err := discovery.NewDiscoveryClientForConfig(f.config)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want ...string) {
		t.Helper()
		_, lists, err := client.ServerGroupsAndResources()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, list := range lists {
			for _, r := range list.APIResources {
				got = append(got, fmt.Sprintf("%s %s %s namespaced=%t %v", list.GroupVersion, r.Name, r.Kind, r.Namespaced, r.Verbs))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	resource := func(name string) string {
		return "external.metrics.k8s.io/v1beta1 " + name + " ExternalMetricValueList namespaced=true [get]"
	}
	check()
	f.declare(f.entry("demo", "queue"), f.entry("demo", "checkout-p95"))
	check(resource("checkout_p95"), resource("queue"))
	f.declare(f.entry("shop", "queue"))
	check(resource("queue"))

	for _, path := range []string{"/openapi/v2", "/openapi/v3", "/openapi/v3/apis/external.metrics.k8s.io/v1beta1", "/version", "/apis", "/apis/external.metrics.k8s.io"} {
		if code, body := f.get(t, f.client, path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if _, body := f.get(t, f.client, "/openapi/v3/apis/external.metrics.k8s.io/v1beta1"); !strings.Contains(body, "ExternalMetricValueList") {
		t.Errorf("the OpenAPI document does not describe ExternalMetricValueList")
	}
}

func TestStandaloneAccess(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	f.declare(f.entry("demo", "queue", item(3)))
	anonymous := httpClient(t, rest.AnonymousClientConfig(f.config))
	other := rest.CopyConfig(f.config)
	other.BearerToken += "x"
	guesser := httpClient(t, other)

	code := func(client *http.Client, path string, want int, headers ...string) {
		t.Helper()
		if got, body := f.get(t, client, path, headers...); got != want {
			t.Errorf("%s gives %d, want %d: %s", path, got, want, body)
		}
	}
	for _, path := range []string{api, api + "/namespaces/demo/queue", "/apis", "/openapi/v2", "/metrics", "/", "/debug/pprof/", "/livez/engine"} {
		code(f.client, path, http.StatusOK)
		code(anonymous, path, http.StatusUnauthorized)
		code(guesser, path, http.StatusUnauthorized)
		code(f.client, path, http.StatusForbidden, "Impersonate-User", "system:admin")
	}
	code(anonymous, "/healthz", http.StatusOK)
	code(anonymous, "/livez", http.StatusOK)
	code(guesser, "/livez", http.StatusUnauthorized)
	code(f.client, "/nonesuch", http.StatusNotFound)
}

func TestStateFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	f := standalone(t, func(o *Options) { o.Standalone.StateDir = dir })

	if want := filepath.Join(dir, "kubeconfig"); f.Kubeconfig() != want {
		t.Errorf("the kubeconfig is %s, want %s", f.Kubeconfig(), want)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %s, want 0600", e.Name(), info.Mode())
		}
	}
	if want := []string{"kubeconfig", "token"}; !slices.Equal(names, want) {
		t.Errorf("the folder has %q, want %q", names, want)
	}
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	if f.config.BearerToken != string(token) || len(token) < 20 {
		t.Errorf("the kubeconfig and the file have different tokens, or too short ones")
	}
	if f.config.Host != f.URL() || len(f.config.CAData) == 0 {
		t.Errorf("the kubeconfig is for %s with %d bytes of CA, want %s", f.config.Host, len(f.config.CAData), f.URL())
	}

	if err := f.stop(); err != nil {
		t.Fatalf("Run returned %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder that the server made is still there after its end: %v", err)
	}
	listener, err := net.Listen("tcp", strings.TrimPrefix(f.URL(), "https://"))
	if err != nil {
		t.Fatalf("the port is not free after the end: %v", err)
	}
	listener.Close()
}

// TestStateFilesOfOthers: the files of a killed server are replaced, what
// another server wrote since is not removed, nor is a folder with other files.
func TestStateFilesOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "of a killed server")
	write("notes", "of the user")
	f := standalone(t, func(o *Options) { o.Standalone.StateDir = dir })
	info, err := os.Stat(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the replaced token has mode %s, want 0600", info.Mode())
	}
	write("token", "of a newer server")
	if err := f.stop(); err != nil {
		t.Fatalf("Run returned %v", err)
	}
	for name, want := range map[string]string{"token": "of a newer server", "notes": "of the user"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s is %q after the end, want %q: %v", name, got, want, err)
		}
	}
	if _, err := os.Stat(f.Kubeconfig()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the server's own kubeconfig is still there after its end: %v", err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	t.Parallel()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	f := func(dir, server, want string) {
		t.Helper()
		if got, err := stateDir(dir, server); err != nil || got != want {
			t.Errorf("stateDir(%q, %q) = %q, %v, want %q", dir, server, got, err, want)
		}
	}
	f("", "https://127.0.0.1:16443", filepath.Join(cache, "gaugeway", "standalone-16443"))
	f("/run/gaugeway", "https://127.0.0.1:16443", "/run/gaugeway")
}

func TestProbes(t *testing.T) {
	t.Parallel()
	var ready, live atomic.Pointer[error]
	problem := func(p *atomic.Pointer[error]) func() error {
		return func() error {
			if err := p.Load(); err != nil {
				return *err
			}
			return nil
		}
	}
	f := standalone(t, func(o *Options) { o.Ready, o.Live = problem(&ready), problem(&live) })
	anonymous := httpClient(t, rest.AnonymousClientConfig(f.config))

	expect := func(client *http.Client, path string, code int, text string) {
		t.Helper()
		got, body := f.get(t, client, path)
		if got != code || !strings.Contains(body, text) {
			t.Errorf("%s gives %d %s, want %d with %q", path, got, body, code, text)
		}
	}
	// The library's start hooks have their checks on all three as well, so the
	// first answers may come too early.
	for code := 0; code != http.StatusOK; {
		code, _ = f.get(t, anonymous, "/readyz")
	}
	expect(anonymous, "/livez", 200, "ok")
	expect(anonymous, "/healthz", 200, "ok")

	notReady := errors.New("waiting for the first 2 scrapes of demo/kong")
	ready.Store(&notReady)
	expect(anonymous, "/readyz", 500, "[-]engine failed")
	expect(f.client, "/readyz/engine", 500, notReady.Error())
	expect(anonymous, "/livez", 200, "ok")
	expect(anonymous, "/healthz", 200, "ok")
	ready.Store(nil)
	expect(anonymous, "/readyz", 200, "ok")

	notLive := errors.New("the loop of source demo/kong has made no progress for 2m0s")
	live.Store(&notLive)
	expect(anonymous, "/livez", 500, "[-]engine failed")
	expect(anonymous, "/healthz", 500, "[-]engine failed")
	expect(f.client, "/livez/engine", 500, notLive.Error())
	expect(anonymous, "/readyz", 200, "ok")
}

// A replica that is told to end is asked for as long as the API server has not
// learned of it.
func TestRequestsAreAnsweredDuringTheShutdownDelay(t *testing.T) {
	t.Parallel()
	f := standalone(t, func(o *Options) { o.ShutdownDelay = 3 * time.Second })
	f.declare(f.entry("demo", "rps", item(7)))
	for code := 0; code != http.StatusOK; {
		code, _ = f.get(t, f.client, "/readyz")
	}
	ended := make(chan error, 1)
	go func() { ended <- f.stop() }()
	for code := http.StatusOK; code == http.StatusOK; {
		code, _ = f.get(t, f.client, "/readyz")
	}
	later := httpClient(t, f.config) // with a connection of its own
	if code, body := f.get(t, later, "/apis/external.metrics.k8s.io/v1beta1/namespaces/demo/rps"); code != http.StatusOK {
		t.Errorf("a read during the delay gives %d %s", code, body)
	}
	if code, body := f.get(t, later, "/livez"); code != http.StatusOK {
		t.Errorf("/livez during the delay gives %d %s", code, body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	registered := prometheus.NewRegistry()
	registered.MustRegister(newCollector(new(metric.Board), nil))

	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no board", func(o *Options) { o.Board = nil }, "needs a Board and a Registry"},
		{"no registry", func(o *Options) { o.Registry = nil }, "needs a Board and a Registry"},
		{"port taken", func(o *Options) { o.Standalone.BindPort = busy.Addr().(*net.TCPAddr).Port }, "address already in use: choose another port"},
		{"state folder is a file", func(o *Options) { o.Standalone.StateDir = file }, "make the state folder"},
		{"registry used before", func(o *Options) { o.Registry = registered }, "once per registry"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options := newFixture().options
			dir := filepath.Join(t.TempDir(), "state")
			options.Standalone = &Standalone{StateDir: dir}
			test.change(&options)
			if _, err := New(options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the state folder was left behind: %v", err)
			}
		})
	}
}

// BenchmarkRead is a read over HTTPS as the HorizontalPodAutoscaler does it,
// authentication and encoding included.
func BenchmarkRead(b *testing.B) {
	f := standalone(b)
	f.declare(f.entry("demo", "checkout-p95", item(0.25)))
	for b.Loop() {
		if code, body := f.get(b, f.client, api+"/namespaces/demo/checkout_p95"); code != http.StatusOK {
			b.Fatal(code, body)
		}
	}
}
