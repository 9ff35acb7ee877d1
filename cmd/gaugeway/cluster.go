package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/certificate"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/controller"
	"github.com/gaugeway/gaugeway/pkg/discover"
	"github.com/gaugeway/gaugeway/pkg/engine"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
	"github.com/gaugeway/gaugeway/pkg/server"
)

// listTimeout is how long the first lists of the cluster's pods are waited for
// before sources are scraped without them.
const listTimeout = 30 * time.Second

// clusterOptions are how gaugeway takes part in a cluster.
type clusterOptions struct {
	allowStatic bool
	apiServices []string
	namespace   string
	service     string
	clusterRole string
	certSecret  string
	caFile      string

	flags *pflag.FlagSet // those of addFlags
}

func (o *clusterOptions) addFlags(all *pflag.FlagSet) {
	f := pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	o.flags = f
	f.BoolVar(&o.allowStatic, "allow-static", false, "let the cluster's GatewaySources list URLs: who may create one can then make gaugeway fetch any URL")
	f.StringSliceVar(&o.apiServices, "apiservices", []string{"external.metrics.k8s.io", "custom.metrics.k8s.io"}, "APIs to register with the cluster where nobody else has; empty for none")
	f.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace that gaugeway runs in; default: $POD_NAMESPACE")
	f.StringVar(&o.service, "service", "gaugeway", "name of gaugeway's Service")
	f.StringVar(&o.clusterRole, "cluster-role", "gaugeway", "ClusterRole that owns the APIServices, so that they go when it is deleted")
	f.StringVar(&o.certSecret, "serving-cert-secret", "gaugeway-serving-cert", "Secret that the serving certificate is kept in; unused with --tls-cert-file")
	f.StringVar(&o.caFile, "tls-ca-file", "", "authority of --tls-cert-file, for the APIServices that gaugeway registers")
	all.AddFlagSet(f)
}

// refuse returns an error if a command line without a cluster has set any of the
// flags.
func (o *clusterOptions) refuse() error {
	var given []string
	o.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			given = append(given, "--"+f.Name)
		}
	})
	if len(given) == 0 {
		return nil
	}
	return fmt.Errorf("--standalone serves without a cluster, and %s is for serving in one: leave out one or the other", strings.Join(given, ", "))
}

// A member is a gaugeway that takes part in a cluster: what it knows of it, and
// what it does there beside serving.
type member struct {
	options     clusterOptions
	config      *rest.Config
	objects     cache.Cache
	client      client.Client // asks the API server each time
	targets     *discover.Cluster
	secrets     *discover.Secrets
	kinds       *provider.Kinds
	certificate *certificate.Managed   // nil where files are given
	controller  *controller.Controller // nil until control
	caFailed    atomic.Bool            // the file of the authority could not be read last
	log         logr.Logger
}

// join prepares what gaugeway does in a cluster. Nothing of it runs before
// [member.run].
func (o *clusterOptions) join(ctx context.Context, so *server.Options, log logr.Logger) (*member, error) {
	if o.namespace == "" {
		return nil, errors.New("give the namespace that gaugeway runs in with --namespace or $POD_NAMESPACE, or --standalone to serve without a cluster")
	}
	ctrllog.SetLogger(log)
	m := &member{options: *o, log: log}
	var err error
	if m.config, err = so.ClusterConfig(); err != nil {
		return nil, err
	}
	// The API server shares its capacity out itself.
	m.config.QPS, m.config.Burst = 50, 100
	m.config.Wrap((&outage{log: log, clock: clock.RealClock{}}).wrap)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, controller.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	web, err := rest.HTTPClientFor(m.config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(m.config, web)
	if err != nil {
		return nil, err
	}
	if err := m.reach(ctx, mapper); err != nil {
		return nil, err
	}
	if m.client, err = client.New(m.config, client.Options{Scheme: scheme, HTTPClient: web, Mapper: mapper}); err != nil {
		return nil, err
	}
	if m.objects, err = cache.New(m.config, cache.Options{Scheme: scheme, HTTPClient: web, Mapper: mapper, ByObject: discover.CacheOptions()}); err != nil {
		return nil, err
	}
	if m.targets, err = discover.NewCluster(ctx, m.objects); err != nil {
		return nil, err
	}
	m.secrets = discover.NewSecrets(m.client, clock.RealClock{})
	m.kinds = provider.NewKinds(mapper, m.client)
	if err := m.certify(ctx, so.CertFile() != ""); err != nil {
		return nil, err
	}
	so.Pods, so.Kinds = m.targets.PodNames, m.kinds
	if m.certificate != nil {
		so.Certificate = m.certificate
	}
	return m, nil
}

// reach waits until the API server tells of all kinds that discovery follows:
// nothing can be followed before.
func (m *member) reach(ctx context.Context, mapper meta.RESTMapper) error {
	return m.await(ctx, "the API server does not answer yet", func() error {
		for _, kind := range []schema.GroupKind{
			{Kind: "Pod"}, {Kind: "Service"}, {Group: discoveryv1.GroupName, Kind: "EndpointSlice"},
		} {
			if _, err := mapper.RESTMapping(kind); err != nil {
				return err
			}
		}
		return nil
	})
}

// await tries something that needs the API server until it succeeds: one that is
// not there yet is waited for, not given up on. It says each time why it waits.
func (m *member) await(ctx context.Context, what string, try func() error) error {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		err := try()
		if err == nil {
			return nil
		}
		m.log.Error(err, what, "retry", wait.String())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// certify reads the serving certificate from its Secret, or makes it, unless it
// is given as files.
func (m *member) certify(ctx context.Context, files bool) error {
	if files {
		return nil
	}
	o := &m.options
	host := o.service + "." + o.namespace
	var err error
	m.certificate, err = certificate.NewManaged(certificate.Options{
		Client:     m.client,
		Namespace:  o.namespace,
		SecretName: o.certSecret,
		DNSNames:   []string{host + ".svc", host, host + ".svc.cluster.local"},
		Clock:      clock.RealClock{},
		Logger:     m.log.WithName("certificate"),
	})
	if err != nil {
		return err
	}
	return m.await(ctx, "no serving certificate yet", func() error { return m.certificate.Ensure(ctx) })
}

// authorities returns what clients are to trust.
func (m *member) authorities() []byte {
	if m.certificate != nil {
		return m.certificate.CABundle()
	}
	if m.options.caFile == "" {
		return nil
	}
	pem, err := os.ReadFile(m.options.caFile)
	if failed := err != nil; m.caFailed.Swap(failed) != failed && failed { // it is asked for every second
		m.log.Error(err, "the authority of the serving certificate cannot be read")
	}
	if err != nil {
		return nil
	}
	return pem
}

// engineOptions adds what only a cluster has.
func (m *member) engineOptions(o *engine.Options) {
	o.Discover, o.PodOf, o.Secrets = m.targets.Discoverer, m.targets.PodOf, m.secrets
}

// control prepares what this replica does while it leads. Objects of files have
// no status to write.
func (m *member) control(e *engine.Engine, board *metric.Board, registry prometheus.Registerer, objects bool) error {
	host, _ := os.Hostname() // an empty identity is refused below
	o := controller.Options{
		Config:      m.config,
		Client:      m.client,
		Namespace:   m.options.namespace,
		Identity:    cmp.Or(os.Getenv("POD_NAME"), host),
		Service:     m.options.service,
		ClusterRole: m.options.clusterRole,
		APIServices: m.options.apiServices,
		CABundle:    m.authorities,
		Board:       board,
		Answer:      provider.New(provider.Options{Board: board, Kinds: m.kinds}).Answer,
		Source: func(key metric.Key) (covered, expected int, failures []string, ok bool) {
			s, ok := e.Source(key)
			return s.Covered, s.Expected, s.Failures, ok
		},
		Doubts: func(key metric.Key) []string {
			s, _ := e.Source(key)
			return s.Doubts
		},
		Registry: registry,
		Clock:    clock.RealClock{},
		Logger:   m.log.WithName("leader"),
	}
	if objects {
		o.Cache = m.objects
	}
	var err error
	m.controller, err = controller.New(o)
	return err
}

// follow calls onChange with the objects of the cluster, now and when they change.
func (m *member) follow(ctx context.Context, presets *livePresets, check config.Check, onChange func(*config.Snapshot, []config.Finding)) error {
	c := config.Cluster{
		Cache:       m.objects,
		Check:       check,
		Presets:     presets,
		Again:       presets.changed,
		AllowStatic: m.options.allowStatic,
		OnChange:    onChange,
		Quiet:       100 * time.Millisecond,
		Clock:       clock.RealClock{},
		Logger:      m.log.WithName("configuration"),
	}
	return c.Run(ctx)
}

// ready says what of the cluster is not known yet.
func (m *member) ready() error {
	if !m.targets.HasSynced() {
		return errors.New("the cluster's pods are not listed yet")
	}
	return nil
}

// awaitTargets returns once the cluster's pods are listed, so that the first tick
// of a source, after which this replica is ready, finds its targets. A list that
// does not come is not waited for: the metrics then say so.
func (m *member) awaitTargets(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !m.targets.HasSynced() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// run runs all that goes on beside serving.
func (m *member) run(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error {
		if err := m.objects.Start(ctx); err != nil {
			return fmt.Errorf("follow the cluster: %w", err)
		}
		return nil
	})
	g.Go(func() error { return m.secrets.Run(ctx) })
	g.Go(func() error { return m.kinds.Run(ctx) })
	g.Go(func() error { return m.controller.Run(ctx) })
	if m.certificate != nil {
		g.Go(func() error { return m.certificate.Run(ctx) })
	}
}
