package main

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A row's columns that the formula needs.
var demoRow = regexp.MustCompile(`^\d\d:\d\d:\d\d \| p95_ms +(\S+) target 250 \| rps +(\S+) target 50 \(avg\) \|.*\| replicas +(\d+) ready +(\d+) \| desired +(\d+) \| (.*)$`)

// number parses a column.
func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The real pipeline for some seconds: every line follows from the values on it,
// and nothing is left behind.
func TestDemoCommand(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out, errOut bytes.Buffer
	if code := run([]string{"demo", "--plain", "--duration", "6s"}, strings.NewReader(""), &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errOut)
	}
	_, rows, ok := strings.Cut(out.String(), "\ntry: kubectl --kubeconfig "+temp)
	if !ok {
		t.Fatalf("no kubectl line in\n%s", &out)
	}
	_, rows, _ = strings.Cut(rows, "\n")
	values := 0
	for row := range strings.Lines(rows) {
		m := demoRow.FindStringSubmatch(strings.TrimSuffix(row, "\n"))
		if m == nil {
			t.Fatalf("unexpected row %q", row)
		}
		if m[1] == "-" || m[2] == "-" {
			continue
		}
		values++
		pods, ready := number(t, m[3]), number(t, m[4])
		byLatency, byRequests := pods, pods
		if ratio := number(t, m[1]) / 250; math.Abs(ratio-1) > 0.1 {
			byLatency = math.Ceil(ratio * ready)
		}
		if total := number(t, m[2]); math.Abs(total/50/pods-1) > 0.1 {
			byRequests = math.Ceil(total / 50)
		}
		if want := fmt.Sprintf("highest %v", math.Max(byLatency, byRequests)); !strings.Contains(m[6], want) {
			t.Errorf("%q: want %s", row, want)
		}
	}
	if values == 0 {
		t.Errorf("no row with values in\n%s", &out)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoDuration(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run([]string{"demo", "--duration", "-1s"}, strings.NewReader(""), &out, &errOut); code != exitFailed || !strings.Contains(errOut.String(), "use 0 for no end") {
		t.Errorf("exit code %d: %s", code, &errOut)
	}
}

// fullPipe takes no more.
type fullPipe struct{ err error }

func (w fullPipe) Write([]byte) (int, error) { return 0, w.err }

func TestDemoEndsWithItsReader(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var errOut bytes.Buffer
	code := run([]string{"demo"}, strings.NewReader(""), fullPipe{errors.New("closed pipe")}, &errOut)
	if code != exitFailed || !strings.Contains(errOut.String(), "closed pipe") {
		t.Errorf("exit code %d: %s", code, &errOut)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoReader(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/external.metrics.k8s.io/v1beta1/namespaces/demo/{metric}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.PathValue("metric") {
		case "one":
			fmt.Fprint(w, `{"items":[{"value":"431200001n"},{"value":"7"}]}`)
		case "none":
			fmt.Fprint(w, `{"items":[]}`)
		case "long":
			fmt.Fprint(w, strings.Repeat(" ", demoReadLimit+1))
		case "broken":
			fmt.Fprint(w, `{`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"kind":"Status","message":"no fresh value"}`)
		}
	})
	api := httptest.NewTLSServer(mux)
	defer api.Close()
	kubeconfig := func(token string) string {
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
		path := filepath.Join(t.TempDir(), "kubeconfig")
		content := fmt.Sprintf("clusters:\n- cluster: {server: %q, certificate-authority-data: %s}\nusers:\n- user: {token: %s}\n",
			api.URL, base64.StdEncoding.EncodeToString(ca), token)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(token, metric, want string) {
		t.Helper()
		r, err := newDemoReader(kubeconfig(token))
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		items, err := r.Read(t.Context(), metric)
		got := fmt.Sprint(items)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", metric, got, want)
		}
	}
	f("secret", "one", "[432 7000]")
	f("secret", "none", "[]")
	f("secret", "late", "no fresh value")
	f("secret", "long", "an answer of more than 1048576 bytes")
	f("secret", "broken", "answer of /apis/external.metrics.k8s.io")
	f("wrong", "one", "401 Unauthorized")
}

func TestDemoReaderRefusesKubeconfigs(t *testing.T) {
	t.Parallel()
	f := func(content, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newDemoReader(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("{", "kubeconfig")
	f("clusters: []", "0 clusters and 0 users")
	f("clusters: [{cluster: {}}]\nusers: [{}]", "no certificate")
	if _, err := newDemoReader(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
