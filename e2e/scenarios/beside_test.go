package scenarios_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

const externalAPIService = "v1beta1.external.metrics.k8s.io"

// beside runs gaugeway in a cluster of which another adapter serves
// external.metrics.k8s.io: it takes what is free and never writes to the other's
// APIService, and in shadow mode takes nothing.
func beside(s *cluster.Scenario) {
	withoutGaugeway(s)
	s.Node.SetExposition(s.Namespace, func(string) string { return "queue_length 4\nin_flight 2\n" })
	s.Apply("../lifecycle/edge.yaml")
	s.AwaitReady(s.Namespace, "edge")
	register(s)
	foreign := func() string {
		s.Helper()
		return s.Kubectl("get", "apiservice", externalAPIService, "--show-managed-fields", "-o", "yaml")
	}
	before := foreign()
	unchanged := func(when string) {
		s.Helper()
		if now := foreign(); now != before {
			s.Errorf("%s the other's APIService is\n%s\nwant\n%s", when, now, before)
		}
		if got, err := s.External("queue_length"); err != nil || got != 10 {
			s.Errorf("%s the other answers %v, %v, want 10", when, got, err)
		}
	}

	install(s, "default")
	s.AwaitGaugeway()
	s.Apply("metrics.yaml")
	awaitInFlight(s)
	s.Eventually(cluster.Patience, "the log to say whose the API is", func() error {
		if logs := s.Node.Logs(systemNamespace, 100); !strings.Contains(logs, "it belongs to the service beside/incumbent") {
			return fmt.Errorf("it says\n%s", logs)
		}
		return nil
	})
	awaitFinding(s, finding{"error", "APIService " + externalAPIService, "served by beside/incumbent", "gaugeway doctor --compare, and to switch over"})
	unchanged("installed")
	loseCertificate(s)
	awaitInFlight(s)
	unchanged("after a new certificate")
	uninstall(s, "default")
	awaitNoGaugeway(s)
	unchanged("uninstalled")

	besideInShadow(s)
	unchanged("in shadow mode")
	uninstall(s, "shadow")
	unchanged("after shadow mode")
}

// register has the other adapter serve external metrics.
func register(s *cluster.Scenario) {
	s.Apply("incumbent.yaml")
	s.AwaitReady(s.Namespace, "incumbent")
	secret, err := s.Client.CoreV1().Secrets(s.Namespace).Get(s.Context(), "incumbent", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": externalAPIService},
		"spec": map[string]any{
			"group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
			"service": map[string]any{"namespace": s.Namespace, "name": "incumbent"}, "caBundle": secret.Data["ca.crt"],
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		// The scenario's own context has ended.
		for _, path := range []string{
			"/apis/apiregistration.k8s.io/v1/apiservices/" + externalAPIService,
			"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/beside-incumbent",
		} {
			if err := s.Client.Discovery().RESTClient().Delete().AbsPath(path).Do(context.Background()).Error(); err != nil {
				s.Error(err)
			}
		}
	})
	s.ApplyText(string(manifest))
	awaitExternal(s, "queue_length", 10)
}

// awaitInFlight waits until gaugeway serves the custom metric.
func awaitInFlight(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(cluster.Patience, "gaugeway's own API", func() error {
		b, err := s.Raw("/apis/custom.metrics.k8s.io/v1beta2/namespaces/" + s.Namespace + "/pods/*/in_flight")
		if err != nil {
			return err
		}
		if n := strings.Count(string(b), `"value":"2"`); n != 2 {
			return fmt.Errorf("%d items are 2: %s", n, b)
		}
		return nil
	})
}

// besideInShadow sets gaugeway's answers beside the other's.
func besideInShadow(s *cluster.Scenario) {
	install(s, "shadow")
	s.AwaitReady(systemNamespace, "gaugeway")
	s.Apply("metrics.yaml")
	awaitCondition(s, "gatewaymetric", "queue", "Fresh", "Fresh")
	s.Eventually(cluster.Patience, "the comparison", func() error {
		text, code := runDoctor(s, "admin", "--namespace", s.Namespace, "--compare")
		if code != 0 {
			return fmt.Errorf("exit code %d:\n%s", code, text)
		}
		for line := range strings.Lines(text) {
			if strings.Join(strings.Fields(line), " ") != "beside queue_length - 10 queue 8 0.80" {
				continue
			}
			if !strings.Contains(text, "external metrics are served by beside/incumbent") {
				return fmt.Errorf("it does not say with whom:\n%s", text)
			}
			s.Logf("gaugeway doctor --compare:\n%s", text)
			return nil
		}
		return fmt.Errorf("it prints\n%s", text)
	})
	s.Throughout(2*time.Second, "nothing is registered", func() error {
		if _, err := s.Raw("/apis/custom.metrics.k8s.io/v1beta2"); !apierrors.IsNotFound(err) {
			return fmt.Errorf("custom.metrics.k8s.io: %w", err)
		}
		return nil
	})
}
