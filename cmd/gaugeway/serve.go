package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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

// shutdownDelay is how long a replica that is told to end still answers in a
// cluster: until the API server has learned that it goes, so that no autoscaler
// asks in vain.
const shutdownDelay = 5 * time.Second

type serveOptions struct {
	config     string
	standalone bool
	port       int
	stateDir   string
	presetsDir string
	limits     script.Limits
	cluster    clusterOptions
	server     server.Options
}

func newServeCommand() *cobra.Command {
	o := serveOptions{limits: script.DefaultLimits()}
	cmd := &cobra.Command{
		Use:   "serve [--config DIR] [--standalone]",
		Short: "Scrape, evaluate and serve external.metrics.k8s.io and custom.metrics.k8s.io",
		Long: `Scrape sources, evaluate metrics and serve them as external.metrics.k8s.io and
custom.metrics.k8s.io.

In a cluster the GatewaySource and GatewayMetric objects of all namespaces are
followed, or with --config those of a folder of YAML files. Authentication and
authorization are delegated to the cluster's API server. One of the replicas
registers the APIs, where nobody else has, and writes the objects' statuses.

With --standalone no cluster is needed: the API listens on 127.0.0.1 with a
certificate of its own, and a kubeconfig for kubectl is written to the state
folder.`,
		Args: noArguments("the folder goes behind --config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			collectGarbage()
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "folder with GatewaySource and GatewayMetric objects in YAML files; default: the objects of the cluster")
	f.BoolVar(&o.standalone, "standalone", false, "serve on 127.0.0.1 without a cluster")
	f.IntVar(&o.port, "port", 16443, "port of the standalone API")
	f.StringVar(&o.stateDir, "state-dir", "", "folder for the standalone token and kubeconfig; default: one under the user's cache folder")
	addPresetsFlag(f, &o.presetsDir)
	addLimitFlags(f, &o.limits)
	o.cluster.addFlags(f)
	o.server.AddFlags(f)
	return cmd
}

func (o *serveOptions) run(ctx context.Context, out, errOut io.Writer) error {
	if o.standalone {
		if o.config == "" {
			return errors.New("give the folder of the configuration with --config DIR")
		}
		if err := o.cluster.refuse(); err != nil {
			return err
		}
	}
	log, err := o.server.SetUpLogging(errOut)
	if err != nil {
		return err
	}
	presets, findings, err := loadPresets(o.presetsDir)
	if err != nil {
		return err
	}
	printFindings(errOut, findings)
	p := &process{
		serveOptions: o,
		log:          log,
		presets:      newLivePresets(o.presetsDir, presets, findings),
		board:        &metric.Board{},
		registry:     prometheus.NewRegistry(),
		out:          out,
		errOut:       errOut,
	}
	p.check = p.presets.check(o.limits)
	if o.config != "" {
		if err := p.load(); err != nil {
			return err
		}
	}
	if err := p.assemble(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

// A process is gaugeway, serving.
type process struct {
	*serveOptions
	log         logr.Logger
	presets     *livePresets
	check       config.Check
	board       *metric.Board
	registry    *prometheus.Registry
	out, errOut io.Writer

	snapshot *config.Snapshot // of files; nil where the cluster is followed
	member   *member          // nil standalone
	engine   *engine.Engine
	reloader *reloader
	server   *server.Server
}

// load reads the files, which must be right when it starts.
func (p *process) load() error {
	snapshot, findings, err := config.Load(p.config, p.presets, p.check)
	if err != nil {
		return err
	}
	if wrong := printFindings(p.errOut, findings); wrong > 0 {
		return exitError{code: exitFindings, err: fmt.Errorf("not starting on a broken configuration in %s: correct what is listed above (%d)", p.config, wrong)}
	}
	if len(snapshot.Metrics) == 0 {
		fmt.Fprintf(p.errOut, "%s declares no metric yet; files that are added are read while this runs\n", p.config)
	}
	p.snapshot = snapshot
	return nil
}

// assemble puts the parts together.
func (p *process) assemble(ctx context.Context) error {
	so := p.serveOptions.server
	so.Board, so.Registry = p.board, p.registry
	presets, wrong := p.presets.now()
	eo := engine.Options{Board: p.board, Clock: clock.RealClock{}, Registry: p.registry, Presets: presets, Limits: p.limits, Logger: p.log}
	if p.standalone {
		so.Standalone = &server.Standalone{BindPort: p.port, StateDir: p.stateDir}
	} else {
		var err error
		if p.member, err = p.cluster.join(ctx, &so, p.log); err != nil {
			return err
		}
		p.member.engineOptions(&eo)
		so.ShutdownDelay = shutdownDelay
	}
	p.engine = engine.New(eo)
	p.reloader = &reloader{engine: p.engine, presets: p.presets, log: p.log, metrics: newReloadMetrics(p.registry)}
	if p.member != nil {
		if err := p.member.control(p.engine, p.board, p.registry, p.snapshot == nil); err != nil {
			return err
		}
		if p.snapshot == nil {
			p.reloader.report = p.member.controller.SetConfiguration
		}
	}
	if p.snapshot != nil {
		if err := p.reloader.apply(p.snapshot); err != nil {
			return err
		}
		if len(wrong) == 0 {
			p.reloader.metrics.succeeded(time.Now())
		}
	}
	so.Live, so.Ready = p.engine.Live, p.ready
	var err error
	p.server, err = server.New(so)
	return err
}

// ready says why requests should not come here yet.
func (p *process) ready() error {
	if p.member != nil {
		if err := p.member.ready(); err != nil {
			return err
		}
	}
	return p.engine.Ready()
}

// run serves until ctx is done or a part of it fails. What is served is kept up
// to date until nobody asks any more.
func (p *process) run(ctx context.Context) error {
	if p.standalone {
		printAccess(p.out, p.server, p.board)
	}
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, lasting := errgroup.WithContext(lasting)
	serving, end := context.WithCancel(ctx)
	defer end()
	context.AfterFunc(lasting, end) // a part has failed
	g.Go(func() error {
		defer stop()
		return p.server.Run(serving)
	})
	g.Go(func() error {
		if p.member != nil {
			p.member.awaitTargets(lasting)
		}
		return p.engine.Run(lasting)
	})
	if p.member != nil {
		p.member.run(lasting, g)
	}
	g.Go(func() error { return p.follow(lasting) })
	g.Go(func() error { return p.presets.follow(lasting, p.engine.UsePresets) })
	return g.Wait()
}

// follow brings every change of the configuration to the engine.
func (p *process) follow(ctx context.Context) error {
	if p.snapshot == nil {
		return p.member.follow(ctx, p.presets, p.check, p.reloader.reload)
	}
	watcher := config.Watcher{
		Dir: p.config, Presets: p.presets, Check: p.check, Again: p.presets.changed, OnChange: p.reloader.reload,
		Quiet: 250 * time.Millisecond, Poll: time.Minute, Clock: clock.RealClock{},
	}
	return watcher.Run(ctx, p.snapshot)
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
	presets *livePresets // nil for none
	log     logr.Logger
	metrics *reloadMetrics
	report  func(*config.Snapshot, []config.Finding) // nil for none
	said    map[config.Finding]bool                  // what the last configuration had
}

// reload applies a changed configuration; of what is broken in it the last
// good version goes on, and it is said, once for as long as it lasts.
func (r *reloader) reload(s *config.Snapshot, findings []config.Finding) {
	wrong := 0
	all := findings
	if r.presets != nil {
		_, ofPresets := r.presets.now()
		all = slices.Concat(ofPresets, findings)
	}
	said := make(map[config.Finding]bool, len(all))
	for _, f := range all {
		said[f] = true
		if !f.Warning {
			wrong++
		}
		switch {
		case r.said[f]:
		case f.Warning:
			r.log.Info("configuration", "warning", f.String())
		default:
			r.log.Error(nil, "configuration", "finding", f.String())
		}
	}
	r.said = said
	if err := r.apply(s); err != nil {
		wrong++
		r.log.Error(err, "configuration not applied in full")
	}
	if r.report != nil {
		r.report(s, findings)
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
