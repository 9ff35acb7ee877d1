package discover

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A fakeReader answers for one Secret and one ConfigMap of any name.
type fakeReader struct {
	client.Reader
	mu    sync.Mutex
	token string
	err   error
	reads int
}

func (r *fakeReader) set(token string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token, r.err = token, err
}

func (r *fakeReader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

func (r *fakeReader) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	switch o := into.(type) {
	case *corev1.Secret:
		o.Data = map[string][]byte{"token": []byte(r.token)}
	case *corev1.ConfigMap:
		o.Data, o.BinaryData = map[string]string{"ca.crt": r.token}, map[string][]byte{"ca.der": {0}}
	}
	return r.err
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	gr := schema.GroupResource{Resource: "secrets"}
	forbidden := apierrors.NewForbidden(gr, "kong-token", errors.New(`User "system:serviceaccount:gaugeway-system:gaugeway" cannot get`))
	clk := testingclock.NewFakeClock(epoch.Time)
	r := &fakeReader{token: "s3cret"}
	s := NewSecrets(r, clk)

	expect := func(want, problem string) {
		t.Helper()
		got, err := s.Secret("shop", "kong-token", "token")
		if string(got) != want || (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%q, %v, want %q, %s", got, err, want, problem)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
	step := func(d time.Duration, reads int) {
		t.Helper()
		clk.Step(d)
		before := r.count()
		s.refresh(t.Context())
		if got := r.count() - before; got != reads {
			t.Errorf("after %s: %d reads, want %d", d, got, reads)
		}
	}

	step(0, 0)
	expect("", "secret shop/kong-token is not read yet")
	step(0, 1)
	expect("s3cret", "")
	if _, err := s.Secret("shop", "kong-token", "password"); err == nil || err.Error() != `secret shop/kong-token has no key "password": add it, or name another` {
		t.Errorf("%v", err)
	}
	// What is given out is the caller's.
	own, _ := s.Secret("shop", "kong-token", "token")
	own[0] = 'x'
	expect("s3cret", "")

	r.set("rotated", nil)
	step(29*time.Second, 0)
	expect("s3cret", "")
	step(time.Second, 1)
	expect("rotated", "")

	// The API is away: the last good one stays, and it is tried again soon.
	for _, err := range []error{
		apierrors.NewInternalError(errors.New("s3cret")), apierrors.NewUnauthorized("s3cret"), context.DeadlineExceeded,
		&url.Error{Op: "Get", URL: "https://10.96.0.1", Err: errors.New("connection refused")}, errors.New("cannot decode s3cret"),
	} {
		r.set("", err)
		step(30*time.Second, 1)
		expect("rotated", "")
		step(4*time.Second, 0)
		step(time.Second, 1)
	}
	// Refused or gone: it must not be used any more.
	r.set("", forbidden)
	step(30*time.Second, 1)
	expect("", "secret shop/kong-token cannot be read: grant get on secret shop/kong-token to ServiceAccount gaugeway of namespace gaugeway-system by a Role in namespace shop")
	r.set("", apierrors.NewForbidden(gr, "kong-token", errors.New("no")))
	step(5*time.Second, 1)
	expect("", "to ServiceAccount gaugeway by a Role in namespace shop")
	r.set("", apierrors.NewNotFound(gr, "kong-token"))
	step(5*time.Second, 1)
	expect("", "secret shop/kong-token does not exist: create it, or correct its name")
	// Without a last good one, the reason is told.
	for want, err := range map[string]error{
		"the API answers InternalError":               apierrors.NewInternalError(errors.New("s3cret")),
		"the API does not answer":                     context.DeadlineExceeded,
		"connection refused":                          &url.Error{Op: "Get", URL: "https://10.96.0.1", Err: errors.New("connection refused")},
		"the API's answer cannot be understood":       errors.New("cannot decode s3cret"),
		"secret shop/kong-token does not exist: crea": apierrors.NewNotFound(gr, "kong-token"),
	} {
		r.set("", err)
		step(5*time.Second, 1)
		expect("", want)
	}
	r.set("back", nil)
	step(5*time.Second, 1)
	expect("back", "")

	// The clock goes back: it is read again, not held for as long.
	clk.SetTime(epoch.Add(-time.Hour))
	step(0, 1)
	expect("back", "")
	// Nobody asks any more.
	step(10*time.Minute, 1)
	step(time.Second, 0)
	if len(s.entries) != 0 {
		t.Errorf("remembered: %v", s.entries)
	}
	expect("", "is not read yet")
}

func TestConfigMaps(t *testing.T) {
	t.Parallel()
	s := NewSecrets(&fakeReader{token: "PEM"}, testingclock.NewFakeClock(epoch.Time))
	if _, err := s.ConfigMap("shop", "ca", "ca.crt"); err == nil || !strings.HasPrefix(err.Error(), "configmap shop/ca is not read yet") {
		t.Errorf("%v", err)
	}
	s.refresh(t.Context())
	for key, want := range map[string]string{"ca.crt": "PEM", "ca.der": "\x00"} {
		if got, err := s.ConfigMap("shop", "ca", key); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
}

func TestSecretsRun(t *testing.T) {
	t.Parallel()
	clk := testingclock.NewFakeClock(epoch.Time)
	r := &fakeReader{token: "first"}
	s := NewSecrets(r, clk)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	await := func(want string) {
		t.Helper()
		err := wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			got, _ := s.Secret("shop", "kong-token", "token")
			return string(got) == want, nil
		})
		if err != nil {
			t.Fatalf("%q does not come: %v", want, err)
		}
	}
	await("first")
	r.set("second", nil)
	clk.Step(secretRefresh)
	await("second")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
