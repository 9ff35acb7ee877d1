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
	"time"

	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
)

// apiRoot is where the external metrics API is served, and namespace whose
// metrics the benchmarks read.
const (
	apiRoot   = "/apis/external.metrics.k8s.io/v1beta1"
	namespace = "bench"
)

// A protocol is how a client speaks HTTP.
type protocol string

// The aggregator of the API server speaks HTTP/2.
const (
	http1 protocol = "HTTP/1.1"
	http2 protocol = "HTTP/2"
)

// A client reads an API server with a bearer token, over kept connections.
type client struct {
	root  string // scheme, host and port
	token string
	http  *http.Client
}

// newClient returns a client of a server whose certificate is signed by the
// authority in PEM.
func newClient(root, token string, authority []byte, p protocol) (*client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("no authority's certificate for %s", root)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(p == http1)
	protocols.SetHTTP2(p == http2)
	return &client{root: root, token: token, http: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			Protocols:           protocols,
			MaxIdleConnsPerHost: 64,
			DisableCompression:  true,
		},
	}}, nil
}

// metricPath is the path of a metric in the API.
func metricPath(name string) string { return apiRoot + "/namespaces/" + namespace + "/" + name }

// get returns the body of an answer, which must be 200.
func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.root+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.300s", path, resp.StatusCode, body)
	}
	return body, err
}

// list reads a metric, which must have an answer.
func (c *client) list(ctx context.Context, name string) (*v1beta1.ExternalMetricValueList, error) {
	body, err := c.get(ctx, metricPath(name))
	if err != nil {
		return nil, err
	}
	l := &v1beta1.ExternalMetricValueList{}
	if err := json.Unmarshal(body, l); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(l.Items) == 0 {
		return nil, errors.New(name + ": no items")
	}
	return l, nil
}

// value reads a metric of one item.
func (c *client) value(ctx context.Context, name string) (float64, error) {
	l, err := c.list(ctx, name)
	if err != nil {
		return 0, err
	}
	if len(l.Items) != 1 {
		return 0, fmt.Errorf("%s: %d items, want 1", name, len(l.Items))
	}
	return l.Items[0].Value.AsApproximateFloat64(), nil
}

// close gives the connections up.
func (c *client) close() { c.http.CloseIdleConnections() }
