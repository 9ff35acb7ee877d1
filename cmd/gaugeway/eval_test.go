package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
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
	f(exitFailed, "at least one of the flags in the group [file url] is required", "-e", "sum(x)")
	f(exitFailed, "want text or json", "--file", one, "-e", "sum(x)", "-o", "xml")
	f(exitFindings, "expression:1:1: there is no function summ; did you mean sum?", "--file", one, "-e", "summ(x)")
	f(exitFailed, "connection refused", "--url", "http://127.0.0.1:1/metrics", "-e", "sum(x)")
}
