package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/gaugeway/gaugeway/pkg/demo"
)

// Limits of one read of the API.
const (
	demoReadTimeout = 2 * time.Second
	demoReadLimit   = 1 << 20 // bytes
)

// A demoReader reads external metrics over HTTPS, as the autoscaler does.
type demoReader struct {
	server, token string
	client        *http.Client
}

var _ demo.Reader = (*demoReader)(nil)

// newDemoReader returns a reader with the access that a kubeconfig describes:
// a server, its CA, and a token, as a standalone gaugeway writes it.
func newDemoReader(kubeconfig string) (*demoReader, error) {
	content, err := os.ReadFile(kubeconfig)
	if err != nil {
		return nil, err
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Token string `json:"token"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("kubeconfig %s: %d clusters and %d users, want one of each", kubeconfig, len(config.Clusters), len(config.Users))
	}
	cluster := config.Clusters[0].Cluster
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(cluster.CA) {
		return nil, fmt.Errorf("kubeconfig %s: no certificate in certificate-authority-data", kubeconfig)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	return &demoReader{
		server: cluster.Server,
		token:  config.Users[0].User.Token,
		client: &http.Client{Transport: transport, Timeout: demoReadTimeout},
	}, nil
}

// close drops the connections, so that the server need not wait for them.
func (r *demoReader) close() { r.client.CloseIdleConnections() }

// Read implements demo.Reader. A refusal's message is the error.
func (r *demoReader) Read(ctx context.Context, metric string) ([]int64, error) {
	path := "/apis/external.metrics.k8s.io/v1beta1/namespaces/" + demo.Namespace + "/" + url.PathEscape(metric)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.server+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, demoReadLimit+1))
	if err != nil {
		return nil, err
	}
	if len(body) > demoReadLimit {
		return nil, fmt.Errorf("an answer of more than %d bytes: have the expression return fewer items", demoReadLimit)
	}
	if resp.StatusCode != http.StatusOK {
		var status metav1.Status
		if json.Unmarshal(body, &status) != nil || status.Message == "" {
			status.Message = resp.Status
		}
		return nil, errors.New(status.Message)
	}
	var answer v1beta1.ExternalMetricValueList
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", path, err)
	}
	items := make([]int64, len(answer.Items))
	for i := range answer.Items {
		items[i] = answer.Items[i].Value.MilliValue()
	}
	return items, nil
}
