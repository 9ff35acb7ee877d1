package v1alpha1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

func TestSourceSetDefaults(t *testing.T) {
	t.Parallel()
	f := func(in, want GatewaySourceSpec) {
		t.Helper()
		for range 2 { // the second time changes nothing
			s := &GatewaySource{Spec: in}
			s.SetDefaults()
			if diff := cmp.Diff(want, s.Spec); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			in = s.Spec
		}
	}
	yes, no := true, false
	limit := resource.MustParse("64Mi")
	f(GatewaySourceSpec{}, GatewaySourceSpec{
		Scheme: SchemeHTTP, Interval: duration(5 * time.Second), ScrapeTimeout: duration(2 * time.Second),
		Format: FormatAuto, EnableCompression: &no, BodySizeLimit: &limit,
	})
	f(GatewaySourceSpec{Interval: duration(time.Second), Authorization: &Authorization{CredentialsFile: "token"}}, GatewaySourceSpec{
		Scheme: SchemeHTTP, Interval: duration(time.Second), ScrapeTimeout: duration(time.Second),
		Format: FormatAuto, EnableCompression: &no, BodySizeLimit: &limit,
		Authorization: &Authorization{Type: "Bearer", CredentialsFile: "token"},
	})
	small := resource.MustParse("1Mi")
	given := GatewaySourceSpec{
		Pods:   &PodTargets{Path: "/stats"},
		Scheme: SchemeHTTPS, Interval: duration(time.Minute), ScrapeTimeout: duration(2 * time.Minute),
		Format: FormatStubStatus, EnableCompression: &yes, BodySizeLimit: &small,
		Authorization: &Authorization{Type: "Token", CredentialsFile: "token"},
	}
	f(given, given)

	// Pods and services have a path and a scheme, URLs bring theirs along.
	rest := func(spec GatewaySourceSpec) GatewaySourceSpec {
		spec.Interval, spec.ScrapeTimeout = duration(5*time.Second), duration(2*time.Second)
		spec.Format, spec.EnableCompression, spec.BodySizeLimit = FormatAuto, &no, &limit
		return spec
	}
	f(GatewaySourceSpec{Pods: &PodTargets{}}, rest(GatewaySourceSpec{Pods: &PodTargets{Path: "/metrics"}, Scheme: SchemeHTTP}))
	f(GatewaySourceSpec{Service: &ServiceTargets{}}, rest(GatewaySourceSpec{Service: &ServiceTargets{Path: "/metrics"}, Scheme: SchemeHTTP}))
	f(GatewaySourceSpec{Static: &StaticTargets{}}, rest(GatewaySourceSpec{Static: &StaticTargets{}}))
}

func TestMetricSetDefaults(t *testing.T) {
	t.Parallel()
	f := func(in, want GatewayMetricSpec) {
		t.Helper()
		for range 2 {
			m := &GatewayMetric{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: in}
			m.SetDefaults()
			if diff := cmp.Diff(want, m.Spec); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			in = m.Spec
		}
	}
	fifty, one := int32(50), int32(1)
	f(GatewayMetricSpec{Sources: []SourceReference{{Name: "kong"}, {Name: "kong", Namespace: "gateways"}}}, GatewayMetricSpec{
		Sources:            []SourceReference{{Name: "kong", Namespace: "shop"}, {Name: "kong", Namespace: "gateways"}},
		MinCoveragePercent: &fifty,
		Idle:               &Idle{After: *duration(5 * time.Minute)},
		Missing:            &Missing{Policy: MissingError},
	})
	// An after of 0 was written by somebody: it is refused, not replaced.
	given := GatewayMetricSpec{
		MinCoveragePercent: &one,
		MaxAge:             duration(time.Minute),
		Idle:               &Idle{},
		Missing:            &Missing{Policy: MissingHold, For: duration(time.Minute)},
	}
	f(given, given)
	f(GatewayMetricSpec{MinCoveragePercent: &one, Idle: &Idle{}, Missing: &Missing{}}, GatewayMetricSpec{
		MinCoveragePercent: &one, Idle: &Idle{}, Missing: &Missing{Policy: MissingError},
	})
}

func TestAllows(t *testing.T) {
	t.Parallel()
	s := &GatewaySource{
		ObjectMeta: metav1.ObjectMeta{Name: "kong", Namespace: "gateways"},
		Spec: GatewaySourceSpec{AllowedNamespaces: []AllowedNamespace{
			{Name: "shop", Matchers: map[string][]string{"service": {"cart"}}}, {Name: "ops"},
		}},
	}
	f := func(namespace string, wantMatchers map[string][]string, wantOK bool) {
		t.Helper()
		matchers, ok := s.Allows(namespace)
		if ok != wantOK {
			t.Errorf("%q: got %v, want %v", namespace, ok, wantOK)
		}
		if diff := cmp.Diff(wantMatchers, matchers); diff != "" {
			t.Errorf("%q: -want +got:\n%s", namespace, diff)
		}
	}
	f("gateways", nil, true)
	f("shop", map[string][]string{"service": {"cart"}}, true)
	f("ops", nil, true)
	f("default", nil, false)
	f("", nil, false)
}

func TestDeepCopySharesNothing(t *testing.T) {
	t.Parallel()
	limit := resource.MustParse("1Mi")
	s := &GatewaySource{Spec: GatewaySourceSpec{
		Static:            &StaticTargets{URLs: []string{"http://a"}},
		Params:            map[string][]string{"usedonly": {"1"}},
		BodySizeLimit:     &limit,
		AllowedNamespaces: []AllowedNamespace{{Name: "shop", Matchers: map[string][]string{"service": {"cart"}}}},
	}}
	clone := s.DeepCopy()
	if diff := cmp.Diff(s, clone); diff != "" {
		t.Errorf("-original +copy:\n%s", diff)
	}
	clone.Spec.Static.URLs[0] = "changed"
	clone.Spec.Params["usedonly"][0] = "changed"
	clone.Spec.BodySizeLimit.Add(limit)
	clone.Spec.AllowedNamespaces[0].Matchers["service"][0] = "changed"
	if s.Spec.Static.URLs[0] != "http://a" || s.Spec.Params["usedonly"][0] != "1" ||
		s.Spec.BodySizeLimit.String() != "1Mi" || s.Spec.AllowedNamespaces[0].Matchers["service"][0] != "cart" {
		t.Errorf("a change of the copy changed the original: %+v", s.Spec)
	}
}
