package controller

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// replica returns a controller that takes part in a quick election.
func (w *world) replica(identity string, edit ...func(*Options)) *Controller {
	w.t.Helper()
	c := w.controller(append(edit, func(o *Options) {
		o.Identity, o.Registry, o.Clock = identity, prometheus.NewRegistry(), clock.RealClock{}
	})...)
	c.timing = timing{lease: 2 * time.Second, renew: time.Second, retry: 20 * time.Millisecond}
	return c
}

// start runs a controller until stop is called.
func (w *world) start(c *Controller) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
		ended <- nil
	}
	w.t.Cleanup(stop)
	return stop
}

func leads(c *Controller) func() bool {
	return func() bool { return testutil.ToFloat64(c.leader) == 1 }
}

func (w *world) holder() string {
	w.t.Helper()
	lease, err := w.kube.CoordinationV1().Leases("gaugeway-system").Get(w.t.Context(), "gaugeway", metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func TestOneReplicaLeadsAndHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newMetric("load"))
	a, b := w.replica("a"), w.replica("b")
	stop := w.start(a)
	eventually(t, "a leads", leads(a))
	w.start(b)
	eventually(t, "the APIServices", func() bool { return strings.Count(w.written(), "create") > 0 })
	if leads(b)() {
		t.Error("two replicas lead")
	}
	stop()
	if got := w.holder(); got != "" && got != "b" {
		t.Errorf("the lease is held by %q, although a has ended", got)
	}
	eventually(t, "b leads", leads(b))
	if leads(a)() || testutil.CollectAndCount(a.owned) != 0 {
		t.Error("a replica that has ended leads")
	}
}

func TestLosingTheLeaseDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var away atomic.Bool
	w.kube.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		if away.Load() {
			return true, nil, errors.New("connection refused")
		}
		return false, nil, nil
	})
	c := w.replica("a")
	w.start(c)
	for range 2 {
		eventually(t, "it leads", leads(c))
		away.Store(true)
		eventually(t, "it has lost the lease", func() bool { return !leads(c)() })
		away.Store(false)
	}
	eventually(t, "it leads again", leads(c))
	if n := w.logged("Lease lost"); n != 2 {
		t.Errorf("logged %d times", n)
	}
}

func TestTheLeaseIsHeldUntilTheWorkHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	working := make(chan struct{})
	var holder atomic.Value
	c := w.replica("a", func(o *Options) {
		o.Cache, o.APIServices = nil, []string{"external.metrics.k8s.io"}
		o.Client = interceptor.NewClient(w.client, interceptor.Funcs{
			Get: func(ctx context.Context, _ client.WithWatch, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
				close(working)
				<-ctx.Done()
				holder.Store(w.holder())
				return ctx.Err()
			},
		})
	})
	stop := w.start(c)
	<-working
	stop()
	if got := holder.Load(); got != "a" {
		t.Errorf("the lease was held by %q while a was working", got)
	}
	if got := w.holder(); got != "" {
		t.Errorf("the lease is held by %q in the end", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*Options)
		want string
	}{
		{"no clock", func(o *Options) { o.Clock = nil }, "a clock is required"},
		{"no namespace", func(o *Options) { o.Namespace = "" }, "POD_NAMESPACE"},
		{"no identity", func(o *Options) { o.Identity = "" }, "POD_NAME"},
		{"no answers", func(o *Options) { o.Answer = nil }, "statuses need"},
		{"an unknown API", func(o *Options) { o.APIServices = []string{"metrics.k8s.io"} }, "only for custom.metrics.k8s.io and external.metrics.k8s.io"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newWorld(t).options()
			c.edit(&o)
			if _, err := newController(o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	o := newWorld(t).options()
	if _, err := New(o); err == nil {
		t.Error("a controller without the cluster's configuration")
	}
	o.Client, o.Config = nil, &rest.Config{Host: "https://127.0.0.1:1"}
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}
