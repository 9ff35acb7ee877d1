package config

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// Presets know the gateways that sources name.
type Presets interface {
	// Complete fills what a source leaves to its preset: port, path, format and
	// params. It is called before the source's other defaults are set. A source
	// without a preset stays as it is. The text of the error says what is wrong
	// with spec.preset and, after the first semicolon, the cure.
	Complete(*v1alpha1.GatewaySource) error
}

// complete sets all defaults of a source and validates it. Without presets
// spec.preset changes nothing.
func complete(s *v1alpha1.GatewaySource, presets Presets) field.ErrorList {
	var errs field.ErrorList
	if presets != nil {
		if err := presets.Complete(s); err != nil {
			errs = append(errs, &field.Error{Type: field.ErrorTypeInvalid, Field: "spec.preset", BadValue: s.Spec.Preset, Detail: err.Error()})
		}
	}
	s.SetDefaults()
	if len(errs) > 0 {
		return errs // what else is wrong may come from it
	}
	return s.Validate()
}
