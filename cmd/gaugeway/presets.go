package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/preset"
)

func newPresetsCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "presets [NAME]",
		Short: "List the gateways that are known, or what is known of one",
		Long: `List the presets: what spec.preset of a GatewaySource may name. With a name, print
what that gateway needs, which metrics it offers and by which labels, and why it
lacks the others.`,
		Example: `  gaugeway presets
  gaugeway presets kong`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("name one preset, or none for a list; %d were given", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, findings, err := loadPresets(dir)
			if err != nil {
				return err
			}
			wrong := printFindings(cmd.ErrOrStderr(), findings)
			if len(args) == 0 {
				err = listPresets(cmd.OutOrStdout(), set)
			} else {
				err = showPreset(cmd.OutOrStdout(), set, args[0])
			}
			if err == nil && wrong > 0 {
				return exitError{code: exitFindings}
			}
			return err
		},
	}
	addPresetsFlag(cmd.Flags(), &dir)
	return cmd
}

// listPresets prints a line for each preset.
func listPresets(out io.Writer, set *preset.Set) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tGATEWAY\tVERSIONS\tMETRICS")
	for _, p := range set.List() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", p.Name, p.Title, strings.Join(p.Versions, ", "), p.Metrics)
	}
	return w.Flush()
}

// showPreset prints what is to be read of a preset.
func showPreset(out io.Writer, set *preset.Set, name string) error {
	p := set.Get(name)
	if p == nil {
		message, cure := set.Unknown(name)
		return fmt.Errorf("%s: %s", message, cure)
	}
	_, err := io.WriteString(out, p.Readme())
	return err
}
