package scenarios_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/build"
	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// A finding is what gaugeway doctor prints of a check with --output json.
type finding struct {
	Level, Object, Message, Cure string
}

// doctor examines a healthy cluster and each kind of broken one. What the doctor
// says to do is done, as far as it is a command.
func doctor(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Node.SetExposition(s.Namespace, func(string) string { return "queue_length 3\nin_flight 2\nlatency_ms 80\n" })
	s.Apply("healthy.yaml")
	s.AwaitReady(s.Namespace, "edge")
	awaitHealthy(s)
	text, code := runDoctor(s, "admin", "--namespace", s.Namespace)
	s.Logf("gaugeway doctor, exit code %d:\n%s", code, text)

	doctorObjects(s)
	doctorSilence(s)
	doctorAccess(s)
	doctorInstallation(s)
	doctorForeign(s)
	awaitHealthy(s)
	if text, code := runDoctor(s, nobody(s)); code != 2 {
		s.Errorf("somebody who may read nothing: exit code %d, want 2:\n%s", code, text)
	}
}

// nobody is the kubeconfig of somebody who may read nothing.
func nobody(s *cluster.Scenario) string {
	s.Helper()
	s.As(s.Namespace, "default")
	return s.Namespace + "-default"
}

// runDoctor runs gaugeway doctor with a kubeconfig.
func runDoctor(s *cluster.Scenario, kubeconfig string, arguments ...string) (text string, code int) {
	s.Helper()
	arguments = append([]string{"doctor", "--kubeconfig", s.ControlPlane.Kubeconfig(kubeconfig)}, arguments...)
	cmd := exec.CommandContext(s.Context(), os.Getenv(cluster.GaugewayVariable), arguments...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// examine returns what the doctor finds, and its exit code.
func examine(s *cluster.Scenario, namespace string) ([]finding, int) {
	s.Helper()
	text, code := runDoctor(s, "admin", "--namespace", namespace, "--output", "json")
	var report struct{ Checks []finding }
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		s.Fatalf("%v: %s", err, text)
	}
	return report.Checks, code
}

// awaitHealthy waits until nothing is wrong: no error and no warning either.
func awaitHealthy(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(90*time.Second, "a healthy cluster", func() error {
		checks, code := examine(s, s.Namespace)
		for _, c := range checks {
			if c.Level != "ok" {
				return fmt.Errorf("%+v", c)
			}
		}
		if code != 0 || len(checks) == 0 {
			return fmt.Errorf("exit code %d after %d checks", code, len(checks))
		}
		return nil
	})
}

// awaitFinding waits until the doctor says something of an object, and returns
// the cure. The exit code is 1 for errors.
func awaitFinding(s *cluster.Scenario, want finding) (cure string) {
	s.Helper()
	awaitFindingIn(s, s.Namespace, want, &cure)
	return cure
}

func awaitFindingIn(s *cluster.Scenario, namespace string, want finding, cure *string) {
	s.Helper()
	s.Eventually(cluster.Patience, fmt.Sprintf("%+v", want), func() error {
		checks, code := examine(s, namespace)
		var about []finding
		for _, c := range checks {
			if c.Object != want.Object {
				continue
			}
			about = append(about, c)
			if c.Level != want.Level || !strings.Contains(c.Message, want.Message) || !strings.Contains(c.Cure, want.Cure) {
				continue
			}
			if c.Level == "error" && code != 1 {
				return fmt.Errorf("exit code %d", code)
			}
			if cure != nil {
				*cure = c.Cure
			}
			return nil
		}
		return fmt.Errorf("it says of it: %+v", about)
	})
}

// follow runs a cure that is a command, without what is said in brackets or
// behind a comma.
func follow(s *cluster.Scenario, cure string) {
	s.Helper()
	kubectl, err := build.Kubectl.Path()
	if err != nil {
		s.Fatal(err)
	}
	bin := s.TempDir()
	if err := os.Symlink(kubectl, filepath.Join(bin, "kubectl")); err != nil {
		s.Fatal(err)
	}
	cure, _, _ = strings.Cut(cure, " (")
	cure, _, _ = strings.Cut(cure, ", which ")
	cmd := exec.CommandContext(s.Context(), "sh", "-c", cure)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+s.ControlPlane.Kubeconfig("admin"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("the cure %s: %v: %s", cure, err, out)
	}
	s.Logf("cured by %s", cure)
}

// doctorObjects makes mistakes in metrics and autoscalers.
func doctorObjects(s *cluster.Scenario) {
	s.Apply("mistakes.yaml")
	const hpa, gwm = "HorizontalPodAutoscaler doctor/", "GatewayMetric doctor/"
	for _, want := range []finding{
		{"warning", hpa + "total-as-value", "is a Total, which Value holds against the target whatever the number of pods", "use type: AverageValue"},
		{"warning", hpa + "tiny", "the target 50m is below 100m", "times 1000 in the expression, and 50 as target"},
		{"error", hpa + "percentiles", "has several percentiles, and an autoscaler adds them up", "leave by(...) out of the expression"},
		{"error", hpa + "misspelt", `external metric "queue_lengths" is declared by no GatewayMetric in namespace doctor`, "did you mean queue_length?"},
		{"error", gwm + "broken", "not accepted (CompileError): spec.lua: ", "edit gwm broken"},
		{"error", gwm + "denied", "not accepted (SourceNotFound): spec.sources[0]: source doctor/missing does not exist", "kubectl get gws -A"},
	} {
		awaitFinding(s, want)
	}
	level := finding{"error", hpa + "level-as-average", "is a Level, which AverageValue divides by the number of pods", "kubectl -n doctor patch hpa level-as-average"}
	follow(s, awaitFinding(s, level))
	if target := s.HPA("level-as-average").Spec.Metrics[0].External.Target; target.Type != "Value" || target.Value.String() != "250" {
		s.Errorf("cured, its target is %+v", target)
	}

	const elsewhere = "doctor-elsewhere"
	s.CreateNamespace(elsewhere)
	manifest, err := os.ReadFile(s.File("healthy.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	documents := strings.Split(string(manifest), "\n---\n")
	if stdout, stderr, err := s.Admin().TryWith(documents[len(documents)-1], "apply", "-n", elsewhere, "-f", "-"); err != nil {
		s.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	awaitFindingIn(s, elsewhere, finding{"error", "HorizontalPodAutoscaler doctor-elsewhere/edge", `external metric "queue_length" is declared in namespace doctor, and an autoscaler reads the metrics of its own`, "declare it in doctor-elsewhere"}, nil)
	s.Kubectl("delete", "-n", elsewhere, "hpa", "--all")
	s.Kubectl("delete", "-f", s.File("mistakes.yaml"))
}

// doctorSilence cuts the gateways off.
func doctorSilence(s *cluster.Scenario) {
	for _, p := range s.Pods("app=edge") {
		if err := p.Cut(); err != nil {
			s.Fatal(err)
		}
	}
	awaitFinding(s, finding{"error", "GatewaySource doctor/edge", "Silent: targets 0/2 answer", "kubectl -n doctor describe gws edge"})
	awaitFinding(s, finding{"error", "GatewayMetric doctor/queue", "Missing, so that the autoscaler gets an error: none of 2 targets answers", "kubectl -n doctor describe gwm queue"})
	for _, p := range s.Pods("app=edge") {
		if err := p.Mend(); err != nil {
			s.Fatal(err)
		}
	}
}

// doctorAccess takes the access of the HPA controller away, which it has twice:
// by gaugeway's binding, and by the role that the API server comes with.
func doctorAccess(s *cluster.Scenario) {
	roles := s.Client.RbacV1().ClusterRoles()
	role, err := roles.Get(s.Context(), "system:controller:horizontal-pod-autoscaler", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	rules := slices.Clone(role.Rules)
	write := func(ctx context.Context) {
		s.Helper()
		if role, err = roles.Update(ctx, role, metav1.UpdateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.APIGroups, "external.metrics.k8s.io") || slices.Contains(r.APIGroups, "custom.metrics.k8s.io")
	})
	write(s.Context())
	s.Cleanup(func() { role.Rules = rules; write(context.Background()) })

	s.Kubectl("delete", "clusterrolebinding", "gaugeway-hpa-reader")
	cure := awaitFinding(s, finding{"error", "API external.metrics.k8s.io", "may not read it as system:serviceaccount:kube-system:horizontal-pod-autoscaler", "kubectl create clusterrolebinding"})
	awaitFinding(s, finding{"error", "HorizontalPodAutoscaler doctor/edge", "forbidden", ""})
	follow(s, cure)
	awaitHealthy(s)
}

// doctorInstallation runs too few replicas.
func doctorInstallation(s *cluster.Scenario) {
	const deployment = "Deployment gaugeway-system/gaugeway"
	s.Kubectl("-n", systemNamespace, "scale", "deployment", "gaugeway", "--replicas=1")
	follow(s, awaitFinding(s, finding{"warning", deployment, "one replica: while it restarts no HorizontalPodAutoscaler has a metric", "--replicas=2"}))
	s.AwaitReady(systemNamespace, "gaugeway")

	last := gaugewayPods(s)
	s.Kubectl("-n", systemNamespace, "scale", "deployment", "gaugeway", "--replicas=0")
	awaitFinding(s, finding{"error", deployment, "scaled to 0 replicas: nothing is measured", "--replicas=2"})
	awaitFinding(s, finding{"error", "Service gaugeway-system/gaugeway", "it has no ready endpoint", ""})
	awaitFinding(s, finding{"error", "APIService v1beta1.external.metrics.k8s.io", "not available", ""})
	awaitEnd(s, last) // a leader on its way out would register it again
}

// doctorForeign has the API registered by nobody and then by another adapter;
// no replica of gaugeway runs that could take it.
func doctorForeign(s *cluster.Scenario) {
	const name = "v1beta1.external.metrics.k8s.io"
	s.Kubectl("delete", "apiservice", name)
	awaitFinding(s, finding{"error", "APIService " + name, "not registered: the leader of gaugeway creates it", "logs deployment/gaugeway"})
	s.ApplyText(`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: ` + name + `, labels: {app.kubernetes.io/part-of: keda-operator}}
spec:
  group: external.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {namespace: keda, name: keda-operator-metrics-apiserver}
`)
	cure := awaitFinding(s, finding{"error", "APIService " + name, "served by KEDA at keda/keda-operator-metrics-apiserver", "kubectl delete apiservice " + name})
	_, cure, _ = strings.Cut(cure, "to switch over: ")
	follow(s, cure)
	s.Kubectl("-n", systemNamespace, "scale", "deployment", "gaugeway", "--replicas=2")
	s.AwaitGaugeway()
}
