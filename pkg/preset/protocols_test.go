package preset

import (
	"slices"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// TestProtocols: a preset says what to ask for, unless the source does.
func TestProtocols(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{
		"otel": {"protocols": `{"OpenMetricsText0.0.1", "PrometheusText0.0.4"}`},
		"kong": {},
	})
	f := func(preset string, given, want []v1alpha1.ScrapeProtocol) {
		t.Helper()
		src := &v1alpha1.GatewaySource{}
		src.Spec.Preset, src.Spec.ScrapeProtocols = preset, given
		if err := s.Complete(src); err != nil || !slices.Equal(src.Spec.ScrapeProtocols, want) {
			t.Errorf("%s with %v asks for %v, %v; want %v", preset, given, src.Spec.ScrapeProtocols, err, want)
		}
	}
	f("otel", nil, []v1alpha1.ScrapeProtocol{v1alpha1.OpenMetricsText0_0_1, v1alpha1.PrometheusText0_0_4})
	f("otel", []v1alpha1.ScrapeProtocol{v1alpha1.PrometheusProto}, []v1alpha1.ScrapeProtocol{v1alpha1.PrometheusProto})
	f("kong", nil, nil)
	if got := s.Get("otel").defaults(); !strings.Contains(got, "protocol OpenMetricsText0.0.1, protocol PrometheusText0.0.4") {
		t.Errorf("the defaults are %s", got)
	}
}
