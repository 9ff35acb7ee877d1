package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

type checkOptions struct {
	hpa      bool
	replicas int
	presets  string
	limits   script.Limits
}

func newCheckCommand() *cobra.Command {
	o := checkOptions{limits: script.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Find what is wrong with a configuration",
		Long: `Read the GatewaySource and GatewayMetric objects in the YAML files of a folder as
serve would, compile their Lua, and print all that is wrong, each with the place,
the field and the cure. Nothing is scraped and no cluster is needed.
HorizontalPodAutoscalers in the folder are held against the metrics that they name.

It exits with 0 if nothing is wrong (warnings may be printed), with 1 if
something is, and with 2 if the folder cannot be read or holds no object.`,
		Example: `  gaugeway check ./gaugeway
  gaugeway check ./gaugeway --hpa`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one folder: gaugeway check DIR; %d were given", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.hpa, "hpa", false, "print for each valid metric what to write under spec.metrics of an HPA, and all else to standard error")
	f.IntVar(&o.replicas, "replicas", 2, "how many replicas of gaugeway are to serve: each remembers by itself")
	addPresetsFlag(f, &o.presets)
	addLimitFlags(f, &o.limits)
	return cmd
}

func (o *checkOptions) run(dir string, out, errOut io.Writer) error {
	presets, findings, err := loadPresets(o.presets)
	if err != nil {
		return exitError{code: exitFailed, err: err}
	}
	objects, err := config.Read(dir, presets)
	if err != nil {
		return exitError{code: exitFailed, err: err}
	}
	snapshot, found := config.Merge(nil, objects, o.check(presets))
	wanting, scaling := autoscalerFindings(objects.Autoscalers, snapshot, presets)
	findings = slices.Concat(findings, found, wanting)
	if len(snapshot.Sources)+len(snapshot.Metrics)+len(findings)+len(objects.Autoscalers) == 0 {
		return exitError{code: exitFailed, err: fmt.Errorf("nothing to check in %s: no .yaml or .yml file in it holds an object", dir)}
	}
	report := out
	if o.hpa { // whose output is for pasting
		report = errOut
	}
	wrong, warnings := 0, 0
	for _, f := range findings {
		fmt.Fprintln(report, f)
		if f.Warning {
			warnings++
		} else {
			wrong++
		}
	}
	for _, m := range snapshot.Metrics {
		if o.hpa {
			printStanzas(out, m.GatewayMetric)
		} else {
			fmt.Fprintf(report, "%s/%s: ok, %s\n", m.Namespace, m.Name, strings.Join(served(m.GatewayMetric), ", "))
		}
	}
	for _, line := range scaling {
		fmt.Fprintln(report, line)
	}
	fmt.Fprintf(report, "valid sources: %d, valid metrics: %d, wrong: %d, warnings: %d\n", len(snapshot.Sources), len(snapshot.Metrics), wrong, warnings)
	if wrong > 0 {
		return exitError{code: exitFindings}
	}
	return nil
}

// served returns the names under which a metric is served.
func served(m *v1alpha1.GatewayMetric) []string {
	var names []string
	if e := m.Spec.External; e != nil {
		names = append(names, "external metric "+e.Name)
	}
	if p := m.Spec.Pods; p != nil {
		names = append(names, "metric "+p.Name+" of pods")
	}
	if o := m.Spec.Object; o != nil {
		names = append(names, "metric "+o.Name+" of "+o.Resource)
	}
	return names
}

// check is that of serve, with what matters where several replicas serve.
func (o *checkOptions) check(presets *preset.Set) config.Check {
	compile := compileCheck(o.limits, presets)
	return func(m *config.Metric, sources []*config.Source) []config.Finding {
		findings := compile(m, sources)
		program, err := compileMetric(m, sources, o.limits, presets)
		if err != nil {
			return findings // which say so
		}
		if line, column, remembers := program.Remembers(); remembers && o.replicas > 1 {
			findings = append(findings, warning(m.LuaFinding(line, column,
				"each replica remembers what it returned itself, so that replicas that started at different times may answer differently, and a restart forgets",
				"compute it from scraped series, such as with *_over_time, or check with --replicas 1 where one replica serves")))
		}
		return findings
	}
}

// printStanzas prints what an HPA writes to scale on a metric, once for each
// way it is served. A Level is compared as it is; a Total is divided by the
// number of pods, and of pods each has its own. The target has to be chosen:
// TARGET is not a quantity, so that nobody applies it by mistake.
func printStanzas(out io.Writer, m *v1alpha1.GatewayMetric) {
	kind, field, meaning := "Value", "value", "the level to hold"
	if m.Spec.Type == v1alpha1.TypeTotal {
		kind, field, meaning = "AverageValue", "averageValue", "what one pod is to take of the total"
	}
	fmt.Fprintf(out, "# %s/%s is a %s; the HPA must be in namespace %s\n", m.Namespace, m.Name, m.Spec.Type, m.Namespace)
	if e := m.Spec.External; e != nil {
		fmt.Fprintf(out, `- type: External
  external:
    metric:
      name: %q
    target:
      type: %s
      %s: TARGET # %s, such as "100" or 250m
`, e.Name, kind, field, meaning)
	}
	if p := m.Spec.Pods; p != nil {
		fmt.Fprintf(out, `- type: Pods
  pods:
    metric:
      name: %q
    target:
      type: AverageValue
      averageValue: TARGET # what a pod is to have on average, such as "100" or 250m
`, p.Name)
	}
	if o := m.Spec.Object; o != nil {
		fmt.Fprintf(out, `- type: Object
  object:
    describedObject: {apiVersion: VERSION, kind: KIND, name: NAME} # one of %s
    metric:
      name: %q
    target:
      type: %s
      %s: TARGET # %s, such as "100" or 250m
`, o.Resource, o.Name, kind, field, meaning)
	}
}
