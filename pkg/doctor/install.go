package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// leaseSlack is how much longer than its duration a Lease may go without being
// renewed: the clock here and the one of the leader may differ.
const leaseSlack = time.Minute

// An install is the installation as far as it may be read.
type install struct {
	deployment *appsv1.Deployment // nil: it may not be read, or is missing
	err        error              // why it is nil
	missing    bool               // there is no Deployment

	apiServices []apiregistrationv1.APIService // that lead to it
}

// readInstall reads the Deployment, whose flags say what is meant to be served.
func (e *examination) readInstall(ctx context.Context) {
	var d appsv1.Deployment
	if err := e.Reader.Get(ctx, client.ObjectKey{Namespace: e.InstallNamespace, Name: installName}, &d); err != nil {
		e.install.err, e.install.missing = err, apierrors.IsNotFound(err)
		return
	}
	e.install.deployment = &d
}

// flag returns the value of a flag of gaugeway in the Deployment.
func (i *install) flag(name string) (value string, given bool) {
	if i.deployment == nil {
		return "", false
	}
	for _, c := range i.deployment.Spec.Template.Spec.Containers {
		words := slices.Concat(c.Command, c.Args)
		for k, word := range words {
			if v, found := strings.CutPrefix(word, "--"+name+"="); found {
				value, given = v, true
			}
			if word == "--"+name && k+1 < len(words) {
				value, given = words[k+1], true
			}
		}
	}
	return value, given
}

// serves reports whether gaugeway is meant to register an API group; it is not
// known where the Deployment could not be read.
func (i *install) serves(group string) (served, known bool) {
	if i.deployment == nil {
		return false, false
	}
	list, given := i.flag("apiservices")
	if !given {
		return true, true
	}
	return slices.ContainsFunc(strings.Split(list, ","), func(g string) bool { return strings.TrimSpace(g) == group }), true
}

// replicas returns how many replicas are meant to run; 2, which is what the
// manifests say, where that is not known.
func (i *install) replicas() int32 {
	switch {
	case i.deployment == nil:
		return 2
	case i.deployment.Spec.Replicas == nil:
		return 1
	}
	return *i.deployment.Spec.Replicas
}

// installation checks the Deployment, its Service's endpoints and the Lease.
func (e *examination) installation(ctx context.Context) {
	e.deployment()
	if e.install.missing {
		return
	}
	e.endpoints(ctx)
	e.lease(ctx)
}

func (e *examination) deployment() {
	object := name("Deployment", e.InstallNamespace, installName)
	if e.install.missing {
		e.add(Error, object, "not found: gaugeway is not installed here",
			"install it (docs/install.md), or name where it runs with --install-namespace")
		return
	}
	d := e.install.deployment
	if d == nil {
		e.unread(object, "get on deployments in "+e.InstallNamespace, e.install.err)
		return
	}
	in := "kubectl -n " + e.InstallNamespace + " "
	switch ready, want := d.Status.ReadyReplicas, e.install.replicas(); {
	case want == 0:
		e.add(Error, object, "scaled to 0 replicas: nothing is measured", in+"scale deployment "+installName+" --replicas=2")
	case ready == 0:
		e.add(Error, object, fmt.Sprintf("no replica of %d is ready", want), in+"describe pods -l "+nameLabel+"=gaugeway")
	case want == 1:
		e.add(Warning, object, "one replica: while it restarts no HorizontalPodAutoscaler has a metric", in+"scale deployment "+installName+" --replicas=2")
	case ready < want:
		e.add(Warning, object, fmt.Sprintf("%d of %d replicas are ready", ready, want), in+"describe pods -l "+nameLabel+"=gaugeway")
	default:
		e.ok(object, "%d of %d replicas are ready", ready, want)
	}
}

func (e *examination) endpoints(ctx context.Context) {
	object := name("Service", e.InstallNamespace, e.Service)
	var service corev1.Service
	if err := e.Reader.Get(ctx, client.ObjectKey{Namespace: e.InstallNamespace, Name: e.Service}, &service); apierrors.IsNotFound(err) {
		e.add(Error, object, "not found: the API server cannot reach gaugeway", "apply the manifests of gaugeway again")
		return
	} else if err != nil {
		e.unread(object, "get on services in "+e.InstallNamespace, err)
		return
	}
	var slices discoveryv1.EndpointSliceList
	if err := e.Reader.List(ctx, &slices, client.InNamespace(e.InstallNamespace), client.MatchingLabels{discoveryv1.LabelServiceName: e.Service}); err != nil {
		e.unread(object, "list on endpointslices.discovery.k8s.io in "+e.InstallNamespace, err)
		return
	}
	ready := 0
	for _, s := range slices.Items {
		for _, endpoint := range s.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				ready++
			}
		}
	}
	if ready == 0 {
		e.add(Error, object, "it has no ready endpoint: no pod matches its selector, or none is ready",
			fmt.Sprintf("kubectl -n %s get pods,endpointslices -l %s=gaugeway", e.InstallNamespace, nameLabel))
		return
	}
	e.ok(object, "ready endpoints: %d", ready)
}

// lease checks that a leader lives: it writes statuses, APIServices and
// certificates. What is served does not depend on it.
func (e *examination) lease(ctx context.Context) {
	object := name("Lease", e.InstallNamespace, installName)
	const without = "without a leader no status and no caBundle is written, while the metrics go on"
	logs := fmt.Sprintf("kubectl -n %s logs deployment/%s | grep -i lease", e.InstallNamespace, installName)
	var l coordinationv1.Lease
	err := e.Reader.Get(ctx, client.ObjectKey{Namespace: e.InstallNamespace, Name: installName}, &l)
	switch {
	case apierrors.IsNotFound(err):
		e.leaderless = true
		e.add(Error, object, "not found: no replica ever led; "+without, logs)
	case err != nil:
		e.unread(object, "get on leases.coordination.k8s.io in "+e.InstallNamespace, err)
	case l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" || l.Spec.RenewTime == nil:
		e.leaderless = true
		e.add(Error, object, "nobody holds it; "+without, logs)
	default:
		duration := 15 * time.Second
		if s := l.Spec.LeaseDurationSeconds; s != nil {
			duration = time.Duration(*s) * time.Second
		}
		if age := e.now.Sub(l.Spec.RenewTime.Time); age > duration+leaseSlack {
			e.leaderless = true
			e.add(Error, object, fmt.Sprintf("%s holds it but has not renewed it for %s; %s", *l.Spec.HolderIdentity, age.Round(time.Second), without), logs)
			return
		}
		e.ok(object, "%s leads", *l.Spec.HolderIdentity)
	}
}

// definitions checks that the cluster knows gaugeway's kinds.
func (e *examination) definitions(ctx context.Context) {
	for _, crd := range []string{"gatewaysources." + v1alpha1.GroupName, "gatewaymetrics." + v1alpha1.GroupName} {
		object := name("CustomResourceDefinition", "", crd)
		var d apiextensionsv1.CustomResourceDefinition
		err := e.Reader.Get(ctx, client.ObjectKey{Name: crd}, &d)
		switch {
		case apierrors.IsNotFound(err):
			e.add(Error, object, "not found: the cluster does not know gaugeway's objects", "apply the CRDs of gaugeway (docs/install.md)")
		case apierrors.IsForbidden(err) && e.metricsErr == nil:
			// That the objects can be listed says as much.
		case err != nil:
			e.unread(object, "get on customresourcedefinitions.apiextensions.k8s.io", err)
		default:
			e.definition(object, &d)
		}
	}
}

func (e *examination) definition(object string, d *apiextensionsv1.CustomResourceDefinition) {
	for _, c := range d.Status.Conditions {
		if wanted := c.Type == apiextensionsv1.Established || c.Type == apiextensionsv1.NamesAccepted; wanted && c.Status != apiextensionsv1.ConditionTrue {
			e.add(Error, object, fmt.Sprintf("%s is %s: %s", c.Type, c.Status, c.Message), "kubectl describe crd "+d.Name)
			return
		}
	}
	var served []string
	for _, v := range d.Spec.Versions {
		if v.Served {
			served = append(served, v.Name)
		}
	}
	if !slices.Contains(served, v1alpha1.Version) {
		e.add(Error, object, fmt.Sprintf("it serves %s and not %s", strings.Join(served, ", "), v1alpha1.Version), "apply the CRDs of the version of gaugeway that runs (docs/install.md)")
		return
	}
	e.ok(object, "serves %s", v1alpha1.Version)
}

// servingSecret returns the Secret that holds the serving certificate: the one
// that gaugeway manages, or the one whose mount --tls-cert-file names. It is
// empty where the file comes from elsewhere.
func (i *install) servingSecret() string {
	const managed = "gaugeway-serving-cert"
	if file, given := i.flag("tls-cert-file"); given {
		return i.mounted(path.Dir(file))
	}
	if secret, given := i.flag("serving-cert-secret"); given {
		return secret
	}
	return managed
}

// mounted returns the Secret that is mounted at a folder, or nothing.
func (i *install) mounted(folder string) string {
	pod := i.deployment.Spec.Template.Spec
	for _, c := range pod.Containers {
		for _, m := range c.VolumeMounts {
			if path.Clean(m.MountPath) != folder {
				continue
			}
			for _, v := range pod.Volumes {
				if v.Name == m.Name && v.Secret != nil {
					return v.Secret.SecretName
				}
			}
		}
	}
	return ""
}

// gitVersion returns the version in the answer of /version.
func gitVersion(body []byte) string {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return v.GitVersion
}
