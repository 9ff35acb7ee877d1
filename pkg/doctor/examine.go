package doctor

import (
	"context"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// readAutoscalers lists those of the namespace, or all.
func (e *examination) readAutoscalers(ctx context.Context) ([]autoscalingv2.HorizontalPodAutoscaler, error) {
	var list autoscalingv2.HorizontalPodAutoscalerList
	err := e.Reader.List(ctx, &list, client.InNamespace(e.Namespace))
	return list.Items, err
}

// autoscalers checks the HorizontalPodAutoscalers.
func (e *examination) autoscalers(ctx context.Context) {
	list, err := e.readAutoscalers(ctx)
	if err != nil {
		e.unread(name("HorizontalPodAutoscaler", "", "*"), e.needsList("horizontalpodautoscalers.autoscaling"), err)
		return
	}
	if e.metricsErr != nil {
		return // which was said
	}
	e.checks = append(e.checks, CheckAutoscalers(list, e.metrics, AutoscalerOptions{
		External: e.undeclared(externalGroup),
		Custom:   e.undeclared(customGroup),
		Kinds:    e.kinds(ctx),
		Sources:  e.sources,
		Modules:  e.Modules,
		Version:  e.version,
	})...)
}

// undeclared is how grave it is that nobody declares a metric of a group: where
// another adapter serves the group, the metric is its.
func (e *examination) undeclared(group string) Level {
	switch e.owners[group] {
	case ours:
		return Error
	case unknownOwner:
		return Warning
	}
	return OK
}

// kinds reads the kinds of the custom resources that object metrics are of.
func (e *examination) kinds(ctx context.Context) map[string]string {
	out := map[string]string{}
	for i := range e.metrics {
		o := e.metrics[i].Spec.Object
		if o == nil || !strings.Contains(o.Resource, ".") {
			continue
		}
		if _, seen := out[o.Resource]; seen {
			continue
		}
		var d apiextensionsv1.CustomResourceDefinition
		if e.Reader.Get(ctx, client.ObjectKey{Name: o.Resource}, &d) == nil {
			out[o.Resource] = d.Spec.Names.Kind
		}
	}
	return out
}
