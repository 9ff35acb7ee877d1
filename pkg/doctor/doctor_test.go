package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

func TestHealthyClusterHasNoFindings(t *testing.T) {
	t.Parallel()
	report, err := Examine(t.Context(), healthy(t).connect(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Level != OK || c.Cure != "" {
			t.Errorf("%+v", c)
		}
	}
	if len(report.Checks) != 19 {
		t.Errorf("%d checks", len(report.Checks))
	}
}

// findings returns the checks that are not OK, as "level object: message | cure".
func findings(checks []Check) []string {
	var out []string
	for _, c := range checks {
		if c.Level != OK {
			out = append(out, fmt.Sprintf("%s %s: %s | %s", c.Level, c.Object, c.Message, c.Cure))
		}
	}
	return out
}

// expect compares findings with what they begin with and, after ..., contain.
func expect(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("unexpected: %s", got[i])
		default:
			parts := strings.Split(want[i], "...")
			rest, found := strings.CutPrefix(got[i], parts[0])
			for _, part := range parts[1:] {
				_, after, ok := strings.Cut(rest, part)
				rest, found = after, found && ok
			}
			if !found {
				t.Errorf("got  %s\nwant %s", got[i], want[i])
			}
		}
	}
}

const (
	externalAPI = "APIService v1beta1.external.metrics.k8s.io"
	deployment  = "Deployment gaugeway-system/gaugeway"
	p95         = "GatewayMetric shop/checkout-p95"
	web         = "HorizontalPodAutoscaler shop/web"
)

// Each kind of broken cluster, and all that is said about it.
func TestBrokenClusters(t *testing.T) {
	t.Parallel()
	unavailable := func(reason, message string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: reason, Message: message,
			}
		}
	}
	args := func(args ...string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			get[*appsv1.Deployment](t, w, "gaugeway").Spec.Template.Spec.Containers[0].Args = append([]string{"serve"}, args...)
		}
	}
	keda := func(t *testing.T, w *world) {
		s := get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io")
		s.Spec.Service = &apiregistrationv1.ServiceReference{Namespace: "keda", Name: "keda-operator-metrics-apiserver"}
		s.Labels = map[string]string{"app.kubernetes.io/part-of": "keda-operator", "app.kubernetes.io/managed-by": "Helm"}
		s.Annotations = map[string]string{"meta.helm.sh/release-name": "keda", "meta.helm.sh/release-namespace": "keda"}
	}
	none := func(*testing.T, *world) {}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, w *world)
		and    func(t *testing.T, w *world)
		want   []string
	}{
		{"APIServices absent", func(_ *testing.T, w *world) { remove[*apiregistrationv1.APIService](w) }, none, []string{
			"error " + externalAPI + ": not registered: the leader ... | kubectl -n gaugeway-system logs deployment/gaugeway",
			"error APIService v1beta1.custom.metrics.k8s.io: not registered",
			"error APIService v1beta2.custom.metrics.k8s.io: not registered",
		}},
		{"APIServices absent in shadow mode", func(_ *testing.T, w *world) { remove[*apiregistrationv1.APIService](w) }, args("--apiservices="), nil},
		{"another adapter holds the API", keda, none, []string{
			"error " + externalAPI + ": served by KEDA at keda/keda-operator-metrics-apiserver (part-of keda-operator, managed-by Helm, Helm release keda/keda), so that no HorizontalPodAutoscaler sees the 2 metrics ...kubectl delete apiservice v1beta1.external",
		}},
		{"another adapter holds the API in shadow mode", keda, args("--apiservices", "custom.metrics.k8s.io"), nil},
		{"another adapter holds an API that nobody needs", func(t *testing.T, w *world) {
			keda(t, w)
			remove[*v1alpha1.GatewayMetric](w)
			remove[*autoscalingv2.HorizontalPodAutoscaler](w)
		}, none, []string{"warning " + externalAPI + ": served by KEDA ...no GatewayMetric asks for it"}},
		{"another adapter holds one version of the group", func(_ *testing.T, w *world) {
			w.objects = slices.DeleteFunc(w.objects, func(o client.Object) bool { return o.GetName() == "v1beta2.custom.metrics.k8s.io" })
		}, func(t *testing.T, w *world) {
			s := get[*apiregistrationv1.APIService](t, w, "v1beta1.custom.metrics.k8s.io")
			s.Labels, s.Spec.Service.Name = nil, "prometheus-adapter"
		}, []string{"error APIService v1beta1.custom.metrics.k8s.io: served by prometheus-adapter at gaugeway-system/prometheus-adapter"}},
		{"gaugeway of another namespace than the one named", func(t *testing.T, w *world) {
			w.options.InstallNamespace = DefaultNamespace
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.Service.Namespace = "monitoring"
		}, none, []string{"error " + externalAPI + ": it is of gaugeway, but leads to monitoring/gaugeway...| gaugeway doctor --install-namespace monitoring --service gaugeway"}},
		{"gaugeway of another namespace", func(t *testing.T, w *world) {
			for _, a := range apiServiceNames {
				get[*apiregistrationv1.APIService](t, w, a.name).Spec.Service.Namespace = "monitoring"
			}
		}, none, []string{"error Deployment monitoring/gaugeway: not found"}},
		{"a local APIService", func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.Service = nil
		}, none, []string{"error " + externalAPI + ": served by the API server itself"}},
		{"no endpoints", unavailable("MissingEndpoints", "endpoints for service/gaugeway have no addresses"), func(t *testing.T, w *world) {
			get[*appsv1.Deployment](t, w, "gaugeway").Status.ReadyReplicas = 0
			remove[*discoveryv1.EndpointSlice](w)
		}, []string{
			"error " + externalAPI + ": not available (MissingEndpoints): no pod of gaugeway is ready: endpoints for",
			"error " + deployment + ": no replica of 2 is ready",
			"error Service gaugeway-system/gaugeway: it has no ready endpoint",
		}},
		{"no Service", unavailable("ServiceNotFound", "service/gaugeway is not present"), func(_ *testing.T, w *world) { remove[*corev1.Service](w) }, []string{
			"error " + externalAPI + ": not available (ServiceNotFound): its Service does not exist",
			"error Service gaugeway-system/gaugeway: not found",
		}},
		{"another CA", unavailable("FailedDiscoveryCheck", "failing or missing response from https://10.0.0.1: x509: certificate signed by unknown authority"), func(t *testing.T, w *world) {
			other := issue(t, nil, true, now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0))
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.CABundle = pemOf(other.cert)
		}, []string{
			"error " + externalAPI + ": not available (FailedDiscoveryCheck): caBundle is not of the CA",
			"error " + externalAPI + ": caBundle does not verify the serving certificate: x509:",
		}},
		{"control plane is cut off", unavailable("FailedDiscoveryCheck", "Get https://10.0.0.1: net/http: request canceled (Client.Timeout exceeded while awaiting headers)"), none, []string{
			"error " + externalAPI + ": not available (FailedDiscoveryCheck): the API server does not reach the pods...| let the control plane reach port 6443",
		}},
		{"proxy is refused", unavailable("FailedDiscoveryCheck", "bad status from https://10.0.0.1/apis: 403"), none, []string{
			"error " + externalAPI + ": ...refuses the API server's proxy...system:auth-delegator",
		}},
		{"unknown message", unavailable("FailedDiscoveryCheck", "bad status from https://10.0.0.1/apis: 500"), none, []string{
			"error " + externalAPI + ": ...got no good answer...500",
		}},
		{"no condition yet", func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Status.Conditions = nil
		}, none, []string{"warning " + externalAPI + ": the API server has not said yet"}},
		{"TLS is not verified", func(t *testing.T, w *world) {
			s := get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io")
			s.Spec.InsecureSkipTLSVerify, s.Spec.CABundle = true, nil
		}, none, []string{"warning " + externalAPI + ": insecureSkipTLSVerify is set...| kubectl patch apiservice"}},
		{"label is missing", func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Labels = nil
		}, none, []string{"warning " + externalAPI + ": it leads to gaugeway but lacks the label...| kubectl label apiservice"}},
		{"caBundle is empty", func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.CABundle = nil
		}, none, []string{"error " + externalAPI + ": caBundle is empty"}},
		{"caBundle is garbage", func(t *testing.T, w *world) {
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.CABundle = []byte("garbage")
		}, none, []string{"error " + externalAPI + ": caBundle: it holds no certificate"}},
		{"caBundle has ended", func(t *testing.T, w *world) {
			old := issue(t, nil, true, now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0))
			get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.CABundle = pemOf(old.cert)
		}, none, []string{"error " + externalAPI + ": caBundle: no certificate in it is valid now; the last one ends at 2025-03-04"}},
		{"certificate is for another name", certificate("metrics.gaugeway-system.svc", now.AddDate(0, 1, 0)), none, []string{
			"error Secret gaugeway-system/gaugeway-serving-cert: the serving certificate is for metrics.gaugeway-system.svc, and the API server expects gaugeway.gaugeway-system.svc",
		}},
		{"certificate has ended", certificate("gaugeway.gaugeway-system.svc", now.AddDate(0, 0, -1)), none, []string{
			"error Secret gaugeway-system/gaugeway-serving-cert: the serving certificate is valid from 2026-01-04 to 2026-03-03 only",
		}},
		{"certificate ends soon", certificate("gaugeway.gaugeway-system.svc", now.AddDate(0, 0, 3)), none, []string{
			"warning Secret gaugeway-system/gaugeway-serving-cert: the serving certificate ends at 2026-03-07",
		}},
		{"certificate is garbage", func(t *testing.T, w *world) {
			get[*corev1.Secret](t, w, "gaugeway-serving-cert").Data["tls.crt"] = nil
		}, none, []string{"error Secret gaugeway-system/gaugeway-serving-cert: tls.crt: it holds no certificate | kubectl -n gaugeway-system delete secret"}},
		{"no certificate", func(_ *testing.T, w *world) { remove[*corev1.Secret](w) }, none, []string{
			"error Secret gaugeway-system/gaugeway-serving-cert: not found",
		}},
		{"certificate from a mounted Secret", args("--tls-cert-file=/tls/tls.crt"), func(t *testing.T, w *world) {
			get[*corev1.Secret](t, w, "gaugeway-serving-cert").Name = "gaugeway-tls"
			pod := &get[*appsv1.Deployment](t, w, "gaugeway").Spec.Template.Spec
			pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tls", MountPath: "/tls/"}}
			pod.Volumes = []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "gaugeway-tls"}}}}
		}, nil},
		{"certificate from elsewhere", args("--tls-cert-file=/tls/tls.crt"), none, []string{
			"skipped Secret gaugeway-system/?: could not check: --tls-cert-file names no mounted Secret",
		}},

		{"not installed", func(_ *testing.T, w *world) { w.objects = nil }, none, []string{
			"error " + externalAPI + ": not registered | install gaugeway",
			"error APIService v1beta1.custom.metrics.k8s.io: not registered",
			"error APIService v1beta2.custom.metrics.k8s.io: not registered",
			"error " + deployment + ": not found",
			"error CustomResourceDefinition gatewaysources.gaugeway.dev: not found",
			"error CustomResourceDefinition gatewaymetrics.gaugeway.dev: not found",
		}},
		{"one replica is ready", func(t *testing.T, w *world) { get[*appsv1.Deployment](t, w, "gaugeway").Status.ReadyReplicas = 1 }, none, []string{
			"warning " + deployment + ": 1 of 2 replicas are ready",
		}},
		{"one replica is wanted", func(t *testing.T, w *world) {
			d := get[*appsv1.Deployment](t, w, "gaugeway")
			d.Spec.Replicas, d.Status.ReadyReplicas = ptr.To[int32](1), 1
		}, none, []string{"warning " + deployment + ": one replica...--replicas=2"}},
		{"scaled to 0", func(t *testing.T, w *world) {
			d := get[*appsv1.Deployment](t, w, "gaugeway")
			d.Spec.Replicas, d.Status.ReadyReplicas = ptr.To[int32](0), 0
		}, none, []string{"error " + deployment + ": scaled to 0 replicas"}},
		{"Lease is not renewed", func(t *testing.T, w *world) {
			get[*coordinationv1.Lease](t, w, "gaugeway").Spec.RenewTime = &metav1.MicroTime{Time: now.Add(-10 * time.Minute)}
			get[*v1alpha1.GatewayMetric](t, w, "checkout-p95").Generation = 2
		}, none, []string{
			"error Lease gaugeway-system/gaugeway: gaugeway-0 holds it but has not renewed it for 10m0s",
			"error " + p95 + ": its status is of generation 1, and it is at 2",
		}},
		{"Lease has no holder", func(t *testing.T, w *world) { get[*coordinationv1.Lease](t, w, "gaugeway").Spec.HolderIdentity = nil }, none, []string{
			"error Lease gaugeway-system/gaugeway: nobody holds it",
		}},
		{"Lease is missing", func(_ *testing.T, w *world) { remove[*coordinationv1.Lease](w) }, none, []string{
			"error Lease gaugeway-system/gaugeway: not found",
		}},

		{"gaugeway may do nothing", func(_ *testing.T, w *world) { w.unbound = "*" }, none, []string{
			"error ServiceAccount gaugeway-system/gaugeway: it lacks list on pods, list on services, list on endpointslices, list on gatewaysources, list on gatewaymetrics, patch on gatewaysources/status, patch on gatewaymetrics/status: ... | apply the manifests",
		}},
		{"gaugeway may not list pods", func(_ *testing.T, w *world) { w.unbound = "pods" }, none, []string{
			"error ServiceAccount gaugeway-system/gaugeway: it lacks list on pods: gaugeway does not see what changes",
		}},
		{"autoscalers may not read", func(_ *testing.T, w *world) { w.readers = nil }, none, []string{
			"error API external.metrics.k8s.io: the controller of HorizontalPodAutoscalers may read it neither as system:serviceaccount:kube-system:horizontal-pod-autoscaler nor as system:kube-controller-manager | kubectl create clusterrolebinding gaugeway-hpa-reader --clusterrole=gaugeway-metrics-reader",
			"error API custom.metrics.k8s.io",
		}},
		{"managed control plane with another user", func(_ *testing.T, w *world) {
			w.readers = map[string]bool{"system:kube-controller-manager": true}
		}, none, nil},
		{"only the user that the controller does not use may read", func(_ *testing.T, w *world) {
			w.readers = map[string]bool{"system:kube-controller-manager": true}
			w.objects = append(w.objects, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "horizontal-pod-autoscaler"}})
		}, none, []string{
			"error API external.metrics.k8s.io: the controller of HorizontalPodAutoscalers may not read it as system:serviceaccount:kube-system:horizontal-pod-autoscaler | kubectl create clusterrolebinding gaugeway-hpa-reader",
			"error API custom.metrics.k8s.io: the controller of HorizontalPodAutoscalers may not read it",
		}},
		{"only the declared metrics may be read", func(_ *testing.T, w *world) {
			const user = "system:serviceaccount:kube-system:horizontal-pod-autoscaler "
			w.readers = map[string]bool{user + "list checkout_p95_ms/": true, user + "list checkout_rps/": true}
		}, none, []string{"error API custom.metrics.k8s.io"}},

		{"CRD is not established", func(t *testing.T, w *world) {
			get[*apiextensionsv1.CustomResourceDefinition](t, w, "gatewaymetrics.gaugeway.dev").Status.Conditions[1] = apiextensionsv1.CustomResourceDefinitionCondition{
				Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionFalse, Message: "names conflict",
			}
		}, none, []string{"error CustomResourceDefinition gatewaymetrics.gaugeway.dev: Established is False: names conflict"}},
		{"CRD serves another version", func(t *testing.T, w *world) {
			get[*apiextensionsv1.CustomResourceDefinition](t, w, "gatewaysources.gaugeway.dev").Spec.Versions[0].Name = "v1"
		}, none, []string{"error CustomResourceDefinition gatewaysources.gaugeway.dev: it serves v1 and not v1alpha1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.change(t, w)
			c.and(t, w)
			report, err := Examine(t.Context(), w.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings(report.Checks), c.want)
		})
	}
}

// certificate gives the Secret and the APIServices a new CA and a certificate.
func certificate(dns string, until time.Time) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		ca := issue(t, nil, true, now.AddDate(-1, 0, 0), now.AddDate(9, 0, 0))
		leaf := issue(t, ca, false, now.AddDate(0, -2, 0), until, dns)
		get[*corev1.Secret](t, w, "gaugeway-serving-cert").Data["tls.crt"] = pemOf(leaf.cert)
		for _, a := range apiServiceNames {
			get[*apiregistrationv1.APIService](t, w, a.name).Spec.CABundle = pemOf(ca.cert)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	condition := func(list *[]metav1.Condition, kind, reason, message string) {
		for i := range *list {
			if c := &(*list)[i]; c.Type == kind {
				c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
			}
		}
	}
	const kong = "GatewaySource gateways/kong"
	for _, c := range []struct {
		name   string
		change func(s *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric)
		want   []string
	}{
		{"source without status", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) { s.Status = v1alpha1.GatewaySourceStatus{} },
			[]string{"warning " + kong + ": it has no status"}},
		{"source that changed", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) { s.Generation = 4 },
			[]string{"warning " + kong + ": its status is of generation 3, and it is at 4"}},
		{"source that is refused", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			condition(&s.Status.Conditions, v1alpha1.ConditionAccepted, v1alpha1.ReasonNotAllowed, "spec.static: not allowed")
		}, []string{"error " + kong + ": not accepted (NotAllowed): spec.static: not allowed | use pods or service"}},
		{"source without targets", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			condition(&s.Status.Conditions, v1alpha1.ConditionFresh, v1alpha1.ReasonNoTargets, "no pod matches app=kong")
		}, []string{"error " + kong + ": it has no targets: no pod matches app=kong | see that its selector"}},
		{"source that is partly silent", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			s.Status.Targets = "2/3"
			condition(&s.Status.Conditions, v1alpha1.ConditionFresh, v1alpha1.ReasonPartial, "kong-2: connection refused")
		}, []string{"warning " + kong + ": targets 2/3 answer: kong-2: connection refused"}},
		{"source that is silent", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			s.Status.Targets = "0/3"
			condition(&s.Status.Conditions, v1alpha1.ConditionFresh, v1alpha1.ReasonSilent, "kong-0: timeout")
		}, []string{"error " + kong + ": Silent: targets 0/3 answer: kong-0: timeout"}},
		{"source that is another gateway", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			condition(&s.Status.Conditions, v1alpha1.ConditionFresh, v1alpha1.ReasonOtherGateway, "every expected target answers: kong-0 does not look like kong: it looks like envoy")
		}, []string{"warning " + kong + ": every expected target answers: kong-0 does not look like kong: it looks like envoy | correct spec.preset"}},
		{"source without Fresh", func(s *v1alpha1.GatewaySource, _ *v1alpha1.GatewayMetric) {
			s.Status.Conditions = s.Status.Conditions[:1]
		},
			[]string{"warning " + kong + ": its status does not say"}},

		{"metric without state", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) { m.Status.State = "" },
			[]string{"warning " + p95 + ": its status has no state yet"}},
		{"metric that does not compile", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Spec.Lua = "p95("
			condition(&m.Status.Conditions, v1alpha1.ConditionAccepted, v1alpha1.ReasonCompileError, "spec.lua: line 1: ...")
		}, []string{"error " + p95 + ": not accepted (CompileError): spec.lua: line 1: ... | kubectl -n shop edit gwm checkout-p95"}},
		{"metric whose source is missing", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			condition(&m.Status.Conditions, v1alpha1.ConditionAccepted, v1alpha1.ReasonSourceNotFound, "x")
		}, []string{"error " + p95 + ": not accepted (SourceNotFound): x | kubectl get gws -A"}},
		{"metric that may not use its source", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			condition(&m.Status.Conditions, v1alpha1.ConditionAccepted, v1alpha1.ReasonSourceDenied, "x")
		}, []string{"error " + p95 + ": not accepted (SourceDenied): x | have the source's owner add shop"}},
		{"metric whose name is taken", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			condition(&m.Status.Conditions, v1alpha1.ConditionAccepted, v1alpha1.ReasonNameConflict, "x")
		}, []string{"error " + p95 + ": not accepted (NameConflict): x | rename the metric"}},
		{"metric that is missing", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Status.State, m.Status.Reason = "Missing", "1 of 3 targets answer"
		}, []string{"error " + p95 + ": Missing, so that the autoscaler gets an error: 1 of 3 targets answer"}},
		{"metric that is held", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Status.State, m.Status.Reason = "Held", "no target answers"
		}, []string{"warning " + p95 + ": Held: there is no data, and missing.policy gives 187500m: no target answers"}},
		{"metric that is warming", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) { m.Status.State = "Warming" },
			[]string{"warning " + p95 + ": Warming"}},
		{"metric that is partial", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Status.State, m.Status.Coverage, m.Status.Reason = "Partial", "2/3", "kong-2 is silent"
		}, []string{"warning " + p95 + ": Partial, coverage 2/3: kong-2 is silent"}},
		{"metric that is idle", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Status.State, m.Status.SampleTime = "Idle", &metav1.Time{Time: now.Add(-time.Hour)}
		}, nil},
		{"status that is not written", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Status.SampleTime = &metav1.Time{Time: now.Add(-3 * time.Minute)}
		}, []string{"warning " + p95 + ": Fresh, and yet its sample is 3m0s old"}},
		{"slow source", func(s *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			s.Spec.Interval = &metav1.Duration{Duration: 2 * time.Minute}
			m.Status.SampleTime = &metav1.Time{Time: now.Add(-3 * time.Minute)}
		}, nil},
		{"memory on several replicas", func(_ *v1alpha1.GatewaySource, m *v1alpha1.GatewayMetric) {
			m.Spec.Lua = `local last = max(max_over_time(self["10m"])) or 0 return last`
		}, []string{"warning " + p95 + ": its expression reads earlier results"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.change(get[*v1alpha1.GatewaySource](t, w, "kong"), get[*v1alpha1.GatewayMetric](t, w, "checkout-p95"))
			report, err := Examine(t.Context(), w.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings(report.Checks), c.want)
		})
	}
}

// What a user may not read is skipped, with what it takes, and is no error.
func TestMissingPermissionsAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		denied []string
		want   []string
	}{
		{"secrets", []string{"get secrets"}, []string{"skipped Secret gaugeway-system/gaugeway-serving-cert: could not check, needs get on the secret gaugeway-serving-cert in gaugeway-system"}},
		{"apiservices", []string{"get apiservices"}, []string{"skipped " + externalAPI + ": could not check, needs get on apiservices", "skipped APIService v1beta1.custom", "skipped APIService v1beta2.custom"}},
		{"deployments", []string{"get deployments"}, []string{"skipped " + deployment}},
		{"services", []string{"get services"}, []string{"skipped Service gaugeway-system/gaugeway: ...needs get on services"}},
		{"endpointslices", []string{"list in gaugeway-system endpointslices"}, []string{"skipped Service gaugeway-system/gaugeway: ...needs list on endpointslices"}},
		{"leases", []string{"get leases"}, []string{"skipped Lease gaugeway-system/gaugeway"}},
		{"CRDs, where the objects can be listed", []string{"get customresourcedefinitions"}, nil},
		{"reviews and bindings", []string{"create subjectaccessreviews", "list clusterrolebindings"}, []string{
			"skipped API external.metrics.k8s.io: could not check, needs create on subjectaccessreviews", "skipped API custom.metrics.k8s.io",
		}},
		{"objects", []string{"list gatewaysources", "list gatewaymetrics", "list horizontalpodautoscalers"}, []string{
			"skipped GatewaySource *: ...needs list on gatewaysources.gaugeway.dev in all namespaces (or look at one only, with --namespace)",
			"skipped GatewayMetric *", "skipped HorizontalPodAutoscaler *",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			for _, d := range c.denied {
				w.denied[d] = true
			}
			report, err := Examine(t.Context(), w.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings(report.Checks), c.want)
		})
	}
}

// A tenant may list in one namespace only.
func TestTenant(t *testing.T) {
	t.Parallel()
	w := healthy(t)
	w.options.Namespace = "shop"
	for _, d := range []string{"list gatewaysources", "list gatewaymetrics", "list in shop gatewaysources"} {
		w.denied[d] = true
	}
	report, err := Examine(t.Context(), w.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, findings(report.Checks), []string{"skipped GatewaySource *: could not check, needs list on gatewaysources.gaugeway.dev in shop"})
	if n := report.Count(OK); n != 18 {
		t.Errorf("%d checks are ok", n)
	}
}

// Where reviews are denied the bindings tell.
func TestAccessByBindings(t *testing.T) {
	t.Parallel()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "reader"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{externalGroup, customGroup}, Resources: []string{"*"}, Verbs: []string{"get", "list"}},
	}}
	for _, c := range []struct {
		name    string
		subject rbacv1.Subject
		want    []string
	}{
		{"ServiceAccount", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "kube-system", Name: "horizontal-pod-autoscaler"}, nil},
		{"user", rbacv1.Subject{Kind: "User", Name: "system:kube-controller-manager"}, nil},
		{"group", rbacv1.Subject{Kind: "Group", Name: "system:authenticated"}, nil},
		{"somebody else", rbacv1.Subject{Kind: "ServiceAccount", Namespace: "kube-system", Name: "other"}, []string{
			"warning API external.metrics.k8s.io: no ClusterRoleBinding lets", "warning API custom.metrics.k8s.io",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.denied["create subjectaccessreviews"] = true
			w.objects = append(w.objects, role.DeepCopy(), &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "b"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "reader"}, Subjects: []rbacv1.Subject{c.subject},
			})
			report, err := Examine(t.Context(), w.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings(report.Checks), c.want)
		})
	}
}

func TestCouldNotLook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"unreachable":  {errors.New("connection refused"), "the API server does not answer: connection refused"},
		"unauthorized": {apierrors.NewUnauthorized("no"), "does not accept the credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			w.reads["/version"] = answer{err: c.err}
			if _, err := Examine(t.Context(), w.connect(t)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
