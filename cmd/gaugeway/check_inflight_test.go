package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckWarnsOfWhatIsInFlight: of a percentile that is not told what is in
// flight, though the gateway of its sources tells.
func TestCheckWarnsOfWhatIsInFlight(t *testing.T) {
	t.Parallel()
	f := func(of, lua, want string) {
		t.Helper()
		dir := t.TempDir()
		objects := fmt.Sprintf(`apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: gw, namespace: ns}
spec: {preset: %s, pods: {selector: {matchLabels: {app: gw}}}}
---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: latency, namespace: ns}
spec:
  sources: [{name: gw}]
  lua: |
    %s
  type: Level
  external: {name: latency_seconds}
`, of, lua)
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(objects), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errOut := runCommand(t, "check", dir)
		got := ""
		for line := range strings.Lines(out + errOut) {
			if strings.Contains(line, "in flight") {
				got += strings.TrimPrefix(line, dir+string(filepath.Separator))
			}
		}
		if code != exitOK || got != want {
			t.Errorf("%s, %s: exit %d, %q, want %q\n%s%s", of, lua, code, got, want, out, errOut)
		}
	}
	const warns = "a.yaml:12:5: warning: spec.lua: p95 observes only requests that have ended, so that a backend that hangs looks idle, " +
		"and %s knows what is in flight; write {inflight = gateway.in_flight_requests{...}} as the last argument, selected and grouped as the percentile\n"
	f("caddy", `p95(caddy_http_request_duration_seconds["1m"])`, fmt.Sprintf(warns, "caddy"))
	f("caddy", `p95(caddy_http_request_duration_seconds["1m"], {inflight = gateway.in_flight_requests{}})`, "")
	f("caddy", `gateway.latency_p95_seconds{}`, "")
	f("kong", `p95(kong_request_latency_ms["1m"]) / 1000`, "")                             // it does not know
	f("ingress_nginx", `p95(nginx_ingress_controller_request_duration_seconds["1m"])`, "") // of all services together
}
