package doctor

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// now is the time of all tests.
var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// A world is a cluster in the making. A test changes what it is about.
type world struct {
	objects []client.Object
	denied  map[string]bool   // the user may not: "get secrets", "list gatewaymetrics", "create subjectaccessreviews"
	readers map[string]bool   // users who may read the metrics APIs
	unbound string            // the resource that gaugeway itself may not use; * for all
	reads   map[string]answer // of raw paths, with ?selector where there is one
	options Options
	version string
}

type answer struct {
	values []string // items of an external metric
	err    error
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func pemOf(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func issue(t *testing.T, by *authority, ca bool, from, to time.Time, dns ...string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gaugeway"}, NotBefore: from, NotAfter: to, DNSNames: dns,
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ca {
		template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func installed(objectName string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: DefaultNamespace, Name: objectName, Labels: map[string]string{nameLabel: "gaugeway"}}
}

// healthy returns a cluster in which nothing is wrong: two replicas, one source,
// three metrics and an autoscaler that reads them.
func healthy(t *testing.T) *world {
	t.Helper()
	ca := issue(t, nil, true, now.AddDate(-1, 0, 0), now.AddDate(9, 0, 0))
	leaf := issue(t, ca, false, now.AddDate(0, -1, 0), now.AddDate(0, 11, 0), "gaugeway.gaugeway-system.svc")
	w := &world{
		denied:  map[string]bool{},
		readers: map[string]bool{autoscalerUsers[0].user: true},
		reads:   map[string]answer{},
		version: "v1.37.0",
	}
	for _, a := range apiServiceNames {
		w.objects = append(w.objects, &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: a.name, Labels: map[string]string{nameLabel: "gaugeway"}},
			Spec: apiregistrationv1.APIServiceSpec{
				Group: a.group, CABundle: pemOf(ca.cert),
				Service: &apiregistrationv1.ServiceReference{Namespace: DefaultNamespace, Name: DefaultService, Port: ptr.To[int32](443)},
			},
			Status: apiregistrationv1.APIServiceStatus{Conditions: []apiregistrationv1.APIServiceCondition{
				{Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue, Reason: "Passed"},
			}},
		})
	}
	for _, plural := range []string{"gatewaysources", "gatewaymetrics"} {
		w.objects = append(w.objects, &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: plural + "." + v1alpha1.GroupName},
			Spec:       apiextensionsv1.CustomResourceDefinitionSpec{Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: v1alpha1.Version, Served: true}}},
			Status: apiextensionsv1.CustomResourceDefinitionStatus{Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{
				{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue},
				{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue},
			}},
		})
	}
	slice := installed("gaugeway-x")
	slice.Labels[discoveryv1.LabelServiceName] = DefaultService
	w.objects = append(w.objects,
		&appsv1.Deployment{
			ObjectMeta: installed(DefaultService),
			Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				ServiceAccountName: "gaugeway",
				Containers:         []corev1.Container{{Name: "gaugeway", Args: []string{"serve"}}},
			}}},
			Status: appsv1.DeploymentStatus{ReadyReplicas: 2},
		},
		&corev1.Service{ObjectMeta: installed(DefaultService)},
		&discoveryv1.EndpointSlice{ObjectMeta: slice, Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}},
			{Addresses: []string{"10.0.0.2"}},
		}},
		&coordinationv1.Lease{ObjectMeta: installed(DefaultService), Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("gaugeway-0"), LeaseDurationSeconds: ptr.To[int32](15), RenewTime: &metav1.MicroTime{Time: now.Add(-2 * time.Second)},
		}},
		&corev1.Secret{ObjectMeta: installed("gaugeway-serving-cert"), Data: map[string][]byte{
			"ca.crt": pemOf(ca.cert), "tls.crt": pemOf(leaf.cert, ca.cert),
		}},
		&v1alpha1.GatewaySource{
			ObjectMeta: metav1.ObjectMeta{Namespace: "gateways", Name: "kong", Generation: 3},
			Status: v1alpha1.GatewaySourceStatus{ObservedGeneration: 3, Targets: "3/3", Conditions: []metav1.Condition{
				{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted},
				{Type: v1alpha1.ConditionFresh, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonScraping},
			}},
		},
		gatewayMetric("checkout-p95", `p95(kong_request_latency_ms{service="checkout"}["1m"])`, v1alpha1.TypeLevel, "187500m", func(s *v1alpha1.GatewayMetricSpec) {
			s.External = &v1alpha1.ExternalMetric{Name: "checkout_p95_ms"}
		}),
		gatewayMetric("checkout-rps", `rps(kong_http_requests_total{service="checkout"}["30s"])`, v1alpha1.TypeTotal, "412", func(s *v1alpha1.GatewayMetricSpec) {
			s.External = &v1alpha1.ExternalMetric{Name: "checkout_rps"}
		}),
		gatewayMetric("pods-rps", `rps(kong_http_requests_total["30s"], by("pod"))`, v1alpha1.TypeTotal, "3 items, 12 to 40", func(s *v1alpha1.GatewayMetricSpec) {
			s.Pods = &v1alpha1.PodsMetric{Name: "rps"}
		}),
		newAutoscaler("web",
			external("checkout_p95_ms", "Value", "250"), external("checkout_rps", "AverageValue", "50"), podsMetric("rps", "20")),
	)
	return w
}

func gatewayMetric(objectName, lua string, kind v1alpha1.MetricType, value string, serve func(*v1alpha1.GatewayMetricSpec)) *v1alpha1.GatewayMetric {
	m := &v1alpha1.GatewayMetric{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: objectName, Generation: 1},
		Spec:       v1alpha1.GatewayMetricSpec{Sources: []v1alpha1.SourceReference{{Name: "kong", Namespace: "gateways"}}, Lua: lua, Type: kind},
		Status: v1alpha1.GatewayMetricStatus{
			ObservedGeneration: 1, State: "Fresh", Value: value, Coverage: "3/3", SampleTime: &metav1.Time{Time: now.Add(-5 * time.Second)},
			Conditions: []metav1.Condition{
				{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted},
				{Type: v1alpha1.ConditionFresh, Status: metav1.ConditionTrue, Reason: "Fresh"},
			},
		},
	}
	serve(&m.Spec)
	return m
}

func newAutoscaler(objectName string, metrics ...autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: objectName},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: objectName},
			MinReplicas:    ptr.To[int32](2), MaxReplicas: 10, Metrics: metrics,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionTrue},
			{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionTrue},
		}},
	}
}

func metricTarget(kind autoscalingv2.MetricTargetType, q string) autoscalingv2.MetricTarget {
	target := autoscalingv2.MetricTarget{Type: kind}
	if kind == autoscalingv2.ValueMetricType {
		target.Value = ptr.To(resource.MustParse(q))
	} else {
		target.AverageValue = ptr.To(resource.MustParse(q))
	}
	return target
}

func external(metricName string, kind autoscalingv2.MetricTargetType, q string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: metricName}, Target: metricTarget(kind, q),
	}}
}

func selecting(m autoscalingv2.MetricSpec, key, value string) autoscalingv2.MetricSpec {
	m.External.Metric.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	return m
}

func podsMetric(metricName, q string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: metricName}, Target: metricTarget(autoscalingv2.AverageValueMetricType, q),
	}}
}

func objectMetric(metricName, apiVersion, kind, objectName string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{
		DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: apiVersion, Kind: kind, Name: objectName},
		Metric:          autoscalingv2.MetricIdentifier{Name: metricName}, Target: metricTarget(autoscalingv2.AverageValueMetricType, "10"),
	}}
}

// get returns an object of a world, to change it.
func get[T client.Object](t *testing.T, w *world, objectName string) T {
	t.Helper()
	for _, o := range w.objects {
		if typed, ok := o.(T); ok && o.GetName() == objectName {
			return typed
		}
	}
	t.Fatalf("the world has no such object %s", objectName)
	return *new(T)
}

// remove takes the objects of a type out of a world.
func remove[T client.Object](w *world) {
	var rest []client.Object
	for _, o := range w.objects {
		if _, drop := o.(T); !drop {
			rest = append(rest, o)
		}
	}
	w.objects = rest
}

// connect returns Options over the world.
func (w *world) connect(t *testing.T) Options {
	t.Helper()
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	mapper := newMapper()
	check := func(verb string, o any) error {
		kind := reflect.TypeOf(o).Elem().Name()
		if list, found := o.(client.ObjectList); found {
			gvks, _, err := scheme.ObjectKinds(list)
			if err != nil {
				return err
			}
			kind = gvks[0].Kind[:len(gvks[0].Kind)-len("List")]
		}
		for gvk := range scheme.AllKnownTypes() {
			if gvk.Kind != kind {
				continue
			}
			if m, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version); err == nil && w.denied[verb+" "+m.Resource.Resource] {
				return apierrors.NewForbidden(m.Resource.GroupResource(), "", errors.New("denied"))
			}
		}
		return nil
	}
	o := w.options
	o.Reader = fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(w.objects...).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if err := check("get", obj); err != nil {
					return err
				}
				return c.Get(ctx, key, obj, opts...)
			},
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				var options client.ListOptions
				options.ApplyOptions(opts)
				verb := "list"
				if options.Namespace != "" {
					verb = "list in " + options.Namespace
				}
				if err := check(verb, list); err != nil {
					return err
				}
				return c.List(ctx, list, opts...)
			},
		}).Build()
	o.Reviews, o.Raw, o.Clock = w, w, testingclock.NewFakePassiveClock(now)
	return o
}

// Create implements Reviewer.
func (w *world) Create(_ context.Context, r *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	if w.denied["create subjectaccessreviews"] {
		return nil, apierrors.NewForbidden(schema.GroupResource{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}, "", errors.New("denied"))
	}
	a := r.Spec.ResourceAttributes
	if r.Spec.User == "system:serviceaccount:gaugeway-system:gaugeway" {
		r.Status.Allowed = w.unbound != "*" && w.unbound != a.Resource
		return r, nil
	}
	r.Status.Allowed = w.readers[r.Spec.User] || w.readers[fmt.Sprintf("%s %s %s/%s", r.Spec.User, a.Verb, a.Resource, a.Subresource)]
	return r, nil
}

// Get implements Getter.
func (w *world) Get(_ context.Context, path string, query map[string]string) ([]byte, error) {
	if a, found := w.reads["/version"]; path == "/version" && !found {
		return json.Marshal(map[string]string{"gitVersion": w.version})
	} else if path == "/version" {
		return nil, a.err
	}
	if s := query["labelSelector"]; s != "" {
		path += "?" + s
	}
	a, found := w.reads[path]
	if !found {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: externalGroup, Resource: path}, "")
	}
	if a.err != nil {
		return nil, a.err
	}
	list := externalmetrics.ExternalMetricValueList{}
	for _, v := range a.values {
		list.Items = append(list.Items, externalmetrics.ExternalMetricValue{Value: resource.MustParse(v)})
	}
	return json.Marshal(list)
}
