package gateways_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// A caddy is Caddy with a traffic port, a port with its handler `metrics` and its
// admin endpoint. Two routes see each request, and both count it.
type caddy struct {
	t          *testing.T
	dir        string
	upstreams  []string
	port       int
	statusPort int
	adminPort  int
	generation int // of the configuration
	process    *process
}

// newCaddy starts Caddy in front of upstreams, each as host:port.
func newCaddy(t *testing.T, upstreams ...string) *caddy {
	t.Helper()
	c := &caddy{
		t: t, dir: t.TempDir(), upstreams: upstreams,
		port: freePort(t), statusPort: freePort(t), adminPort: freePort(t),
	}
	c.start()
	return c
}

// url is where its traffic goes.
func (c *caddy) url() string { return "http://" + address(c.port) }

// adminURL is where its admin endpoint shows the metrics.
func (c *caddy) adminURL() string { return "http://" + address(c.adminPort) + "/metrics" }

// handlerURL is where its handler `metrics` shows them.
func (c *caddy) handlerURL() string { return "http://" + address(c.statusPort) + "/metrics" }

// start starts Caddy at its ports and waits until it answers.
func (c *caddy) start() {
	c.t.Helper()
	program, err := build.Caddy.Path()
	if err != nil {
		c.t.Fatal(err)
	}
	c.configure()
	cmd := exec.CommandContext(c.t.Context(), program, "run", "--config", c.config())
	cmd.Env = append(os.Environ(), "HOME="+c.dir, "XDG_DATA_HOME="+c.dir, "XDG_CONFIG_HOME="+c.dir)
	c.process = start(c.t, cmd)
	c.awaitGeneration()
}

// stop stops Caddy at once, with what it has counted.
func (c *caddy) stop() {
	c.t.Helper()
	c.process.stop(c.t)
}

// reload loads a new configuration into the same process.
func (c *caddy) reload() {
	c.t.Helper()
	c.configure()
	config, err := os.ReadFile(c.config())
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+address(c.adminPort)+"/load", bytes.NewReader(config))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := freshClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body) // what there is of it
		c.t.Fatalf("loading a configuration into Caddy: %s: %s", resp.Status, body)
	}
	c.awaitGeneration()
}

func (c *caddy) config() string { return filepath.Join(c.dir, "caddy.json") }

func (c *caddy) awaitGeneration() {
	c.t.Helper()
	awaitGeneration(c.t, c.process, c.handlerURL(), c.generation)
}

// configure writes the next generation of the configuration.
func (c *caddy) configure() {
	c.t.Helper()
	c.generation++
	writeTemplate(c.t, c.config(), "caddy.json.tmpl", map[string]any{
		"Dir":        c.dir,
		"Upstreams":  c.upstreams,
		"Port":       c.port,
		"StatusPort": c.statusPort,
		"AdminPort":  c.adminPort,
		"Generation": c.generation,
	})
}
