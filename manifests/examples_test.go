package manifests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// gaugeway runs the program of this tree.
func gaugeway(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"run", "../cmd/gaugeway"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("gaugeway %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestExamplesPassCheckAndTheirTests(t *testing.T) {
	t.Parallel()
	for _, dir := range examples(t) {
		gaugeway(t, "check", dir) // with the HPA, as a user would
		out := gaugeway(t, "check", filepath.Join(dir, "gaugeway"))
		if strings.Contains(out, "warning:") || !strings.Contains(out, "warnings: 0") {
			t.Errorf("check of %s warns:\n%s", dir, out)
		}
	}
	gaugeway(t, "test", "examples")
}

func TestExampleHPAsFitTheirMetrics(t *testing.T) {
	t.Parallel()
	for _, dir := range examples(t) {
		out, errOut, err := run(t, tools(t).kustomize, "build", dir)
		if err != nil {
			t.Errorf("kustomize build %s: %v\n%s", dir, err, errOut)
			continue
		}
		found := objects(t, out)
		var metrics []v1alpha1.GatewayMetric
		for metric := range of[v1alpha1.GatewayMetric](t, found, "GatewayMetric") {
			metrics = append(metrics, metric)
		}
		hpas := 0
		for hpa := range of[autoscalingv2.HorizontalPodAutoscaler](t, found, "HorizontalPodAutoscaler") {
			hpas++
			checkHPA(t, metrics, &hpa)
		}
		if hpas != 1 {
			t.Errorf("%s has %d HPAs", dir, hpas)
		}
	}
}

// checkHPA holds an HPA against the metrics that it names.
func checkHPA(t *testing.T, metrics []v1alpha1.GatewayMetric, hpa *autoscalingv2.HorizontalPodAutoscaler) {
	t.Helper()
	b := hpa.Spec.Behavior
	if b == nil || b.ScaleUp == nil || b.ScaleDown == nil || len(b.ScaleDown.Policies) == 0 {
		t.Errorf("%s says too little of its behavior", hpa.Name)
	}
	for _, m := range hpa.Spec.Metrics {
		var name string
		var target autoscalingv2.MetricTarget
		switch m.Type {
		case autoscalingv2.ExternalMetricSourceType:
			name, target = m.External.Metric.Name, m.External.Target
		case autoscalingv2.PodsMetricSourceType:
			name, target = m.Pods.Metric.Name, m.Pods.Target
		default:
			t.Errorf("%s: metrics of type %s are not looked at here", hpa.Name, m.Type)
			continue
		}
		metric := declared(metrics, hpa.Namespace, m.Type, name)
		if metric == nil {
			t.Errorf("%s: no GatewayMetric of namespace %s declares the %s metric %s", hpa.Name, hpa.Namespace, m.Type, name)
			continue
		}
		want, quantity := autoscalingv2.ValueMetricType, target.Value
		if metric.Spec.Type == v1alpha1.TypeTotal || m.Type == autoscalingv2.PodsMetricSourceType {
			want, quantity = autoscalingv2.AverageValueMetricType, target.AverageValue
		}
		if target.Type != want {
			t.Errorf("%s: %s is a %s, and its target a %s", hpa.Name, name, metric.Spec.Type, target.Type)
		} else if quantity == nil || quantity.Cmp(resource.MustParse("100m")) < 0 {
			t.Errorf("%s: the target of %s is %v, which thousandths are too coarse for", hpa.Name, name, quantity)
		}
	}
}

// declared returns the metric that has a name in an API; nil where there is none.
func declared(metrics []v1alpha1.GatewayMetric, namespace string, api autoscalingv2.MetricSourceType, name string) *v1alpha1.GatewayMetric {
	for i := range metrics {
		m := &metrics[i]
		if m.Namespace != namespace {
			continue
		}
		if api == autoscalingv2.ExternalMetricSourceType && m.Spec.External != nil && m.Spec.External.Name == name {
			return m
		}
		if api == autoscalingv2.PodsMetricSourceType && m.Spec.Pods != nil && m.Spec.Pods.Name == name {
			return m
		}
	}
	return nil
}

func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("examples/*/kustomization.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	dirs := make([]string, len(files))
	for i, file := range files {
		dirs[i] = filepath.Dir(file)
	}
	return dirs
}
