package main

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordings returns --file arguments for two scrapes of a real HAProxy 2.6
// under load, 20.275 s apart.
func recordings() []string {
	return []string{"--file", "testdata/haproxy/t0.prom@1795307373.903", "--file", "testdata/haproxy/t1.prom@1795307394.178"}
}

// rpsOfPodA is what the difference of the recorded counters gives, computed
// independently.
const rpsOfPodA = 121.43033377907514

// evalNumber evaluates an expression that gives one item without labels.
func evalNumber(t *testing.T, args ...string) float64 {
	t.Helper()
	code, out, errOut := runCommand(t, append([]string{"eval", "--output", "json"}, args...)...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var answer struct {
		Items []struct {
			Labels map[string]string `json:"labels"`
			Value  string            `json:"value"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Items) != 1 || len(answer.Items[0].Labels) != 0 {
		t.Fatalf("want one item without labels, got %s", out)
	}
	v, err := strconv.ParseFloat(answer.Items[0].Value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The rates of recorded scrapes are those that were computed independently.
func TestEvalOfRecordedScrapes(t *testing.T) {
	t.Parallel()
	f := func(expr string, want, relative float64) {
		t.Helper()
		got := evalNumber(t, append(recordings(), "-e", expr)...)
		if math.Abs(got-want) > relative*want {
			t.Errorf("%s = %v, want %v", expr, got, want)
		}
	}
	const series = `haproxy_server_http_responses_total{server="pod-a"}["1m"]`
	f("sum(irate("+series+"))", rpsOfPodA, 1e-6)
	f("rps("+series+")", rpsOfPodA, 1e-6)
	// Two samples in a window of three times their distance: PromQL's
	// extrapolation stops half an interval beyond each.
	f("sum(rate("+series+"))", 61.6, 1e-2)
}

func TestEvalMessages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("one.prom", "requests_total{code=\"200\"} 7\nrequests_total{code=\"500\"} 1\n")
	program := write("p.lua", "local r = requests_total{code=\"200\"}\nreturn sum(r) * 2\n")
	f := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, errOut := runCommand(t, append([]string{"eval"}, args...)...)
		if code != wantCode || !strings.Contains(out+errOut, want) {
			t.Errorf("%q: exit %d, want %d\n%s%swant %q", args, code, wantCode, out, errOut, want)
		}
	}
	f(exitOK, "{code=\"200\"} 7 @12.500\n{code=\"500\"} 1 @12.500\n", "--file", one+"@12.5", "-e", "requests_total")
	f(exitOK, "{} 14 @3.000\n", "--file", one+"@3", "-f", program)
	f(exitOK, `"items":[{"labels":{},"value":"8"}]`, "--file", one+"@3", "-e", "sum(requests_total)", "-o", "json")
	f(exitOK, "no data: a range needs two scrapes: give several --file PATH@UNIX_SECONDS, or --watch a --url", "--file", one+"@3", "-e", `rps(requests_total["1m"])`)
	f(exitOK, `no data: no series matches request_total`, "--file", one+"@3", "-e", "sum(request_total)")
	f(exitFailed, "of several files each needs its time: PATH@UNIX_SECONDS", "--file", one, "--file", one+"@4", "-e", "sum(x)")
	f(exitFailed, "no such file", "--file", filepath.Join(dir, "none"), "-e", "sum(x)")
	f(exitFailed, "say what to evaluate it over: --url URL, or --file PATH", "-e", "sum(x)")
	f(exitFailed, "say what to evaluate it over: --url URL, or --file PATH", "--file", one, "--url", "http://127.0.0.1:1/", "-e", "sum(x)")
	f(exitFailed, "give one expression: -e EXPR, or -f PROGRAM.lua", "--file", one)
	f(exitFailed, "give one expression: -e EXPR, or -f PROGRAM.lua", "--file", one, "-e", "x", "-f", program)
	f(exitFailed, "--watch scrapes a --url; files are evaluated once", "--file", one, "--watch", "-e", "x")
	f(exitFailed, `unexpected argument "x": the expression goes behind -e, in quotes`, "--file", one, "x")
	f(exitFailed, `--format "prom": want one of Auto, StubStatus, Csv, Json`, "--file", one, "-e", "x", "--format", "prom")
	f(exitFailed, "--timeout 0s: want more than 0, such as 5s", "--file", one, "-e", "x", "--timeout", "0s")
	f(exitFailed, "give them as history to gaugeway test", "--file", one, "-e", "sum(last_over_time(self[\"1m\"]))")
	f(exitFindings, "taken as PromQL, it is this in Lua:\nsum(rate(x{code=re\"5..\"}[\"1m\"]), by(\"pod\"))\n", "--file", one, "-e", "sum by (pod) (rate(x{code=~\"5..\"}[1m]))")
	f(exitFindings, "expression:1:1: the program is empty", "--file", one, "-e", "")
	f(exitOK, "partly.prom: 1 lines cannot be read, the first is line 2, \"two words here\"", "--file", write("partly.prom", "a 1\ntwo words here\n"), "-e", "sum(a)")
	f(exitFailed, "http://127.0.0.1:1/metrics: no connection", "--url", "http://127.0.0.1:1/metrics", "--url", "http://127.0.0.1:2/metrics", "-e", "sum(x)")
	f(exitFailed, "want text or json", "--file", one, "-e", "sum(x)", "-o", "xml")
	f(exitFindings, "expression:1:1: there is no function summ; did you mean sum?", "--file", one, "-e", "summ(x)")
	f(exitFailed, "connection refused", "--url", "http://127.0.0.1:1/metrics", "-e", "sum(x)")
	const podOf = `sum(pod_of(requests, "upstream"), by("pod"))`
	upstreams := write("upstreams.prom", "requests{upstream=\"10.0.0.7:80\"} 3\nrequests{upstream=\"10.0.0.8:80\"} 4\n") + "@3"
	f(exitOK, "{pod=\"checkout-0\"} 3 @3.000\n", "--file", upstreams, "--pod", "10.0.0.7=checkout-0", "-e", podOf)
	f(exitOK, "no data: pod_of knows no pods here: give each as --pod ADDRESS=NAME\n", "--file", upstreams, "-e", podOf)
	f(exitFailed, "--pod checkout-0: want ADDRESS=NAME, such as 10.0.0.1=checkout-0", "--file", upstreams, "--pod", "checkout-0", "-e", podOf)
}

// What a failed scrape advises are flags of eval, not fields of a source.
func TestEvalAdvisesFlags(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/private", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/stub_status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	f := func(path, want string) {
		t.Helper()
		code, _, errOut := runCommand(t, "eval", "--url", server.URL+path, "--timeout", "200ms", "-e", "sum(x)")
		if code != exitFailed || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit %d: %s, want %q", path, code, errOut, want)
		}
	}
	f("/private", "see --bearer-token-file, and what")
	f("/slow", "raise --timeout")
	f("/stub_status", "this is nginx's stub_status: add --format StubStatus")
}

// Watching goes on with the targets that answer, and ends quietly within a scrape.
func TestEvalWatch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	scrapes := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if scrapes++; scrapes > 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("requests_total 7\n"))
	}))
	defer server.Close()
	out, errOut := watch(ctx, t, "--interval", "1s", "--url", server.URL, "--url", "http://127.0.0.1:1/metrics", "-e", `rps(requests_total["1m"])`)
	if got := out; got != "no data: a range needs two scrapes; the next one follows\n" {
		t.Errorf("printed %q", got)
	}
	if got := errOut; !strings.HasPrefix(got, "http://127.0.0.1:1/metrics: no connection") || strings.Count(got, "\n") != 1 {
		t.Errorf("said %q", got)
	}
}

// A window that is too short for the interval is named as such.
func TestEvalWatchShortWindow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("requests_total 7\n"))
		time.AfterFunc(500*time.Millisecond, cancel)
	}))
	defer server.Close()
	out, _ := watch(ctx, t, "--url", server.URL, "-e", `rate(requests_total["3s"])`)
	if want := "no data: a window of 3s often holds one scrape only; widen it to two of --interval, 10s, at least\n"; out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

// watch runs eval --watch until ctx is done.
func watch(ctx context.Context, t *testing.T, args ...string) (out, errOut string) {
	t.Helper()
	cmd := newRootCommand()
	var o, e strings.Builder
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetArgs(append([]string{"eval", "--watch"}, args...))
	if err := cmd.ExecuteContext(ctx); err != nil {
		t.Error(err)
	}
	return o.String(), e.String()
}

// What a message advises to raise can be raised where the message is seen.
func TestLimitsCanBeRaised(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, tests := filepath.Join(dir, "x.prom"), filepath.Join(dir, "x_test.yaml")
	program := "local n = sum(x)\nfor i = 1, 30000 do n = n + 1 end\nreturn n"
	for path, text := range map[string]string{
		file:  "x 1\n",
		tests: "tests:\n- name: a loop\n  lua: |\n    " + strings.ReplaceAll(program, "\n", "\n    ") + "\n  input: [{series: x, values: 1x1}]\n  evaluate: [{at: 0s, expect: [{value: 30001}]}]\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"eval", "--file", file + "@1", "-e", program}, {"test", tests}} {
		code, out, errOut := runCommand(t, append(args, "--lua-max-steps", "1000")...)
		if code != exitFindings || !strings.Contains(out+errOut, "raise --lua-max-steps") {
			t.Errorf("%s: exit %d\n%s%s", args[0], code, out, errOut)
		}
		if code, out, errOut = runCommand(t, append(args, "--lua-max-steps", "1000000")...); code != exitOK {
			t.Errorf("%s with more steps: exit %d\n%s%s", args[0], code, out, errOut)
		}
	}
}
