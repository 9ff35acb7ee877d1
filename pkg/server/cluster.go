package server

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
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
	fs.StringVar(&c.kubeconfig, "kubeconfig", c.kubeconfig, "kubeconfig of the cluster that authenticates and authorizes requests; default: the cluster that this runs in")
	c.options.SecureServing.AddFlags(fs)
	c.options.Authentication.AddFlags(fs)
	c.options.Authorization.AddFlags(fs)
}

// applyTo opens the port and sets up delegated authentication and
// authorization. If it fails after the port was opened, config says where.
func (c *cluster) applyTo(config *genericapiserver.RecommendedConfig) error {
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
	return nil
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
