// Package cluster is what scenarios are written with: a real control plane with
// a node that runs real gateways, kubectl, load, and a recorder of what the
// autoscaler does. README.md shows how.
package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gaugeway/gaugeway/e2e/build"
	"github.com/gaugeway/gaugeway/e2e/controlplane"
	"github.com/gaugeway/gaugeway/e2e/isolate"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// A Cluster is a control plane and a node. Scenarios share it.
type Cluster struct {
	// ControlPlane may be stopped and set up otherwise by a scenario that
	// restores it.
	ControlPlane *controlplane.ControlPlane
	// Node runs the pods.
	Node *node.Node
	// Client of the administrator.
	Client kubernetes.Interface
	// Root is the folder of the checkout.
	Root string

	dir    string
	config *rest.Config

	install  sync.Mutex
	gaugeway bool // is installed

	mu       sync.Mutex
	failures []string
}

// Start starts a cluster, which runs until the test ends. It needs the
// surroundings that isolate.Main makes, once a process.
func Start(t *testing.T) *Cluster {
	t.Helper()
	begin := time.Now()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	gaugeway, err := gaugewayOf()
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Root: root, dir: isolate.Dir}
	if keep := os.Getenv("E2E_DIR"); keep != "" {
		c.dir = keep
	}
	if err := node.SetUpNetwork(); err != nil {
		t.Fatal(err)
	}
	// Last of all, so that the end of a long log says what went wrong.
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.failures) > 0 {
			t.Logf("the failures again:\n%s", strings.Join(c.failures, "\n"))
		}
	})
	if c.ControlPlane, err = controlplane.Start(t.Context(), filepath.Join(c.dir, "controlplane")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the control plane's logs:\n%s", c.ControlPlane.Logs(40))
		}
		c.ControlPlane.Stop()
	})
	c.config = c.ControlPlane.Admin()
	if c.Client, err = kubernetes.NewForConfig(c.config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.Node, err = node.Start(ctx, node.Options{
		Client:   c.Client,
		Dir:      filepath.Join(c.dir, "node"),
		Gaugeway: gaugeway,
		Examples: filepath.Join(root, "docs", "examples"),
		Logf:     func(format string, arguments ...any) { logNode(c, format, arguments...) },
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); c.Node.Wait() })
	t.Logf("the control plane is ready after %v", time.Since(begin).Round(100*time.Millisecond))
	return c
}

// gaugewayOf returns the program that Prepare has built outside.
func gaugewayOf() (string, error) {
	if path := os.Getenv(GaugewayVariable); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("the variable %s is not set: isolate.Main hands it on", GaugewayVariable)
}

// GaugewayVariable names the program under test to the isolated tests.
const GaugewayVariable = "GAUGEWAY_BINARY"

// logNode keeps what the node has to say in a file, for tests that fail.
func logNode(c *Cluster, format string, arguments ...any) {
	f, err := os.OpenFile(c.nodeLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, time.Now().Format("15:04:05.000 ")+format+"\n", arguments...)
}

func (c *Cluster) nodeLog() string { return filepath.Join(c.dir, "node.log") }

// Main is the TestMain of a package of scenarios; what it returns is for os.Exit.
func Main(m *testing.M) int {
	return isolate.Main(m, func() error {
		if err := build.All(); err != nil {
			return err
		}
		path, err := build.Gaugeway()
		if err != nil {
			return err
		}
		return os.Setenv(GaugewayVariable, path)
	})
}
