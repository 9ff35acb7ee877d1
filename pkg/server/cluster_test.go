package server

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
)

// A review is what a clusterAPI was asked to decide.
type review interface {
	*authenticationv1.TokenReview | *authorizationv1.SubjectAccessReview
}

// answerReview reads a review from a request and sends it back decided.
func answerReview[R review](t *testing.T, w http.ResponseWriter, r *http.Request, asked R, decide func(R)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(body, asked); err != nil {
		t.Errorf("%v in %s", err, body)
	}
	decide(asked)
	send(t, w, asked)
}

func send(t *testing.T, w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(object); err != nil {
		t.Error(err)
	}
}

// clusterAPI is as much of a Kubernetes API as delegation needs: the tokens
// "reader-token" and "nobody-token" are those of the users reader and nobody,
// and reader may read metrics of the namespace demo and /metrics.
func clusterAPI(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", func(w http.ResponseWriter, r *http.Request) {
		answerReview(t, w, r, new(authenticationv1.TokenReview), func(asked *authenticationv1.TokenReview) {
			user, ok := strings.CutSuffix(asked.Spec.Token, "-token")
			asked.Status = authenticationv1.TokenReviewStatus{Authenticated: ok, User: authenticationv1.UserInfo{Username: user}}
		})
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		answerReview(t, w, r, new(authorizationv1.SubjectAccessReview), func(asked *authorizationv1.SubjectAccessReview) {
			resource, path := asked.Spec.ResourceAttributes, asked.Spec.NonResourceAttributes
			asked.Status.Allowed = asked.Spec.User == "reader" &&
				(resource != nil && resource.Namespace == "demo" ||
					path != nil && path.Path == "/metrics")
		})
	})
	authority, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	authentication := corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication", ResourceVersion: "1"},
		Data: map[string]string{
			"client-ca-file":                     string(authority.ca),
			"requestheader-client-ca-file":       string(authority.ca),
			"requestheader-allowed-names":        `["front-proxy-client"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		},
	}
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication", func(w http.ResponseWriter, _ *http.Request) {
		send(t, w, authentication)
	})
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			send(t, w, corev1.ConfigMapList{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"},
				ListMeta: metav1.ListMeta{ResourceVersion: "1"},
				Items:    []corev1.ConfigMap{authentication},
			})
			return
		}
		send(t, w, map[string]any{"type": "ADDED", "object": authentication})
		initial := authentication
		initial.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
		send(t, w, map[string]any{"type": "BOOKMARK", "object": initial})
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done() // nothing ever changes
	})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server
}

// kubeconfig writes one for the server and returns its path.
func kubeconfig(t *testing.T, server *httptest.Server) string {
	t.Helper()
	a := access{
		server: server.URL,
		ca:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		token:  "gaugeway-token",
	}
	content, err := a.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInCluster: who may read is what the cluster's API says.
func TestInCluster(t *testing.T) {
	t.Parallel()
	f := newFixture()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.options.AddFlags(flags)
	if err := flags.Parse([]string{"--kubeconfig", kubeconfig(t, clusterAPI(t))}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.options.flags.cluster.options.SecureServing.Listener = listener
	f.start(t)
	queue := f.entry("demo", "queue", item(3, "pod", "a"))
	queue.Pods = "queue"
	f.declare(queue)
	if f.Kubeconfig() != "" {
		t.Errorf("there is a kubeconfig %s", f.Kubeconfig())
	}

	client := func(token string) *http.Client {
		return httpClient(t, &rest.Config{Host: f.URL(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	}
	check := func(client *http.Client, path string, want int, text string) {
		t.Helper()
		if code, body := f.get(t, client, path); code != want || !strings.Contains(body, text) {
			t.Errorf("%s gives %d %s, want %d with %q", path, code, body, want, text)
		}
	}
	reader, nobody, stranger, anonymous := client("reader-token"), client("nobody-token"), client("wrong"), client("")
	check(reader, api+"/namespaces/demo/queue", 200, `"value":"3"`)
	check(reader, customAPI+"/v1beta1/namespaces/demo/pods/a/queue", 200, `"value":"3"`)
	check(reader, customAPI+"/v1beta2/namespaces/demo/pods/*/queue", 200, `"value":"3"`)
	check(nobody, customAPI+"/v1beta2/namespaces/demo/pods/*/queue", 403, "forbidden")
	check(reader, customAPI+"/v1beta2/namespaces/shop/pods/*/queue", 403, "forbidden")
	check(reader, api+"/namespaces/demo/other", 404, "is not declared in namespace")
	check(reader, api+"/namespaces/shop/queue", 403, "forbidden")
	check(reader, "/metrics", 200, "gaugeway_metric_value")
	check(nobody, api+"/namespaces/demo/queue", 403, "forbidden")
	check(nobody, "/metrics", 403, "forbidden")
	check(stranger, api+"/namespaces/demo/queue", 401, "Unauthorized")
	check(anonymous, api+"/namespaces/demo/queue", 403, "system:anonymous")
	check(anonymous, "/metrics", 403, "system:anonymous")
	check(anonymous, "/livez/ping", 403, "system:anonymous")
	for code := 0; code != http.StatusOK; { // until the library's start hooks have run
		code, _ = f.get(t, anonymous, "/readyz")
	}
}

// A replica that does not know the API server's requests yet would take them for
// anonymous: it is not ready.
func TestReadyOnceTheAPIServerIsKnown(t *testing.T) {
	t.Parallel()
	backend := clusterAPI(t)
	release := make(chan struct{})
	slow := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/configmaps") {
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
		}
		backend.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(slow.CloseClientConnections)
	f := newFixture()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.options.AddFlags(flags)
	if err := flags.Parse([]string{"--kubeconfig", kubeconfig(t, slow)}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.options.flags.cluster.options.SecureServing.Listener = listener
	f.start(t)

	anonymous := httpClient(t, &rest.Config{Host: f.URL(), TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	for code := 0; code != http.StatusOK; {
		code, _ = f.get(t, anonymous, "/livez")
	}
	if code, body := f.get(t, anonymous, "/readyz"); code != http.StatusInternalServerError || !strings.Contains(body, "[-]front-proxy failed") {
		t.Errorf("/readyz gives %d %s", code, body)
	}
	close(release)
	for code := 0; code != http.StatusOK; {
		code, _ = f.get(t, anonymous, "/readyz")
	}
}

// A hotCertificate is shown until it is replaced.
type hotCertificate struct {
	mu        sync.Mutex
	shown     *certificate
	listeners []dynamiccertificates.Listener
}

var _ dynamiccertificates.CertKeyContentProvider = (*hotCertificate)(nil)

func (h *hotCertificate) Name() string { return "hot" }

func (h *hotCertificate) AddListener(listener dynamiccertificates.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners = append(h.listeners, listener)
}

func (h *hotCertificate) CurrentCertKeyContent() (cert, key []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shown.cert, h.shown.key
}

// renew makes a new certificate and returns a client that trusts it alone.
func (h *hotCertificate) renew(t *testing.T, host string) *http.Client {
	t.Helper()
	next, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown = next
	for _, l := range h.listeners {
		l.Enqueue()
	}
	return httpClient(t, &rest.Config{Host: host, TLSClientConfig: rest.TLSClientConfig{CAData: next.ca}})
}

// TestCertificate: a certificate that is given is shown instead of that of the
// files, and the next one as soon as there is one, without a restart.
func TestCertificate(t *testing.T) {
	t.Parallel()
	f := newFixture()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.options.AddFlags(flags)
	if err := flags.Parse([]string{"--kubeconfig", kubeconfig(t, clusterAPI(t)), "--bind-address=127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.options.flags.cluster.options.SecureServing.Listener = listener
	hot := new(hotCertificate)
	first := hot.renew(t, "https://"+listener.Addr().String())
	f.options.Certificate = hot
	f.start(t)
	f.get(t, first, "/livez") // fails the test where the certificate is not trusted
	second := hot.renew(t, f.URL())
	for { // until the server has taken it up
		response, err := second.Get(f.URL() + "/livez")
		if err == nil {
			response.Body.Close()
			break
		}
	}
	first.CloseIdleConnections()
	if response, err := first.Get(f.URL() + "/livez"); err == nil {
		response.Body.Close()
		t.Error("the first certificate is still shown")
	}
}

func TestClusterConfig(t *testing.T) {
	t.Parallel()
	var options Options
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.AddFlags(flags)
	server := clusterAPI(t)
	if err := flags.Parse([]string{"--kubeconfig", kubeconfig(t, server), "--tls-cert-file=/cert"}); err != nil {
		t.Fatal(err)
	}
	config, err := options.ClusterConfig()
	if err != nil || config.Host != server.URL {
		t.Errorf("got %v, %v, want %s", config, err, server.URL)
	}
	if got := options.CertFile(); got != "/cert" {
		t.Errorf("the certificate is %q", got)
	}
	if got := new(Options).CertFile(); got != "" {
		t.Errorf("the certificate is %q without flags", got)
	}
}

// TestHelp: what help shows are the flags that an installation may set.
func TestHelp(t *testing.T) {
	t.Parallel()
	var options Options
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.AddFlags(flags)
	var got []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			got = append(got, f.Name)
		}
	})
	want := []string{"bind-address", "kubeconfig", "secure-port", "tls-cert-file", "tls-min-version", "tls-private-key-file", "v"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if usage := flags.FlagUsages(); strings.Contains(usage, "cert-dir") {
		t.Errorf("help speaks of flags that it does not show:\n%s", usage)
	}
}

// TestStandaloneRefusesClusterFlags: a flag that would be ignored is an error.
func TestStandaloneRefusesClusterFlags(t *testing.T) {
	t.Parallel()
	options := newFixture().options
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse([]string{"--secure-port=8443", "-v=1", "--authentication-skip-lookup"}); err != nil {
		t.Fatal(err)
	}
	options.Standalone = &Standalone{StateDir: t.TempDir()}
	want := "--standalone serves without a cluster, and --authentication-skip-lookup, --secure-port is for serving in one: leave out one or the other (the standalone port is --port)"
	if _, err := New(options); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClusterFlags(t *testing.T) {
	t.Parallel()
	f := func(want string, arguments ...string) {
		t.Helper()
		options := newFixture().options
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		options.AddFlags(flags)
		err := flags.Parse(arguments)
		if err == nil {
			_, err = New(options)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want an error with %q", arguments, err, want)
		}
	}
	f("--secure-port is 0, choose a port", "--secure-port=0")
	f("--secure-port 70000 must be between", "--secure-port=70000")
	f("read --kubeconfig /nonesuch", "--kubeconfig=/nonesuch")
}

// TestOutsideCluster is not parallel: it changes the environment.
func TestOutsideCluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	want := "give --kubeconfig, or --standalone to serve without one"
	if _, err := New(newFixture().options); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// TestClusterPortIsReleased: what fails after the port was opened closes it.
func TestClusterPortIsReleased(t *testing.T) {
	t.Parallel()
	options := newFixture().options
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.AddFlags(flags)
	err := flags.Parse([]string{"--kubeconfig", kubeconfig(t, clusterAPI(t)), "--tls-cert-file=/nonesuch", "--tls-private-key-file=/nonesuch"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options.flags.cluster.options.SecureServing.Listener = listener
	if _, err := New(options); err == nil || !strings.Contains(err.Error(), "/nonesuch") {
		t.Errorf("got %v, want an error about /nonesuch", err)
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the port is still open: %v", err)
	}
}
