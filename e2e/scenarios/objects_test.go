package scenarios_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// A gatewayObject is what scenarios read of a GatewaySource or GatewayMetric.
type gatewayObject struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		Conditions         []metav1.Condition `json:"conditions"`
		Targets            string             `json:"targets"`
		State              string             `json:"state"`
		Value              string             `json:"value"`
		Coverage           string             `json:"coverage"`
		LastGoodSpec       map[string]any     `json:"lastGoodSpec"`
	} `json:"status"`
}

// readObject reads a gatewaysource or a gatewaymetric of the scenario's namespace.
func readObject(s *cluster.Scenario, kind, name string) (*gatewayObject, error) {
	b, err := s.Raw(fmt.Sprintf("/apis/gaugeway.dev/v1alpha1/namespaces/%s/%ss/%s", s.Namespace, kind, name))
	if err != nil {
		return nil, err
	}
	o := &gatewayObject{}
	return o, json.Unmarshal(b, o)
}

// statusPatience is for a message that changes while its reason stays: gaugeway
// writes it every 30 s.
const statusPatience = 30*time.Second + cluster.Patience

// awaitCondition waits until a condition of an object has a reason and is about its
// latest version, and then until its message has each of some texts.
func awaitCondition(s *cluster.Scenario, kind, name, condition, reason string, texts ...string) {
	s.Helper()
	what := fmt.Sprintf("%s %s, %s: %s", kind, name, condition, reason)
	s.Eventually(cluster.Patience, what, func() error { return hasCondition(s, kind, name, condition, reason) })
	s.Eventually(statusPatience, what, func() error { return hasCondition(s, kind, name, condition, reason, texts...) })
}

// hasCondition fails unless a condition of an object has a reason, is about its
// latest version, and has each of some texts in its message.
func hasCondition(s *cluster.Scenario, kind, name, condition, reason string, texts ...string) error {
	o, err := readObject(s, kind, name)
	if err != nil {
		return err
	}
	c := meta.FindStatusCondition(o.Status.Conditions, condition)
	switch {
	case c == nil:
		return fmt.Errorf("it has no condition %s: %+v", condition, o.Status)
	case c.ObservedGeneration != o.Metadata.Generation:
		return fmt.Errorf("it is about generation %d, want %d", c.ObservedGeneration, o.Metadata.Generation)
	case c.Reason != reason:
		return fmt.Errorf("it is %s: %s: %s", c.Status, c.Reason, c.Message)
	}
	for _, text := range texts {
		if !strings.Contains(c.Message, text) {
			return fmt.Errorf("its message lacks %q: %s", text, c.Message)
		}
	}
	return nil
}

// awaitUnanswered waits until an external metric of the scenario's namespace has no
// value, of none of gaugeway's replicas nor by way of the API server, and for the
// same reason: one that an error says by fulfilling why.
func awaitUnanswered(s *cluster.Scenario, name string, why func(error) bool) {
	s.Helper()
	s.Eventually(cluster.Patience, name+" to have no value", func() error {
		check := func(got float64, err error, of string) error {
			if err == nil {
				return fmt.Errorf("%s is %v%s", name, got, of)
			}
			if !why(err) {
				return fmt.Errorf("%s%s: %w", name, of, err)
			}
			return nil
		}
		got, err := s.External(name)
		if err := check(got, err, ""); err != nil {
			return err
		}
		for _, r := range s.GaugewayReplicas() {
			v, err := r.External(name)
			if err := check(v.Value.AsApproximateFloat64(), err, " of "+r.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}

// says returns whether an error says some text.
func says(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

// awaitExternal waits until an external metric of the scenario's namespace has a
// value, from each of gaugeway's replicas and by way of the API server. One
// replica may know of a metric a tick before the other.
func awaitExternal(s *cluster.Scenario, name string, want float64) {
	s.Helper()
	s.Eventually(cluster.Patience, fmt.Sprintf("%s to be %v", name, want), func() error {
		got, err := s.External(name)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("it is %v", got)
		}
		for _, r := range s.GaugewayReplicas() {
			v, err := r.External(name)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Name(), err)
			}
			if got := v.Value.AsApproximateFloat64(); got != want {
				return fmt.Errorf("it is %v of %s", got, r.Name())
			}
		}
		return nil
	})
}
