package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/gaugeway/gaugeway/e2e/build"
	"github.com/gaugeway/gaugeway/e2e/process"
)

// Where the control plane is reached inside the tests' network.
const (
	Address = "10.244.0.1"
	Port    = 6443
)

const etcdURL = "http://127.0.0.1:2379"

// controllers are those that scaling, garbage collection and namespaces need.
const controllers = "horizontal-pod-autoscaler-controller,deployment-controller,replicaset-controller," +
	"statefulset-controller,serviceaccount-controller,serviceaccount-token-controller,namespace-controller," +
	"endpointslice-controller,garbage-collector-controller,clusterrole-aggregation-controller," +
	"root-ca-certificate-publisher-controller"

// HPA is how the HPA controller is set up. Its defaults in a cluster are 15 s
// and 5 min; here they are 1 s and 20 s, so that tests take seconds.
type HPA struct {
	SyncPeriod             time.Duration
	DownscaleStabilization time.Duration
}

// FastHPA is how the HPA controller runs unless a scenario wants it otherwise.
var FastHPA = HPA{SyncPeriod: time.Second, DownscaleStabilization: 20 * time.Second}

// A ControlPlane is etcd, kube-apiserver and kube-controller-manager.
type ControlPlane struct {
	dir        string
	clientCA   *authority
	admin      *rest.Config
	etcd       *process.Process
	apiserver  *process.Process
	controller *process.Process
}

// Start starts a control plane with its files in a folder, and returns once it
// is ready. The address 10.244.0.1 must be one of this network's.
func Start(ctx context.Context, dir string) (*ControlPlane, error) {
	c := &ControlPlane{dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := c.certify(); err != nil {
		return nil, err
	}
	var err error
	if c.admin, err = c.Client("admin", "admin", "system:masters"); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		c.startEtcd,
		c.StartAPIServer,
		func(ctx context.Context) error { return c.StartControllerManager(ctx, FastHPA) },
	} {
		if err := step(ctx); err != nil {
			c.Stop()
			return nil, err
		}
	}
	return c, nil
}

// Admin returns a client's configuration that may do anything.
func (c *ControlPlane) Admin() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig returns the file that Client or WriteKubeconfig has written for a
// name; the name of the administrator is admin.
func (c *ControlPlane) Kubeconfig(name string) string {
	return filepath.Join(c.dir, name+".kubeconfig")
}

// CAFile returns the file with the authority of the API server's certificate.
func (c *ControlPlane) CAFile() string { return c.clientCA.file() }

// Client makes a certificate for a user with groups and a kubeconfig with it.
func (c *ControlPlane) Client(name, user string, groups ...string) (*rest.Config, error) {
	if err := c.clientCA.client(name, user, groups...); err != nil {
		return nil, err
	}
	return c.WriteKubeconfig(name, "", c.Certificate(name))
}

// Certificate is the identity that Client has made under a name.
func (c *ControlPlane) Certificate(name string) clientcmdapi.AuthInfo {
	return clientcmdapi.AuthInfo{ClientCertificate: certFile(c.dir, name), ClientKey: keyFile(c.dir, name)}
}

// WriteKubeconfig writes a kubeconfig for any way to authenticate, with a default namespace.
func (c *ControlPlane) WriteKubeconfig(name, namespace string, auth clientcmdapi.AuthInfo) (*rest.Config, error) {
	file := clientcmdapi.NewConfig()
	file.Clusters["e2e"] = &clientcmdapi.Cluster{
		Server:               fmt.Sprintf("https://%s:%d", Address, Port),
		CertificateAuthority: c.clientCA.file(),
	}
	file.AuthInfos[name] = &auth
	file.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: name, Namespace: namespace}
	file.CurrentContext = "e2e"
	if err := clientcmd.WriteToFile(*file, c.Kubeconfig(name)); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig(name))
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 500, 1000
	return config, nil
}

// certify makes the two authorities that a cluster with aggregation needs, and
// what they sign.
func (c *ControlPlane) certify() error {
	var err error
	if c.clientCA, err = newAuthority(c.dir, "ca"); err != nil {
		return err
	}
	frontProxyCA, err := newAuthority(c.dir, "front-proxy-ca")
	if err != nil {
		return err
	}
	_, keyErr := writeKey(keyFile(c.dir, "service-account"))
	addresses := []net.IP{net.ParseIP(Address), net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	_, managerErr := c.Client("controller-manager", "system:kube-controller-manager")
	return errors.Join(keyErr, managerErr,
		c.clientCA.server("apiserver", addresses, "localhost", "kubernetes.default.svc"),
		frontProxyCA.client("front-proxy-client", "front-proxy-client"))
}

func (c *ControlPlane) startEtcd(ctx context.Context) error {
	var err error
	c.etcd, err = c.start("etcd", build.Etcd,
		"--name=e2e", "--data-dir="+filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=e2e=http://127.0.0.1:2380", "--log-level=warn")
	if err != nil {
		return err
	}
	return await(ctx, c.etcd, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, etcdURL+"/health", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd's health: %s", resp.Status)
		}
		return nil
	})
}

// StartAPIServer starts kube-apiserver and waits until it is ready. It is
// running after Start; this is for tests that have stopped it.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	var err error
	c.apiserver, err = c.start("kube-apiserver", build.APIServer,
		"--etcd-servers="+etcdURL,
		"--bind-address=0.0.0.0", "--advertise-address="+Address, fmt.Sprint("--secure-port=", Port),
		"--tls-cert-file="+certFile(c.dir, "apiserver"), "--tls-private-key-file="+keyFile(c.dir, "apiserver"),
		"--client-ca-file="+c.clientCA.file(),
		"--requestheader-client-ca-file="+certFile(c.dir, "front-proxy-ca"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+certFile(c.dir, "front-proxy-client"),
		"--proxy-client-key-file="+keyFile(c.dir, "front-proxy-client"),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+keyFile(c.dir, "service-account"),
		"--service-account-signing-key-file="+keyFile(c.dir, "service-account"),
		"--enable-aggregator-routing=true",
		"--feature-gates=HPAScaleToZero=true",
		"--profiling=false")
	if err != nil {
		return err
	}
	clients, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return err
	}
	return await(ctx, c.apiserver, func(ctx context.Context) error {
		return clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// StopAPIServer kills kube-apiserver: from its clients' view it is away.
func (c *ControlPlane) StopAPIServer() { c.apiserver.Stop(syscall.SIGKILL, 0) }

// StartControllerManager starts kube-controller-manager, or starts it anew where
// it runs, with the HPA controller set up as wanted.
func (c *ControlPlane) StartControllerManager(ctx context.Context, hpa HPA) error {
	if c.controller != nil {
		c.controller.Stop(syscall.SIGTERM, 5*time.Second)
	}
	kubeconfig := c.Kubeconfig("controller-manager")
	var err error
	c.controller, err = c.start("kube-controller-manager", build.ControllerManager,
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", "--cert-dir="+c.dir,
		"--controllers="+controllers,
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+keyFile(c.dir, "service-account"),
		"--root-ca-file="+c.clientCA.file(),
		"--leader-elect=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--feature-gates=HPAScaleToZero=true",
		"--horizontal-pod-autoscaler-sync-period="+hpa.SyncPeriod.String(),
		"--horizontal-pod-autoscaler-downscale-stabilization="+hpa.DownscaleStabilization.String(),
		"--horizontal-pod-autoscaler-cpu-initialization-period=0s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=0s",
		"--concurrent-horizontal-pod-autoscaler-syncs=5",
		"--profiling=false")
	if err != nil {
		return err
	}
	return await(ctx, c.controller, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:10257")
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop ends all three; their ports are free when it returns.
func (c *ControlPlane) Stop() {
	// kube-apiserver would drain for a while: nobody is left to be drained.
	for _, p := range []*process.Process{c.controller, c.apiserver, c.etcd} {
		if p != nil {
			p.Stop(syscall.SIGKILL, 0)
		}
	}
}

// Err says which of the three has ended, though nobody has stopped it.
func (c *ControlPlane) Err() error {
	return errors.Join(c.etcd.Err(), c.apiserver.Err(), c.controller.Err())
}

// Logs returns the last lines of what each of the three has printed.
func (c *ControlPlane) Logs(lines int) string {
	var all string
	for _, p := range []*process.Process{c.etcd, c.apiserver, c.controller} {
		if p != nil {
			all += fmt.Sprintf("--- %s\n%s", p.Log(), process.Tail(p.Log(), lines))
		}
	}
	return all
}

func (c *ControlPlane) start(name string, program build.Program, arguments ...string) (*process.Process, error) {
	path, err := program.Path()
	if err != nil {
		return nil, err
	}
	return process.Start(name, filepath.Join(c.dir, name+".log"), exec.Command(path, arguments...))
}

// await waits until a process is ready, or has ended.
func await(ctx context.Context, p *process.Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w, its log:\n%s", err, process.Tail(p.Log(), 20))
		case <-tick.C:
		}
	}
}
