package server

import (
	"flag"
	"fmt"
	"io"
	"strconv"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

// SetUpLogging makes the Kubernetes libraries quiet for the whole process: of
// what they log, only warnings and errors come through at the verbosity 0 of
// the flag -v, everything up to that verbosity from 1 on. It returns a logger
// for gaugeway's own messages, of the same format and verbosity, which are
// shown at 0 as well. Both write to w.
func (o *Options) SetUpLogging(w io.Writer) (logr.Logger, error) {
	verbosity := 0
	if o.flags != nil {
		verbosity = o.flags.verbosity
	}
	settings := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(settings)
	for setting, value := range map[string]string{
		"v":           strconv.Itoa(verbosity),
		"logtostderr": "false",
		// Each message goes to the writer of its severity and to no other.
		"one_output":      "true",
		"stderrthreshold": "FATAL",
	} {
		if err := settings.Set(setting, value); err != nil {
			return logr.Logger{}, fmt.Errorf("set klog's %s: %w", setting, err)
		}
	}
	klog.SetOutput(w)
	if verbosity == 0 {
		klog.SetOutputBySeverity("INFO", io.Discard)
	}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Verbosity(verbosity), textlogger.Output(w))), nil
}
