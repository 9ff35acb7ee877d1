package preset

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
)

var _ config.Presets = (*Set)(nil)

// Complete fills what a source leaves to its preset: port, path, format, params
// and protocols, and the path of URLs that have none. A source without a preset stays as
// it is. The error says that there is no such preset, or that its rules are
// missing.
func (s *Set) Complete(src *v1alpha1.GatewaySource) error {
	spec := &src.Spec
	if spec.Preset == "" {
		return nil
	}
	p := s.Get(spec.Preset)
	if p == nil {
		message, cure := s.Unknown(spec.Preset)
		return errors.New(message + "; " + cure)
	}
	if spec.Pods != nil {
		p.completeTarget(&spec.Pods.Port, &spec.Pods.Path)
	}
	if spec.Service != nil {
		p.completeTarget(&spec.Service.Port, &spec.Service.Path)
	}
	if spec.Static != nil {
		for i, raw := range spec.Static.URLs {
			spec.Static.URLs[i] = p.CompleteURL(raw)
		}
	}
	if spec.Format == "" {
		spec.Format = v1alpha1.Format(p.Format)
	}
	if spec.Format == v1alpha1.FormatJSON && p.JSON == nil {
		return fmt.Errorf("the preset %s has no rules for the format Json; remove format, or name a preset that has some", p.Name)
	}
	if spec.Params == nil && len(p.Params) > 0 {
		spec.Params = maps.Clone(p.Params)
	}
	if spec.ScrapeProtocols == nil {
		spec.ScrapeProtocols = slices.Clone(p.Protocols)
	}
	return nil
}

func (p *Preset) completeTarget(port *intstr.IntOrString, path *string) {
	if *port == (intstr.IntOrString{}) {
		*port = p.Port
	}
	if *path == "" {
		*path = p.Path
	}
}

// CompleteURL gives a URL without a path that of the preset. What is no URL is
// left to validation.
func (p *Preset) CompleteURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Path != "" || u.Opaque != "" {
		return raw
	}
	u.Path = p.Path
	return u.String()
}
