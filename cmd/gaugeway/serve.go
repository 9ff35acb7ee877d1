package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/engine"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/server"
)

type serveOptions struct {
	config     string
	standalone bool
	port       int
	stateDir   string
	limits     script.Limits
	server     server.Options
}

func newServeCommand() *cobra.Command {
	o := serveOptions{limits: script.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "serve --config DIR [--standalone]",
		Short: "Scrape, evaluate and serve external.metrics.k8s.io",
		Long: `Scrape the sources of a configuration, evaluate its metrics and serve them as
external.metrics.k8s.io.

With --standalone no cluster is needed: the API listens on 127.0.0.1 with a
certificate of its own, and a kubeconfig for kubectl is written to the state
folder. Without it, authentication and authorization are delegated to the
cluster that gaugeway runs in.`,
		Args: noArguments("the folder goes behind --config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "folder with GatewaySource and GatewayMetric objects in YAML files")
	f.BoolVar(&o.standalone, "standalone", false, "serve on 127.0.0.1 without a cluster")
	f.IntVar(&o.port, "port", 16443, "port of the standalone API")
	f.StringVar(&o.stateDir, "state-dir", "", "folder for the standalone token and kubeconfig; default: one under the user's cache folder")
	addLimitFlags(f, &o.limits)
	o.server.AddFlags(f)
	return cmd
}

func (o *serveOptions) run(ctx context.Context, out, errOut io.Writer) error {
	if o.config == "" {
		return errors.New("give the folder of the configuration with --config DIR")
	}
	log, err := o.server.SetUpLogging(errOut)
	if err != nil {
		return err
	}
	check := compileCheck(o.limits)
	snapshot, findings, err := config.Load(o.config, check)
	if err != nil {
		return err
	}
	if wrong := printFindings(errOut, findings); wrong > 0 {
		return exitError{code: exitFindings, err: fmt.Errorf("not starting on a broken configuration in %s: correct what is listed above (%d)", o.config, wrong)}
	}

	board := &metric.Board{}
	registry := prometheus.NewRegistry()
	e := engine.New(engine.Options{Board: board, Clock: clock.RealClock{}, Registry: registry, Limits: o.limits, Logger: log})
	r := &reloader{engine: e, log: log, metrics: newReloadMetrics(registry)}
	if err := r.apply(snapshot); err != nil {
		return err
	}
	r.metrics.succeeded(time.Now())

	so := o.server
	so.Board, so.Registry = board, registry
	so.Ready, so.Live = e.Ready, e.Live
	if o.standalone {
		so.Standalone = &server.Standalone{BindPort: o.port, StateDir: o.stateDir}
	}
	srv, err := server.New(so)
	if err != nil {
		return err
	}
	if len(snapshot.Metrics) == 0 {
		fmt.Fprintf(errOut, "%s declares no metric yet; files that are added are read while this runs\n", o.config)
	}
	if o.standalone {
		printAccess(out, srv, board)
	}

	watcher := config.Watcher{
		Dir: o.config, Check: check, OnChange: r.reload,
		Quiet: 250 * time.Millisecond, Poll: time.Minute, Clock: clock.RealClock{},
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.Run(ctx) })
	g.Go(func() error { return srv.Run(ctx) })
	g.Go(func() error { return watcher.Run(ctx, snapshot) })
	return g.Wait()
}

// printFindings prints each finding and returns how many are not warnings.
func printFindings(out io.Writer, findings []config.Finding) (wrong int) {
	for _, f := range findings {
		fmt.Fprintln(out, f)
		if !f.Warning {
			wrong++
		}
	}
	return wrong
}

// A reloader gives each new configuration to the engine.
type reloader struct {
	engine  *engine.Engine
	log     logr.Logger
	metrics *reloadMetrics
}

// reload applies a changed configuration; of what is broken in it the last
// good version goes on, and it is said.
func (r *reloader) reload(s *config.Snapshot, findings []config.Finding) {
	wrong := 0
	for _, f := range findings {
		if f.Warning {
			r.log.Info("configuration", "warning", f.String())
			continue
		}
		wrong++
		r.log.Error(nil, "configuration", "finding", f.String())
	}
	if err := r.apply(s); err != nil {
		wrong++
		r.log.Error(err, "configuration not applied in full")
	}
	if wrong > 0 {
		r.metrics.failed()
		return
	}
	r.metrics.succeeded(time.Now())
	r.log.Info("configuration applied", "sources", len(s.Sources), "metrics", len(s.Metrics))
}

func (r *reloader) apply(s *config.Snapshot) error {
	sources := make([]*v1alpha1.GatewaySource, len(s.Sources))
	for i, src := range s.Sources {
		sources[i] = src.GatewaySource
	}
	metrics := make([]*v1alpha1.GatewayMetric, len(s.Metrics))
	for i, m := range s.Metrics {
		metrics[i] = m.GatewayMetric
	}
	return r.engine.Apply(sources, metrics)
}

// printAccess tells how to read the standalone API.
func printAccess(out io.Writer, srv *server.Server, board *metric.Board) {
	fmt.Fprintf(out, "serving on %s\n\nlist the metrics:\n  kubectl --kubeconfig %s get --raw /apis/external.metrics.k8s.io/v1beta1\n", srv.URL(), srv.Kubeconfig())
	for _, entry := range board.All() {
		if entry.External != "" {
			fmt.Fprintf(out, "\nread one:\n  kubectl --kubeconfig %s get --raw /apis/external.metrics.k8s.io/v1beta1/namespaces/%s/%s\n", srv.Kubeconfig(), entry.Key.Namespace, entry.External)
			return
		}
	}
}

// reloadMetrics say whether the configuration in use is the one in the files.
type reloadMetrics struct {
	success prometheus.Gauge
	time    prometheus.Gauge
}

func newReloadMetrics(r prometheus.Registerer) *reloadMetrics {
	i := &reloadMetrics{
		success: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gaugeway_config_last_reload_successful", Help: "1 if the last reload found nothing wrong, else 0."}),
		time:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "gaugeway_config_last_reload_success_timestamp_seconds", Help: "When the last reload without findings was."}),
	}
	r.MustRegister(i.success, i.time)
	return i
}

func (i *reloadMetrics) succeeded(at time.Time) {
	i.success.Set(1)
	i.time.Set(float64(at.UnixMilli()) / 1000)
}

func (i *reloadMetrics) failed() { i.success.Set(0) }
