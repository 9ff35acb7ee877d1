// Command gaugeway computes metrics from the statistics of gateways and serves
// them to the HorizontalPodAutoscaler.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	_ "time/tzdata" // within("…", "Europe/Berlin") on a base image without zones

	"github.com/spf13/cobra"
)

// Exit codes of all commands.
const (
	exitOK       = 0
	exitFindings = 1 // what was asked for was found wanting
	exitFailed   = 2 // it could not be asked
)

// version is set by the linker.
var version = ""

// An exitError ends the process with a code. Where err is nil, all that is to
// be said has been printed.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e exitError) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs the command line and returns the exit code. Interrupt and
// termination end what runs; a second one kills.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var exit exitError
	if !errors.As(err, &exit) {
		exit = exitError{code: exitFailed, err: err}
	}
	if exit.err != nil {
		fmt.Fprintf(errOut, "gaugeway: %v\n", exit.err)
	}
	return exit.code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gaugeway",
		Short: "Metrics of gateways for the HorizontalPodAutoscaler",
		Long: `gaugeway scrapes gateways, computes metrics with Lua expressions over their
statistics, and serves them as external.metrics.k8s.io and custom.metrics.k8s.io,
so that the stock HorizontalPodAutoscaler scales on what the gateway sees.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildVersion(),
		Args:          noOtherCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %s --help lists what it takes", err, cmd.CommandPath())
	})
	root.AddCommand(
		newServeCommand(), newEvalCommand(), newCheckCommand(), newTestCommand(), newConvertCommand(), newDocsCommand(), newPresetsCommand(), newDemoCommand(), newDoctorCommand(),
	)
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// noOtherCommand refuses a command that there is not.
func noOtherCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cure := root.CommandPath() + " --help lists them"
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		cure = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("there is no command %q: %s", args[0], cure)
}

// noArguments refuses arguments, and says where what they hold is given.
func noArguments(cure string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unexpected argument %q: %s", args[0], cure)
		}
		return nil
	}
}

// buildVersion returns the version that the linker was given, or the module's.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
