package manifests

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/yaml"
)

// forEachInstallation runs a test on the objects of every choice of features.
func forEachInstallation(t *testing.T, test func(t *testing.T, in installation, objects map[string]map[string]any)) {
	t.Helper()
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			test(t, in, in.kustomize(t))
		})
	}
}

func TestObjectsFitTheirTypes(t *testing.T) {
	t.Parallel()
	known := map[string]func() any{
		"v1/Namespace":                             func() any { return &corev1.Namespace{} },
		"v1/Service":                               func() any { return &corev1.Service{} },
		"v1/ServiceAccount":                        func() any { return &corev1.ServiceAccount{} },
		"apps/v1/Deployment":                       func() any { return &appsv1.Deployment{} },
		"policy/v1/PodDisruptionBudget":            func() any { return &policyv1.PodDisruptionBudget{} },
		"networking.k8s.io/v1/NetworkPolicy":       func() any { return &networkingv1.NetworkPolicy{} },
		"rbac.authorization.k8s.io/v1/ClusterRole": func() any { return &rbacv1.ClusterRole{} },
		"rbac.authorization.k8s.io/v1/Role":        func() any { return &rbacv1.Role{} },
		"rbac.authorization.k8s.io/v1/RoleBinding": func() any { return &rbacv1.RoleBinding{} },
		"apiregistration.k8s.io/v1/APIService":     func() any { return &apiregistrationv1.APIService{} },
		"apiextensions.k8s.io/v1/CustomResourceDefinition": func() any {
			return &apiextensionsv1.CustomResourceDefinition{}
		},
		"rbac.authorization.k8s.io/v1/ClusterRoleBinding": func() any { return &rbacv1.ClusterRoleBinding{} },
		// The types of other projects are not at hand.
		"cert-manager.io/v1/Certificate":          nil,
		"cert-manager.io/v1/Issuer":               nil,
		"monitoring.coreos.com/v1/ServiceMonitor": nil,
	}
	forEachInstallation(t, func(t *testing.T, _ installation, objects map[string]map[string]any) {
		for id, object := range objects {
			kind := object["apiVersion"].(string) + "/" + object["kind"].(string)
			into, found := known[kind]
			if !found {
				t.Errorf("%s is of an unknown kind %s", id, kind)
				continue
			}
			if into != nil {
				decode(t, object, into())
			}
			if name := lookUp(object, "metadata.labels"); name == nil || name.(map[string]any)["app.kubernetes.io/name"] != "gaugeway" {
				t.Errorf("%s has the labels %v, and not app.kubernetes.io/name: gaugeway", id, name)
			}
		}
	})
}

func TestAPIServicesAreDeclaredOnlyByTheirComponents(t *testing.T) {
	t.Parallel()
	forEachInstallation(t, func(t *testing.T, in installation, objects map[string]map[string]any) {
		var want []string
		if slices.Contains(in.components, "custom-metrics") {
			want = append(want, "v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io")
		}
		if slices.Contains(in.components, "external-metrics") {
			want = append(want, "v1beta1.external.metrics.k8s.io")
		}
		var got []string
		for api := range of[apiregistrationv1.APIService](t, objects, "APIService") {
			got = append(got, api.Name)
			if len(api.Spec.CABundle) > 0 {
				t.Errorf("%s has a caBundle, which applying it again would bring back", api.Name)
			}
			if api.Labels["app.kubernetes.io/managed-by"] != "gaugeway" {
				t.Errorf("%s has the labels %v, by which gaugeway does not take it for its own", api.Name, api.Labels)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("APIServices are %q, want %q", got, want)
		}
	})
}

func TestNothingSkipsTheVerificationOfCertificates(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(strings.ToLower(string(text)), "insecureskip") && !strings.Contains(path, "crds") {
			t.Errorf("%s mentions insecureSkipTLSVerify", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRolesGrantNoMoreThanIsNamed(t *testing.T) {
	t.Parallel()
	forEachInstallation(t, func(t *testing.T, in installation, objects map[string]map[string]any) {
		roles := map[string][]rbacv1.PolicyRule{ // those that are not ours
			"ClusterRole/system:auth-delegator":              nil,
			"Role/extension-apiserver-authentication-reader": nil,
		}
		for role := range of[rbacv1.ClusterRole](t, objects, "ClusterRole") {
			roles["ClusterRole/"+role.Name] = role.Rules
		}
		for role := range of[rbacv1.Role](t, objects, "Role") {
			roles["Role/"+role.Name] = role.Rules
		}
		for name, rules := range roles {
			for _, rule := range rules {
				checkRule(t, name, rule)
			}
		}
		for binding := range of[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding") {
			checkBinding(t, roles, binding.Name, binding.RoleRef, binding.Subjects)
		}
		for binding := range of[rbacv1.RoleBinding](t, objects, "RoleBinding") {
			checkBinding(t, roles, binding.Name, binding.RoleRef, binding.Subjects)
		}
		if _, found := roles["ClusterRole/gaugeway-apiservices"]; found == strings.Contains(in.name, "shadow") {
			t.Errorf("that APIServices may be written is %v", found)
		}
		if _, found := roles["Role/gaugeway-serving-cert"]; found == usesCertManager(in) {
			t.Errorf("that a Secret may be written is %v", found)
		}
	})
}

func usesCertManager(in installation) bool {
	return in.overlay == "cert-manager" || slices.Contains(in.components, "cert-manager")
}

// checkRule holds a rule against what roles may grant.
func checkRule(t *testing.T, role string, rule rbacv1.PolicyRule) {
	t.Helper()
	names := func(list ...string) bool { return slices.Contains(list, rbacv1.ResourceAll) }
	if names(rule.Verbs...) || names(rule.APIGroups...) || names(rule.NonResourceURLs...) {
		t.Errorf("%s has a wildcard: %v", role, rule)
	}
	if names(rule.Resources...) && role != "ClusterRole/gaugeway-metrics-reader" {
		t.Errorf("%s grants every resource: %v", role, rule)
	}
	for _, verb := range []string{"bind", "escalate", "impersonate"} {
		if slices.Contains(rule.Verbs, verb) {
			t.Errorf("%s grants %s: %v", role, verb, rule)
		}
	}
	for _, resource := range []string{"secrets", "configmaps", "leases", "apiservices", "clusterroles"} {
		if !slices.Contains(rule.Resources, resource) || len(rule.ResourceNames) > 0 {
			continue
		}
		// What does not exist yet has no name to be limited by.
		if !slices.Equal(rule.Verbs, []string{"create"}) {
			t.Errorf("%s grants %q of every one of %s", role, rule.Verbs, resource)
		}
	}
	if slices.Contains(rule.Resources, "secrets") && strings.HasPrefix(role, "ClusterRole/") {
		t.Errorf("%s reaches the Secrets of every namespace", role)
	}
}

// checkBinding holds that a role exists, and that it is bound to whom it is for.
func checkBinding(t *testing.T, roles map[string][]rbacv1.PolicyRule, name string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
	t.Helper()
	if _, found := roles[ref.Kind+"/"+ref.Name]; !found {
		t.Errorf("%s binds %s %s, which does not exist", name, ref.Kind, ref.Name)
	}
	want := rbacv1.Subject{Kind: "ServiceAccount", Name: "gaugeway", Namespace: systemNamespace}
	if ref.Name == "gaugeway-metrics-reader" {
		want = rbacv1.Subject{Kind: "ServiceAccount", Name: "horizontal-pod-autoscaler", Namespace: "kube-system"}
	}
	if !slices.Equal(subjects, []rbacv1.Subject{want}) {
		t.Errorf("%s is for %v, want %v", name, subjects, want)
	}
}

// The rules of the Pod Security Standard "restricted", and that of a read-only
// root beyond it.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	forEachInstallation(t, func(t *testing.T, _ installation, objects map[string]map[string]any) {
		namespaces := slices.Collect(of[corev1.Namespace](t, objects, "Namespace"))
		if len(namespaces) != 1 || namespaces[0].Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
			t.Errorf("the namespace enforces nothing: %v", namespaces)
		}
		pods := 0
		for deployment := range of[appsv1.Deployment](t, objects, "Deployment") {
			pods++
			checkRestricted(t, &deployment.Spec.Template.Spec)
		}
		if pods != 1 {
			t.Errorf("there are %d Deployments", pods)
		}
	})
}

func checkRestricted(t *testing.T, pod *corev1.PodSpec) {
	t.Helper()
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod uses a namespace of the host")
	}
	sc := pod.SecurityContext
	if sc == nil || sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot || sc.RunAsUser == nil || *sc.RunAsUser == 0 {
		t.Error("the pod may run as root")
	}
	if sc == nil || sc.SeccompProfile == nil || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("the pod has no seccomp profile RuntimeDefault")
	}
	if sc != nil && len(sc.Sysctls) > 0 {
		t.Error("the pod sets sysctls")
	}
	for _, v := range pod.Volumes {
		if v.Secret == nil && v.ConfigMap == nil && v.EmptyDir == nil {
			t.Errorf("volume %s is neither of a Secret or ConfigMap nor empty", v.Name)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		sc := c.SecurityContext
		switch {
		case sc == nil:
			t.Errorf("container %s has no security context", c.Name)
			continue
		case sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation:
			t.Errorf("container %s may gain privileges", c.Name)
		case sc.Privileged != nil && *sc.Privileged:
			t.Errorf("container %s is privileged", c.Name)
		case sc.Capabilities == nil || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(sc.Capabilities.Add) > 0:
			t.Errorf("container %s has capabilities", c.Name)
		case sc.ReadOnlyRootFilesystem == nil || !*sc.ReadOnlyRootFilesystem:
			t.Errorf("container %s may write to its root", c.Name)
		case sc.RunAsNonRoot != nil || sc.RunAsUser != nil || sc.SeccompProfile != nil:
			t.Errorf("container %s overrides the pod's security context", c.Name)
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				t.Errorf("container %s has the host's port %d", c.Name, p.HostPort)
			}
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("container %s has the resources %v", c.Name, c.Resources)
		}
	}
}

func TestArgumentsAreFlagsOfServe(t *testing.T) {
	t.Parallel()
	help := gaugeway(t, "serve", "--help")
	forEachInstallation(t, func(t *testing.T, _ installation, objects map[string]map[string]any) {
		for deployment := range of[appsv1.Deployment](t, objects, "Deployment") {
			args := deployment.Spec.Template.Spec.Containers[0].Args
			if args[0] != "serve" {
				t.Errorf("the arguments are %q, and the first one is not serve", args)
			}
			for _, arg := range args[1:] {
				if flag, _, _ := strings.Cut(arg, "="); !strings.Contains(help, "      "+flag+" ") {
					t.Errorf("gaugeway serve has no flag %s", flag)
				}
			}
		}
	})
}

func TestSelectorsFindThePods(t *testing.T) {
	t.Parallel()
	forEachInstallation(t, func(t *testing.T, _ installation, objects map[string]map[string]any) {
		deployment := slices.Collect(of[appsv1.Deployment](t, objects, "Deployment"))[0]
		pod := labels.Set(deployment.Spec.Template.Labels)
		container := deployment.Spec.Template.Spec.Containers[0]
		named := slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == "https" && p.ContainerPort == 6443 })
		if !named {
			t.Errorf("no port https: %v", container.Ports)
		}
		selects := func(what string, selector map[string]string) {
			t.Helper()
			if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pod) {
				t.Errorf("%s selects %v, the pods have %v", what, selector, pod)
			}
		}
		selects("the Deployment", deployment.Spec.Selector.MatchLabels)
		for _, c := range deployment.Spec.Template.Spec.TopologySpreadConstraints {
			selects(c.TopologyKey, c.LabelSelector.MatchLabels)
		}
		for service := range of[corev1.Service](t, objects, "Service") {
			selects("the Service", service.Spec.Selector)
			if p := service.Spec.Ports[0]; p.Port != 443 || p.TargetPort != intstr.FromString("https") {
				t.Errorf("the Service has the port %v", p)
			}
		}
		for budget := range of[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget") {
			selects("the PodDisruptionBudget", budget.Spec.Selector.MatchLabels)
		}
		for policy := range of[networkingv1.NetworkPolicy](t, objects, "NetworkPolicy") {
			selects("the NetworkPolicy", policy.Spec.PodSelector.MatchLabels)
		}
		for path, probe := range map[string]*corev1.Probe{
			"/readyz": container.ReadinessProbe, "/livez": container.LivenessProbe,
		} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Scheme != corev1.URISchemeHTTPS {
				t.Errorf("the probe of %s is %v", path, probe)
			}
		}
	})
}

// of decodes the objects of a kind strictly.
func of[T any](t *testing.T, objects map[string]map[string]any, kind string) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		t.Helper()
		for _, id := range slices.Sorted(maps.Keys(objects)) {
			if objects[id]["kind"] != kind {
				continue
			}
			var object T
			decode(t, objects[id], &object)
			if !yield(object) {
				return
			}
		}
	}
}

func decode(t *testing.T, object map[string]any, into any) {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Errorf("%v: %v", lookUp(object, "metadata.name"), err)
	}
}
