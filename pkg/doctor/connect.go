package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// requestTimeout limits one request. The API server answers for an adapter that
// does not within its own time, so this is for an API server that hangs.
const requestTimeout = 30 * time.Second

// Connect returns Options with the clients of a cluster and the system's clock.
// It sends no request.
func Connect(config *rest.Config) (Options, error) {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = 50, 100
	if config.Timeout == 0 {
		config.Timeout = requestTimeout
	}
	s, err := NewScheme()
	if err != nil {
		return Options{}, err
	}
	// The kinds are known, so that discovery is not asked: it is slow or fails
	// while one of the APIs that are examined here is broken.
	reader, err := client.New(config, client.Options{Scheme: s, Mapper: newMapper()})
	if err != nil {
		return Options{}, err
	}
	reviews, err := authorizationv1.NewForConfig(config)
	if err != nil {
		return Options{}, err
	}
	raw, err := NewGetter(config)
	if err != nil {
		return Options{}, err
	}
	return Options{Reader: reader, Reviews: reviews.SubjectAccessReviews(), Raw: raw, Clock: clock.RealClock{}}, nil
}

// NewScheme returns a scheme with the types that are read.
func NewScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	var errs []error
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, coordinationv1.AddToScheme, corev1.AddToScheme, discoveryv1.AddToScheme, rbacv1.AddToScheme,
		apiextensionsv1.AddToScheme, apiregistrationv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		errs = append(errs, add(s))
	}
	return s, errors.Join(errs...)
}

// newMapper returns the resources of the kinds that are read.
func newMapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	add := func(scope meta.RESTScope, gv schema.GroupVersion, kinds ...string) {
		for _, kind := range kinds {
			m.Add(gv.WithKind(kind), scope)
		}
	}
	add(meta.RESTScopeRoot, apiregistrationv1.SchemeGroupVersion, "APIService")
	add(meta.RESTScopeRoot, apiextensionsv1.SchemeGroupVersion, "CustomResourceDefinition")
	add(meta.RESTScopeRoot, rbacv1.SchemeGroupVersion, "ClusterRole", "ClusterRoleBinding")
	add(meta.RESTScopeNamespace, appsv1.SchemeGroupVersion, "Deployment")
	add(meta.RESTScopeNamespace, corev1.SchemeGroupVersion, "Service", "Secret", "ServiceAccount")
	add(meta.RESTScopeNamespace, discoveryv1.SchemeGroupVersion, "EndpointSlice")
	add(meta.RESTScopeNamespace, coordinationv1.SchemeGroupVersion, "Lease")
	add(meta.RESTScopeNamespace, autoscalingv2.SchemeGroupVersion, "HorizontalPodAutoscaler")
	add(meta.RESTScopeNamespace, v1alpha1.GroupVersion, v1alpha1.KindGatewaySource, v1alpha1.KindGatewayMetric)
	return m
}

// A getter reads paths with a REST client.
type getter struct{ client rest.Interface }

var _ Getter = getter{}

// NewGetter returns a Getter of an API server's paths, or of those of gaugeway
// itself, with a configuration for that.
func NewGetter(config *rest.Config) (Getter, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &schema.GroupVersion{}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	if config.Timeout == 0 {
		config.Timeout = requestTimeout
	}
	c, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	return getter{c}, nil
}

// Get implements Getter. A refusal's message is in the error.
func (g getter) Get(ctx context.Context, path string, query map[string]string) ([]byte, error) {
	request := g.client.Get().AbsPath(path)
	for k, v := range query {
		request = request.Param(k, v)
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil { // which, unlike Raw's, has the Status of the body
		return nil, err
	}
	return result.Raw()
}

// Serving is what a client that reads gaugeway directly expects of its certificate.
type Serving struct {
	// Name in the certificate, and its CA in PEM.
	Name string
	CA   []byte
}

// Serves returns what gaugeway's certificate is expected to be; without withCA,
// the name alone. The CA is that in the Secret of the certificate; the error says
// why it cannot be read.
func Serves(ctx context.Context, o Options, withCA bool) (Serving, error) {
	e, err := newExamination(ctx, o)
	if err != nil {
		return Serving{}, err
	}
	if !withCA {
		return Serving{Name: e.dnsName()}, nil
	}
	e.readInstall(ctx)
	secret := e.install.servingSecret()
	if secret == "" {
		return Serving{}, errors.New("the CA of gaugeway's certificate is not known: give --direct-ca-file")
	}
	var s corev1.Secret
	key := client.ObjectKey{Namespace: e.InstallNamespace, Name: secret}
	if err := e.Reader.Get(ctx, key, &s); err != nil {
		return Serving{}, fmt.Errorf("the CA of gaugeway's certificate cannot be read, give --direct-ca-file: %w", err)
	}
	if len(s.Data["ca.crt"]) == 0 {
		return Serving{}, fmt.Errorf("secret %s has no ca.crt: give --direct-ca-file", key)
	}
	return Serving{Name: e.dnsName(), CA: s.Data["ca.crt"]}, nil
}
