package gateways_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A rabbitmq is RabbitMQ with its management and Prometheus plugins, all of it in
// one folder of its own.
type rabbitmq struct {
	t              *testing.T
	dir            string
	epmdPort       int // of Erlang's port mapper
	nodePort       int // of Erlang's distribution
	managementPort int
	metricsPort    int
	process        *process
}

// newRabbitMQ starts RabbitMQ with some queues that survive a restart.
func newRabbitMQ(t *testing.T, queues ...string) *rabbitmq {
	t.Helper()
	r := &rabbitmq{
		t: t, dir: t.TempDir(), epmdPort: freePort(t), nodePort: freePort(t),
		managementPort: freePort(t), metricsPort: freePort(t),
	}
	writeTemplate(t, r.file("rabbitmq.conf"), "rabbitmq.conf.tmpl", map[string]any{
		"ManagementPort": r.managementPort,
		"MetricsPort":    r.metricsPort,
	})
	writeFile(t, r.file("enabled_plugins"), "[rabbitmq_management,rabbitmq_prometheus].\n")
	// The port mapper: Erlang would start one that outlives the test.
	epmd := exec.CommandContext(t.Context(), "epmd")
	epmd.Env = append(os.Environ(), "ERL_EPMD_PORT="+strconv.Itoa(r.epmdPort), "ERL_EPMD_ADDRESS=127.0.0.1")
	start(t, epmd)
	eventually(t, "Erlang's port mapper", func() error { return reach(t, r.epmdPort) })
	r.start()
	for _, q := range queues {
		if _, err := r.call(t.Context(), http.MethodPut, "/queues/%2F/"+q, map[string]any{"durable": true}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *rabbitmq) file(name string) string { return filepath.Join(r.dir, name) }

// metricsURL is where its Prometheus plugin is read, by a path below /metrics.
func (r *rabbitmq) metricsURL(path string) string {
	return "http://" + address(r.metricsPort) + "/metrics" + path
}

// start starts RabbitMQ with what it had when it was stopped.
func (r *rabbitmq) start() {
	r.t.Helper()
	program := "/usr/lib/rabbitmq/bin/rabbitmq-server" // that in Debian's PATH becomes another user first
	if _, err := os.Stat(program); err != nil {
		program = "rabbitmq-server"
	}
	cmd := exec.CommandContext(r.t.Context(), "nice", program) // what others measure goes first
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + r.dir, // of Erlang's cookie
		"ERL_EPMD_PORT=" + strconv.Itoa(r.epmdPort),
		"ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=gaugeway@localhost",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(r.nodePort),
		// Schedulers do not spin while they have nothing to do.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_CONFIG_FILE=" + r.file("rabbitmq.conf"),
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + r.file("advanced.config"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + r.file("enabled_plugins"),
		"RABBITMQ_FEATURE_FLAGS_FILE=" + r.file("feature_flags"),
		"RABBITMQ_GENERATED_CONFIG_DIR=" + r.file("generated"),
		"RABBITMQ_MNESIA_BASE=" + r.file("mnesia"),
		"RABBITMQ_LOG_BASE=" + r.file("log"),
		"RABBITMQ_LOGS=-",
		"RABBITMQ_PID_FILE=" + r.file("pid"),
	}
	r.process = start(r.t, cmd)
	// It takes many seconds of computing.
	within(r.t, 3*patience, "RabbitMQ", func() error {
		if err := r.process.ended(); err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.call(r.t.Context(), http.MethodGet, "/overview", nil); err != nil {
			return err
		}
		return reach(r.t, r.metricsPort)
	})
}

// stop stops RabbitMQ; what queues hold is on disk.
func (r *rabbitmq) stop() {
	r.t.Helper()
	r.process.stop(r.t)
}

// remove deletes a queue.
func (r *rabbitmq) remove(queue string) {
	r.t.Helper()
	if _, err := r.call(r.t.Context(), http.MethodDelete, "/queues/%2F/"+queue, nil); err != nil {
		r.t.Fatal(err)
	}
}

// managementURL is where the management API is.
func (r *rabbitmq) managementURL() string { return "http://" + address(r.managementPort) + "/api" }

// managementClient keeps its connections, for one message after the other.
var managementClient = &http.Client{Timeout: freshClient.Timeout}

// call asks the management API, by a path below /api, and returns its answer.
func (r *rabbitmq) call(ctx context.Context, method, path string, body any) (string, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.managementURL()+path, strings.NewReader(string(content)))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth("guest", "guest") // what a new broker has
	req.Header.Set("Content-Type", "application/json")
	resp, err := managementClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return string(answer), err
}

// A rabbitQueue is a queue of RabbitMQ.
type rabbitQueue struct {
	rabbitmq *rabbitmq
	name     string
}

var _ queue = rabbitQueue{}

// push implements queue.
func (q rabbitQueue) push(ctx context.Context) error {
	answer, err := q.rabbitmq.call(ctx, http.MethodPost, "/exchanges/%2F/amq.default/publish", map[string]any{
		"properties":       map[string]any{"delivery_mode": 2}, // on disk
		"routing_key":      q.name,
		"payload":          "message",
		"payload_encoding": "string",
	})
	if err == nil && !strings.Contains(answer, `"routed":true`) {
		err = errors.New("the message has not reached the queue: " + answer)
	}
	return err
}

// pop implements queue.
func (q rabbitQueue) pop(ctx context.Context) error {
	answer, err := q.rabbitmq.call(ctx, http.MethodPost, "/queues/%2F/"+q.name+"/get", map[string]any{
		"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto",
	})
	if err == nil && !strings.Contains(answer, `"payload":"message"`) {
		err = fmt.Errorf("queue %s is empty: %s", q.name, answer)
	}
	return err
}
