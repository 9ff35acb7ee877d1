package gateways_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A haproxy is HAProxy with its Prometheus exporter and its page of statistics,
// a traffic port and a status port. Its counters are those of the process, and a
// reload starts a new one.
type haproxy struct {
	t          *testing.T
	dir        string
	upstreams  []string
	slots      int // connections to an upstream at a time, 0: as many as come
	port       int
	statusPort int
	generation int // of the configuration
	process    *process
}

// newHAProxy starts HAProxy in front of upstreams, each as host:port.
func newHAProxy(t *testing.T, slots int, upstreams ...string) *haproxy {
	t.Helper()
	h := &haproxy{
		t: t, dir: t.TempDir(), upstreams: upstreams, slots: slots,
		port: freePort(t), statusPort: freePort(t),
	}
	h.start()
	return h
}

// url is where its traffic goes.
func (h *haproxy) url() string { return "http://" + address(h.port) }

// metricsURL is where its Prometheus exporter is read.
func (h *haproxy) metricsURL() string { return "http://" + address(h.statusPort) + "/metrics" }

// csvURL is where its page of statistics is read, as CSV.
func (h *haproxy) csvURL() string { return "http://" + address(h.statusPort) + "/stats;csv" }

// start starts HAProxy at its ports and waits until it answers.
func (h *haproxy) start() {
	h.t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		program = "/usr/sbin/haproxy" // where Debian keeps it, outside an ordinary user's PATH
	}
	h.configure()
	// A master with a worker: the master takes the signal to reload.
	h.process = start(h.t, exec.CommandContext(h.t.Context(), program, "-W", "-f", h.config()))
	h.awaitGeneration()
}

// stop stops HAProxy at once, with what it has counted.
func (h *haproxy) stop() {
	h.t.Helper()
	h.process.stop(h.t)
}

// reload makes HAProxy read its configuration anew: a new worker takes over, and
// the old one ends with its last connection.
func (h *haproxy) reload() {
	h.t.Helper()
	h.configure()
	h.process.signal(h.t, syscall.SIGUSR2)
	h.awaitGeneration()
}

func (h *haproxy) config() string { return filepath.Join(h.dir, "haproxy.cfg") }

func (h *haproxy) awaitGeneration() {
	h.t.Helper()
	awaitGeneration(h.t, h.process, "http://"+address(h.statusPort)+"/generation", h.generation)
}

// configure writes the next generation of the configuration.
func (h *haproxy) configure() {
	h.t.Helper()
	h.generation++
	writeTemplate(h.t, h.config(), "haproxy.cfg.tmpl", map[string]any{
		"Upstreams":  h.upstreams,
		"Slots":      h.slots,
		"Port":       h.port,
		"StatusPort": h.statusPort,
		"Generation": h.generation,
	})
}
