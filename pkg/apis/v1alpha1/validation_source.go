package v1alpha1

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateTimes(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	if spec.Interval == nil || spec.ScrapeTimeout == nil {
		return nil // SetDefaults fills both
	}
	var errs field.ErrorList
	interval, timeout := spec.Interval.Duration, spec.ScrapeTimeout.Duration
	if interval < MinInterval || interval > MaxInterval {
		errs = append(errs, field.Invalid(at.Child("interval"), interval.String(), "out of range; choose 1s to 5m, such as 5s"))
	}
	if timeout <= 0 {
		errs = append(errs, field.Invalid(at.Child("scrapeTimeout"), timeout.String(), "not longer than 0; choose a time up to the interval, such as 2s"))
	} else if timeout > interval {
		errs = append(errs, field.Invalid(at.Child("scrapeTimeout"), timeout.String(), "longer than the interval of "+interval.String()+"; shorten it or lengthen the interval"))
	}
	return errs
}

func validateProtocols(protocols []ScrapeProtocol, at *field.Path) field.ErrorList {
	known := ScrapeProtocols()
	var errs field.ErrorList
	for i, p := range protocols {
		switch {
		case !slices.Contains(known, p):
			errs = append(errs, field.NotSupported(at.Index(i), p, known))
		case slices.Contains(protocols[:i], p):
			errs = append(errs, field.Invalid(at.Index(i), p, "listed twice; remove one"))
		}
	}
	return errs
}

func validateAllowedNamespaces(s *GatewaySource, at *field.Path) field.ErrorList {
	errs := validateCount(len(s.Spec.AllowedNamespaces), MaxAllowedNamespaces, at)
	seen := map[string]bool{}
	for i, allowed := range s.Spec.AllowedNamespaces {
		at := at.Index(i)
		switch {
		case allowed.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "an entry needs a namespace; write {name: ...}"))
		case allowed.Name == s.Namespace:
			errs = append(errs, field.Invalid(at.Child("name"), allowed.Name, "the source's own namespace may always use it, without limits; remove the entry"))
		case seen[allowed.Name]:
			errs = append(errs, field.Invalid(at.Child("name"), allowed.Name, "listed twice; merge the two entries"))
		default:
			errs = append(errs, validateNamespaceName(allowed.Name, at.Child("name"))...)
		}
		seen[allowed.Name] = true
		errs = append(errs, validateCount(len(allowed.Matchers), MaxMatchers, at.Child("matchers"))...)
		for _, label := range sortedKeys(allowed.Matchers) {
			at := at.Child("matchers").Key(label)
			if label == "" {
				errs = append(errs, field.Invalid(at, label, "a matcher needs a label; write label: [value]"))
			} else if len(allowed.Matchers[label]) == 0 {
				errs = append(errs, field.Required(at, "no value may be seen, which hides every series; list the values or remove the label"))
			}
		}
	}
	return errs
}

func sortedKeys(m map[string][]string) []string {
	return slices.Sorted(maps.Keys(m))
}
