package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPresetsCommand(t *testing.T) {
	t.Parallel()
	f := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, errOut := runCommand(t, append([]string{"presets"}, args...)...)
		if code != wantCode || !strings.Contains(out+errOut, want) {
			t.Errorf("%q: exit %d, want %d\n%s%swant %q", args, code, wantCode, out, errOut, want)
		}
	}
	f(exitOK, "NAME ")
	f(exitOK, "kong ")
	f(exitOK, "| `queue_depth` | Kong has no queue; use latency\\_p95\\_seconds or active\\_connections |", "kong")
	f(exitFailed, `there is no preset "kog": did you mean kong?`, "kog")
	f(exitFailed, `there is no preset "apipark": did you mean apinto (Apinto (APIPark))?`, "apipark")
	f(exitFailed, "name one preset, or none for a list; 2 were given", "kong", "envoy")
	f(exitFailed, "--presets "+filepath.Join("testdata", "none")+": ", "--presets", filepath.Join("testdata", "none"))

	// A preset of one's own that is broken: what is wrong, and what is in use.
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "kong"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kong", "preset.lua"), []byte("return {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(exitFindings, "(the preset kong that is part of gaugeway stays in use)", "--presets", dir)
	f(exitFindings, "# Kong Gateway", "kong", "--presets", dir)
}

// TestEvalWithPreset: an expression says gateway, and the preset what that is; its
// path, its format and its query are defaults.
func TestEvalWithPreset(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("kong_datastore_reachable 1\nkong_nginx_connections_total{subsystem=\"http\",state=\"active\"} 7\n"))
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, errOut := runCommand(t, append([]string{"eval"}, args...)...)
		if code != wantCode || !strings.Contains(out+errOut, want) {
			t.Errorf("%q: exit %d, want %d\n%s%swant %q", args, code, wantCode, out, errOut, want)
		}
	}
	f(exitOK, "{} 7 @", "--preset", "kong", "--url", server.URL, "-e", "gateway.active_connections()")
	f(exitOK, "{} 7 @", "--url", server.URL+"/metrics", "-e", "kong.active_connections{}")
	f(exitFailed, "404", "--url", server.URL+"/", "--preset", "kong", "-e", "kong.active_connections{}")

	other := write("caddy.prom", "caddy_http_requests_in_flight{handler=\"x\"} 1\n") + "@3"
	f(exitOK, "no data: the endpoint does not look like kong: it looks like caddy (caddy_http_requests_in_flight); write preset: caddy; "+
		"gateway.latency_p95_seconds found none of kong_request_latency_ms_bucket, kong_latency_bucket{type=\"request\"} (tested with Kong Gateway 3.0, 3.9); it needs: the plugin prometheus",
		"--preset", "kong", "--file", other, "-e", "gateway.latency_p95_seconds{}")
	kong := write("kong.prom", "kong_datastore_reachable 1\nkong_request_latency_ms_bucket{service=\"google\",le=\"+Inf\"} 1\n") + "@3"
	f(exitOK, `no data: kong.latency_p95_seconds found kong_request_latency_ms_bucket, but no service "checkout"; there are: google`,
		"--file", kong, "-e", `kong.latency_p95_seconds{service="checkout"}`)
	eg := write("eg.prom", "envoy_cluster_upstream_rq_xx{envoy_cluster_name=\"httproute/shop.v2/cart/rule/0\"} 1\nenvoy_cluster_upstream_rq_xx{envoy_cluster_name=\"xds_cluster\"} 1\n") + "@3"
	f(exitOK, `found envoy_cluster_upstream_rq_xx, but no route "shop.v2/crat"; there are: shop.v2/cart`+"\n", "--file", eg, "-e", `envoy_gateway.requests_per_second{route="shop.v2/crat"}`)
	f(exitOK, `found envoy_cluster_upstream_rq_xx, but no route =~"shop/.+"; there are: shop.v2/cart`+"\n", "--file", eg, "-e", `envoy_gateway.requests_per_second{route=re"shop/.+"}`)
	f(exitOK, `no data: no series matches kong_datastore_reachable{a="b"} (no a "b": no series has that label)`, "--file", kong, "-e", `sum(kong_datastore_reachable{a="b"})`)
	f(exitFailed, "it does not look like kong: it looks like nginx_stub_status (nginx_connections_accepted); write preset: nginx_stub_status (this is nginx's stub_status: add --format StubStatus)",
		"--preset", "kong", "--file", filepath.Join("..", "..", "lua", "nginx_stub_status", "testdata", "t0.txt"), "-e", "gateway.requests_per_second()")
	f(exitFindings, "expression:1:1: it is not known which gateway is meant", "--file", other, "-e", "gateway.error_ratio()")
	f(exitFindings, "expression:1:1: kong has no queue_depth: Kong has no queue; use latency_p95_seconds or active_connections", "--file", other, "-e", "kong.queue_depth()")
	f(exitFailed, `--preset: there is no preset "kog": did you mean kong?`, "--file", other, "--preset", "kog", "-e", "1")
	f(exitFailed, "--format Json takes its rules from a preset", "--file", other, "--format", "Json", "-e", "1")
}
