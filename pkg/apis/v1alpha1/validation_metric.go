package v1alpha1

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateSourceReferences(refs []SourceReference, at *field.Path) field.ErrorList {
	if len(refs) == 0 {
		return field.ErrorList{field.Required(at, "a metric reads at least one source; write sources: [{name: ...}]")}
	}
	errs := validateCount(len(refs), MaxSources, at)
	seen := map[SourceReference]bool{}
	for i, ref := range refs {
		at := at.Index(i)
		if ref.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "a source is found by its name; write {name: ..., namespace: ...}"))
			continue
		}
		if seen[ref] {
			errs = append(errs, field.Invalid(at, ref.Namespace+"/"+ref.Name, "listed twice, which would not count it twice; remove one"))
			continue
		}
		seen[ref] = true
		errs = append(errs, validateObjectName(ref.Name, at.Child("name"))...)
		if ref.Namespace != "" {
			errs = append(errs, validateNamespaceName(ref.Namespace, at.Child("namespace"))...)
		}
	}
	return errs
}

func validateLua(lua string, at *field.Path) field.ErrorList {
	if strings.TrimSpace(lua) == "" {
		return field.ErrorList{field.Required(at, `there is nothing to evaluate; write an expression, such as sum(rate(requests_total["1m"]))`)}
	}
	if len(lua) > MaxLuaBytes {
		return field.ErrorList{{
			Type:   field.ErrorTypeTooLong,
			Field:  at.String(),
			Detail: fmt.Sprintf("%d bytes, and at most %d are allowed; shorten it or split it into several metrics", len(lua), MaxLuaBytes),
		}}
	}
	return nil
}

// validateServing checks the names under which the metric is served: at least one.
func validateServing(spec *GatewayMetricSpec, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.External == nil && spec.Pods == nil && spec.Object == nil {
		return field.ErrorList{field.Required(at.Child("external"), "the metric is not served anywhere; write external: {name: ...}, pods: {name: ...} or object: {name: ..., resource: ..., label: ...}")}
	}
	if spec.External != nil {
		at, name := at.Child("external", "name"), spec.External.Name
		errs = append(errs, validateMetricName(name, at)...)
		if name == "status" || name == "finalize" {
			errs = append(errs, field.Invalid(at, name, "the API server takes a path that ends so for the namespace's own; choose another name"))
		}
	}
	if spec.Pods != nil {
		errs = append(errs, validateMetricName(spec.Pods.Name, at.Child("pods", "name"))...)
	}
	if spec.Object != nil {
		errs = append(errs, validateObject(spec.Object, at.Child("object"))...)
	}
	return errs
}

func validateMetricName(name string, at *field.Path) field.ErrorList {
	switch {
	case name == "":
		return field.ErrorList{field.Required(at, "an HPA asks for the metric by this name; write one, such as checkout_p95_latency_seconds")}
	case len(name) > MaxNameBytes:
		return field.ErrorList{{
			Type:   field.ErrorTypeTooLong,
			Field:  at.String(),
			Detail: fmt.Sprintf("%d bytes, and at most %d are allowed; shorten it", len(name), MaxNameBytes),
		}}
	case !metricName.MatchString(name):
		return field.ErrorList{field.Invalid(at, name, "not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -")}
	}
	return nil
}

func validateObject(object *ObjectMetric, at *field.Path) field.ErrorList {
	errs := validateMetricName(object.Name, at.Child("name"))
	resource, label := at.Child("resource"), at.Child("label")
	switch {
	case object.Resource == "":
		errs = append(errs, field.Required(resource, "objects are of a resource; write its plural with its group, such as services or ingresses.networking.k8s.io"))
	case object.Resource == "pods":
		errs = append(errs, field.Invalid(resource, object.Resource, "pods have a field of their own; write pods: {name: ...} instead of object"))
	case len(object.Resource) > MaxNameBytes || !resourceName.MatchString(object.Resource):
		errs = append(errs, field.Invalid(resource, object.Resource, "not a resource; write its plural in lower case with its group, such as services or ingresses.networking.k8s.io"))
	}
	switch {
	case object.Label == "":
		errs = append(errs, field.Required(label, "a label of the result names the object; write it, such as service"))
	case len(object.Label) > MaxNameBytes || !labelName.MatchString(object.Label) || object.Label == "__name__":
		errs = append(errs, field.Invalid(label, object.Label, "not a label; write the one that names the object, such as service"))
	}
	return errs
}

// What names are made of. Labels may be those of OpenTelemetry, with dots.
var (
	metricName   = regexp.MustCompile(`^[A-Za-z_:][A-Za-z0-9_.:-]*$`)
	resourceName = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:/-]*$`)
)

func validateMissing(missing *Missing, at *field.Path) field.ErrorList {
	if missing == nil {
		return nil
	}
	var errs field.ErrorList
	switch missing.Policy {
	case MissingError, MissingHold, MissingValue:
	default:
		return field.ErrorList{field.NotSupported(at.Child("policy"), missing.Policy, []MissingPolicy{MissingError, MissingHold, MissingValue})}
	}
	switch {
	case missing.Policy == MissingHold && missing.For == nil:
		errs = append(errs, field.Required(at.Child("for"), "policy Hold needs an end; write for: 2m"))
	case missing.Policy == MissingHold && missing.For.Duration <= 0:
		errs = append(errs, field.Invalid(at.Child("for"), missing.For.Duration.String(), "not longer than 0; write how long to repeat the last value, such as 2m"))
	case missing.Policy != MissingHold && missing.For != nil:
		errs = append(errs, field.Forbidden(at.Child("for"), fmt.Sprintf("policy %s does not use it; remove it or write policy: Hold", missing.Policy)))
	}
	switch {
	case missing.Policy == MissingValue && missing.Value == nil:
		errs = append(errs, field.Required(at.Child("value"), `policy Value needs the number to answer; write value: "10"`))
	case missing.Policy != MissingValue && missing.Value != nil:
		errs = append(errs, field.Forbidden(at.Child("value"), fmt.Sprintf("policy %s does not use it; remove it or write policy: Value", missing.Policy)))
	}
	return errs
}
