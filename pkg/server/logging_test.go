package server

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// TestSetUpLogging runs itself in another process, because what it sets up
// holds for the whole process.
func TestSetUpLogging(t *testing.T) {
	const inChild = "GAUGEWAY_TEST_LOGGING"
	if arguments := os.Getenv(inChild); arguments != "" {
		logSamples(t, strings.Fields(arguments))
		return
	}
	t.Parallel()
	tests := []struct{ arguments, want string }{
		{"serve", "library warning, library error, own info, own error"},
		{"serve -v 1", "library info, library debug 1, library warning, library error, own info, own debug 1, own error"},
		{"serve --v=2", "library info, library debug 1, library debug 2, library warning, library error, own info, own debug 1, own debug 2, own error"},
	}
	for _, test := range tests {
		t.Run(test.arguments, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSetUpLogging$")
			child.Env = append(os.Environ(), inChild+"="+test.arguments)
			var logged bytes.Buffer
			child.Stderr = &logged
			if out, err := child.Output(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var messages []string
			for line := range strings.Lines(logged.String()) {
				_, message, _ := strings.Cut(strings.TrimSpace(line), "] ")
				messages = append(messages, strings.Trim(message, `"`))
			}
			if got := strings.Join(messages, ", "); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

// logSamples logs one message of each kind.
func logSamples(t *testing.T, arguments []string) {
	var options Options
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	copied := options
	own, err := copied.SetUpLogging(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	klog.Info("library info")
	klog.V(1).Info("library debug 1")
	klog.V(2).Info("library debug 2")
	klog.Warning("library warning")
	klog.ErrorS(nil, "library error")
	own.Info("own info")
	own.V(1).Info("own debug 1")
	own.V(2).Info("own debug 2")
	own.Error(nil, "own error")
	klog.Flush()
}
