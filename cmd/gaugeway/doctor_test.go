package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cluster serves the given paths and, for others, status; it returns the path of
// a kubeconfig for it.
func cluster(t *testing.T, status int, paths map[string]string) string {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if body, found := paths[r.URL.Path]; found {
			fmt.Fprint(w, body)
			return
		}
		reason := map[int]string{http.StatusNotFound: "NotFound", http.StatusForbidden: "Forbidden", http.StatusUnauthorized: "Unauthorized"}[status]
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": %q, "code": %d, "message": "%s"}`, reason, status, r.URL.Path)
	}))
	t.Cleanup(api.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf("{clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: x, context: {cluster: c}}], current-context: x}", api.URL)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const versionAnswer = `{"gitVersion": "v1.37.0"}`

func TestDoctorExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		paths  map[string]string
		args   []string
		code   int
		want   string // in output or error
	}{
		{"nothing is installed", http.StatusNotFound, map[string]string{"/version": versionAnswer}, nil, exitFindings,
			"error    Deployment gaugeway-system/gaugeway: not found"},
		{"JSON", http.StatusNotFound, map[string]string{"/version": versionAnswer}, []string{"-o", "json"}, exitFindings, `"level": "error"`},
		{"no permission", http.StatusForbidden, map[string]string{"/version": versionAnswer}, []string{"-n", "shop"}, exitFailed,
			"nothing could be checked with these credentials"},
		{"credentials that are refused", http.StatusUnauthorized, nil, nil, exitFailed, "does not accept the credentials"},
		{"context that is missing", http.StatusNotFound, nil, []string{"--context", "y"}, exitFailed, "no access to a cluster"},
		{"output that is unknown", http.StatusNotFound, nil, []string{"-o", "yaml"}, exitFailed, "use text or json"},
		{"direct without compare", http.StatusNotFound, nil, []string{"--direct", "https://127.0.0.1:1"}, exitFailed, "--direct is for --compare"},
		{"direct without token", http.StatusNotFound, nil, []string{"--compare", "--direct", "https://127.0.0.1:1"}, exitFailed, "your own credentials are not sent"},
		{"token without direct", http.StatusNotFound, nil, []string{"--compare", "--direct-token-file", "x"}, exitFailed, "give a URL"},
		{"compare without objects", http.StatusNotFound, map[string]string{"/version": versionAnswer}, []string{"--compare"}, exitFailed, "GatewayMetrics cannot be listed"},
		{"argument", http.StatusNotFound, nil, []string{"shop"}, exitFailed, "unexpected argument"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"doctor", "--kubeconfig", cluster(t, c.status, c.paths)}, c.args...)
			code, out, errOut := runCommand(t, args...)
			if code != c.code || !strings.Contains(out+errOut, c.want) {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, c.code, c.want, out, errOut)
			}
		})
	}
}

// The incumbent is read through the API server and gaugeway directly, each with
// its own credentials.
func TestDoctorCompareDirect(t *testing.T) {
	t.Parallel()
	const path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/rps"
	answer := func(value string) string {
		return `{"kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "items": [{"metricName": "rps", "value": "` + value + `"}]}`
	}
	direct := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != path {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, answer("110"))
	}))
	certificate := selfSigned(t, "gaugeway.gaugeway-system.svc")
	direct.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that is to fail
	direct.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	direct.StartTLS()
	defer direct.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	kubeconfig := cluster(t, http.StatusNotFound, map[string]string{
		"/version": versionAnswer,
		path:       answer("100"),
		"/api/v1/namespaces/gaugeway-system/secrets/gaugeway-serving-cert": fmt.Sprintf(`{"kind": "Secret", "apiVersion": "v1", "data": {"ca.crt": %q}}`, base64.StdEncoding.EncodeToString(ca)),
		"/apis/gaugeway.dev/v1alpha1/gatewaymetrics": `{"kind": "GatewayMetricList", "apiVersion": "gaugeway.dev/v1alpha1", "items": [
			{"metadata": {"namespace": "shop", "name": "rps"}, "spec": {"sources": [{"name": "kong"}], "lua": "rps(x[\"1m\"])", "type": "Total", "external": {"name": "rps"}}}]}`,
		"/apis/autoscaling/v2/horizontalpodautoscalers": `{"kind": "HorizontalPodAutoscalerList", "apiVersion": "autoscaling/v2", "items": [
			{"metadata": {"namespace": "shop", "name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3, "metrics": [
				{"type": "External", "external": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}}}]}}]}`,
	})
	for service, want := range map[string]string{
		"gaugeway": `"ratio": "1.10"`,
		"other":    "not other.gaugeway-system.svc", // the certificate is another's
	} {
		code, out, errOut := runCommand(t, "doctor", "--kubeconfig", kubeconfig, "--compare", "--direct", direct.URL, "--direct-token-file", token, "--service", service, "-o", "json")
		if code != exitFindings || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, want %s\n%s%s", service, code, want, out, errOut)
		}
	}
}

// selfSigned returns a certificate for a name that is its own CA.
func selfSigned(t *testing.T, dns string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{dns}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
