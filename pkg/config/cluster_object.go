package config

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A clusterObject is an object of the cluster, decoded as far as it can be.
// What it was decoded from belongs to a cache: shown and lastGood are read only.
type clusterObject struct {
	kind, name string // name is Object's
	uid        types.UID
	generation int64
	meta       metav1.ObjectMeta

	source   *Source   // of a GatewaySource, nil where it is broken
	metric   *Metric   // of a GatewayMetric, nil where it is broken
	findings []Finding // what is wrong with it
	lastGood any       // status.lastGoodSpec, if any; nil after the first snapshot

	shown *unstructured.Unstructured // what it was decoded from
}

// A decoder knows what objects of the cluster may name.
type decoder struct {
	allowStatic bool
	presets     Presets
}

// object decodes and validates an object.
func (d decoder) object(u *unstructured.Unstructured) *clusterObject {
	o := &clusterObject{
		shown:      u,
		kind:       u.GetKind(),
		name:       objectName(u.GetKind(), u.GetNamespace(), u.GetName()),
		uid:        u.GetUID(),
		generation: u.GetGeneration(),
		meta: metav1.ObjectMeta{
			Name:              u.GetName(),
			Namespace:         u.GetNamespace(),
			UID:               u.GetUID(),
			Generation:        u.GetGeneration(),
			CreationTimestamp: u.GetCreationTimestamp(),
			Labels:            u.GetLabels(),
			Annotations:       u.GetAnnotations(),
		},
	}
	o.source, o.metric, o.findings = d.spec(o.kind, o.meta, u.Object["spec"])
	if status, ok := u.Object["status"].(map[string]any); ok && status["lastGoodSpec"] != nil {
		o.lastGood = status["lastGoodSpec"]
	}
	return o
}

// lastGoodVersion decodes and validates the spec that the status holds. It
// returns nothing where there is none, or where it is not good any more, for
// instance because gaugeway runs without --allow-static now.
func (o *clusterObject) lastGoodVersion(d decoder) (*Source, *Metric) {
	if o.lastGood == nil {
		return nil, nil
	}
	meta := o.meta
	meta.Generation = 0 // nobody wrote it down
	source, metric, _ := d.spec(o.kind, meta, o.lastGood)
	return source, metric
}

// spec makes an object of a spec and validates it. It returns the object or
// what is wrong with it.
func (d decoder) spec(kind string, meta metav1.ObjectMeta, spec any) (*Source, *Metric, []Finding) {
	var (
		origin   Origin
		findings []Finding
		object   = objectName(kind, meta.Namespace, meta.Name)
		typeMeta = metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
	)
	add := func(reason string, errs field.ErrorList) {
		for _, err := range errs {
			findings = append(findings, origin.fromFieldError(object, err).because(reason))
		}
	}
	switch kind {
	case v1alpha1.KindGatewaySource:
		s := &v1alpha1.GatewaySource{TypeMeta: typeMeta, ObjectMeta: *meta.DeepCopy()}
		if f := decodeStrictly(object, spec, &s.Spec); f != nil {
			return nil, nil, []Finding{*f}
		}
		errs := complete(s, d.presets)
		add(v1alpha1.ReasonNotAllowed, s.ValidateInCluster(d.allowStatic))
		add(v1alpha1.ReasonInvalid, errs)
		if len(findings) == 0 {
			return &Source{GatewaySource: s}, nil, nil
		}
	case v1alpha1.KindGatewayMetric:
		m := &v1alpha1.GatewayMetric{TypeMeta: typeMeta, ObjectMeta: *meta.DeepCopy()}
		if f := decodeStrictly(object, spec, &m.Spec); f != nil {
			return nil, nil, []Finding{*f}
		}
		m.SetDefaults()
		add(v1alpha1.ReasonInvalid, m.Validate())
		if len(findings) == 0 {
			return nil, &Metric{GatewayMetric: m}, nil
		}
	}
	return nil, nil, findings
}

// decodeStrictly decodes a spec into v. What the API server let through and
// gaugeway does not know is a finding: the definitions in the cluster are then
// those of another version.
func decodeStrictly(object string, spec, v any) *Finding {
	found := func(at, message, cure string) *Finding {
		f := (&Origin{}).finding(object, at, message, cure).because(v1alpha1.ReasonInvalid)
		return &f
	}
	fields, ok := spec.(map[string]any)
	if !ok {
		return found("spec", "missing", "write spec")
	}
	// The API server checks quantities, if its definitions are of this version.
	for _, path := range [][]string{{"bodySizeLimit"}, {"missing", "value"}} {
		text, _, err := unstructured.NestedString(fields, path...)
		if err == nil && text != "" && !quantitySyntax.MatchString(text) {
			return found("spec."+strings.Join(path, "."), "bad quantity "+strconv.Quote(text), quantityCure)
		}
	}
	data, err := json.Marshal(fields)
	if err == nil {
		var strict []error
		strict, err = kjson.UnmarshalStrict(data, v)
		err = errors.Join(append(strict, err)...)
	}
	if err != nil {
		return found("spec", strings.ReplaceAll(err.Error(), "\n", ", "), "correct the object, or install the CustomResourceDefinitions of this version")
	}
	return nil
}
