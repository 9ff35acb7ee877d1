package doctor

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

func TestAutoscalers(t *testing.T) {
	t.Parallel()
	type hpa = autoscalingv2.HorizontalPodAutoscaler
	objects := func(name, resource string) func(*v1alpha1.GatewayMetricSpec) {
		return func(s *v1alpha1.GatewayMetricSpec) {
			s.Object = &v1alpha1.ObjectMetric{Name: name, Resource: resource, Label: "service"}
		}
	}
	externally := func(name string) func(*v1alpha1.GatewayMetricSpec) {
		return func(s *v1alpha1.GatewayMetricSpec) { s.External = &v1alpha1.ExternalMetric{Name: name} }
	}
	add := func(m *v1alpha1.GatewayMetric) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.objects = append(w.objects, m) }
	}
	none := func(*testing.T, *world) {}
	const byService = `p95(kong_request_latency_ms["1m"], by("service"))`
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, w *world)
		metrics []autoscalingv2.MetricSpec
		and     func(h *hpa)
		want    []string
	}{
		{"misspelt name", none, []autoscalingv2.MetricSpec{external("checkout_p95", "Value", "250")}, nil, []string{
			"error " + web + `: external metric "checkout_p95" is declared by no GatewayMetric in namespace shop | did you mean checkout_p95_ms?`,
		}},
		{"unknown name", none, []autoscalingv2.MetricSpec{external("tokens", "Value", "250")}, nil, []string{
			"error " + web + `: external metric "tokens" is declared by no GatewayMetric in namespace shop | kubectl -n shop get gwm`,
		}},
		{"unknown name of another adapter", func(t *testing.T, w *world) {
			s := get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io")
			s.Labels, s.Spec.Service.Name = nil, "keda"
		}, []autoscalingv2.MetricSpec{external("tokens", "Value", "250")}, nil, []string{"error " + externalAPI}},
		{"name of another namespace", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")}, func(h *hpa) { h.Namespace = "other" }, []string{
			`error HorizontalPodAutoscaler other/web: external metric "checkout_rps" is declared in namespace shop, and an autoscaler reads the metrics of its own, other | declare it in other`,
		}},
		{"pods metric as external", none, []autoscalingv2.MetricSpec{external("rps", "AverageValue", "50")}, nil, []string{
			"error " + web + `: external metric "rps" is declared in namespace shop, but as a metric of pods`,
		}},
		{"external metric as pods", none, []autoscalingv2.MetricSpec{podsMetric("checkout_rps", "50")}, nil, []string{
			"error " + web + `: pods metric "checkout_rps" is declared in namespace shop, but as an external metric`,
		}},
		{"Level with AverageValue", none, []autoscalingv2.MetricSpec{external("checkout_p95_ms", "AverageValue", "250")}, nil, []string{
			"error " + web + `: external metric "checkout_p95_ms" is a Level, which AverageValue divides by the number of pods...| kubectl -n shop patch hpa web --type=json -p '[{"op": "replace", "path": "/spec/metrics/0/external/target", "value": {"type": "Value", "value": "250"}}]'`,
		}},
		{"Total with Value", none, []autoscalingv2.MetricSpec{external("checkout_rps", "Value", "500")}, nil, []string{
			"warning " + web + `: external metric "checkout_rps" is a Total, which Value holds...| use type: AverageValue`,
		}},
		{"small target", none, []autoscalingv2.MetricSpec{external("checkout_p95_ms", "Value", "30m")}, nil, []string{
			"warning " + web + `: external metric "checkout_p95_ms": the target 30m is below 100m, and an autoscaler reads thousandths rounded up: a step is 3.3 % of it | give the metric in a smaller unit: times 1000 in the expression, and 30 as target`,
		}},
		{"target of 100m", none, []autoscalingv2.MetricSpec{external("checkout_p95_ms", "Value", "100m")}, nil, nil},
		{"small target of pods", none, []autoscalingv2.MetricSpec{podsMetric("rps", "20m")}, nil, []string{
			"warning " + web + `: pods metric "rps": the target 20m is below 100m`,
		}},
		{"selector value that is none", add(gatewayMetric("by-model", byService, v1alpha1.TypeLevel, "2 items, 1 to 2", externally("by_model"))),
			[]autoscalingv2.MetricSpec{selecting(external("by_model", "Value", "250"), "model", "meta-llama/Llama-3")}, nil, []string{
				"error " + web + `: external metric "by_model": its selector is refused, because meta-llama/Llama-3 of model is no label value...| filter by that value in the expression`,
			}},
		{"selector that is none", none, []autoscalingv2.MetricSpec{func() autoscalingv2.MetricSpec {
			m := external("checkout_p95_ms", "Value", "250")
			m.External.Metric.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Is", Values: []string{"b"}}}}
			return m
		}()}, nil, []string{"error " + web + `: external metric "checkout_p95_ms": its selector is refused: ...Is...| correct it`}},
		{"selector on a number", none, []autoscalingv2.MetricSpec{selecting(external("checkout_p95_ms", "Value", "250"), "service", "checkout")}, nil, []string{
			"error " + web + `: external metric "checkout_p95_ms": its selector service=checkout matches nothing, because the expression gives a number`,
		}},
		{"percentiles summed", add(gatewayMetric("by-service", byService, v1alpha1.TypeLevel, "2 items, 1 to 2", externally("by_service"))),
			[]autoscalingv2.MetricSpec{external("by_service", "Value", "250")}, nil, []string{
				"error " + web + `: external metric "by_service" has several percentiles, and an autoscaler adds them up`,
			}},
		{"one percentile at present", add(gatewayMetric("by-service", byService, v1alpha1.TypeLevel, "187500m", externally("by_service"))),
			[]autoscalingv2.MetricSpec{external("by_service", "Value", "250")}, nil, []string{
				"warning " + web + `: external metric "by_service" can have several items`,
			}},
		{"percentiles with a selector", add(gatewayMetric("by-service", byService, v1alpha1.TypeLevel, "2 items, 1 to 2", externally("by_service"))),
			[]autoscalingv2.MetricSpec{selecting(external("by_service", "Value", "250"), "service", "checkout")}, nil, nil},
		{"levels summed", add(gatewayMetric("level", `max(kong_memory, by("pod"))`, v1alpha1.TypeLevel, "2 items, 1 to 2", externally("level"))),
			[]autoscalingv2.MetricSpec{external("level", "Value", "250")}, nil, []string{
				"warning " + web + `: external metric "level" is a Level with several items`,
			}},
		{"totals summed", add(gatewayMetric("total", `rps(kong_http_requests_total["30s"], by("pod"))`, v1alpha1.TypeTotal, "2 items, 1 to 2", externally("total"))),
			[]autoscalingv2.MetricSpec{external("total", "AverageValue", "250")}, nil, nil},
		{"pods metric of a number", add(gatewayMetric("number", `rps(kong_http_requests_total["30s"])`, v1alpha1.TypeTotal, "2", func(s *v1alpha1.GatewayMetricSpec) {
			s.Pods = &v1alpha1.PodsMetric{Name: "number"}
		})), []autoscalingv2.MetricSpec{podsMetric("number", "20")}, nil, []string{
			"error " + web + `: pods metric "number": the expression of GatewayMetric number gives a number, which lacks the label pod | aggregate by("pod")`,
		}},
		{"object of another kind", add(gatewayMetric("object", `rps(x["30s"], by("service"))`, v1alpha1.TypeTotal, "2", objects("object", "services"))),
			[]autoscalingv2.MetricSpec{objectMetric("object", "networking.k8s.io/v1", "Ingress", "checkout")}, nil, []string{
				"error " + web + `: object metric "object" is declared for services, and describedObject is Ingress checkout of networking.k8s.io/v1`,
			}},
		{"object", add(gatewayMetric("object", `rps(x["30s"], by("service"))`, v1alpha1.TypeTotal, "2", objects("object", "services"))),
			[]autoscalingv2.MetricSpec{objectMetric("object", "v1", "Service", "checkout")}, nil, nil},
		{"object of a built-in group", add(gatewayMetric("object", `rps(x["30s"], by("service"))`, v1alpha1.TypeTotal, "2", objects("object", "ingresses.networking.k8s.io"))),
			[]autoscalingv2.MetricSpec{objectMetric("object", "networking.k8s.io/v1", "Ingress", "checkout")}, nil, nil},
		{"object whose plural is irregular", func(_ *testing.T, w *world) {
			w.objects = append(w.objects, gatewayMetric("object", `rps(x["30s"], by("service"))`, v1alpha1.TypeTotal, "2", objects("object", "kongroutery.kong.io")),
				&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "kongroutery.kong.io"}, Spec: apiextensionsv1.CustomResourceDefinitionSpec{
					Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: "KongRoute"},
				}})
		}, []autoscalingv2.MetricSpec{objectMetric("object", "kong.io/v1", "KongRoute", "checkout")}, nil, nil},

		{"scale to zero on an old cluster", func(_ *testing.T, w *world) { w.version = "v1.36.3-gke.1" }, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")},
			func(h *hpa) { h.Spec.MinReplicas = ptr.To[int32](0) }, []string{
				"warning " + web + ": minReplicas is 0, which needs the feature gate HPAScaleToZero, on by default from Kubernetes 1.37; this is v1.36.3-gke.1",
			}},
		{"scale to zero", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")},
			func(h *hpa) { h.Spec.MinReplicas = ptr.To[int32](0) }, nil},
		{"metric that cannot be read", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")}, func(h *hpa) {
			h.Status.Conditions[1] = autoscalingv2.HorizontalPodAutoscalerCondition{
				Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "FailedGetExternalMetric", Message: "unable to get it",
			}
		}, []string{"error " + web + ": it cannot compute (FailedGetExternalMetric): unable to get it"}},
		{"scaled to 0 by hand", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")}, func(h *hpa) {
			h.Status.Conditions[1] = autoscalingv2.HorizontalPodAutoscalerCondition{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "ScalingDisabled"}
		}, []string{"warning " + web + ": it does nothing...| kubectl -n shop scale deployment/web --replicas=1"}},
		{"target that is gone", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")}, func(h *hpa) {
			h.Status.Conditions[0] = autoscalingv2.HorizontalPodAutoscalerCondition{
				Type: autoscalingv2.AbleToScale, Status: corev1.ConditionFalse, Reason: "FailedGetScale", Message: "not found",
			}
		}, []string{"error " + web + ": it cannot scale (FailedGetScale): not found"}},
		{"at its maximum", none, []autoscalingv2.MetricSpec{external("checkout_rps", "AverageValue", "50")}, func(h *hpa) {
			h.Status.Conditions = append(h.Status.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{
				Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionTrue, Reason: "TooManyReplicas",
			})
		}, []string{"warning " + web + ": it wants more than maxReplicas, 10"}},
		{"no metric of gaugeway", none, []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu"}}}, func(h *hpa) {
			h.Status.Conditions[1].Status = corev1.ConditionFalse
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := healthy(t)
			c.change(t, w)
			h := get[*hpa](t, w, "web")
			h.Spec.Metrics = c.metrics
			if c.and != nil {
				c.and(h)
			}
			report, err := Examine(t.Context(), w.connect(t))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, findings(report.Checks), c.want)
		})
	}
}

// Of two metrics with one name the accepted one counts, and then the older one.
func TestNameConflict(t *testing.T) {
	t.Parallel()
	metrics := func(change func(first, second *v1alpha1.GatewayMetric)) []v1alpha1.GatewayMetric {
		named := func(s *v1alpha1.GatewayMetricSpec) { s.External = &v1alpha1.ExternalMetric{Name: "x"} }
		first := gatewayMetric("first", "1", v1alpha1.TypeLevel, "1", named)
		second := gatewayMetric("second", "1", v1alpha1.TypeTotal, "1", named)
		change(first, second)
		return []v1alpha1.GatewayMetric{*first, *second}
	}
	autoscalers := []autoscalingv2.HorizontalPodAutoscaler{*newAutoscaler("web", external("x", "AverageValue", "5"))}
	f := func(list []v1alpha1.GatewayMetric, want Level) {
		t.Helper()
		checks := CheckAutoscalers(autoscalers, list, AutoscalerOptions{External: Error, Version: "v1.37.0"})
		if len(checks) != 1 || checks[0].Level != want {
			t.Errorf("got %+v, want %s", checks, want)
		}
	}
	f(metrics(func(first, _ *v1alpha1.GatewayMetric) { first.Status.Conditions = nil }), OK)
	f(metrics(func(_, second *v1alpha1.GatewayMetric) { second.Status.Conditions = nil }), Error)
	f(metrics(func(first, second *v1alpha1.GatewayMetric) {
		first.CreationTimestamp, second.CreationTimestamp = metav1.NewTime(now), metav1.NewTime(now.AddDate(0, 0, -1))
	}), OK)
}
