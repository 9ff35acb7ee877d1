package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// unavailable is the error for a metric without an answer, by its name in the
// API that was asked.
func unavailable(e *metric.Entry, name, reason string) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf("metric %s/%s has no fresh value: %s", e.Key.Namespace, name, reason))
}

// externalNotDeclared is the error for an external name that the namespace
// does not have.
func (p *Provider) externalNotDeclared(namespace, name string) error {
	message := notDeclared(fmt.Sprintf("external metric %q", name), namespace, name, p.declared(namespace, external))
	return notFound(external_metrics.GroupName, name, message+p.elsewhere(namespace, name, external))
}

// customNotDeclared is the error for a custom metric that the namespace does
// not have.
func (p *Provider) customNotDeclared(namespace string, name metric.CustomName) error {
	message := notDeclared(fmt.Sprintf("metric %q of %s", name.Name, name.Resource), namespace, name.Name, p.declared(namespace, name.Resource))
	if namespace == "" {
		message = fmt.Sprintf("metric %q of %s is not declared: only metrics of namespaced resources are, and each is read in its own namespace", name.Name, name.Resource)
	}
	return notFound(custom_metrics.GroupName, name.Name, message+p.elsewhere(namespace, name.Name, name.Resource))
}

func notFound(group, name, message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusNotFound,
		Reason:  metav1.StatusReasonNotFound,
		Message: message,
		Details: &metav1.StatusDetails{Group: group, Name: name},
	}}
}

// external stands for external.metrics.k8s.io where else a resource stands for
// itself in custom.metrics.k8s.io. It is no resource, having a space.
const external = "external metrics"

// names calls add with each name that a metric is declared by, and the
// resource that it is a name for.
func names(e *metric.Entry, add func(resource, name string)) {
	if e.External != "" {
		add(external, e.External)
	}
	if e.Pods != "" {
		add(metric.ResourcePods, e.Pods)
	}
	if e.Object.Name != "" {
		add(e.Object.Resource, e.Object.Name)
	}
}

// declared returns the names that a namespace has for a resource, sorted.
func (p *Provider) declared(namespace, resource string) []string {
	var declared []string
	for _, e := range p.board.All() {
		if e.Key.Namespace != namespace {
			continue
		}
		names(e, func(r, name string) {
			if r == resource {
				declared = append(declared, name)
			}
		})
	}
	slices.Sort(declared)
	return slices.Compact(declared)
}

// elsewhere says under which other resources of the namespace a name is
// declared; empty for none.
func (p *Provider) elsewhere(namespace, name, resource string) string {
	var others []string
	for _, e := range p.board.All() {
		if e.Key.Namespace != namespace {
			continue
		}
		names(e, func(r, n string) {
			if n == name && r != resource {
				others = append(others, r)
			}
		})
	}
	if len(others) == 0 {
		return ""
	}
	slices.Sort(others)
	return fmt.Sprintf("; a metric of that name is declared for %s", strings.Join(slices.Compact(others), ", "))
}

// notDeclared says that a namespace does not have a metric, and what it has.
func notDeclared(what, namespace, name string, declared []string) string {
	message := fmt.Sprintf("%s is not declared in namespace %q", what, namespace)
	switch near := nearest(name, declared); {
	case len(declared) == 0:
		return message + ", nor is any other: a metric can only be read in its own namespace"
	case len(near) == len(declared):
		return message + "; declared there: " + strings.Join(near, ", ")
	default:
		return message + fmt.Sprintf("; nearest of %d declared there: %s", len(declared), strings.Join(near, ", "))
	}
}
