package gateways_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// apiRoot is where the external metrics API is served.
const apiRoot = "/apis/external.metrics.k8s.io/v1beta1"

// namespace of all objects of these tests.
const namespace = "demo"

// An adapter is a gaugeway without a cluster, and a kubectl that reads it.
type adapter struct {
	t          *testing.T
	config     string // folder with its objects
	kubectl    string
	kubeconfig string
	proxy      string // URL of `kubectl proxy`, which passes answers on as they are
}

// startGaugeway starts gaugeway with some objects and waits until its API answers.
func startGaugeway(t *testing.T, objects ...string) *adapter {
	t.Helper()
	program, err := build.Gaugeway()
	if err != nil {
		t.Fatal(err)
	}
	kubectl, err := build.Kubectl.Path()
	if err != nil {
		t.Fatal(err)
	}
	a := &adapter{t: t, config: t.TempDir(), kubectl: kubectl}
	a.configure(objects...)
	p := start(t, exec.CommandContext(t.Context(), program, "serve", "--standalone",
		"--config", a.config, "--port", strconv.Itoa(freePort(t)), "--state-dir", t.TempDir()))
	eventually(t, "gaugeway to say how to read it", func() error {
		if err := p.ended(); err != nil {
			t.Fatal(err)
		}
		m := kubeconfigFlag.FindStringSubmatch(p.output.String())
		if m == nil {
			return errors.New("no --kubeconfig in its output yet")
		}
		a.kubeconfig = m[1]
		return nil
	})

	port := freePort(t)
	a.proxy = "http://" + address(port)
	start(t, exec.CommandContext(t.Context(), kubectl, "--kubeconfig", a.kubeconfig, "proxy", "--port", strconv.Itoa(port)))
	eventually(t, "the API", func() error {
		if err := p.ended(); err != nil {
			t.Fatal(err)
		}
		_, body, code, err := fetch(t, a.proxy+apiRoot)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("status %d: %s", code, body)
		}
		return err
	})
	return a
}

// kubeconfigFlag finds the file in what `gaugeway serve` prints for its user.
var kubeconfigFlag = regexp.MustCompile(`--kubeconfig (\S+)`)

// configure replaces all objects; a running gaugeway notices.
func (a *adapter) configure(objects ...string) {
	a.t.Helper()
	writeFile(a.t, filepath.Join(a.config, "objects.yaml"), strings.Join(objects, "---\n"))
}

// getRaw runs kubectl get --raw and returns what it prints to stdout and stderr.
func (a *adapter) getRaw(path string) (stdout, stderr string, err error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.kubectl, "--kubeconfig", a.kubeconfig, "get", "--raw", path)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// metricPath is the path of a metric in the API.
func metricPath(name string) string { return apiRoot + "/namespaces/" + namespace + "/" + name }

// get reads a metric with kubectl get --raw; it must have an answer.
func (a *adapter) get(name string) v1beta1.ExternalMetricValueList {
	a.t.Helper()
	stdout, stderr, err := a.getRaw(metricPath(name))
	if err != nil {
		a.t.Fatalf("kubectl get --raw %s: %v: %s", metricPath(name), err, stderr)
	}
	var list v1beta1.ExternalMetricValueList
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		a.t.Fatalf("%s: %v: %s", metricPath(name), err, stdout)
	}
	if len(list.Items) == 0 {
		a.t.Fatalf("%s: no items: %s", metricPath(name), stdout)
	}
	return list
}

// value reads a metric of one item and says of which second its samples are.
func (a *adapter) value(name string) (float64, time.Time) {
	a.t.Helper()
	list := a.get(name)
	if len(list.Items) != 1 {
		a.t.Fatalf("%s: got %d items, want 1: %v", name, len(list.Items), list.Items)
	}
	return list.Items[0].Value.AsApproximateFloat64(), list.Items[0].Timestamp.Time
}

// status reads what must not be an answer: the code and the Status object.
func (a *adapter) status(path string) (int, metav1.Status) {
	a.t.Helper()
	header, body, code, err := fetch(a.t, a.proxy+path)
	if err != nil {
		a.t.Fatalf("%s: %v", path, err)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: content type %q, want application/json", path, got)
	}
	var status metav1.Status
	if err := json.Unmarshal([]byte(body), &status); err != nil || status.Kind != "Status" {
		a.t.Fatalf("%s: status %d without a Status object (%v): %s", path, code, err, body)
	}
	return code, status
}

// own returns one of gaugeway's own metrics: the only series of /metrics with
// this name that has each of the labels, given as name="value".
func (a *adapter) own(name string, labels ...string) (float64, error) {
	a.t.Helper()
	_, body, code, err := fetch(a.t, a.proxy+"/metrics")
	if err != nil || code != http.StatusOK {
		return 0, fmt.Errorf("/metrics: status %d, error %w", code, err)
	}
	found := matchingLines(body, name+"{", labels...)
	if len(found) != 1 {
		return 0, fmt.Errorf("/metrics has %d series %s with %v, want 1", len(found), name, labels)
	}
	return found[0], nil
}

// A reading is a metric at one moment: a value or the reason why there is none.
type reading struct {
	at      time.Time // when it was read
	value   float64
	sampled time.Time // the second of its samples, where there is a value
	status  string    // empty where there is a value
}

// watch reads a metric again and again until the function that it returns is
// called, which gives the readings.
func (a *adapter) watch(name string) (stop func() []reading) {
	ctx, cancel := context.WithCancel(a.t.Context())
	var readings []reading
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if r, err := a.read(name); err == nil {
				readings = append(readings, r)
			} else if ctx.Err() == nil {
				a.t.Error(err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	a.t.Cleanup(func() { cancel(); done.Wait() })
	return func() []reading {
		cancel()
		done.Wait()
		return readings
	}
}

// read reads a metric once, by way of the proxy.
func (a *adapter) read(name string) (reading, error) {
	_, body, code, err := fetch(a.t, a.proxy+metricPath(name))
	if err != nil {
		return reading{}, err
	}
	r := reading{at: time.Now()}
	if code != http.StatusOK {
		var status metav1.Status
		if err := json.Unmarshal([]byte(body), &status); err != nil {
			return r, fmt.Errorf("%s: status %d: %w: %s", name, code, err, body)
		}
		r.status = status.Message
		return r, nil
	}
	var list v1beta1.ExternalMetricValueList
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Items) != 1 {
		return r, fmt.Errorf("%s: want one item (%w): %s", name, err, body)
	}
	r.value = list.Items[0].Value.AsApproximateFloat64()
	r.sampled = list.Items[0].Timestamp.Time
	return r, nil
}

// sourceObject is a GatewaySource that is scraped every second.
func sourceObject(name, format string, urls ...string) string {
	return sourceWith(name, "format: "+format, urls...)
}

// sourceWith is a GatewaySource that is scraped every second, with more lines of
// its spec.
func sourceWith(name, lines string, urls ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: %s, namespace: %s}
spec:
  interval: 1s
  scrapeTimeout: 800ms
  %s
  static:
    urls:
`, name, namespace, lines)
	for _, url := range urls {
		fmt.Fprintf(&b, "    - %s\n", url)
	}
	return b.String()
}

// metricObject is a GatewayMetric over one source, external under its own name
// with underscores.
func metricObject(name, source, kind, lua string) string {
	return fmt.Sprintf(`apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: %s, namespace: %s}
spec:
  sources: [{name: %s}]
  type: %s
  external: {name: %s}
  lua: |
    %s
`, name, namespace, source, kind, strings.ReplaceAll(name, "-", "_"), lua)
}
