package gateways_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"text/template"
)

// A gateway is an nginx with its Lua module, a traffic port and a status port.
type gateway struct {
	t          *testing.T
	dir        string
	upstreams  []string
	port       int
	statusPort int
	generation int // of the configuration
	process    *process
}

// newGateway starts a gateway in front of upstreams, each as host:port.
func newGateway(t *testing.T, upstreams ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), upstreams: upstreams, port: freePort(t), statusPort: freePort(t)}
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
	g.awaitGeneration()
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
	g.awaitGeneration()
}

// configure writes the next generation of the configuration.
func (g *gateway) configure() {
	g.t.Helper()
	g.generation++
	lua, err := filepath.Abs("../../docs/examples/nginx-lua")
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
	tmpl := template.Must(template.ParseFiles("testdata/nginx.conf.tmpl"))
	var conf bytes.Buffer
	err = tmpl.Execute(&conf, map[string]any{
		"User":       user,
		"Modules":    modules,
		"Lua":        lua,
		"Upstreams":  g.upstreams,
		"Port":       g.port,
		"StatusPort": g.statusPort,
		"Generation": g.generation,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.dir, "nginx.conf"), conf.Bytes(), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// awaitGeneration waits until workers with the latest configuration answer.
func (g *gateway) awaitGeneration() {
	g.t.Helper()
	eventually(g.t, "nginx with its new configuration", func() error {
		if err := g.process.ended(); err != nil {
			g.t.Fatalf("%v\n%s", err, g.errorLog())
		}
		header, _, code, err := fetch(g.t, g.stubStatusURL())
		if err != nil {
			return err
		}
		if got := header.Get("X-Generation"); code != http.StatusOK || got != strconv.Itoa(g.generation) {
			return fmt.Errorf("got status %d, generation %q, want 200, %d", code, got, g.generation)
		}
		return nil
	})
}

func (g *gateway) errorLog() string {
	b, err := os.ReadFile(filepath.Join(g.dir, "error.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
