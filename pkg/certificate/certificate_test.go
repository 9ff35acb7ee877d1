package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var (
	start    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	names    = []string{"gaugeway.gaugeway-system.svc", "gaugeway.gaugeway-system.svc.cluster.local"}
	resource = schema.GroupResource{Resource: "secrets"}
)

// A world is an API server with one Secret, and a clock.
type world struct {
	t      *testing.T
	clock  *testingclock.FakeClock
	client client.WithWatch

	mu   sync.Mutex
	log  strings.Builder
	fail map[string]error // by verb
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, clock: testingclock.NewFakeClock(start), fail: map[string]error{}}
	w.client = fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := w.failing("get"); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := w.failing("create"); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := w.failing("update"); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
	}).Build()
	return w
}

func (w *world) failing(verb string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fail[verb]
}

func (w *world) setFailing(verb string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail[verb] = err
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// replica returns a replica that has read nothing yet.
func (w *world) replica() *Managed {
	w.t.Helper()
	m, err := NewManaged(Options{
		Client: w.client, Namespace: "gaugeway-system", SecretName: "gaugeway-serving-cert", DNSNames: names, Clock: w.clock,
		Logger: funcr.New(func(prefix, args string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.log.WriteString(prefix + args + "\n")
		}, funcr.Options{Verbosity: 10}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// sync has replicas read the Secret, one after the other.
func (w *world) sync(replicas ...*Managed) {
	w.t.Helper()
	for _, m := range replicas {
		if err := m.Ensure(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) secret() *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "gaugeway-system", Name: "gaugeway-serving-cert"}, secret); err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// change has a person edit the Secret.
func (w *world) change(edit func(*corev1.Secret)) {
	w.t.Helper()
	secret := w.secret()
	edit(secret)
	if err := w.client.Update(w.t.Context(), secret); err != nil {
		w.t.Fatal(err)
	}
}

// connect returns nil if a client that trusts the bundle can connect to what a
// replica serves, for each of the names.
func (w *world) connect(bundle []byte, server *Managed) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("the bundle holds no certificate")
	}
	certPEM, keyPEM := server.CurrentCertKeyContent()
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	for _, name := range names[1:] {
		if err := pair.Leaf.VerifyHostname(name); err != nil {
			return err
		}
	}
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		_ = tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}, Time: w.clock.Now}).HandshakeContext(w.t.Context())
	}()
	return tls.Client(near, &tls.Config{RootCAs: roots, ServerName: names[0], Time: w.clock.Now}).HandshakeContext(w.t.Context())
}

func (w *world) connects(client, server *Managed) {
	w.t.Helper()
	if err := w.connect(client.CABundle(), server); err != nil {
		w.t.Errorf("at %s: %v\n%s", w.clock.Now(), err, w.logged())
	}
}

func serial(t *testing.T, m *Managed) string {
	t.Helper()
	return m.current.Load().leaf.SerialNumber.String()
}

func TestTwoReplicasCreateOneSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(), w.replica()
	// Both find no Secret before either creates it.
	var waiting sync.WaitGroup
	waiting.Add(2)
	blocked := interceptor.NewClient(w.client, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			waiting.Done()
			waiting.Wait()
			return c.Create(ctx, o, opts...)
		},
	})
	a.o.Client, b.o.Client = blocked, blocked
	var wg sync.WaitGroup
	for _, m := range []*Managed{a, b} {
		wg.Go(func() {
			if err := m.Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if serial(t, a) != serial(t, b) {
		t.Error("the replicas serve different certificates")
	}
	w.connects(a, b)
	w.connects(b, a)
	secret := w.secret()
	if secret.Type != corev1.SecretTypeTLS || secret.Labels[labelManagedBy] != gaugeway || secret.Labels[labelName] != gaugeway {
		t.Errorf("the Secret is of type %s and labelled %v", secret.Type, secret.Labels)
	}
}

func TestReplicasRenewUnderOptimisticLocking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(), w.replica()
	w.sync(a, b)
	first := serial(t, a)
	w.clock.SetTime(start.Add(servingValid * 3 / 4))
	// While a writes, b gets ahead of it once.
	var once sync.Once
	a.o.Client = interceptor.NewClient(w.client, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			once.Do(func() { w.sync(b) })
			return c.Update(ctx, o, opts...)
		},
	})
	w.sync(a)
	if serial(t, a) == first || serial(t, a) != serial(t, b) {
		t.Error("a renewal that both try should be done once")
	}
}

func TestServingCertificateIsRenewedAtTwoThirds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.replica()
	w.sync(a)
	first, bundle := serial(t, a), string(a.CABundle())
	w.clock.SetTime(start.Add(servingValid*2/3 - 2*time.Hour))
	w.sync(a)
	if serial(t, a) != first {
		t.Fatal("renewed too early")
	}
	listener := &counting{}
	a.AddListener(listener)
	w.clock.SetTime(start.Add(servingValid*2/3 + time.Hour))
	w.sync(a)
	if serial(t, a) == first {
		t.Fatal("not renewed")
	}
	if string(a.CABundle()) != bundle {
		t.Error("the CA changed with the serving certificate")
	}
	if n := listener.n.Load(); n != 1 {
		t.Errorf("the listener was told %d times", n)
	}
	w.sync(a)
	if n := listener.n.Load(); n != 1 {
		t.Errorf("the listener was told %d times, although nothing changed since", n)
	}
	w.connects(a, a)
}

type counting struct{ n atomic.Int32 }

func (c *counting) Enqueue() { c.n.Add(1) }

// TestNoHandshakeFailsDuringRotation follows two replicas and a client that
// gets the bundle late through the life of a CA and beyond.
func TestNoHandshakeFailsDuringRotation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		begin func(w *world)
	}{
		{"the CA comes to its end", func(w *world) { w.clock.SetTime(start.Add(caValid*2/3 - 2*time.Hour)) }},
		{"the Secret is deleted", func(w *world) {
			if err := w.client.Delete(w.t.Context(), w.secret()); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"the CA's key is damaged", func(w *world) {
			w.change(func(s *corev1.Secret) { s.Data[keyCAKey] = []byte("?") })
		}},
		{"everything is damaged", func(w *world) {
			w.change(func(s *corev1.Secret) {
				for key := range s.Data {
					s.Data[key] = []byte("?")
				}
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a, b := w.replica(), w.replica()
			w.sync(a, b)
			for year := time.Duration(0); w.clock.Now().Before(start.Add(caValid/2)) && strings.Contains(c.name, "end"); year += servingValid / 2 {
				w.clock.Step(servingValid / 2)
				w.sync(a, b)
			}
			firstCA := a.current.Load().trusted[0]
			c.begin(w)
			// The serving certificate may be due at the same time.
			bundle := a.CABundle()
			most := 0
			for step := range 3 * 72 { // twenty minutes each, for three days
				w.sync(a)
				if step%2 == 0 { // b is twenty minutes late
					w.sync(b)
				}
				for _, m := range []*Managed{a, b} {
					if err := w.connect(bundle, m); err != nil {
						t.Fatalf("step %d: %v\n%s", step, err, w.logged())
					}
				}
				if step%2 == 1 { // and so is the client
					bundle = a.CABundle()
				}
				most = max(most, len(a.current.Load().trusted))
				w.clock.Step(20 * time.Minute)
			}
			if most != 2 {
				t.Errorf("up to %d CAs were trusted at once, want 2", most)
			}
			trusted := a.current.Load().trusted
			if len(trusted) != 1 || trusted[0].Equal(firstCA) {
				t.Errorf("in the end there should be one CA, a new one: %d\n%s", len(trusted), w.logged())
			}
		})
	}
}

func TestWhatAStartingReplicaFinds(t *testing.T) {
	t.Parallel()
	empty := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "gaugeway-system", Name: "gaugeway-serving-cert"}}
	for _, c := range []struct {
		name string
		edit func(*corev1.Secret) // of a good one; nil: it is deleted
		// wantCA and wantServing tell whether they are made anew.
		wantCA, wantServing bool
		wantErr             string
	}{
		{name: "a good one", edit: func(*corev1.Secret) {}},
		{name: "a good one without labels", edit: func(s *corev1.Secret) { s.Labels = nil }},
		{name: "none", wantCA: true, wantServing: true},
		{name: "an empty one", edit: func(s *corev1.Secret) { s.Data, s.Labels = nil, nil }, wantCA: true, wantServing: true},
		{name: "no serving certificate", edit: func(s *corev1.Secret) { delete(s.Data, keyCert) }, wantServing: true},
		{name: "no serving key", edit: func(s *corev1.Secret) { delete(s.Data, keyKey) }, wantServing: true},
		{name: "a damaged serving certificate", edit: func(s *corev1.Secret) { s.Data[keyCert][100] ^= 1 }, wantServing: true},
		{name: "no CA", edit: func(s *corev1.Secret) { delete(s.Data, keyCACert) }, wantCA: true, wantServing: true},
		{name: "keys exchanged", edit: func(s *corev1.Secret) {
			s.Data[keyCAKey], s.Data[keyKey] = s.Data[keyKey], s.Data[keyCAKey]
		}, wantCA: true, wantServing: true},
		// The serving certificate is good and goes on until the new CA is trusted.
		{name: "ours without the CA's key", edit: func(s *corev1.Secret) { delete(s.Data, keyCAKey) }, wantCA: true},
		{name: "someone else's without the CA's key", edit: func(s *corev1.Secret) { delete(s.Data, keyCAKey); s.Labels = nil }},
		{name: "someone else's without anything good", edit: func(s *corev1.Secret) {
			s.Labels = nil
			s.Data = map[string][]byte{keyCert: []byte("?"), keyKey: []byte("?")}
		}, wantErr: "was not made by gaugeway"},
		{name: "someone else's without the CA's certificate", edit: func(s *corev1.Secret) {
			s.Labels = nil
			delete(s.Data, keyCAKey)
			delete(s.Data, keyCACert)
		}, wantErr: "ca.crt is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, empty.DeepCopy())
			first := w.replica()
			w.sync(first)
			before, bundle := serial(t, first), string(first.CABundle())
			if c.edit != nil {
				w.change(c.edit)
			} else if err := w.client.Delete(t.Context(), w.secret()); err != nil {
				t.Fatal(err)
			}
			m := w.replica()
			err := m.Ensure(t.Context())
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if anew := serial(t, m) != before; anew != c.wantServing {
				t.Errorf("new serving certificate: %t, want %t", anew, c.wantServing)
			}
			if anew := string(m.CABundle()) != bundle; anew != c.wantCA {
				t.Errorf("new CA: %t, want %t", anew, c.wantCA)
			}
			w.connects(m, m)
			if c.name == "none" && !strings.Contains(w.logged(), `"found"="no such Secret"`) {
				t.Errorf("it is not said:\n%s", w.logged())
			}
		})
	}
}

func TestSomeoneElsesSecretIsNeverWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.replica()
	w.sync(m)
	w.change(func(s *corev1.Secret) { delete(s.Data, keyCAKey); s.Labels = nil })
	version := w.secret().ResourceVersion
	w.clock.Step(servingValid * 9 / 10)
	w.sync(m)
	w.clock.Step(servingValid)
	if err := m.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("error %v, want one about a certificate that has expired", err)
	}
	if w.secret().ResourceVersion != version {
		t.Error("the Secret was written")
	}
}

func TestAPIAway(t *testing.T) {
	t.Parallel()
	away := apierrors.NewServiceUnavailable("away")
	w := newWorld(t)
	m := w.replica()
	w.setFailing("get", away)
	if err := m.Ensure(t.Context()); err == nil {
		t.Error("a start without the API server should fail")
	}
	w.setFailing("get", nil)
	w.sync(m)
	first := serial(t, m)

	w.setFailing("get", away)
	if err := m.Ensure(t.Context()); err == nil || serial(t, m) != first {
		t.Errorf("error %v; what is in memory should go on", err)
	}
	w.setFailing("get", nil)
	w.setFailing("update", apierrors.NewForbidden(resource, "gaugeway-serving-cert", errors.New("no")))
	w.clock.Step(servingValid * 3 / 4)
	if err := m.Ensure(t.Context()); err == nil || serial(t, m) != first {
		t.Errorf("error %v; what is in memory should go on", err)
	}
	w.setFailing("update", nil)
	w.sync(m)
	if serial(t, m) == first {
		t.Error("not renewed once that was possible")
	}
	for _, word := range []string{"PRIVATE", string(w.secret().Data[keyKey]), string(w.secret().Data[keyCAKey])} {
		if strings.Contains(w.logged(), word) {
			t.Error("a private key is in the log")
		}
	}
}

func TestRunFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.replica(), w.replica()
	w.sync(a, b)
	told := make(listening, 1)
	b.AddListener(told)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()

	w.change(func(s *corev1.Secret) { delete(s.Data, keyCert) })
	w.sync(a)
	for {
		select {
		case <-told:
			t.Fatal("a restored certificate is no change")
		default:
		}
		if w.clock.HasWaiters() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	w.clock.SetTime(start.Add(servingValid * 3 / 4))
	<-told
	w.sync(a)
	if serial(t, a) != serial(t, b) {
		t.Error("the replicas serve different certificates")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type listening chan struct{}

func (l listening) Enqueue() { l <- struct{}{} }

func TestRunSaysOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.replica()
	w.sync(m)
	w.setFailing("get", apierrors.NewServiceUnavailable("away"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = m.Run(ctx) }()
	rounds := func(n int) {
		for range n {
			for !w.clock.HasWaiters() {
				time.Sleep(time.Millisecond)
			}
			w.clock.Step(interval)
		}
		for !w.clock.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
	}
	rounds(3)
	w.setFailing("get", nil)
	rounds(2)
	for message, want := range map[string]int{"cannot be followed": 1, "followed again": 1} {
		if n := strings.Count(w.logged(), message); n != want {
			t.Errorf("%q was logged %d times, want %d", message, n, want)
		}
	}
}

func TestOptionsAreRequired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.replica().o
	for name, edit := range map[string]func(*Options){
		"client": func(o *Options) { o.Client = nil },
		"clock":  func(o *Options) { o.Clock = nil },
		"Secret": func(o *Options) { o.SecretName = "" },
		"DNS":    func(o *Options) { o.DNSNames = nil },
	} {
		o := good
		edit(&o)
		if _, err := NewManaged(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	m := w.replica()
	if certPEM, keyPEM := m.CurrentCertKeyContent(); certPEM != nil || keyPEM != nil || m.CABundle() != nil {
		t.Error("there is nothing to serve before the Secret was read")
	}
}
