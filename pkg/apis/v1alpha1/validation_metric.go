package v1alpha1

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateSourceReferences(refs []SourceReference, at *field.Path) field.ErrorList {
	if len(refs) == 0 {
		return field.ErrorList{field.Required(at, "a metric reads at least one source; write sources: [{name: ...}]")}
	}
	var errs field.ErrorList
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

func validateExternal(external *ExternalMetric, at *field.Path) field.ErrorList {
	if external == nil {
		return field.ErrorList{field.Required(at, "the metric is not served anywhere; write external: {name: ...}")}
	}
	at = at.Child("name")
	if external.Name == "" {
		return field.ErrorList{field.Required(at, "an HPA asks for the metric by this name; write one, such as checkout_p95_latency_seconds")}
	}
	if len(content.IsPathSegmentName(external.Name)) > 0 || !isExternalName(external.Name) {
		return field.ErrorList{field.Invalid(at, external.Name, "not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -")}
	}
	return nil
}

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

// isExternalName reports whether name is [A-Za-z_:][A-Za-z0-9_.:-]*.
func isExternalName(name string) bool {
	for i, c := range []byte(name) {
		first := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == ':'
		later := '0' <= c && c <= '9' || c == '.' || c == '-'
		if !first && (i == 0 || !later) {
			return false
		}
	}
	return name != ""
}
