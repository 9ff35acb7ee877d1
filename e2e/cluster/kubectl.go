package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// gaugewayNamespace is where the manifests install gaugeway.
const gaugewayNamespace = "gaugeway-system"

// A User runs kubectl.
type User struct {
	scenario   *Scenario
	kubeconfig string // by name
}

// Admin is the administrator.
func (s *Scenario) Admin() *User { return s.user("admin", s.ControlPlane.Certificate("admin")) }

// As is a service account, which must exist.
func (s *Scenario) As(namespace, serviceAccount string) *User {
	s.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)}}
	answer, err := s.Client.CoreV1().ServiceAccounts(namespace).CreateToken(s.Context(), serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return s.user(namespace+"-"+serviceAccount, api.AuthInfo{Token: answer.Status.Token})
}

// user writes a kubeconfig whose namespace is the scenario's. The flag
// --namespace would refuse manifests that name another one.
func (s *Scenario) user(name string, auth api.AuthInfo) *User {
	s.Helper()
	name += "-in-" + s.Namespace
	if _, err := s.ControlPlane.WriteKubeconfig(name, s.Namespace, auth); err != nil {
		s.Fatal(err)
	}
	return &User{s, name}
}

// Try runs kubectl in the scenario's namespace and returns what it prints.
func (u *User) Try(arguments ...string) (stdout, stderr string, err error) {
	u.scenario.Helper()
	return u.TryWith("", arguments...)
}

// TryWith is Try with something to read from stdin.
func (u *User) TryWith(stdin string, arguments ...string) (stdout, stderr string, err error) {
	u.scenario.Helper()
	ctx, cancel := context.WithTimeout(u.scenario.Context(), 2*time.Minute)
	defer cancel()
	return u.scenario.runKubectl(ctx, u.kubeconfig, stdin, arguments...)
}

// Kubectl runs kubectl in the scenario's namespace; it must succeed.
func (u *User) Kubectl(arguments ...string) string {
	u.scenario.Helper()
	stdout, stderr, err := u.Try(arguments...)
	if err != nil {
		u.scenario.Fatalf("kubectl %s: %v: %s%s", strings.Join(arguments, " "), err, stdout, stderr)
	}
	return stdout
}

// Kubectl runs kubectl as administrator in the scenario's namespace; it must succeed.
func (s *Scenario) Kubectl(arguments ...string) string {
	s.Helper()
	return s.Admin().Kubectl(arguments...)
}

// Apply applies files or folders of the scenario's folder, "." for all of it.
func (s *Scenario) Apply(paths ...string) {
	s.Helper()
	for _, path := range paths {
		s.Kubectl("apply", "-f", s.File(path))
	}
}

// ApplyText applies manifests given as text.
func (s *Scenario) ApplyText(manifests string) {
	s.Helper()
	if stdout, stderr, err := s.Admin().TryWith(manifests, "apply", "-f", "-"); err != nil {
		s.Fatalf("kubectl apply: %v: %s%s", err, stdout, stderr)
	}
}

// Kustomize builds a folder of manifests, given from the root of the checkout.
// Windows are short in scenarios: replicas of gaugeway are replaced sooner.
func (s *Scenario) Kustomize(folder string) string {
	s.Helper()
	manifests := s.tool(build.Kustomize, "build", filepath.Join(s.Root, folder))
	return strings.ReplaceAll(manifests, "minReadySeconds: 60\n", "minReadySeconds: 5\n")
}

// Helm runs helm in the scenario's namespace.
func (s *Scenario) Helm(arguments ...string) string {
	s.Helper()
	return s.tool(build.Helm, append([]string{"-n", s.Namespace}, arguments...)...)
}

func (s *Scenario) tool(p build.Program, arguments ...string) string {
	s.Helper()
	path, err := p.Path()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.Context(), path, arguments...)
	cmd.Dir = s.Root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.ControlPlane.Kubeconfig("admin"), "HOME="+s.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		s.Fatalf("%s: %v: %s%s", strings.Join(cmd.Args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

func (c *Cluster) runKubectl(ctx context.Context, kubeconfig, stdin string, arguments ...string) (string, string, error) {
	path, err := build.Kubectl.Path()
	if err != nil {
		return "", "", err
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--kubeconfig", c.ControlPlane.Kubeconfig(kubeconfig)}, arguments...)...)
	cmd.Env = append(os.Environ(), "KUBECACHEDIR="+filepath.Join(c.dir, "kubectl-cache"))
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// InstallGaugeway installs gaugeway as a user does, by kustomize and kubectl,
// and waits until both replicas are ready and the metrics APIs available. A
// second call in the same cluster does nothing: scenarios share it.
func (s *Scenario) InstallGaugeway() {
	s.Helper()
	s.install.Lock()
	defer s.install.Unlock()
	if s.gaugeway {
		return
	}
	begin := time.Now()
	s.ApplyText(s.Kustomize("manifests/overlays/default"))
	s.AwaitGaugeway()
	s.gaugeway = true
	s.Logf("gaugeway is ready after %v", time.Since(begin).Round(100*time.Millisecond))
}

// AwaitGaugeway waits until gaugeway's replicas are ready and its APIs available.
func (s *Scenario) AwaitGaugeway() {
	s.Helper()
	explained := false
	s.Cleanup(func() {
		if s.Failed() && !explained {
			explained = true
			s.explain(gaugewayNamespace)
		}
	})
	s.AwaitReady(gaugewayNamespace, "gaugeway")
	s.Eventually(Patience, "the metrics APIs", func() error {
		for _, group := range []string{"external.metrics.k8s.io/v1beta1", "custom.metrics.k8s.io/v1beta1", "custom.metrics.k8s.io/v1beta2"} {
			if _, err := s.Raw("/apis/" + group); err != nil {
				return fmt.Errorf("%s: %w", group, err)
			}
		}
		return nil
	})
}

// GaugewayRemoved tells the cluster that a scenario has removed gaugeway, so
// that the next one installs it again.
func (s *Scenario) GaugewayRemoved() {
	s.install.Lock()
	defer s.install.Unlock()
	s.gaugeway = false
}

// Raw reads a path of the API as kubectl get --raw does, without its process.
func (s *Scenario) Raw(path string) ([]byte, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	request := s.Client.Discovery().RESTClient().Get().AbsPath(u.Path)
	for key, values := range u.Query() {
		for _, value := range values {
			request.Param(key, value)
		}
	}
	return read(s.Context(), request)
}

// read makes a request; its error is what the answer says.
func read(ctx context.Context, request *rest.Request) ([]byte, error) {
	result := request.Do(ctx)
	b, err := result.Raw()
	if err != nil {
		return nil, result.Error()
	}
	return b, nil
}

// ExternalPath is the path of an external metric of the scenario's namespace.
func (s *Scenario) ExternalPath(name string) string {
	return "/apis/external.metrics.k8s.io/v1beta1/namespaces/" + s.Namespace + "/" + name
}

// External reads an external metric of the scenario's namespace by way of the
// aggregation layer: the sum of its items, which is what the HPA makes of them.
func (s *Scenario) External(name string) (float64, error) {
	b, err := s.Raw(s.ExternalPath(name))
	if err != nil {
		return 0, err
	}
	var list v1beta1.ExternalMetricValueList
	if err := json.Unmarshal(b, &list); err != nil {
		return 0, err
	}
	if len(list.Items) == 0 {
		return 0, fmt.Errorf("%s has no items", name)
	}
	var sum float64
	for _, item := range list.Items {
		sum += item.Value.AsApproximateFloat64()
	}
	return sum, nil
}
