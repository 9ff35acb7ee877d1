package manifests

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// systemNamespace is where the overlays install gaugeway.
const systemNamespace = "gaugeway-system"

// An installation is one choice of features, by kustomize and by Helm.
type installation struct {
	name       string
	overlay    string   // an overlay, or
	components []string // components on the base
	values     []string // of the chart, as for helm --set-json
}

func installations() []installation {
	return []installation{
		{name: "default", overlay: "default"},
		{name: "shadow", overlay: "shadow", values: []string{`apiServices.create=[]`}},
		{name: "cert-manager", overlay: "cert-manager", values: []string{`certManager.enabled=true`}},
		{name: "custom-metrics", components: []string{"custom-metrics"}, values: []string{`apiServices.declare=["custom.metrics.k8s.io"]`}},
		{name: "external-metrics", components: []string{"external-metrics"}, values: []string{`apiServices.declare=["external.metrics.k8s.io"]`}},
		{name: "service-monitor", components: []string{"service-monitor"}, values: []string{`serviceMonitor.enabled=true`}},
		{name: "network-policy", components: []string{"network-policy"}, values: []string{`networkPolicy.enabled=true`}},
		{name: "presets", components: []string{"presets"}, values: []string{`presets.configMap="gaugeway-presets"`}},
		{
			name: "shadow with cert-manager", components: []string{"shadow", "cert-manager"},
			values: []string{`apiServices.create=[]`, `certManager.enabled=true`},
		},
		{
			name:       "everything",
			components: []string{"custom-metrics", "external-metrics", "network-policy", "service-monitor", "cert-manager", "presets"},
			values: []string{
				`apiServices.declare=["external.metrics.k8s.io","custom.metrics.k8s.io"]`,
				`networkPolicy.enabled=true`, `serviceMonitor.enabled=true`, `certManager.enabled=true`, `presets.configMap="gaugeway-presets"`,
			},
		},
	}
}

func TestKustomizeAndHelmApplyTheSame(t *testing.T) {
	t.Parallel()
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			kustomized := in.kustomize(t)
			// Helm makes the release's namespace itself, if told to.
			if _, found := kustomized["Namespace//"+systemNamespace]; !found {
				t.Error("kustomize makes no namespace")
			}
			delete(kustomized, "Namespace//"+systemNamespace)
			helmed := helmTemplate(t, systemNamespace, in.values...)
			ids := slices.Concat(slices.Collect(maps.Keys(kustomized)), slices.Collect(maps.Keys(helmed)))
			slices.Sort(ids)
			for _, id := range slices.Compact(ids) {
				if diff := cmp.Diff(text(t, kustomized[id]), text(t, helmed[id])); diff != "" {
					t.Errorf("%s of kustomize (-) and helm (+) differ; run make generate, and see hack/chart:\n%s", id, diff)
				}
			}
		})
	}
}

func TestChartGoesIntoAnyNamespace(t *testing.T) {
	t.Parallel()
	everything := installations()[len(installations())-1]
	objects := helmTemplate(t, "elsewhere", everything.values...)
	for id, object := range objects {
		if strings.Contains(text(t, object), systemNamespace) {
			t.Errorf("%s names %s", id, systemNamespace)
		}
	}
	if _, found := objects["Deployment/elsewhere/gaugeway"]; !found {
		t.Error("no Deployment in the release's namespace")
	}
}

func TestChartValues(t *testing.T) {
	t.Parallel()
	const (
		pod       = "spec.template.spec"
		container = pod + ".containers.0"
	)
	for _, test := range []struct {
		name, value string
		at          string // in the Deployment
		want        any
	}{
		{"image", `image={"repository":"registry.example/gaugeway","tag":"v1"}`, container + ".image", "registry.example/gaugeway:v1"},
		{"pull policy", `image.pullPolicy="Always"`, container + ".imagePullPolicy", "Always"},
		{"pull secrets", `imagePullSecrets=[{"name":"s"}]`, pod + ".imagePullSecrets.0.name", "s"},
		{"replicas", `replicas=3`, "spec.replicas", 3.0},
		{"resources", `resources.limits.memory="1Gi"`, container + ".resources.limits.memory", "1Gi"},
		{"one group", `apiServices.create=["external.metrics.k8s.io"]`, container + ".args.1", "--apiservices=external.metrics.k8s.io"},
		{"extra arguments", `extraArgs=["--v=1"]`, container + ".args.1", "--v=1"},
		{"presets", `presets.configMap="mine"`, pod + ".volumes.0.configMap.name", "mine"},
		{"no presets", `presets.configMap=""`, pod + ".volumes", nil},
		{"pod annotations", `podAnnotations={"a":"b"}`, "spec.template.metadata.annotations.a", "b"},
		{"priority class", `priorityClassName="system-cluster-critical"`, pod + ".priorityClassName", "system-cluster-critical"},
		{"node selector", `nodeSelector={"a":"b"}`, pod + ".nodeSelector.a", "b"},
		{"tolerations", `tolerations=[{"key":"k"}]`, pod + ".tolerations.0.key", "k"},
		{"affinity", `affinity={"nodeAffinity":{"x":"y"}}`, pod + ".affinity.nodeAffinity.x", "y"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			deployment := helmTemplate(t, systemNamespace, test.value)["Deployment/"+systemNamespace+"/gaugeway"]
			if got := lookUp(deployment, test.at); got != test.want {
				t.Errorf("%s: %s is %v, want %v", test.value, test.at, got, test.want)
			}
		})
	}
}

func TestChartLeavesOut(t *testing.T) {
	t.Parallel()
	const crd = "CustomResourceDefinition//gatewaymetrics.gaugeway.dev"
	if _, found := helmTemplate(t, systemNamespace, `replicas=1`)["PodDisruptionBudget/"+systemNamespace+"/gaugeway"]; found {
		t.Error("a single replica has a PodDisruptionBudget, which would keep its node from draining")
	}
	if _, found := helmTemplate(t, systemNamespace, `crds.enabled=false`)[crd]; found {
		t.Error("crds.enabled=false: there are CRDs")
	}
	kept := helmTemplate(t, systemNamespace, `crds.keep=true`)[crd]
	annotations, _ := lookUp(kept, "metadata.annotations").(map[string]any)
	if annotations["helm.sh/resource-policy"] != "keep" {
		t.Errorf("crds.keep=true: the annotations are %v", annotations)
	}
}

func TestChartRefusesValuesItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for value, message := range map[string]string{
		`replica=3`:                             "'replica' not allowed",
		`apiServices.create=["metrics.k8s.io"]`: "external.metrics.k8s.io",
	} {
		if _, errOut, err := runHelm(t, systemNamespace, value); err == nil || !strings.Contains(errOut, message) {
			t.Errorf("%s: error %v, and not %q: %s", value, err, message, errOut)
		}
	}
}

// built holds the streams that kustomize gave, by installation: they are built
// once for all tests.
var (
	builtMutex sync.Mutex
	built      = map[string]string{}
)

// kustomize builds the installation's objects.
func (in installation) kustomize(t *testing.T) map[string]map[string]any {
	t.Helper()
	builtMutex.Lock()
	defer builtMutex.Unlock()
	if built[in.name] == "" {
		dir := filepath.Join("overlays", in.overlay)
		if in.overlay == "" {
			dir = overlayOf(t, in.components)
		}
		out, errOut, err := run(t, tools(t).kustomize, "build", dir)
		if err != nil {
			t.Fatalf("kustomize build %s: %v\n%s", dir, err, errOut)
		}
		built[in.name] = out
	}
	return objects(t, built[in.name])
}

// overlayOf writes an overlay with components and returns its folder.
func overlayOf(t *testing.T, components []string) string {
	t.Helper()
	here, err := filepath.EvalSymlinks(must(os.Getwd()))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	up := filepath.ToSlash(must(filepath.Rel(dir, here)))
	var b strings.Builder
	fmt.Fprintf(&b, "resources: [%s/base]\ncomponents:\n", up)
	for _, c := range components {
		fmt.Fprintf(&b, "- %s/components/%s\n", up, c)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// helmTemplate renders the chart.
func helmTemplate(t *testing.T, namespace string, values ...string) map[string]map[string]any {
	t.Helper()
	out, errOut, err := runHelm(t, namespace, values...)
	if err != nil {
		t.Fatalf("helm template with %q: %v\n%s", values, err, errOut)
	}
	return objects(t, out)
}

func runHelm(t *testing.T, namespace string, values ...string) (out, errOut string, err error) {
	t.Helper()
	// helm built without its release's linker flags takes the cluster for an old one.
	args := []string{"template", "gaugeway", "chart/gaugeway", "--namespace", namespace, "--kube-version", "1.36.0"}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	return run(t, tools(t).helm, args...)
}

// objects parses a stream of objects, each by kind/namespace/name.
func objects(t *testing.T, stream string) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	for document := range strings.SplitSeq("\n"+stream, "\n---") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if len(object) == 0 {
			continue
		}
		namespace, _ := lookUp(object, "metadata.namespace").(string)
		id := fmt.Sprintf("%v/%s/%v", object["kind"], namespace, lookUp(object, "metadata.name"))
		if _, twice := found[id]; twice {
			t.Errorf("%s is there twice", id)
		}
		found[id] = object
	}
	return found
}

// text is an object in YAML; empty for none.
func text(t *testing.T, object map[string]any) string {
	t.Helper()
	if object == nil {
		return ""
	}
	out, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// lookUp returns the value at a path of keys and indices; nil where there is none.
func lookUp(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// toolPaths are the programs that users apply the manifests with.
type toolPaths struct {
	kustomize, helm string
	err             error
}

// buildTools builds the programs of tools/go.mod, once; go keeps them in its cache.
var buildTools = sync.OnceValue(func() (p toolPaths) {
	for name, path := range map[string]*string{"kustomize": &p.kustomize, "helm": &p.helm} {
		out, err := exec.Command("go", "tool", "-modfile=../tools/go.mod", "-n", name).CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("go tool -modfile=../tools/go.mod -n %s: %w\n%s", name, err, out)
			return p
		}
		*path = strings.TrimSpace(string(out))
	}
	return p
})

func tools(t *testing.T) toolPaths {
	t.Helper()
	p := buildTools()
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p
}

// run runs a program that reads no configuration of the user's.
func run(t *testing.T, program string, args ...string) (out, errOut string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	home := t.TempDir()
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "HELM_") || strings.HasPrefix(e, "XDG_") || strings.HasPrefix(e, "KUBECONFIG=")
	}), "HOME="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
