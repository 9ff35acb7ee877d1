package v1alpha1

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The limits of fields.
const (
	MinInterval      = time.Second
	MaxInterval      = 5 * time.Minute
	MinBodySizeLimit = 1 << 10 // bytes
	MaxBodySizeLimit = 1 << 30 // bytes
	// MaxLuaBytes limits an expression: the compiler takes a time that grows
	// with the cube of the length.
	MaxLuaBytes = 8 << 10
	// MaxSources, MaxAllowedNamespaces, MaxParams and MaxMatchers limit lists, so
	// that the API server can check them at admission.
	MaxSources           = 32
	MaxAllowedNamespaces = 256
	MaxParams            = 64
	MaxMatchers          = 32
	// MaxPathBytes and MaxNameBytes limit paths and names of metrics.
	MaxPathBytes = 1024
	MaxNameBytes = 253
)

// Validate checks one source after SetDefaults. The detail of each error says
// what is wrong and, after the first semicolon, the cure. It returns nil for a
// valid source, and no secret: user info in a URL is masked. What only a source
// of the cluster may not do is ValidateInCluster's.
func (s *GatewaySource) Validate() field.ErrorList {
	spec, at := &s.Spec, field.NewPath("spec")
	errs := validateObjectMeta(&s.ObjectMeta)
	errs = append(errs, validateTargets(spec, at)...)
	errs = append(errs, validateTimes(spec, at)...)
	errs = append(errs, validateCount(len(spec.Params), MaxParams, at.Child("params"))...)
	for _, name := range sortedKeys(spec.Params) {
		if name == "" {
			errs = append(errs, field.Invalid(at.Child("params").Key(name), name, "a parameter needs a name; write name: [value]"))
		}
	}
	errs = append(errs, validateFormat(spec, at.Child("format"))...)
	if spec.Preset != "" && !presetName.MatchString(spec.Preset) {
		errs = append(errs, field.Invalid(at.Child("preset"), spec.Preset, "not the name of a preset; gaugeway presets lists those that there are"))
	}
	errs = append(errs, validateProtocols(spec.ScrapeProtocols, at.Child("scrapeProtocols"))...)
	errs = append(errs, validateTLSConfig(spec, at.Child("tlsConfig"))...)
	errs = append(errs, validateCredentials(spec, at)...)
	if q := spec.BodySizeLimit; q != nil {
		if q.Cmp(*resource.NewQuantity(MinBodySizeLimit, resource.BinarySI)) < 0 {
			errs = append(errs, field.Invalid(at.Child("bodySizeLimit"), q.String(), "less than 1Ki; write it in bytes, such as 64Mi (m means thousandths, Mi 1048576)"))
		} else if q.Cmp(*resource.NewQuantity(MaxBodySizeLimit, resource.BinarySI)) > 0 {
			errs = append(errs, field.Invalid(at.Child("bodySizeLimit"), q.String(), "more than 1Gi; choose 1Ki to 1Gi, such as 64Mi"))
		}
	}
	return append(errs, validateAllowedNamespaces(s, at.Child("allowedNamespaces"))...)
}

// Validate checks one metric after SetDefaults, without looking at its sources
// or compiling its Lua. The detail of each error says what is wrong and, after
// the first semicolon, the cure. It returns nil for a valid metric.
func (m *GatewayMetric) Validate() field.ErrorList {
	spec, at := &m.Spec, field.NewPath("spec")
	errs := validateObjectMeta(&m.ObjectMeta)
	errs = append(errs, validateSourceReferences(spec.Sources, at.Child("sources"))...)
	errs = append(errs, validateExpression(spec, at)...)
	switch {
	case spec.Type == TypeLevel || spec.Type == TypeTotal:
	case spec.Type == "" && spec.Preset != nil: // whose metric is not known
	case spec.Type == "":
		errs = append(errs, field.Required(at.Child("type"), "the type decides what a silent target means; write Level (a latency, a ratio, a utilisation) or Total (adds up over targets: requests per second, queue length)"))
	default:
		errs = append(errs, field.NotSupported(at.Child("type"), spec.Type, []MetricType{TypeLevel, TypeTotal}))
	}
	errs = append(errs, validateServing(spec, at)...)
	if p := spec.MinCoveragePercent; p != nil && (*p < 1 || *p > 100) {
		errs = append(errs, field.Invalid(at.Child("minCoveragePercent"), *p, "not a percentage; choose 1 to 100"))
	}
	if spec.MaxAge != nil && spec.MaxAge.Duration <= 0 {
		errs = append(errs, field.Invalid(at.Child("maxAge"), spec.MaxAge.Duration.String(), "not longer than 0; write how old an answer may be, such as 30s"))
	}
	if spec.Idle != nil && spec.Idle.After.Duration <= 0 {
		errs = append(errs, field.Invalid(at.Child("idle", "after"), spec.Idle.After.Duration.String(), "not longer than 0; write how long a percentile without observations holds its last value, such as 5m"))
	}
	return append(errs, validateMissing(spec.Missing, at.Child("missing"))...)
}

func validateObjectMeta(meta *metav1.ObjectMeta) field.ErrorList {
	at := field.NewPath("metadata")
	var errs field.ErrorList
	if meta.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "an object needs a name; write metadata: {name: ...}"))
	} else {
		errs = append(errs, validateObjectName(meta.Name, at.Child("name"))...)
	}
	if meta.Namespace != "" {
		errs = append(errs, validateNamespaceName(meta.Namespace, at.Child("namespace"))...)
	}
	return errs
}

func validateObjectName(name string, at *field.Path) field.ErrorList {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return field.ErrorList{field.Invalid(at, name, "not an object name; use lowercase letters, digits, - and ., begin and end with a letter or digit, at most 253 characters")}
	}
	return nil
}

func validateNamespaceName(name string, at *field.Path) field.ErrorList {
	if len(validation.IsDNS1123Label(name)) > 0 {
		return field.ErrorList{field.Invalid(at, name, "not a namespace; use lowercase letters, digits and -, begin and end with a letter or digit, at most 63 characters")}
	}
	return nil
}

// validateCount checks the length of a list.
func validateCount(n, limit int, at *field.Path) field.ErrorList {
	if n <= limit {
		return nil
	}
	return field.ErrorList{field.Invalid(at, n, fmt.Sprintf("more than %d entries; split the object into several", limit))}
}
