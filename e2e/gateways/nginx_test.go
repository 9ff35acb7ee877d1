package gateways_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A gateway is an nginx with its Lua module, a traffic port and a status port.
type gateway struct {
	t          *testing.T
	dir        string
	lua        string // folder of metrics.lua
	upstreams  []string
	port       int
	statusPort int
	generation int // of the configuration
	process    *process
}

// newGateway starts a gateway in front of upstreams, each as host:port.
func newGateway(t *testing.T, upstreams ...string) *gateway {
	t.Helper()
	return newGatewayWith(t, "../../docs/examples/nginx-lua", upstreams...)
}

// newGatewayWith starts a gateway that counts by the metrics.lua of a folder.
func newGatewayWith(t *testing.T, lua string, upstreams ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), lua: lua, upstreams: upstreams, port: freePort(t), statusPort: freePort(t)}
	g.start()
	return g
}

// url is where its traffic goes.
func (g *gateway) url() string { return "http://" + address(g.port) }

// metricsURL is where its counters and histograms are read.
func (g *gateway) metricsURL() string { return "http://" + address(g.statusPort) + "/metrics" }

// stubStatusURL is where nginx's own few numbers are read.
func (g *gateway) stubStatusURL() string { return "http://" + address(g.statusPort) + "/stub_status" }

// start starts the gateway at its ports and waits until it answers.
func (g *gateway) start() {
	g.t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // where Debian keeps it, outside an ordinary user's PATH
	}
	g.configure()
	conf := filepath.Join(g.dir, "nginx.conf")
	g.process = start(g.t, exec.CommandContext(g.t.Context(), program, "-p", g.dir, "-c", conf, "-e", filepath.Join(g.dir, "error.log")))
	awaitGeneration(g.t, g.process, g.stubStatusURL(), g.generation)
}

// stop stops the gateway at once, with what it has counted.
func (g *gateway) stop() {
	g.t.Helper()
	g.process.stop(g.t)
}

// drain stops the gateway after the requests that it still has.
func (g *gateway) drain() {
	g.t.Helper()
	g.process.signal(g.t, syscall.SIGQUIT)
	eventually(g.t, "the gateway to drain", func() error {
		if g.process.ended() == nil {
			return fmt.Errorf("%s still runs", g.process.cmd)
		}
		return nil
	})
}

// reload makes the gateway read its configuration anew: new workers take over.
func (g *gateway) reload() {
	g.t.Helper()
	g.configure()
	g.process.signal(g.t, syscall.SIGHUP)
	awaitGeneration(g.t, g.process, g.stubStatusURL(), g.generation)
}

// configure writes the next generation of the configuration.
func (g *gateway) configure() {
	g.t.Helper()
	g.generation++
	lua, err := filepath.Abs(g.lua)
	if err != nil {
		g.t.Fatal(err)
	}
	modules := os.Getenv("NGINX_MODULES_DIR")
	if modules == "" {
		modules = "/usr/lib/nginx/modules"
	}
	user := ""
	if os.Getuid() == 0 {
		user = "root"
	}
	writeTemplate(g.t, filepath.Join(g.dir, "nginx.conf"), "nginx.conf.tmpl", map[string]any{
		"User":       user,
		"Modules":    modules,
		"Lua":        lua,
		"Upstreams":  g.upstreams,
		"Port":       g.port,
		"StatusPort": g.statusPort,
		"Generation": g.generation,
	})
}
