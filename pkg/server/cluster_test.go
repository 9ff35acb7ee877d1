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
	"testing"
	"time"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
// and reader may read external metrics of the namespace demo and /metrics.
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
				(resource != nil && resource.Group == "external.metrics.k8s.io" && resource.Namespace == "demo" ||
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
	f.declare(f.entry("demo", "queue", item(3)))
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
