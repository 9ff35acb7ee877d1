// Package doctor looks at a cluster from the outside in, as a user with their
// own credentials, and says what keeps a HorizontalPodAutoscaler from scaling on
// what gaugeway measures: the registered APIs, the installation, the access of
// the autoscaler, the objects, and the autoscalers themselves.
//
// The way through the package is [Examine], which reads the cluster and returns
// a [Report] of [Check]s in that order, [Compare], which sets another adapter's
// answers beside gaugeway's, and [Report.Print]. [CheckAutoscalers] is the part
// that needs no cluster.
//
// Nothing is ever written. What the user may not read is [Skipped], with the
// permission that it needs, and no fault of the cluster.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// Names of an installation, where neither Options nor an APIService of gaugeway
// say otherwise.
const (
	DefaultNamespace = "gaugeway-system"
	DefaultService   = "gaugeway"
)

// installName is the name of the Deployment and of the Lease.
const installName = "gaugeway"

// The metrics APIs that gaugeway can serve.
const (
	externalGroup = "external.metrics.k8s.io"
	customGroup   = "custom.metrics.k8s.io"
)

// nameLabel is on every object of an installation, with the value gaugeway.
const nameLabel = "app.kubernetes.io/name"

// A Level says how grave a check's outcome is.
type Level string

// The levels.
const (
	// OK: there is nothing to do.
	OK Level = "ok"
	// Warning: it works, but likely not as meant.
	Warning Level = "warning"
	// Error: it does not work.
	Error Level = "error"
	// Skipped: it could not be checked with these credentials.
	Skipped Level = "skipped"
)

// A Check is one thing that was looked at.
type Check struct {
	Level Level `json:"level"`
	// Object is "Kind name" or "Kind namespace/name".
	Object string `json:"object"`
	// Message says what was found, and Cure what to do about it, as a command
	// where there is one. Cure is empty where there is nothing to do.
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
}

// A Reviewer asks the API server who may do what; the typed client's
// SubjectAccessReviewInterface is one.
type Reviewer interface {
	Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, o metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error)
}

// A Getter reads a path, which is not escaped yet, of an API server. Its errors
// are those of client-go, so that a refusal's code and message can be told.
type Getter interface {
	Get(ctx context.Context, path string, query map[string]string) ([]byte, error)
}

// Options say what to look at and with what.
type Options struct {
	// Reader reads objects of the cluster, from the API and not from a cache.
	Reader client.Reader
	// Reviews asks for the access of others.
	Reviews Reviewer
	// Raw reads other paths of the API server.
	Raw Getter
	// Clock is what ages and certificates are held against.
	Clock clock.PassiveClock
	// Modules are the functions of presets, by the presets' names.
	Modules map[string]*script.Module
	// Namespace limits the sources, metrics and autoscalers that are looked at;
	// empty: those of all namespaces.
	Namespace string
	// InstallNamespace is where gaugeway runs, and Service its Service. Default:
	// what an APIService with gaugeway's label leads to, else DefaultNamespace and
	// DefaultService.
	InstallNamespace, Service string
}

// An examination is the cluster as far as it was read.
type examination struct {
	Options
	checks []Check

	now     time.Time
	version string // of the API server, such as v1.37.0; empty: unknown

	install install
	owners  map[string]owner // of an API group: whose it is

	sources    []v1alpha1.GatewaySource // these and the metrics: of all namespaces, as far as they may be read
	sourcesErr error
	metrics    []v1alpha1.GatewayMetric
	metricsErr error
	leaderless bool // nobody renews the Lease
}

// Examine reads the cluster. The error says that it could not look at all: the
// API server does not answer, or refuses the credentials.
func Examine(ctx context.Context, o Options) (*Report, error) {
	e, err := newExamination(ctx, o)
	if err != nil {
		return nil, err
	}
	e.readObjects(ctx)
	e.readInstall(ctx)

	e.apiServices(ctx)
	e.installation(ctx)
	e.ownAccess(ctx)
	e.certificates(ctx)
	e.access(ctx)
	e.definitions(ctx)
	e.sourceStatuses()
	e.metricStatuses()
	e.autoscalers(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ended before all was checked: %w", err)
	}
	return &Report{Checks: e.checks}, nil
}

// newExamination sees whether the API server answers, how old it is, and where
// gaugeway is installed.
func newExamination(ctx context.Context, o Options) (*examination, error) {
	e := &examination{Options: o, now: o.Clock.Now(), owners: map[string]owner{}}
	body, err := o.Raw.Get(ctx, "/version", nil)
	var status apierrors.APIStatus
	switch {
	case err == nil:
		e.version = gitVersion(body)
	case apierrors.IsUnauthorized(err):
		return nil, fmt.Errorf("the API server does not accept the credentials: %w", err)
	case !errors.As(err, &status):
		return nil, fmt.Errorf("the API server does not answer: %w", err)
	}
	e.locate(ctx)
	return e, nil
}

// locate finds out where gaugeway is installed.
func (e *examination) locate(ctx context.Context) {
	for _, a := range apiServiceNames {
		var s apiregistrationv1.APIService
		if e.Reader.Get(ctx, client.ObjectKey{Name: a.name}, &s) == nil && s.Labels[nameLabel] == installName && s.Spec.Service != nil {
			e.InstallNamespace = cmp.Or(e.InstallNamespace, s.Spec.Service.Namespace)
			e.Service = cmp.Or(e.Service, s.Spec.Service.Name)
		}
	}
	e.InstallNamespace = cmp.Or(e.InstallNamespace, DefaultNamespace)
	e.Service = cmp.Or(e.Service, DefaultService)
}

// readObjects reads the sources and the declared metrics, those of all
// namespaces if that may be: a name is often declared in the wrong one.
func (e *examination) readObjects(ctx context.Context) {
	var sources v1alpha1.GatewaySourceList
	e.sourcesErr = e.listWide(ctx, &sources)
	e.sources = sources.Items
	slices.SortFunc(e.sources, func(a, b v1alpha1.GatewaySource) int { return compareNames(&a, &b) })
	var metrics v1alpha1.GatewayMetricList
	e.metricsErr = e.listWide(ctx, &metrics)
	e.metrics = metrics.Items
	slices.SortFunc(e.metrics, func(a, b v1alpha1.GatewayMetric) int { return compareNames(&a, &b) })
	for i := range e.sources {
		e.sources[i].SetDefaults()
	}
	for i := range e.metrics {
		e.metrics[i].SetDefaults()
	}
}

// listWide lists the objects of all namespaces or, where that is forbidden, of
// the one that is looked at.
func (e *examination) listWide(ctx context.Context, list client.ObjectList) error {
	err := e.Reader.List(ctx, list)
	if apierrors.IsForbidden(err) && e.Namespace != "" {
		err = e.Reader.List(ctx, list, client.InNamespace(e.Namespace))
	}
	return err
}

// looksAt reports whether a namespace is one of those to look at.
func (e *examination) looksAt(namespace string) bool {
	return e.Namespace == "" || e.Namespace == namespace
}

func compareNames(a, b client.Object) int {
	if c := strings.Compare(a.GetNamespace(), b.GetNamespace()); c != 0 {
		return c
	}
	return strings.Compare(a.GetName(), b.GetName())
}

func (e *examination) add(level Level, object, message, cure string) {
	e.checks = append(e.checks, Check{Level: level, Object: object, Message: message, Cure: cure})
}

func (e *examination) ok(object, format string, args ...any) {
	e.add(OK, object, fmt.Sprintf(format, args...), "")
}

// unread adds what keeps an object from being read: a permission that the user
// lacks, or a failure. needs is the permission, such as "get on leases".
func (e *examination) unread(object, needs string, err error) {
	e.checks = append(e.checks, unread(object, needs, err))
}

func unread(object, needs string, err error) Check {
	if apierrors.IsForbidden(err) {
		return Check{Level: Skipped, Object: object, Message: "could not check, needs " + needs}
	}
	return Check{Level: Error, Object: object, Message: "cannot be read: " + err.Error()}
}

// name returns "Kind namespace/name", or "Kind name" without a namespace.
func name(kind, namespace, object string) string {
	if namespace == "" {
		return kind + " " + object
	}
	return kind + " " + namespace + "/" + object
}
