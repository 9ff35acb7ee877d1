package preset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// Situations returns what the cases of a preset have to cover:
//
//	steady  traffic that goes on, with a value that was computed by hand
//	reset   counters that begin anew within the window
//	gone    a pod, target or backend that is not there any more
//	idle    no traffic: rates are 0, and percentiles have nothing to say
//	older   the names of older versions
func Situations() []string { return []string{"steady", "reset", "gone", "idle", "older"} }

func (r *caseReader) readCovers(covers []string) {
	for i, what := range covers {
		if !slices.Contains(Situations(), what) {
			r.index("covers", i).add(fmt.Sprintf("unknown situation %q", what), "write some of "+strings.Join(Situations(), ", "))
		}
	}
	r.c.Covers = covers
}

// readPreset takes the expression from a preset.
func (r *caseReader) readPreset(spec *presetSpec) {
	at := r.field("preset")
	p := r.c.presets.Get(spec.Gateway)
	switch {
	case spec.Gateway == "":
		at.field("gateway").add("missing", "write gateway: and the name of a preset")
		return
	case p == nil:
		message, cure := r.c.presets.Unknown(spec.Gateway)
		at.field("gateway").add(message, cure)
		return
	case spec.Metric == "":
		at.field("metric").add("missing", "write metric: and a name of the vocabulary")
		return
	}
	object := v1alpha1.PresetMetric{Metric: spec.Metric, Labels: spec.Labels, By: spec.By, Window: spec.Window}
	known, _ := vocabulary.Lookup(spec.Metric)
	r.c.program = program{source: object.Expression(p.Name), name: "self", origin: "preset", kind: v1alpha1.MetricType(known.Type)}
}

// recordedPreset returns the only preset that the program of a case without
// objects uses; nil where there is none, or several.
func (r *caseReader) recordedPreset() *Preset {
	if r.c.program.metric != nil {
		return nil
	}
	var only *Preset
	for _, u := range r.c.Uses() {
		p := r.c.presets.Get(u.Preset)
		if only != nil && p != only {
			return nil
		}
		only = p
	}
	return only
}

// Uses returns the functions of presets that the case's program uses; none
// where it does not compile.
func (c *Case) Uses() []script.Use {
	p, err := script.Compile(c.program.source, script.Options{Name: c.program.name, Modules: c.presets.Modules(), Gateway: c.program.gateway})
	if err != nil {
		return nil
	}
	return p.Uses()
}
