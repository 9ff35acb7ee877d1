package scenarios_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/node"
)

const (
	bankNamespace = "tenants-bank"
	// Each gateway of either tenant shows these queues, and the bank has two.
	shopQueue, bankQueue = 3, 100
	bankTotal            = 2 * (shopQueue + bankQueue)
	// metricsPort is that of the image e2e/exposition.
	metricsPort = 9113
)

// A bank is the tenant that is not to be reached.
type bank struct {
	vault, edge *node.Pod
	// asked is how often somebody asked the vault, and nodeAsked how often
	// somebody asked the node itself at the port of the gateways' statistics.
	asked, nodeAsked atomic.Int64
	// redirected is how often the shop's pod that redirects to the vault did so.
	redirected atomic.Int64
}

// tenants holds one tenant against another: the scenario's namespace, a shop,
// tries to get at a bank.
func tenants(s *cluster.Scenario) {
	s.InstallGaugeway()
	b := openBank(s)
	s.Apply("shop.yaml")
	s.AwaitReady(s.Namespace, "edge")
	awaitExternal(s, "shop_queue", shopQueue+bankQueue)
	awaitBank(s)

	b.watchNode(s)
	tenantsReach(s, b)
	tenantsForge(s, b)
	tenantsRefused(s)
	tenantsBorrow(s)
	tenantsRead(s)

	// The attempts of all the time above, and of some more.
	s.Throughout(5*time.Second, "the bank is left alone", func() error {
		if n, at := b.asked.Load(), b.nodeAsked.Load(); n > 0 || at > 0 {
			return fmt.Errorf("the vault was asked %d times, the node %d times", n, at)
		}
		return bankServes(s)
	})
	b.checkCounters(s)
	if b.redirected.Load() == 0 {
		s.Error("nobody asked the pod that redirects, so that nothing is shown by it")
	}
}

// openBank sets the bank up, and what all gateways show.
func openBank(s *cluster.Scenario) *bank {
	b := &bank{}
	exposition := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "# TYPE queue_length gauge\nqueue_length{tenant=\"shop\"} %d\nqueue_length{tenant=\"bank\"} %d\n", shopQueue, bankQueue)
	})
	s.CreateNamespace(bankNamespace)
	s.Node.SetHandler(bankNamespace, func(pod string) http.Handler {
		if strings.HasPrefix(pod, "vault-") {
			b.asked.Add(1)
		}
		return exposition
	})
	s.Kubectl("apply", "-n", bankNamespace, "-f", s.File("bank.yaml"))
	s.AwaitReady(bankNamespace, "edge")
	s.AwaitReady(bankNamespace, "vault")
	b.vault, b.edge = s.Node.Pods(bankNamespace, "app=vault")[0], s.Node.Pods(bankNamespace, "app=edge")[0]
	s.Node.SetHandler(s.Namespace, func(pod string) http.Handler {
		if !strings.HasPrefix(pod, "redirect-") {
			return exposition
		}
		b.redirected.Add(1)
		return http.RedirectHandler(fmt.Sprintf("http://%s:%d/metrics", b.vault.Address(), metricsPort), http.StatusFound)
	})
	return b
}

// watchNode counts who asks the node's own address.
func (b *bank) watchNode(s *cluster.Scenario) {
	host := b.vault.Object().Status.HostIP
	l, err := new(net.ListenConfig).Listen(s.Context(), "tcp", fmt.Sprintf("%s:%d", host, metricsPort))
	if err != nil {
		s.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.nodeAsked.Add(1) }),
	}
	go func() { _ = server.Serve(l) }() // it ends by Close
	s.Cleanup(func() { server.Close() })
}

// checkCounters asks once, so that no counter has said 0 because it does not count.
func (b *bank) checkCounters(s *cluster.Scenario) {
	for _, asked := range []struct {
		host  string
		count *atomic.Int64
	}{{b.vault.Address(), &b.asked}, {b.vault.Object().Status.HostIP, &b.nodeAsked}} {
		req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, fmt.Sprintf("http://%s:%d/metrics", asked.host, metricsPort), nil)
		if err != nil {
			s.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			s.Fatal(err)
		}
		resp.Body.Close()
		if n := asked.count.Load(); n != 1 {
			s.Errorf("%s was asked %d times, want once: by the test", asked.host, n)
		}
	}
}

// bankServes says whether the bank's own metric is what it should be.
func bankServes(s *cluster.Scenario) error {
	theirs := *s
	theirs.Namespace = bankNamespace
	got, err := theirs.External("bank_queue")
	if err == nil && got != bankTotal {
		err = fmt.Errorf("the bank's queue is %v, want %d", got, bankTotal)
	}
	return err
}

func awaitBank(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(cluster.Patience, "the bank's own metric", func() error { return bankServes(s) })
}

// tenantsReach tries the bank's pods by a selector, by the name of its Service,
// by EndpointSlices that name its pod or its address, and by a redirect.
func tenantsReach(s *cluster.Scenario, b *bank) {
	own := s.Pods("app=edge")[0].Object()
	vault := b.vault.Object()
	theirs := &corev1.ObjectReference{Kind: "Pod", Namespace: bankNamespace, Name: vault.Name, UID: vault.UID}
	claimed := &corev1.ObjectReference{Kind: "Pod", Namespace: s.Namespace, Name: vault.Name, UID: vault.UID}
	ours := &corev1.ObjectReference{Kind: "Pod", Namespace: s.Namespace, Name: own.Name, UID: own.UID}
	forgeSlice(s, "front", b.vault.Address(), theirs)
	forgeSlice(s, "front", b.vault.Address(), claimed)
	forgeSlice(s, "front", b.vault.Address(), nil)
	forgeSlice(s, "front-address", b.vault.Address(), ours)
	s.Apply("reach.yaml") // their Services, and who looks at them

	awaitCondition(s, "gatewaysource", "by-selector", "Fresh", "NoTargets")
	awaitCondition(s, "gatewaysource", "by-service", "Fresh", "NoTargets", "Service tenants/vault does not exist")
	awaitCondition(s, "gatewaysource", "by-slice", "Fresh", "NoTargets",
		"it refers to a pod of another namespace", vault.Name+" does not exist", "it does not refer to a pod")
	// The shop's pod is expected to answer, and has no address that may be used.
	awaitCondition(s, "gatewaysource", "by-slice-address", "Fresh", "Silent", "this is no address of pod "+own.Name)
	awaitCondition(s, "gatewaysource", "by-redirect", "Fresh", "Silent", "redirects", "which is not followed")
	s.Eventually(cluster.Patience, "the HPA on the bank's metric to find none", func() error {
		return hpaFails(s.HPA("edge"), "FailedGetExternalMetric")
	})
}

// forgeSlice adds an EndpointSlice with one endpoint to a Service.
func forgeSlice(s *cluster.Scenario, service, address string, ref *corev1.ObjectReference) {
	s.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: service + "-",
			Labels:       map[string]string{discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: "shop"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("metrics"), Port: ptr.To[int32](metricsPort)}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{address}, TargetRef: ref, NodeName: ptr.To(node.Name),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		}},
	}
	if _, err := s.Client.DiscoveryV1().EndpointSlices(s.Namespace).Create(s.Context(), slice, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
}

func hpaFails(hpa *autoscalingv2.HorizontalPodAutoscaler, reason string) error {
	for _, c := range hpa.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && c.Reason == reason {
			return nil
		}
	}
	return fmt.Errorf("its conditions are %+v", hpa.Status.Conditions)
}

// tenantsForge tries pods whose status claims an address that is not theirs, by
// a selector and, for the bank's, by the EndpointSlice that the cluster's own
// controller makes of it.
func tenantsForge(s *cluster.Scenario, b *bank) {
	const another = "a pod of another namespace has it and claimed it first"
	for _, forgery := range []struct{ name, address, problem string }{
		{"forged-vault", b.vault.Address(), another},
		{"forged-edge", b.edge.Address(), another},
		{"forged-node", b.vault.Object().Status.HostIP, "it is the address of a node, and the pod does not have hostNetwork"},
		{"forged-loopback", "127.0.0.1", "it is a loopback address"},
		{"forged-metadata", "169.254.169.254", "it is a link-local address"},
		{"forged-service", "10.96.0.1", "it is the address of a Service"},
	} {
		s.ApplyText(fmt.Sprintf(`
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: %[1]s}
spec:
  pods: {selector: {matchLabels: {app: %[1]s}}, port: %[2]d}
  interval: 1s
`, forgery.name, metricsPort))
		forgePod(s, forgery.name, forgery.address)
		awaitCondition(s, "gatewaysource", forgery.name, "Fresh", "Silent",
			fmt.Sprintf("pod %s/%s is not scraped at %s: %s", s.Namespace, forgery.name, forgery.address, forgery.problem))
	}
	s.ApplyText(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: forged}
spec:
  selector: {app: forged-vault}
  ports: [{name: metrics, port: %[1]d}]
---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: by-forged-service}
spec:
  service: {name: forged, port: metrics}
  interval: 1s
`, metricsPort))
	s.Eventually(cluster.Patience, "the cluster's own EndpointSlice with the vault's address", func() error {
		if got := s.Node.Endpoints(s.Namespace, "forged"); len(got) != 1 || got[0] != fmt.Sprintf("%s:%d", b.vault.Address(), metricsPort) {
			return fmt.Errorf("the endpoints are %v", got)
		}
		return nil
	})
	awaitCondition(s, "gatewaysource", "by-forged-service", "Fresh", "Silent", "forged-vault is not scraped at "+b.vault.Address()+": "+another)
}

// forgePod makes a pod that runs nowhere, and claims an address and to be ready.
func forgePod(s *cluster.Scenario, name, address string) {
	s.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{"app": name},
			Annotations: map[string]string{node.AnnotationUnmanaged: "true"},
		},
		Spec: corev1.PodSpec{
			NodeName:                      node.Name,
			TerminationGracePeriodSeconds: ptr.To[int64](0),
			Containers:                    []corev1.Container{{Name: "none", Image: node.ImagePause}},
		},
	}
	pods := s.Client.CoreV1().Pods(s.Namespace)
	created, err := pods.Create(s.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	created.Status = corev1.PodStatus{
		Phase: corev1.PodRunning,
		PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}},
	}
	if _, err := pods.UpdateStatus(s.Context(), created, metav1.UpdateOptions{}); err != nil {
		s.Fatal(err)
	}
}

// tenantsRefused tries what sources of a cluster may not say at all.
func tenantsRefused(s *cluster.Scenario) {
	const source = `
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: by-url}
spec:
`
	s.ApplyText(source + "  static: {urls: ['http://" + bankNamespace + ".svc/metrics']}\n  interval: 1s\n")
	awaitCondition(s, "gatewaysource", "by-url", "Accepted", "NotAllowed", "spec.static", "may not list URLs", "select pods or a service", "--allow-static")

	const pods = source + "  pods: {selector: {matchLabels: {app: redirect}}, port: metrics}\n"
	const token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
	for _, spec := range []string{
		"  authorization: {credentialsFile: " + token + "}\n",
		"  basicAuth: {username: a, passwordFile: " + token + "}\n",
		"  scheme: https\n  tlsConfig: {caFile: " + token + "}\n",
	} {
		refuse(s, pods+spec, "a cluster's objects may not name files")
	}
}

// refuse applies a manifest that must not be admitted, for a reason.
func refuse(s *cluster.Scenario, manifest, reason string) {
	s.Helper()
	if stdout, stderr, err := s.Admin().TryWith(manifest, "apply", "-f", "-"); err == nil || !strings.Contains(stderr, reason) {
		s.Errorf("want it refused because of %q, got %v: %s%s\n%s", reason, err, stdout, stderr, manifest)
	}
}

// tenantsBorrow uses the bank's source: not unless allowed, and then only for
// what is allowed.
func tenantsBorrow(s *cluster.Scenario) {
	denied := func() {
		s.Helper()
		awaitCondition(s, "gatewaymetric", "borrowed", "Accepted", "SourceDenied",
			"source tenants-bank/edge may not be used from namespace tenants", "add {name: tenants} to spec.allowedNamespaces of the source")
		awaitUnanswered(s, "borrowed", apierrors.IsNotFound)
	}
	allow := func(namespaces string) {
		s.Helper()
		s.Kubectl("patch", "-n", bankNamespace, "gatewaysource", "edge", "--type=merge", "-p", `{"spec":{"allowedNamespaces":`+namespaces+`}}`)
	}
	s.Apply("borrowed.yaml")
	denied()

	allow(`[{"name":"tenants","matchers":{"tenant":["shop"]}}]`)
	awaitExternal(s, "borrowed", 2*shopQueue)
	awaitCondition(s, "gatewaymetric", "borrowed", "Accepted", "Accepted")
	awaitCondition(s, "gatewaymetric", "peek", "Accepted", "Accepted")
	s.Throughout(3*time.Second, "the shop sees what it may", func() error {
		if got, err := s.External("borrowed"); err != nil || got != 2*shopQueue {
			return fmt.Errorf("it sees %v, want %d: %w", got, 2*shopQueue, err)
		}
		if got, err := s.External("peek"); !apierrors.IsServiceUnavailable(err) {
			return fmt.Errorf("it sees %v of the bank's queue: %w", got, err)
		}
		return nil
	})
	allow(`[{"name":"tenants"}]`)
	awaitExternal(s, "borrowed", bankTotal)
	awaitExternal(s, "peek", 2*bankQueue)
	allow(`[]`)
	denied()
	s.Throughout(2*time.Second, "what is no longer allowed is gone", func() error { return unknownExternal(s, "borrowed") })
}

// unknownExternal says whether the namespace does not have an external metric.
func unknownExternal(s *cluster.Scenario, name string) error {
	if got, err := s.External(name); !apierrors.IsNotFound(err) {
		return fmt.Errorf("%s is %v, %w", name, got, err)
	}
	return nil
}

// tenantsRead reads as people, not as administrator.
func tenantsRead(s *cluster.Scenario) {
	const external, custom = "/apis/external.metrics.k8s.io/v1beta1/namespaces/", "/apis/custom.metrics.k8s.io/v1beta2/namespaces/"
	bankPod := s.Node.Pods(bankNamespace, "app=edge")[0].Name()
	developer, nobody := s.As(s.Namespace, "developer"), s.As(s.Namespace, "default")
	for _, c := range []struct {
		who  *cluster.User
		path string
		want string // in stderr; empty: it is read
	}{
		{s.Admin(), external + bankNamespace + "/bank_queue", ""},
		{s.Admin(), custom + bankNamespace + "/pods/" + bankPod + "/bank_queue", ""},
		{developer, external + s.Namespace + "/shop_queue", ""},
		{developer, external + s.Namespace + "/bank_queue", "NotFound"},
		{developer, external + bankNamespace + "/bank_queue", "Forbidden"},
		{developer, custom + s.Namespace + "/pods/" + bankPod + "/bank_queue", "NotFound"},
		{developer, custom + s.Namespace + "/pods/*/bank_queue", "NotFound"},
		{developer, custom + bankNamespace + "/pods/*/bank_queue", "Forbidden"},
		{nobody, external + s.Namespace + "/shop_queue", "Forbidden"},
	} {
		stdout, stderr, err := c.who.Try("get", "--raw", c.path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(stderr, c.want)) {
			s.Errorf("%s: want %q, got %v: %s%s", c.path, c.want, err, stdout, stderr)
		}
	}
	// The namespace's editors may write its metrics, and no other's.
	for namespace, want := range map[string]bool{s.Namespace: true, bankNamespace: false} {
		for _, resource := range []string{"gatewaymetrics.gaugeway.dev", "gatewaysources.gaugeway.dev"} {
			stdout, _, err := developer.Try("auth", "can-i", "create", resource, "-n", namespace)
			if got := strings.TrimSpace(stdout) == "yes"; got != want {
				s.Errorf("a developer of %s may create %s in %s: %v (%v), want %v", s.Namespace, resource, namespace, got, err, want)
			}
		}
	}
}
