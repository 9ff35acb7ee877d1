// Package controller does what only one replica may do: it writes the statuses
// and events of GatewaySources and GatewayMetrics, and creates the APIServices.
//
// Every replica takes part in the leader election, for as long as it runs. One
// that loses the lease, or the API server, stops writing and serves on.
package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

// The rate of requests that statuses may need: those of a thousand metrics that
// all change state, within about 20 s.
const (
	clientQPS   = 50
	clientBurst = 100
)

// requestTimeout is how long a request to the API server may take.
const requestTimeout = 10 * time.Second

// name is what gaugeway calls itself and its lease.
const name = "gaugeway"

// Options of a Controller. Config, Namespace, Identity, Service, ClusterRole and
// Clock are required.
type Options struct {
	// Config reaches the API server. The lease, the events and, without Client,
	// the rest have a client each, so that none waits for another's requests.
	Config *rest.Config
	// Client reads from the API server, not from a cache; nil for one made from
	// Config. Its scheme is one that AddToScheme was applied to.
	Client client.Client
	// Cache holds the GatewaySources and GatewayMetrics of the cluster; without it
	// no status is written.
	Cache client.Reader

	// Namespace that gaugeway runs in: that of its lease and its service.
	Namespace string
	// Identity of this replica, such as the name of its pod.
	Identity string
	// Service that the APIServices send requests to, on port 443.
	Service string
	// ClusterRole that owns the APIServices: deleting it collects them.
	ClusterRole string
	// APIServices are the API groups that APIServices are created for, out of
	// external.metrics.k8s.io and custom.metrics.k8s.io; empty for none.
	APIServices []string
	// CABundle returns the authorities, in PEM, that the API server is to trust
	// when it calls the service; what it returns may change. Without it, or while
	// it returns nothing, no APIService is created or changed.
	CABundle func() []byte

	// Board has the declared metrics, and Answer what the metrics APIs say about
	// one. Required with Cache.
	Board  *metric.Board
	Answer func(*metric.Entry) provider.Answer
	// Source returns how many of the expected targets of a source answer, and
	// what is wrong with the others; ok is false for a source that is not
	// scraped. Required with Cache.
	Source func(key metric.Key) (covered, expected int, failures []string, ok bool)
	// Doubts returns which targets of a source do not look like the gateway that it
	// names; nil knows of none.
	Doubts func(key metric.Key) []string

	// Registry takes the gauges gaugeway_leader and gaugeway_apiservice_owned; nil
	// for none.
	Registry prometheus.Registerer
	Clock    clock.WithTicker
	Logger   logr.Logger
}

// AddToScheme makes the types known that a Controller's client reads and writes.
func AddToScheme(s *runtime.Scheme) error {
	return errors.Join(v1alpha1.AddToScheme(s), apiregistrationv1.AddToScheme(s), rbacv1.AddToScheme(s), corev1.AddToScheme(s))
}

// A Controller takes part in the leader election and, while it leads, writes.
type Controller struct {
	o             Options
	log           logr.Logger
	leases        kubernetes.Interface
	events        kubernetes.Interface // nil where recorder is given
	recorder      record.EventRecorder
	timing        timing
	configuration atomic.Pointer[configuration]
	outage        *outage
	leader        prometheus.Gauge
	owned         *prometheus.GaugeVec
}

// New returns a Controller. The error says what is missing or unknown among
// the options.
func New(o Options) (*Controller, error) {
	if o.Config == nil {
		return nil, errors.New("controller: the configuration of the client is required")
	}
	limited := func(qps float32, burst int) *rest.Config {
		c := rest.CopyConfig(o.Config)
		c.RateLimiter, c.QPS, c.Burst = nil, qps, burst
		return c
	}
	if o.Client == nil {
		scheme := runtime.NewScheme()
		if err := AddToScheme(scheme); err != nil {
			return nil, err
		}
		var err error
		if o.Client, err = client.New(limited(clientQPS, clientBurst), client.Options{Scheme: scheme}); err != nil {
			return nil, fmt.Errorf("controller: client of statuses: %w", err)
		}
	}
	leases, err := kubernetes.NewForConfig(limited(rest.DefaultQPS, rest.DefaultBurst))
	if err != nil {
		return nil, fmt.Errorf("controller: client of the lease: %w", err)
	}
	events, err := kubernetes.NewForConfig(limited(clientQPS, clientBurst))
	if err != nil {
		return nil, fmt.Errorf("controller: client of events: %w", err)
	}
	c, err := newController(o, leases)
	if err != nil {
		return nil, err
	}
	c.events = events
	return c, nil
}

// newController checks the options that all controllers need.
func newController(o Options, leases kubernetes.Interface) (*Controller, error) {
	switch {
	case o.Clock == nil:
		return nil, errors.New("controller: a clock is required")
	case o.Namespace == "" || o.Identity == "" || o.Service == "" || o.ClusterRole == "":
		return nil, errors.New("controller: namespace, identity, service and cluster role are required; POD_NAMESPACE and POD_NAME give the first two")
	case o.Cache != nil && (o.Board == nil || o.Answer == nil || o.Source == nil):
		return nil, errors.New("controller: statuses need the board, the answers and the sources")
	}
	for _, group := range o.APIServices {
		if _, known := groupVersions[group]; !known {
			return nil, fmt.Errorf("controller: no APIService is known for %q, only for %s", group, strings.Join(knownGroups(), " and "))
		}
	}
	if o.CABundle == nil {
		o.CABundle = func() []byte { return nil }
	}
	c := &Controller{
		o:      o,
		log:    o.Logger,
		leases: leases,
		timing: defaultTiming,
		outage: &outage{log: o.Logger},
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gaugeway_leader",
			Help: "1 while this replica is the one that writes statuses and APIServices, else 0.",
		}),
		owned: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gaugeway_apiservice_owned",
			Help: "1 for an APIService that is gaugeway's, 0 for one that is someone else's, misused or not there. Only the leader has it.",
		}, []string{"name"}),
	}
	if o.Registry != nil {
		if err := errors.Join(o.Registry.Register(c.leader), o.Registry.Register(c.owned)); err != nil {
			return nil, fmt.Errorf("controller: register its metrics: %w", err)
		}
	}
	return c, nil
}

// SetConfiguration says what is in use, and what was found wrong with the
// objects of the cluster. Until it is called no status is written. The
// arguments are read only from then on.
func (c *Controller) SetConfiguration(snapshot *config.Snapshot, findings []config.Finding) {
	c.configuration.Store(newConfiguration(snapshot, findings))
}

// Run takes part in the leader election, and leads whenever it is elected,
// until ctx is done. It returns nil: neither losing the lease nor an API server
// that is away ends it.
func (c *Controller) Run(ctx context.Context) error {
	if c.recorder == nil {
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			return err
		}
		broadcaster := record.NewBroadcaster(record.WithContext(ctx))
		defer broadcaster.Shutdown()
		broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.events.CoreV1().Events("")})
		c.recorder = broadcaster.NewRecorder(scheme, corev1.EventSource{Component: name, Host: c.o.Identity})
	}
	for ctx.Err() == nil {
		if err := c.term(ctx); err != nil {
			return err
		}
		timer := c.o.Clock.NewTimer(c.timing.retry)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

// lead does the leader's work until ctx is done.
func (c *Controller) lead(ctx context.Context) {
	c.leader.Set(1)
	defer c.leader.Set(0)
	defer c.owned.Reset()
	var work sync.WaitGroup
	defer work.Wait()
	if len(c.o.APIServices) > 0 {
		a := &apiServices{
			client:      c.o.Client,
			clock:       c.o.Clock,
			log:         c.log,
			outage:      c.outage,
			owned:       c.owned,
			service:     types.NamespacedName{Namespace: c.o.Namespace, Name: c.o.Service},
			clusterRole: c.o.ClusterRole,
			groups:      slices.Compact(slices.Sorted(slices.Values(c.o.APIServices))),
			caBundle:    c.o.CABundle,
			said:        map[string]string{},
		}
		work.Go(func() { a.run(ctx) })
	}
	if c.o.Cache != nil {
		r := &reporter{
			o:             &c.o,
			log:           c.log,
			outage:        c.outage,
			recorder:      c.recorder,
			configuration: &c.configuration,
			memories:      map[string]*memory{},
		}
		work.Go(func() { r.run(ctx) })
	}
	<-ctx.Done()
}
