package scenarios_test

import (
	"bytes"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// helm is gaugeway's life in a cluster by the chart, and the loss of the Secret
// with its certificate.
func helm(s *cluster.Scenario) {
	withoutGaugeway(s)
	s.Node.SetExposition(s.Namespace, func(string) string { return "queue_length 4\nin_flight 1\n" })
	s.Apply("../lifecycle/edge.yaml")
	s.AwaitReady(s.Namespace, "edge")
	before := inventoryBefore(s)

	const chart = "manifests/chart/gaugeway"
	begin := time.Now()
	s.Helm("install", "gaugeway", chart, "--namespace", systemNamespace, "--create-namespace", "--set", "minReadySeconds=5", "--wait", "--timeout=1m")
	s.Logf("the chart is installed after %v", time.Since(begin).Round(100*time.Millisecond))
	s.AwaitGaugeway()
	s.Apply("../lifecycle/metrics.yaml")
	awaitExternal(s, "queue_length", 8)

	r := &reads{name: "queue_length", want: []float64{8}}
	tl := s.Record(r.column(s))
	tl.Mark("the Secret deleted")
	loseCertificate(s)
	s.Wait(2 * time.Second)
	r.check(s, "certificate")

	old := gaugewayPods(s)
	r.expect(8)
	tl.Mark("helm upgrade")
	s.Helm("upgrade", "gaugeway", chart, "--namespace", systemNamespace, "--set", "minReadySeconds=5", "--set", "podAnnotations.version=next", "--wait", "--timeout=1m")
	s.AwaitReady(systemNamespace, "gaugeway")
	awaitEnd(s, old)
	tl.Mark("upgraded")
	s.Wait(2 * time.Second)
	r.check(s, "upgrade")

	tl.Mark("helm uninstall")
	s.Helm("uninstall", "gaugeway", "--namespace", systemNamespace, "--wait")
	awaitNoGaugeway(s)
	awaitTermination(s, "helm-uninstalled")
	// Helm leaves the namespace that it has made.
	s.Kubectl("delete", "namespace", systemNamespace)
	awaitNothingLeft(s, before)
}

// loseCertificate deletes the Secret with the certificate and its authority. A
// replica makes it again from what it remembers, with a new authority that the
// APIServices get beside the old one.
func loseCertificate(s *cluster.Scenario) {
	s.Helper()
	const name, service = "gaugeway-serving-cert", "v1beta2.custom.metrics.k8s.io"
	secrets := s.Client.CoreV1().Secrets(systemNamespace)
	old, err := secrets.Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	if err := secrets.Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	begin := time.Now()
	// It is looked at every 45 s.
	s.Eventually(90*time.Second, "the Secret to be made again, and its authority to be trusted", func() error {
		next, err := secrets.Get(s.Context(), name, metav1.GetOptions{})
		switch {
		case err != nil:
			return err
		case bytes.Equal(next.Data["ca.key"], old.Data["ca.key"]):
			return fmt.Errorf("it has the key that was lost")
		}
		bundle := caBundle(s, service)
		if len(bundle) == 0 || !bytes.Equal(bytes.TrimSpace(bundle), bytes.TrimSpace(next.Data["ca.crt"])) {
			return fmt.Errorf("the APIService trusts\n%s\nand the Secret has\n%s", bundle, next.Data["ca.crt"])
		}
		return nil
	})
	s.Logf("the Secret is there again, and trusted, after %v", time.Since(begin).Round(100*time.Millisecond))
}
