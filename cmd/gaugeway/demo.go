package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/demo"
	"github.com/gaugeway/gaugeway/pkg/engine"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/server"
)

// demoPatience is how long the demo waits for the first answers before it
// shows that there are none.
const demoPatience = 10 * time.Second

type demoOptions struct {
	duration time.Duration
	plain    bool
	port     int
	server   server.Options
}

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a simulated fleet being scaled, without a cluster",
		Long: `Start a small fleet of simulated Kong pods on loopback ports, scrape it, serve
the metrics on the real API, and let the HorizontalPodAutoscaler's formula add and
remove pods by what it reads there. Only the gateways, their traffic and the
autoscaler are simulated.

The API can be read with kubectl and any other client while the demo runs.
Nothing is left behind.`,
		Example: `  gaugeway demo
  gaugeway demo --plain --duration 20s`,
		Args: noArguments("the demo takes flags only, see gaugeway demo --help"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "duration", 0, "end after this time, the traffic having risen and fallen; 0 runs until Ctrl-C (from 20s on, the fleet grows and shrinks in time)")
	f.BoolVar(&o.plain, "plain", false, "print a line for each sync instead of drawing; implied where the output is no terminal")
	f.IntVar(&o.port, "port", 0, "port of the API on 127.0.0.1; 0 takes any that is free")
	return cmd
}

// run shows the demo until ctx is done or the duration is over. Whatever it
// started has ended when it returns.
func (o *demoOptions) run(ctx context.Context, out, errOut io.Writer) (err error) {
	if o.duration < 0 {
		return fmt.Errorf("--duration %s: use 0 for no end, or 20s and more", o.duration)
	}
	// A closed window or pipe ends the demo like Ctrl-C, instead of killing it
	// before it has tidied up.
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer cancel()
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	if o.duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	drawing := !o.plain && isTerminal(out)
	logs := errOut
	if drawing {
		logs = io.Discard // they would tear the picture; it shows what fails
	}
	log, err := o.server.SetUpLogging(logs)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gaugeway-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	scenario := demo.NewScenario(o.duration)
	fleet := demo.NewFleet(demo.NewModel(scenario.Traffic, scenario.Capacity), scenario.Startup, time.Now)
	defer func() { err = errors.Join(err, fleet.Close()) }()

	board, registry := &metric.Board{}, prometheus.NewRegistry()
	eng := engine.New(engine.Options{Board: board, Clock: clock.RealClock{}, Registry: registry, Logger: log})
	so := o.server
	so.Board, so.Registry, so.Clock = board, registry, clock.RealClock{}
	so.Ready, so.Live = eng.Ready, eng.Live
	so.Standalone = &server.Standalone{BindPort: o.port, StateDir: dir}
	srv, err := server.New(so)
	if err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return eng.Run(ctx) })
	g.Go(func() error { return srv.Run(ctx) })
	g.Go(func() error {
		defer cancel()
		reader, err := newDemoReader(srv.Kubeconfig())
		if err != nil {
			return err
		}
		defer reader.close()
		configure := func(urls []string) error { return eng.Apply(demoObjects(scenario, urls)) }
		simulation, err := demo.NewSimulation(scenario, fleet, reader, configure, time.Now)
		if err != nil {
			return err
		}
		access := demo.Access{Kubeconfig: srv.Kubeconfig()}
		if drawing {
			screen := &demo.Screen{Scenario: scenario, Access: access, Color: os.Getenv("NO_COLOR") == "", Duration: o.duration}
			return drawDemo(ctx, out, simulation, screen, scenario.Interval)
		}
		return printDemo(ctx, out, simulation, demo.PlainHeader(scenario, access), scenario.Interval)
	})
	if err := g.Wait(); !errors.Is(err, syscall.EPIPE) {
		return err
	}
	return nil
}

// demoObjects returns the scenario's objects as the engine takes them.
func demoObjects(s demo.Scenario, urls []string) ([]*v1alpha1.GatewaySource, []*v1alpha1.GatewayMetric) {
	source := s.Source(urls)
	source.SetDefaults()
	metrics := s.GatewayMetrics()
	for _, m := range metrics {
		m.SetDefaults()
	}
	return []*v1alpha1.GatewaySource{source}, metrics
}

// printDemo prints the header and a line for each sync.
func printDemo(ctx context.Context, out io.Writer, s *demo.Simulation, header string, interval time.Duration) error {
	if _, err := io.WriteString(out, header); err != nil {
		return err
	}
	return runDemo(ctx, s, interval, func(f demo.Frame) error {
		_, err := fmt.Fprintln(out, demo.PlainRow(f))
		return err
	})
}

// drawDemo draws each sync over the last one, on a page of its own, and leaves
// the last one behind.
func drawDemo(ctx context.Context, out io.Writer, s *demo.Simulation, screen *demo.Screen, interval time.Duration) error {
	last := ""
	if _, err := io.WriteString(out, screen.Enter()); err != nil {
		return err
	}
	err := runDemo(ctx, s, interval, func(f demo.Frame) error {
		_, err := io.WriteString(out, screen.Draw(f))
		last = screen.Last(f)
		return err
	})
	_, writeErr := io.WriteString(out, screen.Leave()+last)
	return errors.Join(err, writeErr)
}

// runDemo syncs at each interval until ctx is done, which is no error.
func runDemo(ctx context.Context, s *demo.Simulation, interval time.Duration, show func(demo.Frame) error) error {
	awaitAnswers(ctx, s)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		frame, err := s.Step(ctx)
		if ctx.Err() != nil {
			return nil // what was cut short is not shown
		}
		if err := errors.Join(err, show(frame)); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// awaitAnswers returns once every metric has a value, or when patience or ctx ends.
func awaitAnswers(ctx context.Context, s *demo.Simulation) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !s.Answering(ctx) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// isTerminal reports whether w can be drawn on.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
