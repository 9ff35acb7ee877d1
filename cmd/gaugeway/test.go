package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

type testOptions struct {
	run    string
	format string
	// presets is a folder.
	presets string
	limits  script.Limits
}

func newTestCommand() *cobra.Command {
	o := testOptions{limits: script.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "test [DIR | FILE]...",
		Short: "Run tests of expressions over recorded or written-down scrapes",
		Long: `Run the tests in files: an expression, or a GatewayMetric of a configuration
folder, over scrapes at given times, and what it is to return. In a folder, and
the folders below it, test.yaml and *_test.yaml are read; without an argument it
is the current one. docs/testing.md describes the files.

It exits with 0 if all tests passed, with 1 if one failed or there was none, and
with 2 if a file is not valid: no test is run then.`,
		Example: `  gaugeway test
  gaugeway test ./gaugeway --run p95
  gaugeway test ./gaugeway --format junit > report.xml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.execute(args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "run only tests whose name this regular expression matches")
	f.StringVar(&o.format, "format", "text", "text, junit or json")
	addPresetsFlag(f, &o.presets)
	addLimitFlags(f, &o.limits)
	return cmd
}

func (o *testOptions) execute(paths []string, out, errOut io.Writer) error {
	var write func(io.Writer, []preset.Result) error
	switch o.format {
	case "text":
		write = preset.WriteText
	case "junit":
		write = preset.WriteJUnit
	case "json":
		write = preset.WriteJSON
	default:
		return fmt.Errorf("--format %q: want text, junit or json", o.format)
	}
	selected, err := regexp.Compile(o.run)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	presets, wrong, err := loadPresets(o.presets)
	if err != nil {
		return err
	}
	files, findings, err := preset.Load(paths, presets)
	if err != nil {
		return err
	}
	if wrong := printFindings(errOut, append(wrong, findings...)); wrong > 0 {
		return fmt.Errorf("no test was run, for the tests are not valid: %d findings", wrong)
	}
	var cases []*preset.Case
	for _, f := range files {
		for _, c := range f.Cases {
			if selected.MatchString(c.Name) {
				cases = append(cases, c)
			}
		}
	}
	if len(cases) == 0 {
		return exitError{code: exitFindings, err: o.nothing(paths, files)}
	}
	results := preset.RunAll(cases, o.limits)
	if err := write(out, results); err != nil {
		return err
	}
	for _, r := range results {
		if !r.Passed() {
			return exitError{code: exitFindings}
		}
	}
	return nil
}

// nothing says why there is no test.
func (o *testOptions) nothing(paths []string, files []preset.File) error {
	where := strings.Join(paths, ", ")
	tests := 0
	for _, f := range files {
		tests += len(f.Cases)
	}
	switch {
	case len(files) == 0:
		return fmt.Errorf("no tests: there is no test.yaml and no *_test.yaml in %s", where)
	case tests == 0:
		return fmt.Errorf("no tests: the files in %s hold none", where)
	}
	return fmt.Errorf("no tests: --run %s matches none of %d names", o.run, tests)
}
