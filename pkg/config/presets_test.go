package config

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// fakePresets know kong, at port 8100.
type fakePresets struct{}

func (fakePresets) Complete(s *v1alpha1.GatewaySource) error {
	switch s.Spec.Preset {
	case "":
	case "kong":
		s.Spec.Pods.Port, s.Spec.Pods.Path = intstr.FromInt32(8100), "/stats"
	default:
		return errors.New("there is no such preset; write kong")
	}
	return nil
}

// TestPresetsCompleteSources: what a source leaves to its preset is there before
// the source's defaults and its validation.
func TestPresetsCompleteSources(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewaySource\nmetadata: {name: a}\nspec:\n  pods: {selector: {}}\n"
	read := func(text string) *Objects {
		objects := &Objects{}
		p := newParser(objects, fakePresets{})
		p.file("a.yaml", []byte(text))
		return objects
	}
	o := read(head + "  preset: kong\n")
	if len(o.Findings) > 0 || len(o.Sources) != 1 {
		t.Fatalf("findings %v", printed(o.Findings))
	}
	if p := o.Sources[0].Spec.Pods; p.Port.IntValue() != 8100 || p.Path != "/stats" {
		t.Errorf("port %v and path %v are not those of the preset", p.Port, p.Path)
	}
	const want = `a.yaml:6:11: spec.preset: invalid value: "kog": there is no such preset; write kong` + "\n"
	if got := printed(read(head + "  preset: kog\n").Findings); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPresetsCompleteSourcesOfTheCluster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		preset string
		want   change
	}{
		{"kong", change{"a @1", ""}},
		{"kog", change{"", "[Invalid] GatewaySource/shop/a: spec.preset: invalid value: \"kog\": there is no such preset; write kong\n"}},
	} {
		t.Run(c.preset, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(_ *testing.T, r *rig) {
				r.cluster.Presets = fakePresets{}
				r.start(sourceObject("a", 1, "{pods: {selector: {}}, preset: "+c.preset+"}"))
				r.expect(1, c.want)
			})
		})
	}
}
