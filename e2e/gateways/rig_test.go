// Package gateways_test runs gaugeway against real gateways and queues: processes
// on loopback with upstreams, load and truth of the test's own. What gaugeway
// answers to a real kubectl is compared with what the load generator counted.
package gateways_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// patience is how long a test waits for what should come within a second or
// two: long enough for a machine that does other work as well.
const patience = 30 * time.Second

// A process is a child of the test. What it prints is logged if the test fails.
type process struct {
	cmd    *exec.Cmd
	output *output
	done   chan struct{} // closed once the process has ended
}

// start runs a command until the test ends. SIGTERM ends it, since SIGKILL
// would leave nginx's workers behind.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, output: &output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", cmd, err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("output of %s:\n%s", cmd, p.output)
		}
	})
	return p
}

// stop ends the process, if it still runs, and waits until it is gone.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Errorf("%s does not end on SIGTERM: killed", p.cmd)
		p.signal(t, syscall.SIGKILL)
		<-p.done
	}
}

// signal sends a signal; to a process that has ended it does nothing.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("sending %v to %s: %v", s, p.cmd, err)
	}
}

// ended returns an error once the process has ended.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended early, %s: %s", p.cmd, p.cmd.ProcessState, p.output)
	default:
		return nil
	}
}

// An output collects what a process prints, and may be read meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns what was printed so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// eventually waits until the condition holds, which it says by returning nil.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	within(t, patience, what, condition)
}

// within waits for so long until the condition holds.
func within(t *testing.T, limit time.Duration, what string, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for %s: %v", limit, what, err)
		case <-tick.C:
		}
	}
}

// ports hands out port numbers below the range from which the kernel takes the
// ports of outgoing connections, so that a gateway that is stopped gets its
// port again when it is started.
var ports = struct {
	sync.Mutex
	next int
}{next: 20000 + os.Getpid()%100*100}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	for ; ports.next < 32768; ports.next++ {
		l, err := net.Listen("tcp", address(ports.next))
		if err != nil {
			continue
		}
		l.Close()
		ports.next++
		return ports.next - 1
	}
	t.Fatal("no free port between 20000 and 32767 on 127.0.0.1")
	return 0
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// reach returns nil once a TCP connection to a port succeeds.
func reach(t *testing.T, port int) error {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(port))
	if err == nil {
		conn.Close()
	}
	return err
}

// awaitGeneration waits until a process answers an URL with the generation of
// its configuration in the header X-Generation.
func awaitGeneration(t *testing.T, p *process, url string, generation int) {
	t.Helper()
	eventually(t, "the new configuration at "+url, func() error {
		if err := p.ended(); err != nil {
			t.Fatal(err)
		}
		header, _, code, err := fetch(t, url)
		if err != nil {
			return err
		}
		if got := header.Get("X-Generation"); code != http.StatusOK || got != strconv.Itoa(generation) {
			return fmt.Errorf("got status %d, generation %q, want 200, %d", code, got, generation)
		}
		return nil
	})
}

// freshClient opens a connection for each request: no answer comes from a
// worker that a reload has already replaced.
var freshClient = &http.Client{
	Timeout:   5 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
}

// fetch returns header, body and status code of a GET.
func fetch(t *testing.T, url string) (http.Header, string, int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return nil, "", 0, err
	}
	resp, err := freshClient.Do(req)
	if err != nil {
		return nil, "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return resp.Header, string(body), resp.StatusCode, err
}

// writeTemplate writes what a template of testdata makes of some data.
func writeTemplate(t *testing.T, path, name string, data any) {
	t.Helper()
	tmpl, err := template.ParseFiles(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeFile replaces a file in one step, as an editor or a volume's update does.
func writeFile(t *testing.T, path, content string) {
	t.Helper()
	// The new file is prepared outside the folder: a watcher sees one change.
	temp := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(temp, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}
