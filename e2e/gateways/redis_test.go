package gateways_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// redisPreset asks the exporter of Redis about the lists that it was told.
var redisPreset = preset{
	name: "redis",
	questions: []question{
		{metric: "queue_depth", labels: "{queue: jobs}"},
		{metric: "queue_depth", by: "queue"},
	},
}

// A redis is a Redis without persistence and the exporter beside it.
type redis struct {
	t            *testing.T
	port         int
	exporterPort int
	server       *process
}

// newRedis starts Redis and an exporter that shows the lengths of some lists.
func newRedis(t *testing.T, lists ...string) *redis {
	t.Helper()
	r := &redis{t: t, port: freePort(t), exporterPort: freePort(t)}
	r.start()
	start(t, exec.CommandContext(t.Context(), "prometheus-redis-exporter",
		"-redis.addr", "redis://"+address(r.port), "-check-single-keys", strings.Join(lists, ","),
		"-web.listen-address", address(r.exporterPort)))
	eventually(t, "the exporter", func() error { return reach(t, r.exporterPort) })
	return r
}

// metricsURL is where the exporter is read.
func (r *redis) metricsURL() string { return "http://" + address(r.exporterPort) + "/metrics" }

// start starts Redis, empty, and waits until it answers.
func (r *redis) start() {
	r.t.Helper()
	r.server = start(r.t, exec.CommandContext(r.t.Context(), "redis-server",
		"--bind", "127.0.0.1", "--port", strconv.Itoa(r.port), "--save", "", "--dir", r.t.TempDir()))
	eventually(r.t, "Redis", func() error { return reach(r.t, r.port) })
}

// stop stops Redis; the exporter stays.
func (r *redis) stop() {
	r.t.Helper()
	r.server.stop(r.t)
}

// A redisList is a list of Redis as a queue, with a connection for each command.
type redisList struct {
	redis *redis
	name  string
}

var _ queue = redisList{}

// push implements queue.
func (l redisList) push(ctx context.Context) error {
	_, err := l.command(ctx, "RPUSH "+l.name+" message")
	return err
}

// pop implements queue.
func (l redisList) pop(ctx context.Context) error {
	reply, err := l.command(ctx, "LPOP "+l.name)
	if err == nil && reply == "$-1" {
		err = fmt.Errorf("list %s is empty", l.name)
	}
	return err
}

// command sends a command and returns the first line of the reply.
func (l redisList) command(ctx context.Context, line string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address(l.redis.port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
		return "", err
	}
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.HasPrefix(reply, "-") {
		err = fmt.Errorf("%s: %s", line, reply)
	}
	return strings.TrimSpace(reply), err
}

func TestRedisListIsAQueue(t *testing.T) {
	t.Parallel()
	r := newRedis(t, "jobs", "mails")
	a := startGaugeway(t, redisPreset.objects("redis", r.metricsURL())...)
	jobs := newTraffic(t, redisList{r, "jobs"})
	mails := newTraffic(t, redisList{r, "mails"})
	// An empty list does not exist in Redis: it is a queue of length 0.
	awaitValue(t, a, "redis_queue_depth", 0)
	jobs.push(42)
	mails.push(7)
	awaitValue(t, a, "redis_queue_depth", 42)
	expectItems(t, a, "redis_queue_depth_by_queue", map[string]float64{"jobs": 42, "mails": 7})
	jobs.pop(42)
	awaitValue(t, a, "redis_queue_depth", 0)
	agreeOnLength(t, a, jobs, "redis_queue_depth", 0)

	// A queue that cannot be seen is not empty.
	r.stop()
	awaitNoValue(t, a, "redis_queue_depth")
	r.start()
	awaitValue(t, a, "redis_queue_depth", 0)
	again := newTraffic(t, redisList{r, "jobs"})
	again.push(5)
	awaitValue(t, a, "redis_queue_depth", 5)
}
