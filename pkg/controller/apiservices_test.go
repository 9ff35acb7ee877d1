package controller

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	rbacv1 "k8s.io/api/rbac/v1"
)

const (
	external = "v1beta1.external.metrics.k8s.io"
	custom1  = "v1beta1.custom.metrics.k8s.io"
	custom2  = "v1beta2.custom.metrics.k8s.io"
)

// apiService returns an APIService of a service, namespace/name; empty for a
// local one.
func apiService(name, service string, edit ...func(*apiregistrationv1.APIService)) *apiregistrationv1.APIService {
	version, group, _ := strings.Cut(name, ".")
	s := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: group, Version: version, GroupPriorityMinimum: 100, VersionPriority: 100,
		},
	}
	if namespace, name, ok := strings.Cut(service, "/"); ok {
		s.Spec.Service = &apiregistrationv1.ServiceReference{Namespace: namespace, Name: name, Port: ptr.To[int32](443)}
	}
	if service == ours {
		s.Labels = map[string]string{labelName: "gaugeway", "mine": "too"}
	}
	for _, e := range edit {
		e(s)
	}
	return s
}

const ours = "gaugeway-system/gaugeway"

// looker returns what a leader that was just elected looks at APIServices with.
func (w *world) looker(c *Controller) *apiServices {
	return &apiServices{
		client: c.o.Client, clock: w.clock, log: c.log, outage: c.outage, owned: c.owned,
		service:     types.NamespacedName{Namespace: "gaugeway-system", Name: "gaugeway"},
		clusterRole: "gaugeway", groups: slices.Sorted(slices.Values(c.o.APIServices)), caBundle: c.o.CABundle, said: map[string]string{},
	}
}

func (w *world) apiService(name string) *apiregistrationv1.APIService {
	w.t.Helper()
	s := &apiregistrationv1.APIService{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Name: name}, s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestAPIServices(t *testing.T) {
	t.Parallel()
	const all = "create " + custom1 + ", create " + external + ", create " + custom2
	keda := func(s *apiregistrationv1.APIService) {
		s.Labels = map[string]string{labelName: "v1beta1.external.metrics.k8s.io", labelManagedBy: "Helm"}
		s.Annotations = map[string]string{helmRelease: "keda", helmNamespace: "keda"}
		s.Spec.CABundle = []byte("another CA")
	}
	for _, c := range []struct {
		name    string
		objects []client.Object
		bundle  string
		want    string // writes
		owned   string
		wantLog string
	}{
		{name: "nobody has any", want: all, owned: "1 1 1"},
		{
			name:    "someone else has external metrics",
			objects: []client.Object{apiService(external, "keda/keda-operator-metrics-apiserver", keda)},
			want:    "create " + custom1 + ", create " + custom2, owned: "0 1 1",
			wantLog: "keda/keda-operator-metrics-apiserver (Helm release keda/keda, app.kubernetes.io/name=v1beta1.external.metrics.k8s.io)",
		},
		{
			name:    "someone else has one version of custom metrics",
			objects: []client.Object{apiService(custom1, "monitoring/prometheus-adapter")},
			want:    "create " + external, owned: "1 0 0",
			wantLog: "it belongs to the service monitoring/prometheus-adapter",
		},
		{
			name:    "someone else has the other version of custom metrics",
			objects: []client.Object{apiService(custom2, "monitoring/prometheus-adapter")},
			want:    "create " + external, owned: "1 0 0",
		},
		{
			name:    "one version is someone else's, the other ours",
			objects: []client.Object{apiService(custom1, "monitoring/prometheus-adapter"), apiService(custom2, ours)},
			want:    "create " + external + ", update " + custom2, owned: "1 0 1",
		},
		{
			name:    "a local one",
			objects: []client.Object{apiService(external, "")},
			want:    "create " + custom1 + ", create " + custom2, owned: "0 1 1",
			wantLog: "served by the API server itself",
		},
		{
			name:    "declared ones of ours without a CA bundle",
			objects: []client.Object{apiService(external, ours), apiService(custom1, ours), apiService(custom2, ours)},
			want:    "update " + custom1 + ", update " + external + ", update " + custom2, owned: "1 1 1",
		},
		{
			name: "ours with the CA bundle",
			objects: []client.Object{apiService(external, ours, func(s *apiregistrationv1.APIService) {
				s.Spec.CABundle = []byte("CA one")
			})},
			want: "create " + custom1 + ", create " + custom2, owned: "1 1 1",
		},
		{
			name: "our service without our label",
			objects: []client.Object{apiService(external, ours, func(s *apiregistrationv1.APIService) {
				s.Labels = nil
			})},
			want: "create " + custom1 + ", create " + custom2, owned: "0 1 1",
			wantLog: "has not the label app.kubernetes.io/name=gaugeway; add it",
		},
		{
			name:    "our label, another service",
			objects: []client.Object{apiService(external, "gaugeway-system/other", func(s *apiregistrationv1.APIService) { s.Labels = map[string]string{labelName: "gaugeway"} })},
			want:    "create " + custom1 + ", create " + custom2, owned: "0 1 1",
			wantLog: "gaugeway-system/other",
		},
		{
			name: "ours without verification",
			objects: []client.Object{apiService(external, ours, func(s *apiregistrationv1.APIService) {
				s.Spec.InsecureSkipTLSVerify = true
			})},
			want: "create " + custom1 + ", create " + custom2, owned: "0 1 1",
			wantLog: "remove it, the CA is filled in then",
		},
		{name: "no CA", objects: []client.Object{apiService(external, ours)}, bundle: "none", owned: "1 0 0", wantLog: "--tls-ca-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.objects...)
			if c.bundle == "none" {
				w.bundle = ""
			}
			before := map[string]*apiregistrationv1.APIService{}
			for _, o := range c.objects {
				before[o.GetName()] = w.apiService(o.GetName())
			}
			ctl := w.controller()
			a := w.looker(ctl)
			for range 3 {
				if err := a.look(t.Context(), w.caBundle()); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.written(); got != c.want {
				t.Errorf("writes: %s\nwant:   %s", got, c.want)
			}
			owned := fmt.Sprint(testutil.ToFloat64(ctl.owned.WithLabelValues(external)),
				testutil.ToFloat64(ctl.owned.WithLabelValues(custom1)), testutil.ToFloat64(ctl.owned.WithLabelValues(custom2)))
			if owned != c.owned {
				t.Errorf("owned: %s, want %s", owned, c.owned)
			}
			if c.wantLog != "" && w.logged(c.wantLog) != 1 && c.bundle != "none" {
				t.Errorf("%q should be logged once:\n%s", c.wantLog, w.log.String())
			}
			for name, b := range before {
				after := w.apiService(name)
				if strings.Contains(c.want, "update "+name) {
					b.Spec.CABundle, b.ResourceVersion = []byte("CA one"), after.ResourceVersion
				}
				if d := cmp.Diff(b, after); d != "" {
					t.Errorf("%s changed (-before +after):\n%s", name, d)
				}
			}
		})
	}
}

func TestCreatedAPIService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.looker(w.controller()).look(t.Context(), w.caBundle()); err != nil {
		t.Fatal(err)
	}
	for name, priority := range map[string]int32{external: 100, custom1: 100, custom2: 200} {
		want := apiService(name, ours, func(s *apiregistrationv1.APIService) {
			s.ResourceVersion = "1"
			s.Labels = map[string]string{labelName: "gaugeway", labelManagedBy: "gaugeway"}
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "gaugeway", UID: "role-uid"}}
			s.Spec.CABundle = []byte("CA one")
			s.Spec.VersionPriority = priority
		})
		if d := cmp.Diff(want, w.apiService(name)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestForeignAPIServiceThatGoes(t *testing.T) {
	t.Parallel()
	foreign := apiService(external, "keda/keda")
	w := newWorld(t, foreign)
	a := w.looker(w.controller(func(o *Options) { o.APIServices = []string{"external.metrics.k8s.io"} }))
	look := func(want string) {
		t.Helper()
		if err := a.look(t.Context(), w.caBundle()); err != nil {
			t.Fatal(err)
		}
		if got := w.written(); got != want {
			t.Errorf("writes %q, want %q", got, want)
		}
	}
	look("")
	if err := w.client.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	look("create " + external)
	look("")
	// Someone applies another one over ours: it is theirs from then on.
	taken := w.apiService(external)
	taken.Spec.Service.Namespace, taken.Spec.Service.Name = "keda", "keda"
	if err := w.client.Update(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	w.bundle = "CA two"
	look("")
	if n := w.logged("belongs to the service keda/keda"); n != 2 {
		t.Errorf("the owner was logged %d times, want 2:\n%s", n, w.log.String())
	}
}

func TestAPIServiceNeedsAnOwner(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"deleted", "being deleted"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			role := &rbacv1.ClusterRole{}
			if err := w.client.Get(t.Context(), client.ObjectKey{Name: "gaugeway"}, role); err != nil {
				t.Fatal(err)
			}
			if state == "being deleted" {
				role.Finalizers = []string{"test/wait"}
				if err := w.client.Update(t.Context(), role); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.client.Delete(t.Context(), role); err != nil {
				t.Fatal(err)
			}
			a := w.looker(w.controller())
			for range 3 {
				if err := a.look(t.Context(), w.caBundle()); err == nil || !strings.Contains(err.Error(), "there is no ClusterRole gaugeway to own it") {
					t.Errorf("error %v", err)
				}
			}
			if got := w.written(); got != "" {
				t.Errorf("writes %s", got)
			}
			if n := w.logged("no ClusterRole"); n != 2 {
				t.Errorf("logged %d times, want once for each group", n)
			}
		})
	}
}

func TestAPIServiceCreatedByAnotherMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	racing := interceptor.NewClient(w.client, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := c.Create(ctx, apiService(o.GetName(), "keda/keda")); err != nil {
				t.Error(err)
			}
			return c.Create(ctx, o, opts...)
		},
	})
	a := w.looker(w.controller(func(o *Options) { o.Client, o.APIServices = racing, []string{"external.metrics.k8s.io"} }))
	if err := a.look(t.Context(), w.caBundle()); !apierrors.IsAlreadyExists(err) {
		t.Errorf("error %v", err)
	}
	if err := a.look(t.Context(), w.caBundle()); err != nil {
		t.Error(err)
	}
	if s := w.apiService(external); s.Spec.Service.Name != "keda" || len(s.Labels) != 0 {
		t.Errorf("the other's APIService was changed: %v", s)
	}
}

func TestAPIServiceTakenWhileItsBundleIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, apiService(external, ours))
	racing := interceptor.NewClient(w.client, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			s := w.apiService(external)
			s.Spec.Service.Namespace, s.Spec.Service.Name = "keda", "keda"
			if err := c.Update(ctx, s); err != nil {
				t.Error(err)
			}
			return c.Update(ctx, o, opts...)
		},
	})
	a := w.looker(w.controller(func(o *Options) { o.Client, o.APIServices = racing, []string{"external.metrics.k8s.io"} }))
	if err := a.look(t.Context(), w.caBundle()); !apierrors.IsConflict(err) {
		t.Errorf("error %v", err)
	}
	if s := w.apiService(external); s.Spec.Service.Name != "keda" || s.Spec.CABundle != nil {
		t.Errorf("the other's APIService was changed: %v", s)
	}
}

func TestAPIServicesFollowTheBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.looker(w.controller())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.run(ctx) }()
	defer func() { cancel(); <-ended }()
	bundleIs := func(want string) func() bool {
		return func() bool {
			s := &apiregistrationv1.APIService{}
			return w.client.Get(t.Context(), client.ObjectKey{Name: external}, s) == nil && string(s.Spec.CABundle) == want
		}
	}
	eventually(t, "the first bundle", bundleIs("CA one"))

	w.mu.Lock()
	w.bundle = "CA two"
	w.mu.Unlock()
	w.clock.Step(time.Second)
	eventually(t, "the second bundle, at once", bundleIs("CA two"))

	// The API server is away for a while.
	w.failing(func(string, string) error {
		return &url.Error{Op: "Get", URL: "https://api", Err: context.DeadlineExceeded}
	})
	w.mu.Lock()
	w.bundle = "CA three"
	w.mu.Unlock()
	for range 10 {
		w.clock.Step(time.Second)
		eventually(t, "a request that fails", func() bool { return w.logged("does not answer") == 1 })
	}
	w.failing(func(string, string) error { return nil })
	eventually(t, "the third bundle", func() bool { w.clock.Step(time.Second); return bundleIs("CA three")() })
	eventually(t, "it is said", func() bool { return w.logged("answers again") == 1 })
	if n := w.logged("does not answer"); n != 1 {
		t.Errorf("an outage was logged %d times", n)
	}
}

func TestOneGroupDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failing(func(_, name string) error {
		if strings.HasSuffix(name, "custom.metrics.k8s.io") {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "apiservices"}, name, nil)
		}
		return nil
	})
	a := w.looker(w.controller())
	for range 2 {
		if err := a.look(t.Context(), w.caBundle()); !apierrors.IsForbidden(err) {
			t.Errorf("error %v", err)
		}
	}
	if got, want := w.written(), "create "+external; got != want {
		t.Errorf("writes %q, want %q", got, want)
	}
	if n := w.logged("cannot be kept"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}
