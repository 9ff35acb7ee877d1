package preset

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of a file of tests, as docs/testing.md describes it. What they do
// not say by their types is checked by the loader.

type fileSpec struct {
	Tests []testSpec `json:"tests"`
}

type testSpec struct {
	Name string `json:"name"`
	// One of Lua, Program, Metric and Preset says what is tested.
	Lua     string      `json:"lua"`
	Program string      `json:"program"`
	Metric  *metricSpec `json:"metric"`
	Preset  *presetSpec `json:"preset"`
	// Covers says which of the cases that a preset needs this is.
	Covers   []string         `json:"covers"`
	Interval *metav1.Duration `json:"interval"`
	Start    string           `json:"start"`
	Input    []inputSpec      `json:"input"`
	// Pods are those that pod_of finds, by address.
	Pods     map[string]string `json:"pods"`
	History  []historySpec     `json:"history"`
	Evaluate []evaluationSpec  `json:"evaluate"`
}

// metricSpec names a GatewayMetric in a configuration folder.
type metricSpec struct {
	Config    string `json:"config"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// presetSpec is a metric of a preset, as spec.preset of a GatewayMetric is.
type presetSpec struct {
	Gateway string            `json:"gateway"`
	Metric  string            `json:"metric"`
	Labels  map[string]string `json:"labels"`
	By      []string          `json:"by"`
	Window  *metav1.Duration  `json:"window"`
}

// inputSpec is a series of a target, or all scrapes of one.
type inputSpec struct {
	Series string `json:"series"`
	Values string `json:"values"`

	Scrapes []scrapeSpec `json:"scrapes"`
	Format  string       `json:"format"`

	// Labels of the target.
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Node      string `json:"node"`
	Instance  string `json:"instance"`
	Source    string `json:"source"`
}

type scrapeSpec struct {
	At   *metav1.Duration `json:"at"`
	File string           `json:"file"`
}

// historySpec is what a metric returned before.
type historySpec struct {
	Metric string            `json:"metric"`
	Labels map[string]string `json:"labels"`
	Values string            `json:"values"`
}

type evaluationSpec struct {
	At     *metav1.Duration `json:"at"`
	Expect []itemSpec       `json:"expect"`
	None   bool             `json:"none"`
	Idle   bool             `json:"idle"`
	Error  string           `json:"error"`
	HPA    *hpaSpec         `json:"hpa"`
}

type itemSpec struct {
	Labels           map[string]string `json:"labels"`
	Value            *number           `json:"value"`
	Tolerance        *number           `json:"tolerance"`
	TolerancePercent *number           `json:"tolerancePercent"`
	Idle             bool              `json:"idle"`
}

type hpaSpec struct {
	Target      *resource.Quantity `json:"target"`
	Type        string             `json:"type"`
	MatchLabels map[string]string  `json:"matchLabels"`
	Replicas    *int32             `json:"replicas"`
	Want        *int32             `json:"want"`
}

// A number is a float64 that may be NaN or infinite.
type number float64

var _ json.Unmarshaler = (*number)(nil)

// UnmarshalJSON reads a number, or one in a string, such as "NaN" and "+Inf".
func (n *number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%q is no number", text)
	}
	*n = number(v)
	return nil
}

// Cure says how a number is written.
func (*number) Cure() string { return "write a number, NaN, +Inf or -Inf" }
