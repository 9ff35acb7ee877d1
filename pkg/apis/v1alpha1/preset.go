package v1alpha1

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// presetName is what presets are called.
var presetName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Expression returns what the metric evaluates: its Lua, or that which its preset
// stands for.
func (s *GatewayMetricSpec) Expression() string {
	if s.Preset == nil {
		return s.Lua
	}
	return s.Preset.Expression("gateway")
}

// Expression returns the metric as an expression, of the preset of that name:
//
//	gateway.latency_p95_seconds({["service"] = "checkout"}, "1m", by("pod"))
func (p *PresetMetric) Expression(preset string) string {
	var matchers []string
	for _, name := range slices.Sorted(maps.Keys(p.Labels)) {
		matchers = append(matchers, fmt.Sprintf("[%s] = %s", quoteLua(name), quoteLua(p.Labels[name])))
	}
	arguments := []string{"{" + strings.Join(matchers, ", ") + "}"}
	if p.Window != nil {
		arguments = append(arguments, quoteLua(length(p.Window.Duration)))
	} else if len(p.By) > 0 {
		arguments = append(arguments, "nil")
	}
	if len(p.By) > 0 {
		var names []string
		for _, name := range p.By {
			names = append(names, quoteLua(name))
		}
		arguments = append(arguments, "by("+strings.Join(names, ", ")+")")
	}
	return preset + "." + p.Metric + "(" + strings.Join(arguments, ", ") + ")"
}

// length writes a time as expressions do, in one unit.
func length(d time.Duration) string {
	switch {
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// quoteLua returns a string as Lua writes it, on one line.
func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			digits := strconv.Itoa(int(c))
			b.WriteString(`\` + strings.Repeat("0", 3-len(digits)) + digits)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// validateExpression checks what a metric evaluates: exactly one of two.
func validateExpression(spec *GatewayMetricSpec, at *field.Path) field.ErrorList {
	if spec.Preset == nil {
		return validateLua(spec.Lua, at.Child("lua"))
	}
	errs := validatePreset(spec.Preset, at.Child("preset"))
	if spec.Lua != "" {
		errs = append(errs, field.Forbidden(at.Child("preset"), "lua is given too, and a metric evaluates one of them; remove one"))
	}
	return errs
}

func validatePreset(preset *PresetMetric, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if preset.Metric == "" {
		errs = append(errs, field.Required(at.Child("metric"), "presets have many metrics; write metric: requests_per_second, or another one of the vocabulary"))
	} else if _, ok := vocabulary.Lookup(preset.Metric); !ok {
		errs = append(errs, field.NotSupported(at.Child("metric"), preset.Metric, vocabulary.Names()))
	}
	known := presetLabels()
	for _, name := range slices.Sorted(maps.Keys(preset.Labels)) {
		if !slices.Contains(known, name) {
			errs = append(errs, field.Invalid(at.Child("labels").Key(name), name, "not a label of the vocabulary; choose of "+strings.Join(known, ", ")))
		}
	}
	known = append(known, vocabulary.UpstreamPod)
	for i, name := range preset.By {
		switch {
		case !slices.Contains(known, name):
			errs = append(errs, field.NotSupported(at.Child("by").Index(i), name, known))
		case slices.Contains(preset.By[:i], name):
			errs = append(errs, field.Invalid(at.Child("by").Index(i), name, "listed twice; remove one"))
		}
	}
	if w := preset.Window; w != nil && w.Duration <= 0 {
		errs = append(errs, field.Invalid(at.Child("window"), w.Duration.String(), "not longer than 0; write how far to look back, such as 1m"))
	}
	return errs
}

// presetLabels returns the labels that a preset's metric may be selected by.
func presetLabels() []string {
	var names []string
	for _, l := range append(vocabulary.Labels(), vocabulary.TargetLabels()...) {
		names = append(names, l.Name)
	}
	return names
}

func validateFormat(spec *GatewaySourceSpec, at *field.Path) field.ErrorList {
	switch {
	case !slices.Contains(Formats(), string(spec.Format)):
		return field.ErrorList{field.NotSupported(at, string(spec.Format), Formats())}
	case spec.Format == FormatJSON && spec.Preset == "":
		return field.ErrorList{field.Required(at.Root().Child("preset"), "the format Json takes its rules from a preset; write preset: with its name")}
	}
	return nil
}
