// Package server serves the metrics APIs, the probes and gaugeway's own
// /metrics over HTTPS.
//
// It is an aggregated API server like any other: in a cluster it delegates
// authentication and authorization to the API server in front of it.
// Standalone, it does without a cluster: it listens on loopback with a
// certificate of its own and lets in who can read a file.
package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/healthz"
	openapicommon "k8s.io/kube-openapi/pkg/common"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	openapicore "sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/core"
	openapicustom "sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/custommetrics"
	openapiexternal "sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/externalmetrics"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

// name is how the server calls itself in its OpenAPI document and in logs.
const name = "gaugeway"

// Options of a Server.
type Options struct {
	// Board holds the metrics to serve. Required.
	Board *metric.Board
	// Registry is served on /metrics, together with what the Kubernetes
	// libraries count about requests, the Go runtime and the process: it should
	// not have collectors for the latter two. The server adds the
	// gaugeway_metric_* families. Required.
	Registry *prometheus.Registry
	// Ready says in words why the process is not ready, or nil; it decides
	// /readyz and is shown on /readyz/engine. nil is always ready.
	Ready func() error
	// Live says in words why the process should be restarted, or nil; it decides
	// /livez and /healthz and is shown on /livez/engine. nil is always live.
	Live func() error
	// Clock tells how old results are; nil is the real one.
	Clock clock.PassiveClock
	// Standalone serves without a cluster; nil serves in one.
	Standalone *Standalone
	// ShutdownDelay is how long requests are still answered after the context of
	// Run is done, while /readyz fails: the time that a cluster takes to learn that
	// this replica goes.
	ShutdownDelay time.Duration
	// Certificate is shown to clients, and followed when it changes. It goes
	// before the files of --tls-cert-file; without either, in a cluster, one for
	// localhost is made in memory, which no aggregator trusts. Not for Standalone.
	Certificate dynamiccertificates.CertKeyContentProvider
	// Pods and Kinds are those of the provider, see [provider.Options]; nil
	// without a cluster. Running the Kinds is the caller's part.
	Pods  func(namespace string, selector labels.Selector) ([]string, error)
	Kinds *provider.Kinds

	flags *flags
}

// AddFlags adds the flags of serving in a cluster, named as those of any
// aggregated API server, and -v. The values are used by copies of o, too. Help
// shows those of them that an installation is likely to set; all work.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	o.flags = newFlags()
	o.flags.cluster.addFlags(fs)
	fs.IntVarP(&o.flags.verbosity, "v", "v", o.flags.verbosity, "verbosity of the logs: 0 for what an operator acts on, 1 for decisions, 2 and more for debugging")
}

// flags are what [Options.AddFlags] lets a command line set.
type flags struct {
	cluster   *cluster
	verbosity int
}

func newFlags() *flags { return &flags{cluster: newCluster()} }

// A Server serves a Board. It holds a port, and standalone also files, from
// [New] until the end of [Server.Run].
type Server struct {
	api     *apiserver.CustomMetricsAdapterServer
	serving *genericapiserver.SecureServingInfo
	state   *stateFiles // nil in a cluster
}

// New opens the port and, standalone, writes the token and the kubeconfig.
// Nothing is served before [Server.Run], which also releases both.
func New(o Options) (*Server, error) {
	if o.Board == nil || o.Registry == nil {
		return nil, errors.New("server needs a Board and a Registry")
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.flags == nil {
		o.flags = newFlags()
	}
	s := new(Server)
	if err := s.assemble(o); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// assemble builds the server: how it is reached and by whom is the mode's
// matter, all else is common.
func (s *Server) assemble(o Options) error {
	config := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	var err error
	if o.Standalone != nil {
		if err := o.flags.cluster.refuseFlags(); err != nil {
			return err
		}
		s.state, err = o.Standalone.applyTo(&config.Config, o.Clock)
	} else {
		err = o.flags.cluster.applyTo(config, o.Certificate)
	}
	s.serving = config.SecureServing
	if err != nil {
		return err
	}

	namer := openapinamer.NewDefinitionNamer(apiserver.Scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openAPIDefinitions, namer)
	config.OpenAPIConfig.Info.Title = name
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openAPIDefinitions, namer)
	config.OpenAPIV3Config.Info.Title = name
	config.AddReadyzChecks(check("engine", o.Ready), check("front-proxy", func() error { return frontProxyKnown(&config.Config) }))
	config.AddLivezChecks(check("engine", o.Live))
	config.AddHealthzChecks(check("engine", o.Live))
	config.BuildHandlerChainFunc = buildHandlerChain
	config.ShutdownDelayDuration = o.ShutdownDelay
	// Two of the library's endpoints are replaced below.
	config.EnableMetrics = false
	config.EnableDiscovery = false

	metrics := provider.New(provider.Options{Board: o.Board, Clock: o.Clock, Pods: o.Pods, Kinds: o.Kinds})
	common := apiserver.Config{GenericConfig: &config.Config}
	s.api, err = common.Complete(nil).New(name, metrics, metrics)
	if err != nil {
		return fmt.Errorf("assemble the API server: %w", err)
	}
	if err := completeDiscovery(s.api.GenericAPIServer); err != nil {
		return fmt.Errorf("assemble the API server: %w", err)
	}
	handler := s.api.GenericAPIServer.Handler

	self, err := selfMetrics(o.Registry, newCollector(o.Board, metrics))
	if err != nil {
		return err
	}
	handler.NonGoRestfulMux.Handle("/metrics", self)
	return nil
}

// openAPIDefinitions describes the types of the API.
func openAPIDefinitions(ref openapicommon.ReferenceCallback) map[string]openapicommon.OpenAPIDefinition {
	definitions := openapicore.GetOpenAPIDefinitions(ref)
	maps.Copy(definitions, openapicustom.GetOpenAPIDefinitions(ref))
	maps.Copy(definitions, openapiexternal.GetOpenAPIDefinitions(ref))
	return definitions
}

// frontProxyKnown says that the authority of the cluster's API server is not
// read yet, by which its requests on behalf of others are known. The library
// serves before that, and takes them for anonymous.
func frontProxyKnown(config *genericapiserver.Config) error {
	proxied := config.Authentication.RequestHeaderConfig
	if proxied == nil {
		return nil
	}
	if _, known := proxied.CAContentProvider.VerifyOptions(); !known {
		return errors.New("the authority of the API server's requests is not read yet")
	}
	return nil
}

// check makes a health check of a function that says what is wrong.
func check(name string, problem func() error) healthz.HealthChecker {
	return healthz.NamedCheck(name, func(*http.Request) error {
		if problem == nil {
			return nil
		}
		return problem()
	})
}

// Run serves until ctx is done and ShutdownDelay after that, lets the requests
// in flight end, frees the port
// and removes the files. Then it returns nil. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	err := s.api.GenericAPIServer.PrepareRun().RunWithContext(ctx)
	return errors.Join(err, s.release())
}

// release frees the port, if serving did not already, and removes the files.
func (s *Server) release() error {
	if s.serving != nil && s.serving.Listener != nil {
		// Closed before is fine, and there is nothing else to go wrong.
		_ = s.serving.Listener.Close()
	}
	return s.state.remove()
}

// URL returns where the API is served: scheme, host and port.
func (s *Server) URL() string {
	return "https://" + s.serving.Listener.Addr().String()
}

// Kubeconfig returns the path of the kubeconfig of a standalone server, or "".
func (s *Server) Kubeconfig() string {
	if s.state == nil {
		return ""
	}
	return s.state.kubeconfig
}
