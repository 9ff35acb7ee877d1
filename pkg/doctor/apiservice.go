package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apiServiceNames are the registrations of the metrics APIs, by name and group.
var apiServiceNames = [...]struct{ name, group string }{
	{"v1beta1." + externalGroup, externalGroup},
	{"v1beta1." + customGroup, customGroup},
	{"v1beta2." + customGroup, customGroup},
}

// An owner says whose an API group is.
type owner int

const (
	unknownOwner owner = iota // it may not be read
	nobody                    // it is not registered
	ours
	foreign
)

// incumbent returns whose a Service of another adapter is, by the name that the
// adapter's own manifests give it; empty where that is not known.
func incumbent(service string) string {
	switch {
	case service == "keda-operator-metrics-apiserver", service == "keda-metrics-apiserver":
		return "KEDA"
	case service == "prometheus-adapter", service == "custom-metrics-apiserver":
		return "prometheus-adapter"
	case strings.HasSuffix(service, "cluster-agent-metrics-api"), service == "datadog-custom-metrics-server":
		return "the Datadog Cluster Agent"
	case service == "custom-metrics-stackdriver-adapter":
		return "the Stackdriver adapter"
	case service == "kube-metrics-adapter":
		return "kube-metrics-adapter"
	case service == "k8s-cloudwatch-adapter":
		return "the CloudWatch adapter"
	case service == "newrelic-k8s-metrics-adapter":
		return "the New Relic adapter"
	}
	return ""
}

// apiServices checks the registrations of the metrics APIs, and notes whose
// each group is.
func (e *examination) apiServices(ctx context.Context) {
	services := make([]apiregistrationv1.APIService, len(apiServiceNames))
	errs := make([]error, len(apiServiceNames))
	for i, a := range apiServiceNames {
		errs[i] = e.Reader.Get(ctx, client.ObjectKey{Name: a.name}, &services[i])
		switch {
		case apierrors.IsNotFound(errs[i]):
			e.note(a.group, nobody)
		case errs[i] != nil:
			e.note(a.group, unknownOwner)
		case e.isOurs(&services[i]):
			e.note(a.group, ours)
			e.install.apiServices = append(e.install.apiServices, services[i])
		default:
			e.note(a.group, foreign)
		}
	}
	for i, a := range apiServiceNames {
		object, s, err := name("APIService", "", a.name), &services[i], errs[i]
		switch {
		case apierrors.IsNotFound(err):
			e.absent(object, a.group)
		case err != nil:
			e.unread(object, "get on apiservices.apiregistration.k8s.io", err)
		case e.isOurs(s):
			e.available(object, s)
		default:
			e.foreign(object, a.group, s)
		}
	}
}

// note keeps the owner of a group: of several versions a foreign one decides.
func (e *examination) note(group string, o owner) { e.owners[group] = max(e.owners[group], o) }

// isOurs reports whether an APIService leads to this installation.
func (e *examination) isOurs(s *apiregistrationv1.APIService) bool {
	return s.Spec.Service != nil && s.Spec.Service.Namespace == e.InstallNamespace && s.Spec.Service.Name == e.Service
}

// absent says what it means that a group is not registered.
func (e *examination) absent(object, group string) {
	served, known := e.install.serves(group)
	switch {
	case known && !served:
		e.ok(object, "not registered, as --apiservices of the Deployment says")
	case e.owners[group] == foreign:
		e.ok(object, "not registered: gaugeway leaves a group alone of which another adapter serves a version")
	case e.install.missing:
		e.add(Error, object, "not registered", "install gaugeway, whose leader registers it")
	default:
		e.add(Error, object, "not registered: the leader of gaugeway creates it, and no HorizontalPodAutoscaler reads the API until then",
			fmt.Sprintf("kubectl -n %s logs deployment/%s | grep -i apiservice", e.InstallNamespace, installName))
	}
}

// foreign says who holds a group that is not ours, and whether that hurts.
func (e *examination) foreign(object, group string, s *apiregistrationv1.APIService) {
	who := ownerOf(s)
	served, known := e.install.serves(group)
	declared := e.declared(group)
	switch {
	case s.Labels[nameLabel] == installName && s.Spec.Service != nil:
		e.add(Error, object, "it is of gaugeway, but leads to "+who, fmt.Sprintf("gaugeway doctor --install-namespace %s --service %s", s.Spec.Service.Namespace, s.Spec.Service.Name))
	case known && !served:
		e.ok(object, "served by %s; gaugeway leaves it alone, as --apiservices of the Deployment says", who)
	case declared == 0:
		e.add(Warning, object, fmt.Sprintf("served by %s, so gaugeway cannot serve it; no GatewayMetric asks for it", who),
			"nothing, or take the group out of --apiservices")
	default:
		e.add(Error, object, fmt.Sprintf("served by %s, so that no HorizontalPodAutoscaler sees the %d metrics that GatewayMetrics declare for it", who, declared),
			fmt.Sprintf("gaugeway doctor --compare, and to switch over: kubectl delete apiservice %s, which gaugeway then creates as its own", s.Name))
	}
}

// declared returns how many metrics ask for an API group.
func (e *examination) declared(group string) int {
	n := 0
	for i := range e.metrics {
		spec := &e.metrics[i].Spec
		if group == externalGroup && spec.External != nil || group == customGroup && (spec.Pods != nil || spec.Object != nil) {
			n++
		}
	}
	return n
}

// ownerOf describes who holds an APIService: its Service, the adapter that has a
// Service of that name, and what its labels and annotations say.
func ownerOf(s *apiregistrationv1.APIService) string {
	if s.Spec.Service == nil {
		return "the API server itself (a local APIService)"
	}
	who := s.Spec.Service.Namespace + "/" + s.Spec.Service.Name
	if known := incumbent(s.Spec.Service.Name); known != "" {
		who = known + " at " + who
	}
	var marks []string
	for _, label := range []string{"app.kubernetes.io/part-of", nameLabel, "app.kubernetes.io/managed-by"} {
		if v := s.Labels[label]; v != "" {
			marks = append(marks, strings.TrimPrefix(label, "app.kubernetes.io/")+" "+v)
		}
	}
	if release := s.Annotations["meta.helm.sh/release-name"]; release != "" {
		marks = append(marks, "Helm release "+s.Annotations["meta.helm.sh/release-namespace"]+"/"+release)
	}
	if len(marks) == 0 {
		return who
	}
	return who + " (" + strings.Join(slices.Compact(marks), ", ") + ")"
}

// available checks one of ours: that the API server reaches it, and trusts it
// for a good reason.
func (e *examination) available(object string, s *apiregistrationv1.APIService) {
	if s.Spec.InsecureSkipTLSVerify {
		e.add(Warning, object, "insecureSkipTLSVerify is set, so that anybody in between can answer for gaugeway",
			fmt.Sprintf(`kubectl patch apiservice %s --type=json -p '[{"op": "remove", "path": "/spec/insecureSkipTLSVerify"}]', and gaugeway writes caBundle`, s.Name))
	}
	if s.Labels[nameLabel] != installName {
		e.add(Warning, object, "it leads to gaugeway but lacks the label "+nameLabel+"=gaugeway, so that gaugeway does not keep its caBundle up to date",
			fmt.Sprintf("kubectl label apiservice %s %s=gaugeway", s.Name, nameLabel))
	}
	for _, c := range s.Status.Conditions {
		if c.Type != apiregistrationv1.Available {
			continue
		}
		if c.Status == apiregistrationv1.ConditionTrue {
			e.ok(object, "available, served by %s/%s", e.InstallNamespace, e.Service)
			return
		}
		meaning, cure := e.unavailable(c.Reason, c.Message)
		e.add(Error, object, fmt.Sprintf("not available (%s): %s: %s", c.Reason, meaning, c.Message), cure)
		return
	}
	e.add(Warning, object, "the API server has not said yet whether it is available",
		"kubectl get apiservice "+s.Name)
}

// unavailable translates the reason of a condition Available that is False, as
// kube-aggregator's controller of availability writes it, and its message.
func (e *examination) unavailable(reason, message string) (meaning, cure string) {
	in := "kubectl -n " + e.InstallNamespace + " "
	has := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(message, t) })
	}
	switch {
	case reason == "ServiceNotFound":
		return "its Service does not exist", "install gaugeway, or " + in + "get service"
	case reason == "ServicePortError":
		return "its Service lacks the port that the APIService names", in + "get service " + e.Service + " -o yaml (the port is 443, named https)"
	case reason == "EndpointsNotFound" || reason == "MissingEndpoints":
		return "no pod of gaugeway is ready", in + "get pods -l " + nameLabel + "=gaugeway"
	case reason == "ServiceAccessError" || reason == "EndpointsAccessError":
		return "the API server could not look up its Service", "wait a minute, then see the log of kube-apiserver"
	case has("x509: certificate has expired", "not yet valid"):
		return "gaugeway's certificate is out of date, or the clocks differ", in + "rollout restart deployment/" + installName
	case has("x509: certificate signed by unknown authority", "x509: certificate is not trusted", "x509: ECDSA verification"):
		return "caBundle is not of the CA that signed gaugeway's certificate", "see the checks of the certificate below; the leader of gaugeway writes caBundle"
	case has("x509: certificate is valid for", "x509: certificate is not valid for", "doesn't contain any IP SANs"):
		return "gaugeway's certificate is for another name", fmt.Sprintf("have it carry the DNS name %s", e.dnsName())
	case has("x509:", "tls:"):
		return "the TLS handshake fails", "see the checks of the certificate below"
	case has("deadline exceeded", "Client.Timeout", "i/o timeout", "no route to host"):
		return "the API server does not reach the pods", "let the control plane reach port 6443 of the pods: NetworkPolicies, and on private clusters the firewall between control plane and nodes"
	case has("connection refused"):
		return "nothing listens where the Service leads to", in + "get pods -l " + nameLabel + "=gaugeway -o wide"
	case has(": 401", ": 403"):
		return "gaugeway refuses the API server's proxy", "bind " + installName + "'s ServiceAccount to the Role extension-apiserver-authentication-reader in kube-system and to the ClusterRole system:auth-delegator"
	case has(": 404"):
		return "what answers there does not serve this API", in + "get service " + e.Service + " -o yaml (does its selector match other pods?)"
	}
	return "the API server asked it for its resources and got no good answer", in + "logs deployment/" + installName
}

// dnsName is what the API server expects in the serving certificate.
func (e *examination) dnsName() string { return e.Service + "." + e.InstallNamespace + ".svc" }
