package discover

import (
	"testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

func TestStatic(t *testing.T) {
	t.Parallel()
	f := func(urls []string, want ...string) {
		t.Helper()
		src := &v1alpha1.GatewaySource{}
		src.Name, src.Namespace = "kong", "gateways"
		src.Spec.Static = &v1alpha1.StaticTargets{URLs: urls}
		targets, err := NewStatic(src)
		if err != nil {
			t.Fatal(err)
		}
		if len(targets) != len(want) {
			t.Fatalf("got %d targets, want %d", len(targets), len(want))
		}
		for i, target := range targets.Targets() {
			if got := target.Labels.String(); got != want[i] {
				t.Errorf("labels %s, want %s", got, want[i])
			}
			if target.URL != urls[i] || !target.Expected {
				t.Errorf("target %+v of %s", target, urls[i])
			}
		}
	}
	f(nil)
	f([]string{"http://a:1/metrics", "https://b/m"},
		`{instance="a:1", namespace="gateways", source="kong"}`,
		`{instance="b", namespace="gateways", source="kong"}`)
	f([]string{"http://a:1/metrics", "http://a:1/stub?token=x"},
		`{instance="a:1/metrics", namespace="gateways", source="kong"}`,
		`{instance="a:1/stub", namespace="gateways", source="kong"}`)
	f([]string{"http://a:1/m?family=x", "http://a:1/m?family=y"},
		`{instance="a:1/m#1", namespace="gateways", source="kong"}`,
		`{instance="a:1/m#2", namespace="gateways", source="kong"}`)
}

func TestStaticRefusesWhatIsNoURL(t *testing.T) {
	t.Parallel()
	src := &v1alpha1.GatewaySource{}
	src.Spec.Static = &v1alpha1.StaticTargets{URLs: []string{"http://a:b:c/"}}
	if _, err := NewStatic(src); err == nil {
		t.Fatal("no error")
	}
}
