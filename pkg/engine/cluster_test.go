package engine

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/discover"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

func TestWhatNeedsACluster(t *testing.T) {
	t.Parallel()
	key := &v1alpha1.KeySelector{Name: "kong", Key: "k"}
	f := func(change func(*v1alpha1.GatewaySourceSpec), want string) {
		t.Helper()
		r := newRig(t)
		src := r.source("kong", "https://127.0.0.1:1/")
		change(&src.Spec)
		if err := r.engine.Apply(r.sources, nil); err == nil || err.Error() != "source ns/kong: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Pods = &v1alpha1.PodTargets{} },
		"spec.pods needs a cluster: run gaugeway in one, or list URLs under spec.static")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Service = &v1alpha1.ServiceTargets{} },
		"spec.service needs a cluster: run gaugeway in one, or list URLs under spec.static")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Authorization = &v1alpha1.Authorization{Credentials: key} },
		"spec.authorization.credentials needs a cluster: run gaugeway in one, or name a file")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.BasicAuth = &v1alpha1.BasicAuth{Username: "me", Password: key} },
		"spec.basicAuth.password needs a cluster: run gaugeway in one, or name a file")
	f(func(s *v1alpha1.GatewaySourceSpec) {
		s.TLSConfig = &v1alpha1.TLSConfig{CA: &v1alpha1.SecretOrConfigMap{ConfigMap: key}}
	}, "spec.tlsConfig.ca needs a cluster: run gaugeway in one, or name a file")
	f(func(s *v1alpha1.GatewaySourceSpec) {
		s.TLSConfig = &v1alpha1.TLSConfig{CA: &v1alpha1.SecretOrConfigMap{}}
	}, "spec.tlsConfig.ca: name one of secret and configMap")
}

// vault is Secrets whose values the test sets, by kind/namespace/name/key.
type vault struct{ sync.Map }

var _ Secrets = (*vault)(nil)

func (v *vault) get(path string) ([]byte, error) {
	if value, ok := v.Load(path); ok {
		return []byte(value.(string)), nil
	}
	return nil, errors.New("there is no " + path)
}

func (v *vault) Secret(namespace, name, key string) ([]byte, error) {
	return v.get("secret/" + namespace + "/" + name + "/" + key)
}

func (v *vault) ConfigMap(namespace, name, key string) ([]byte, error) {
	return v.get("configmap/" + namespace + "/" + name + "/" + key)
}

// Secrets are read from the source's own namespace at each scrape.
func TestSecretsOfTheCluster(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := &vault{}
	r.engine.secrets = v
	private := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		user, password, basic := q.BasicAuth()
		if q.Header.Get("Authorization") != "Bearer s3cr3t" && (!basic || user != "me" || password != "s3cr3t") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "active 7\n")
	}))
	t.Cleanup(private.Close)
	tls := &v1alpha1.TLSConfig{CA: &v1alpha1.SecretOrConfigMap{ConfigMap: &v1alpha1.KeySelector{Name: "ca", Key: "ca.crt"}}, ServerName: "example.com"}
	token := r.source("token", private.URL)
	token.Spec.TLSConfig = tls
	token.Spec.Authorization = &v1alpha1.Authorization{Credentials: &v1alpha1.KeySelector{Name: "kong", Key: "token"}}
	basic := r.source("basic", private.URL)
	basic.Spec.TLSConfig = tls
	basic.Spec.BasicAuth = &v1alpha1.BasicAuth{Username: "me", Password: &v1alpha1.KeySelector{Name: "kong", Key: "password"}}
	r.metric("one", v1alpha1.TypeTotal, `sum(active)`, "token")
	r.metric("two", v1alpha1.TypeTotal, `sum(active)`, "basic")
	r.apply()
	f := func(want string) {
		t.Helper()
		for name, source := range map[string]string{"one": "token", "two": "basic"} {
			r.tick(source)
			if got := show(r.result(name)); !strings.Contains(got, want) || strings.Contains(got, "s3cr3t") {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
	f(": there is no secret/ns/kong/")
	v.Store("secret/ns/kong/token", "s3cr3t\n")
	v.Store("secret/ns/kong/password", "s3cr3t")
	f("ca: there is no configmap/ns/ca/ca.crt")
	v.Store("configmap/ns/ca/ca.crt", string(pemOf(private)))
	f("Fresh {}=7")
	v.Store("secret/ns/kong/token", "other")
	v.Store("secret/ns/kong/password", "other")
	for range 2 {
		r.tick("token")
		r.tick("basic")
	}
	f("status 401 Unauthorized")
}

// unread is Secrets of which none is read before the test says so.
type unread struct{ read atomic.Bool }

func (u *unread) Secret(string, string, string) ([]byte, error) {
	if !u.read.Load() {
		return nil, fmt.Errorf("secret ns/kong %w", discover.ErrNotRead)
	}
	return []byte("s3cr3t"), nil
}

func (u *unread) ConfigMap(namespace, name, key string) ([]byte, error) {
	return u.Secret(namespace, name, key)
}

// The first tick waits for the Secrets that it needs, but not for ever.
func TestTheFirstTickWaitsForSecrets(t *testing.T) {
	t.Parallel()
	f := func(read bool, want string) {
		t.Helper()
		r := newRig(t)
		secrets := &unread{}
		r.engine.secrets = secrets
		g := newGateway(t)
		g.say("active 7\n")
		src := r.source("kong", g.URL)
		src.Spec.Authorization = &v1alpha1.Authorization{Credentials: &v1alpha1.KeySelector{Name: "kong", Key: "token"}}
		r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
		r.apply()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.engine.Run(ctx) }()
		await(t, r.clock.HasWaiters)
		entry := r.board.External("ns", "active")
		if entry.Latest() != nil || r.engine.Ready() == nil {
			t.Error("it did not wait")
		}
		secrets.read.Store(read)
		await(t, func() bool {
			if entry.Latest() == nil {
				r.clock.Step(secretsPoll)
			}
			return entry.Latest() != nil
		})
		if got := show(entry.Latest()); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	f(true, "Fresh {}=7")
	f(false, "secret ns/kong is not read yet")
}

func TestADiscoverThatRefusesASource(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.discover = func(*v1alpha1.GatewaySource) (discover.Discoverer, error) {
		return nil, errors.New("spec.pods.selector: bad")
	}
	r.source("kong", "http://127.0.0.1:1/")
	if err := r.engine.Apply(r.sources, nil); err == nil || err.Error() != "source ns/kong: spec.pods.selector: bad" {
		t.Error(err)
	}
}

// The metrics of pods and objects go without what is undefined, External has no
// answer then, and where it is the only one the metric is missing.
func TestUndefinedElements(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	const lua = `sum(busy, by("service")) / sum(all, by("service"))`
	r.metric("external", v1alpha1.TypeLevel, lua, "kong")
	both := r.metric("both", v1alpha1.TypeLevel, lua, "kong")
	both.Spec.Object = &v1alpha1.ObjectMetric{Name: "load", Resource: "services", Label: "service"}
	alone := r.metric("alone", v1alpha1.TypeLevel, lua, "kong")
	alone.Spec.External, alone.Spec.Pods = nil, &v1alpha1.PodsMetric{Name: "load"}
	for _, name := range []string{"external", "both", "alone"} {
		r.metric("past-of-"+name, v1alpha1.TypeLevel, `count_over_time(metric"`+name+`"["10s"])`, "kong")
	}
	r.apply()
	g.say("busy{service=\"a\"} 1\nall{service=\"a\"} 2\nbusy{service=\"b\"} 0\nall{service=\"b\"} 0\n")
	r.tick("kong")
	r.tick("kong")
	const why = `its expression gave NaN for {service="b"}: guard divisions with ratio(a, b, default)`
	r.expect("external", "Missing ("+why+")")
	r.expect("both", `Fresh {service="a"}=0.5 [`+why+"]")
	load := r.board.Custom("ns", metric.CustomName{Resource: "services", Name: "load"})
	if load == nil || load.Key.Name != "both" || load.Object.Label != "service" || load.External != "both" {
		t.Fatalf("the object metric is %+v", load)
	}
	pods := r.board.Custom("ns", metric.CustomName{Resource: metric.ResourcePods, Name: "load"})
	if pods == nil || pods.Key.Name != "alone" || pods.External != "" {
		t.Fatalf("the pods metric is %+v", pods)
	}
	if got, want := show(pods.Latest()), `Fresh {service="a"}=0.5 [`+why+"]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// What External did not answer is not remembered.
	for name, want := range map[string]string{"external": "Missing", "both": "Missing", "alone": `Fresh {service="a"}=1`} {
		if got := show(r.result("past-of-" + name)); !strings.HasPrefix(got, want) {
			t.Errorf("what %s returned before: %s, want %s", name, got, want)
		}
	}
}

// What is remembered is what External answered: scaled.
func TestMemoryIsScaled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := newGateway(t), newGateway(t)
	r.source("kong", a.URL, b.URL)
	r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.metric("before", v1alpha1.TypeLevel, `max(last_over_time(metric"active"["10s"]))`, "kong")
	r.apply()
	a.say("active 10\n")
	b.fail()
	r.tick("kong")
	r.tick("kong")
	if got := r.result("active"); got.Items[0].Value != 10 || got.Scale != 2 || got.PodScale != 1 {
		t.Errorf("got %s", show(got))
	}
	if got := r.result("before"); got.Items[0].Value != 20 || got.Scale != 1 {
		t.Errorf("got %s", show(got))
	}
}

// pod_of asks for pods of the metric's namespace, and what it gives is scaled for
// pods, too.
func TestPodOf(t *testing.T) {
	t.Parallel()
	const lua = `sum(pod_of(sum(waiting, by("upstream")), "upstream"), by("pod", "namespace"))`
	r := newRig(t)
	a, b := newGateway(t), newGateway(t)
	src := r.source("kong", a.URL, b.URL)
	src.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "shop"}}
	m := r.metric("waiting", v1alpha1.TypeTotal, lua, "kong")
	m.ObjectMeta = metav1.ObjectMeta{Name: "waiting", Namespace: "shop"}
	m.Spec.Sources[0].Namespace = "ns"
	m.Spec.External, m.Spec.Pods = nil, &v1alpha1.PodsMetric{Name: "waiting"}
	r.apply()
	a.say("waiting{upstream=\"10.0.0.7:80\"} 3\nwaiting{upstream=\"10.0.0.8:80\"} 5\n")
	b.fail()
	r.tick("kong")
	latest := func() string {
		return show(r.board.Custom("shop", metric.CustomName{Resource: metric.ResourcePods, Name: "waiting"}).Latest())
	}
	if got, want := latest(), "Missing (its expression failed: pod_of knows no pods without a cluster; run gaugeway in one)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.engine.podOf = func(namespace, address string) (string, bool) {
		return "checkout-0", namespace == "shop" && address == "10.0.0.7:80"
	}
	r.tick("kong")
	if got, want := latest(), `Partial {namespace="shop", pod="checkout-0"}=3 x2, of pods x2 (1 of 2 targets answer`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// pemOf returns a test server's certificate.
func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
