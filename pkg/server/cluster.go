package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"
)

// securePort is where a server in a cluster listens unless told otherwise: not
// 443, which takes a privilege.
const securePort = 6443

// A cluster is how a server in one is reached, and whom it asks who may read.
type cluster struct {
	kubeconfig string
	options    *options.CustomMetricsAdapterServerOptions
	// flags are those that a command line may set; nil without one.
	flags *pflag.FlagSet
}

// shownFlags are those of the libraries' flags that help shows, with a text
// instead of theirs where that says what is not so here.
var shownFlags = map[string]string{
	"bind-address":         "address to listen on",
	"secure-port":          "port to serve HTTPS on",
	"tls-cert-file":        "file with the serving certificate and the CAs between it and the one that is trusted, in PEM; read again when it changes",
	"tls-private-key-file": "file with the private key of --tls-cert-file, in PEM",
	"tls-min-version":      "",
}

func newCluster() *cluster {
	o := options.NewCustomMetricsAdapterServerOptions()
	o.SecureServing.BindPort = securePort
	// Without files for a certificate one is made in memory: the file system
	// may be read-only, and replicas should not share a key by accident.
	o.SecureServing.ServerCert.CertDirectory = ""
	return &cluster{options: o}
}

func (c *cluster) addFlags(fs *pflag.FlagSet) {
	c.flags = pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	c.options.SecureServing.AddFlags(c.flags)
	c.options.Authentication.AddFlags(c.flags)
	c.options.Authorization.AddFlags(c.flags)
	c.flags.VisitAll(func(f *pflag.Flag) {
		text, shown := shownFlags[f.Name]
		f.Hidden = !shown
		if text != "" {
			f.Usage = text
		}
	})
	c.flags.StringVar(&c.kubeconfig, "kubeconfig", c.kubeconfig, "kubeconfig of the cluster; default: the cluster that this runs in")
	fs.AddFlagSet(c.flags)
}

// refuseFlags returns an error if a command line has set any of the flags.
func (c *cluster) refuseFlags() error {
	if c.flags == nil {
		return nil
	}
	var given []string
	c.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			given = append(given, "--"+f.Name)
		}
	})
	if len(given) == 0 {
		return nil
	}
	return fmt.Errorf("--standalone serves without a cluster, and %s is for serving in one: leave out one or the other (the standalone port is --port)", strings.Join(given, ", "))
}

// applyTo opens the port and sets up delegated authentication and
// authorization. The certificate, unless nil, is shown instead of the files'.
// If it fails after the port was opened, config says where.
func (c *cluster) applyTo(config *genericapiserver.RecommendedConfig, certificate dynamiccertificates.CertKeyContentProvider) error {
	if c.options.Authentication.RemoteKubeConfigFile == "" {
		c.options.Authentication.RemoteKubeConfigFile = c.kubeconfig
	}
	if c.options.Authorization.RemoteKubeConfigFile == "" {
		c.options.Authorization.RemoteKubeConfigFile = c.kubeconfig
	}
	if c.options.SecureServing.BindPort == 0 && c.options.SecureServing.Listener == nil {
		return errors.New("--secure-port is 0, choose a port")
	}
	if err := errors.Join(c.options.Validate()...); err != nil {
		return err
	}
	var err error
	if config.ClientConfig, err = c.clientConfig(); err != nil {
		return err
	}
	if err := c.options.ApplyTo(config); err != nil {
		return fmt.Errorf("serve in a cluster: %w", err)
	}
	if certificate != nil {
		config.SecureServing.Cert = certificate
	}
	return nil
}

// ClusterConfig returns how to reach the API server of the cluster: by
// --kubeconfig, or as a pod of it.
func (o *Options) ClusterConfig() (*rest.Config, error) {
	if o.flags == nil {
		return newCluster().clientConfig()
	}
	return o.flags.cluster.clientConfig()
}

// CertFile returns the path that --tls-cert-file gives, or "".
func (o *Options) CertFile() string {
	if o.flags == nil {
		return ""
	}
	return o.flags.cluster.options.SecureServing.ServerCert.CertKey.CertFile
}

func (c *cluster) clientConfig() (*rest.Config, error) {
	if c.kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read --kubeconfig %s: %w", c.kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w; give --kubeconfig, or --standalone to serve without one", err)
	}
	return config, nil
}
