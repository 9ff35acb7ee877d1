package scenarios_test

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// rbac: who may read metrics, by the cluster's own authorization.
//
//	administrator, HPA controller, a reader in its namespace: the value
//	the reader in another namespace, a service account without a role: 403
//	an editor of the namespace: its GatewayMetrics, not those of others
func rbac(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Node.SetExposition(s.Namespace, func(string) string { return "queue 7\n" })
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	awaitExternal(s, "queue", 7)

	external := s.ExternalPath("queue")
	pods := func(version string) string {
		return "/apis/custom.metrics.k8s.io/" + version + "/namespaces/" + s.Namespace + "/pods/%2A/queue"
	}
	elsewhere := strings.Replace(external, "/"+s.Namespace+"/", "/kube-system/", 1)

	reads := func(u *cluster.User, path string) {
		s.Helper()
		if stdout, stderr, err := u.Try("get", "--raw", path); err != nil || !strings.Contains(stdout, `"value":"7"`) {
			s.Errorf("reading %s: %v: %s%s; want the value 7", path, err, stdout, stderr)
		}
	}
	refused := func(u *cluster.User, path string) {
		s.Helper()
		if stdout, stderr, err := u.Try("get", "--raw", path); err == nil || !strings.Contains(stderr, "Forbidden") {
			s.Errorf("reading %s: %v: %s%s; want 403", path, err, stdout, stderr)
		}
	}
	autoscaler := s.As("kube-system", "horizontal-pod-autoscaler")
	reader := s.As(s.Namespace, "reader")
	nobody := s.As(s.Namespace, "nobody")
	for _, path := range []string{external, pods("v1beta1"), pods("v1beta2")} {
		reads(s.Admin(), path)
		reads(autoscaler, path)
		reads(reader, path)
		refused(nobody, path)
	}
	refused(reader, elsewhere)
	refused(nobody, elsewhere)

	s.Eventually(cluster.Patience, "the HPA controller to read both metrics", func() error {
		hpa := s.HPA("edge")
		if len(hpa.Status.CurrentMetrics) != 2 {
			return fmt.Errorf("%+v", hpa.Status)
		}
		for _, c := range hpa.Status.Conditions {
			if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v", hpa.Status.Conditions)
	})

	editor := s.As(s.Namespace, "editor")
	for _, c := range []struct {
		user *cluster.User
		who  string
		ask  []string
		want string
	}{
		{editor, "the editor", []string{"create", "gatewaymetrics.gaugeway.dev"}, "yes"},
		{editor, "the editor", []string{"update", "gatewaysources.gaugeway.dev"}, "yes"},
		{editor, "the editor", []string{"create", "gatewaymetrics.gaugeway.dev", "-n", "kube-system"}, "no"},
		{editor, "the editor", []string{"patch", "gatewaymetrics.gaugeway.dev", "--subresource=status"}, "no"},
		{nobody, "nobody", []string{"get", "gatewaymetrics.gaugeway.dev"}, "no"},
		{reader, "the reader", []string{"create", "gatewaymetrics.gaugeway.dev"}, "no"},
	} {
		stdout, stderr, _ := c.user.Try(append([]string{"auth", "can-i"}, c.ask...)...)
		if got := strings.TrimSpace(stdout); got != c.want {
			s.Errorf("%s, can-i %v: got %q %s, want %s", c.who, c.ask, got, stderr, c.want)
		}
	}
}
