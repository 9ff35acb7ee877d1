package cluster

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/gaugeway/gaugeway/e2e/node"
)

// A Replica is one of gaugeway's pods, asked at its own address: neither the
// API server nor the Service is between. It knows the administrator by the
// client certificate, so that it answers while the API server is away.
type Replica struct {
	*node.Pod
	scenario *Scenario
	client   rest.Interface
}

// GaugewayReplicas returns gaugeway's pods, the oldest first; none where it is
// not installed.
func (s *Scenario) GaugewayReplicas() []*Replica {
	s.Helper()
	pods := s.Node.Pods(gaugewayNamespace, "app.kubernetes.io/name=gaugeway")
	if len(pods) == 0 {
		return nil
	}
	secret, err := s.Client.CoreV1().Secrets(gaugewayNamespace).Get(s.Context(), "gaugeway-serving-cert", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var replicas []*Replica
	for _, p := range pods {
		config := rest.CopyConfig(s.config)
		config.Host = fmt.Sprintf("https://%s:6443", p.Address())
		config.CAFile, config.CAData = "", secret.Data["ca.crt"]
		config.ServerName = "gaugeway." + gaugewayNamespace + ".svc"
		config.Timeout = 3 * time.Second
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			s.Fatal(err)
		}
		replicas = append(replicas, &Replica{Pod: p, scenario: s, client: client.Discovery().RESTClient()})
	}
	return replicas
}

// Raw reads a path.
func (r *Replica) Raw(path string) ([]byte, error) {
	return read(r.scenario.Context(), r.client.Get().AbsPath(path))
}

// External reads an external metric of the scenario's namespace, which has one
// item.
func (r *Replica) External(name string) (v1beta1.ExternalMetricValue, error) {
	var list v1beta1.ExternalMetricValueList
	b, err := r.Raw(r.scenario.ExternalPath(name))
	if err != nil {
		return v1beta1.ExternalMetricValue{}, err
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return v1beta1.ExternalMetricValue{}, err
	}
	if len(list.Items) != 1 {
		return v1beta1.ExternalMetricValue{}, fmt.Errorf("%s has %d items", name, len(list.Items))
	}
	return list.Items[0], nil
}

// Metrics reads the replica's own /metrics: values by name and labels, as they
// are written there.
func (r *Replica) Metrics() (map[string]float64, error) {
	b, err := r.Raw("/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if all[line[:i]], err = strconv.ParseFloat(line[i+1:], 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}
