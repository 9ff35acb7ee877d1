package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// check runs a probe once, from inside the pod's network: a pod that is cut off
// is as ready as its kubelet finds it.
func (c *Container) check(ctx context.Context, probe *corev1.Probe) error {
	timeout := time.Duration(max(probe.TimeoutSeconds, 1)) * time.Second
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return c.checkHTTP(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		conn, err := c.pod.sandbox.dial(ctx, "tcp", c.endpoint(probe.TCPSocket.Port))
		if err != nil {
			return err
		}
		return conn.Close()
	default:
		c.pod.report("container %s: only httpGet and tcpSocket probes are run", c.spec.Name)
		return nil
	}
}

func (c *Container) checkHTTP(ctx context.Context, get *corev1.HTTPGetAction) error {
	scheme := "http"
	if get.Scheme == corev1.URISchemeHTTPS {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+c.endpoint(get.Port)+get.Path, nil)
	if err != nil {
		return err
	}
	for _, h := range get.HTTPHeaders {
		req.Header.Set(h.Name, h.Value)
	}
	transport := &http.Transport{
		DialContext:       c.pod.sandbox.dial,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // as the kubelet's probes do
		DisableKeepAlives: true,
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// endpoint is where a port of the container, by number or name, is reached.
func (c *Container) endpoint(port intstr.IntOrString) string {
	number := port.IntValue()
	for _, p := range c.spec.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			number = int(p.ContainerPort)
		}
	}
	return net.JoinHostPort(c.pod.sandbox.address, strconv.Itoa(number))
}

// port returns the container's port of that name, or the default.
func (c *Container) port(name string, otherwise int) int {
	for _, p := range c.spec.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	return otherwise
}
