package gateways_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// series names one of gaugeway's own metrics about a metric.
func series(metric string) []string {
	return []string{fmt.Sprintf("namespace=%q", namespace), fmt.Sprintf("metric=%q", metric)}
}

func TestSilentTargetsScaleTotalsOnlyUntilTooFewAnswer(t *testing.T) {
	t.Parallel()
	backends := newBackends(t, 1)
	gateways := []*gateway{newGateway(t, backends...), newGateway(t, backends...), newGateway(t, backends...)}
	a := startGaugeway(t,
		sourceObject("edge", "Auto", gateways[0].metricsURL(), gateways[1].metricsURL(), gateways[2].metricsURL()),
		metricObject("edge-total", "edge", "Total", `rps(nginx_http_requests_total["10s"])`),
		metricObject("edge-level", "edge", "Level", `rps(nginx_http_requests_total["10s"])`),
	)
	l := startLoad(t, 120, fronts(gateways)...)
	l.awaitSeconds(window.Seconds() + 2)
	agree(t, a, l, expectation{"edge_total", rps, relative, 0.05})

	// The third dies. What it has counted leaves the window, and stays unknown.
	gateways[2].stop()
	l.awaitSeconds(window.Seconds() + 3)
	agree(t, a, l,
		expectation{"edge_total", func(tr truth) float64 { return rps(tr) * 3 / 2 }, relative, 0.05},
		expectation{"edge_level", rps, relative, 0.05},
	)
	for _, metric := range []string{"edge-total", "edge-level"} {
		if got, err := a.own("gaugeway_metric_state", append(series(metric), `state="Partial"`)...); err != nil || got != 1 {
			t.Errorf("state Partial of %s: got %v, %v, want 1", metric, got, err)
		}
		if got, err := a.own("gaugeway_metric_coverage_ratio", series(metric)...); err != nil || absolute(got, 2.0/3) > 0.01 {
			t.Errorf("coverage of %s: got %v, %v, want 2/3", metric, got, err)
		}
	}

	agreesWithItself(t, a, "edge-total", "edge_total")

	// One of three is fewer than half.
	gateways[1].stop()
	eventually(t, "503", func() error {
		r, err := a.read("edge_total")
		if err == nil && r.status == "" {
			err = fmt.Errorf("it still answers %v", r.value)
		}
		return err
	})
	code, status := a.status(metricPath("edge_total"))
	if code != http.StatusServiceUnavailable || status.Reason != metav1.StatusReasonServiceUnavailable {
		t.Errorf("got code %d, reason %q, want 503, ServiceUnavailable", code, status.Reason)
	}
	for _, want := range []string{"1 of 3 targets", address(gateways[1].statusPort), address(gateways[2].statusPort)} {
		if !strings.Contains(status.Message, want) {
			t.Errorf("the message does not say %q: %s", want, status.Message)
		}
	}
	if _, stderr, err := a.getRaw(metricPath("edge_total")); err == nil || !strings.Contains(stderr, "1 of 3 targets") {
		t.Errorf("kubectl does not tell the reason: %v: %s", err, stderr)
	}
}

// agreesWithItself compares what /metrics says of a metric with what kubectl
// reads, between two reads that show the same sample.
func agreesWithItself(t *testing.T, a *adapter, metric, external string) {
	t.Helper()
	eventually(t, "two reads of one sample", func() error {
		before, at := a.value(external)
		value, err := a.own("gaugeway_metric_value", append(series(metric), `item=""`)...)
		if err != nil {
			return err
		}
		age, err := a.own("gaugeway_metric_age_seconds", series(metric)...)
		if err != nil {
			return err
		}
		now := time.Now()
		after, again := a.value(external)
		if before != after || !at.Equal(again) {
			return fmt.Errorf("a tick came between: %v at %s, then %v at %s", before, at, after, again)
		}
		if absolute(value, before) > 1e-6*before {
			t.Errorf("/metrics says %v, kubectl reads %v", value, before)
		}
		// The API's timestamps are whole seconds, and reading takes its time.
		if want := now.Sub(at).Seconds(); age < 0 || age > want+0.1 || age < want-3 {
			t.Errorf("/metrics says it is %v s old, by kubectl's timestamp it is %v s", age, want)
		}
		return nil
	})
}

// newSilentServer returns the URL of a server that takes connections and never answers.
func newSilentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String() + "/metrics"
}

func TestListAndErrorsBeforeTheFirstScrape(t *testing.T) {
	t.Parallel()
	a := startGaugeway(t,
		sourceObject("edge", "Auto", newSilentServer(t)),
		metricObject("edge-rps", "edge", "Total", `rps(nginx_http_requests_total["10s"])`),
		metricObject("edge-p95", "edge", "Level", `p95(nginx_http_request_duration_seconds["10s"])`),
	)

	stdout, stderr, err := a.getRaw(apiRoot)
	if err != nil {
		t.Fatalf("kubectl get --raw %s: %v: %s", apiRoot, err, stderr)
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	names := map[string]bool{}
	for _, r := range list.APIResources {
		names[r.Name] = true
	}
	if !names["edge_rps"] || !names["edge_p95"] || len(names) != 2 {
		t.Errorf("the list of metrics has %v, want edge_rps and edge_p95", names)
	}

	f := func(path string, wantCode int32, wantReason metav1.StatusReason, wantMessage string) {
		t.Helper()
		code, status := a.status(path)
		if code != int(wantCode) || status.Code != wantCode || status.Status != metav1.StatusFailure || status.Reason != wantReason {
			t.Errorf("%s: got HTTP %d and %+v, want %d %s", path, code, status, wantCode, wantReason)
		}
		if !strings.Contains(status.Message, wantMessage) {
			t.Errorf("%s: the message does not say %q: %s", path, wantMessage, status.Message)
		}
		_, stderr, err := a.getRaw(path)
		if err == nil || !strings.Contains(stderr, string(wantReason)) || !strings.Contains(stderr, wantMessage) {
			t.Errorf("%s: kubectl says %v: %s; want %s and %q", path, err, stderr, wantReason, wantMessage)
		}
	}
	f(metricPath("nobody_declared_this"), http.StatusNotFound, metav1.StatusReasonNotFound, "nobody_declared_this")
	f(apiRoot+"/namespaces/elsewhere/edge_rps", http.StatusNotFound, metav1.StatusReasonNotFound, "edge_rps")
	f(metricPath("edge_rps"), http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "edge_rps")

	// Once a scrape was tried, the reason is that of the target.
	eventually(t, "the reason", func() error {
		_, status := a.status(metricPath("edge_rps"))
		if want := "none of 1 targets answers"; !strings.Contains(status.Message, want) {
			return fmt.Errorf("the message does not say %q: %s", want, status.Message)
		}
		return nil
	})
}
