package scenarios_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// customVersions are those of custom.metrics.k8s.io.
var customVersions = []string{"v1beta1", "v1beta2"}

// customShown is what the gateway pods of the test's own making show.
type customShown struct{ checkout, queue atomic.Int64 }

func (c *customShown) exposition(pod string) string {
	if pod == "stable" {
		return fmt.Sprintf(`gateway_requests{service="checkout",route="checkout",code="200"} %d
gateway_requests{service="checkout",route="checkout",code="500"} 3
gateway_requests{service="cart",route="cart"} 4
gateway_queue{ingress="front"} %d
gateway_inflight 5
`, c.checkout.Load()-3, c.queue.Load())
	}
	return `gateway_requests{service="cart",route="cart"} 3
gateway_inflight 7
`
}

// customMetrics: metrics of pods, of pods behind a gateway, and of objects of
// kinds old and new are readable in both versions, and scale.
func customMetrics(s *cluster.Scenario) {
	s.InstallGaugeway()
	var shown customShown
	shown.checkout.Store(8)
	shown.queue.Store(90)
	s.Node.SetExposition(s.Namespace, shown.exposition)
	// A gateway without a service behind it answers 502 as soon as it is ready.
	s.Apply("shop.yaml")
	s.AwaitEndpoints("shop", 2)
	s.Apply(".")
	for _, deployment := range []string{"edge", "shop", "checkout", "worker"} {
		s.AwaitReady(s.Namespace, deployment)
	}
	s.AwaitEndpoints("edge", 2)
	// Of all loads that want so many pods, those in between: the HPAs get there from
	// below and, where they have wanted too many, from above.
	l := s.Load("edge", 38)
	tl := s.Record(l.WantedRate(), l.TrueRate(5*time.Second),
		customColumn(s, "edge rps", "pods/*/requests_per_second"), renamed("edge", s.Desired("edge")),
		customColumn(s, "shop rps", "pods/*/served_per_second"), renamed("shop", s.Desired("shop")),
		customColumn(s, "service", "services/checkout/requests"), renamed("checkout", s.Desired("checkout")),
		customColumn(s, "ingress", "ingresses.networking.k8s.io/front/queue"), renamed("worker", s.Desired("worker")))

	customDiscovery(s)
	tl.Mark("a CRD is installed")
	installed := customInstallRoutes(s)
	customPods(s, l, "requests_per_second", "edge", 2)
	customPods(s, l, "served_per_second", "shop", 2)
	customSelectors(s)
	customUnscaled(s, "checkout", "worker")

	tl.Mark("three times the load; more at checkout and front")
	l.SetRate(115)
	shown.checkout.Store(30)
	shown.queue.Store(200)
	s.AwaitReplicas(time.Minute, "checkout", 3)
	s.AwaitReplicas(time.Minute, "worker", 4)
	customPods(s, l, "requests_per_second", "edge", 6)
	customPods(s, l, "served_per_second", "shop", 4)
	customRoutes(s, installed)
	tl.Mark("end")
	if got := s.Replicas("checkout"); got != 3 {
		s.Errorf("%d replicas of checkout in the end, want 3", got)
	}
	if tr := l.Truth(time.Hour); tr.Failed+tr.Lost > 0 {
		s.Errorf("requests failed or were lost: %+v", tr)
	}
}

// customUnscaled checks that what is on target was left alone.
func customUnscaled(s *cluster.Scenario, deployments ...string) {
	s.Helper()
	for _, deployment := range deployments {
		if got := s.Replicas(deployment); got != 1 {
			s.Errorf("%d replicas of %s below its target, want 1", got, deployment)
		}
	}
}

// A customValue is an item of a MetricValueList, in both versions' words.
type customValue struct {
	DescribedObject corev1.ObjectReference `json:"describedObject"`
	MetricName      string                 `json:"metricName"`
	Metric          struct {
		Name string `json:"name"`
	} `json:"metric"`
	Value resource.Quantity `json:"value"`
}

// customPath is the path of a custom metric of the scenario's namespace.
func customPath(s *cluster.Scenario, version, rest string, query url.Values) string {
	path := "/apis/custom.metrics.k8s.io/" + version + "/namespaces/" + s.Namespace + "/" + rest
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// customValues takes the values by object out of an answer, which must be in
// the words of its version.
func customValues(answer []byte, version, rest string) (map[string]float64, error) {
	var list struct {
		metav1.TypeMeta `json:",inline"`
		Items           []customValue `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, err
	}
	if list.Kind != "MetricValueList" || list.APIVersion != "custom.metrics.k8s.io/"+version {
		return nil, fmt.Errorf("it is a %s of %s", list.Kind, list.APIVersion)
	}
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	values := map[string]float64{}
	for _, item := range list.Items {
		names := map[string]string{"v1beta1": item.MetricName, "v1beta2": item.Metric.Name}
		if names[version] != name {
			return nil, fmt.Errorf("it has a metric %q, want %q", names[version], name)
		}
		values[item.DescribedObject.Name] = item.Value.AsApproximateFloat64()
	}
	if len(values) != len(list.Items) {
		return nil, fmt.Errorf("%d items of %d objects", len(list.Items), len(values))
	}
	return values, nil
}

// customColumn is the sum of a custom metric's values.
func customColumn(s *cluster.Scenario, name, rest string) cluster.Column {
	return cluster.Column{Name: name, Read: func(context.Context) float64 {
		answer, err := s.Raw(customPath(s, "v1beta2", rest, nil))
		if err != nil {
			return math.NaN()
		}
		values, err := customValues(answer, "v1beta2", rest)
		if err != nil {
			return math.NaN()
		}
		return total(values)
	}}
}

func renamed(name string, c cluster.Column) cluster.Column {
	return cluster.Column{Name: name, Read: c.Read}
}

func total(values map[string]float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum
}

// customDiscovery checks that both versions list the declared metrics.
func customDiscovery(s *cluster.Scenario) {
	s.Helper()
	want := []string{
		"httproutes.gateway.networking.k8s.io/requests",
		"ingresses.networking.k8s.io/queue",
		"pods/inflight",
		"pods/requests_per_second",
		"pods/served_per_second",
		"services/requests",
		"services/requests_by_code",
	}
	for _, version := range customVersions {
		s.Eventually(cluster.Patience, "the metrics in the discovery of "+version, func() error {
			stdout, stderr, err := s.Admin().Try("get", "--raw", "/apis/custom.metrics.k8s.io/"+version)
			if err != nil {
				return fmt.Errorf("%w: %s", err, stderr)
			}
			var list metav1.APIResourceList
			if err := json.Unmarshal([]byte(stdout), &list); err != nil {
				return err
			}
			var got []string
			for _, r := range list.APIResources {
				if !r.Namespaced || r.Kind != "MetricValueList" {
					return fmt.Errorf("%s: %+v", r.Name, r)
				}
				got = append(got, r.Name)
			}
			for _, name := range want {
				if !slices.Contains(got, name) {
					return fmt.Errorf("%s is not among %v", name, got)
				}
			}
			return nil
		})
	}
}

// customPods waits until an HPA has scaled a Deployment as the load demands and
// each of its pods has its share, of what the client sees, in both versions.
func customPods(s *cluster.Scenario, l *cluster.Load, metric, deployment string, want int) {
	s.Helper()
	rest := "pods/*/" + metric
	for _, version := range customVersions {
		s.Eventually(time.Minute, fmt.Sprintf("%d pods of %s with their share in %s", want, deployment, version), func() error {
			answer, err := s.Raw(customPath(s, version, rest, url.Values{"labelSelector": {"app=" + deployment}}))
			if err != nil {
				return err
			}
			got, err := customValues(answer, version, rest)
			if err != nil {
				return err
			}
			if n := int(s.Replicas(deployment)); n != want {
				return fmt.Errorf("%d replicas: %v", n, got)
			}
			truth := l.Truth(5 * time.Second).RPS
			if sum := total(got); math.Abs(sum-truth) > 0.05*truth {
				return fmt.Errorf("%.1f together, the client sees %.1f: %v", sum, truth, got)
			}
			return customShares(s, deployment, got, truth/float64(want))
		})
	}
}

// customShares says whether the pods of a Deployment, and no others, have about
// the same value.
func customShares(s *cluster.Scenario, deployment string, got map[string]float64, share float64) error {
	var pods []string
	for _, p := range s.Pods("app=" + deployment) {
		pods = append(pods, p.Name())
	}
	slices.Sort(pods)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, pods) {
		return fmt.Errorf("the pods are %v, the metric's %v", pods, names)
	}
	for pod, v := range got {
		if math.Abs(v-share) > 0.15*share {
			return fmt.Errorf("%s has %.1f, want about %.1f", pod, v, share)
		}
	}
	return nil
}

// customSelectors reads with selectors as kubectl does: of the labels of pods and
// Services, and of the elements' own.
func customSelectors(s *cluster.Scenario) {
	s.Helper()
	type values = map[string]float64
	const pods, services, codes = "pods/*/inflight", "services/*/requests", "services/*/requests_by_code"
	for _, test := range []struct {
		rest, selector, metricSelector string
		want                           values
	}{
		{pods, "", "", values{"stable": 5, "canary": 7}},
		{pods, "track=stable", "", values{"stable": 5}},
		{pods, "track==canary", "", values{"canary": 7}},
		{pods, "track!=stable", "", values{"canary": 7}},
		{pods, "track in (stable, canary)", "", values{"stable": 5, "canary": 7}},
		{pods, "track notin (canary)", "", values{"stable": 5}},
		{pods, "region", "", values{"canary": 7}},
		{pods, "!region", "", values{"stable": 5}},
		{pods, "app=shown,!region", "", values{"stable": 5}},
		{"pods/canary/inflight", "", "", values{"canary": 7}},
		{services, "", "", values{"checkout": 8, "cart": 7}},
		{services, "team=a", "", values{"checkout": 8}},
		{services, "team!=a", "", values{"cart": 7}},
		{services, "team in (a,b)", "", values{"checkout": 8, "cart": 7}},
		{services, "team notin (b),team", "", values{"checkout": 8}},
		{"services/checkout/requests", "", "", values{"checkout": 8}},
		{"ingresses.networking.k8s.io/front/queue", "", "", values{"front": 90}},
		{codes, "", "code=500", values{"checkout": 3}},
		{codes, "", "code==200", values{"checkout": 5}},
		{codes, "", "code!=500", values{"checkout": 5, "cart": 7}},
		{codes, "", "code in (500, 503)", values{"checkout": 3}},
		{codes, "", "code notin (200)", values{"checkout": 3, "cart": 7}},
		{codes, "", "code,code!=200", values{"checkout": 3}},
		{codes, "", "!code", values{"cart": 7}},
		{codes, "team=a", "code!=500", values{"checkout": 5}},
		{"services/checkout/requests_by_code", "", "code=500", values{"checkout": 3}},
	} {
		customReads(s, test.rest, test.selector, test.metricSelector, test.want)
	}
	for selector, want := range map[string]float64{
		"": 15, "code=500": 3, "code!=500": 12, "code in (200,500)": 8, "code notin (200)": 10, "code": 8, "!code": 7,
	} {
		path := s.ExternalPath("requests_by_code") + "?" + url.Values{"labelSelector": {selector}}.Encode()
		s.Eventually(cluster.Patience, "external "+selector, func() error {
			return customExternal(s, path, want)
		})
	}
}

// customReads waits until kubectl reads the same values in both versions.
func customReads(s *cluster.Scenario, rest, selector, metricSelector string, want map[string]float64) {
	s.Helper()
	query := url.Values{}
	if selector != "" {
		query.Set("labelSelector", selector)
	}
	if metricSelector != "" {
		query.Set("metricLabelSelector", metricSelector)
	}
	for _, version := range customVersions {
		path := customPath(s, version, rest, query)
		s.Eventually(cluster.Patience, fmt.Sprintf("%s to be %v", path, want), func() error {
			stdout, stderr, err := s.Admin().Try("get", "--raw", path)
			if err != nil {
				return fmt.Errorf("%w: %s", err, stderr)
			}
			got, err := customValues([]byte(stdout), version, rest)
			if err == nil && !maps.Equal(got, want) {
				err = fmt.Errorf("got %v", got)
			}
			return err
		})
	}
}

// customExternal says whether an external metric's items add up to a value.
func customExternal(s *cluster.Scenario, path string, want float64) error {
	stdout, stderr, err := s.Admin().Try("get", "--raw", path)
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	var list struct {
		Items []struct {
			Value resource.Quantity `json:"value"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		return err
	}
	sum := 0.0
	for _, item := range list.Items {
		sum += item.Value.AsApproximateFloat64()
	}
	if sum != want {
		return fmt.Errorf("got %v", sum)
	}
	return nil
}

// customInstallRoutes reads the metric of HTTPRoutes before there are any, then
// installs their CRD and returns when that was done.
func customInstallRoutes(s *cluster.Scenario) time.Time {
	s.Helper()
	const crd = "httproutes.gateway.networking.k8s.io"
	path := customPath(s, "v1beta2", crd+"/checkout/requests", nil)
	s.Eventually(cluster.Patience, "gaugeway to say that the resource is unknown", func() error {
		stdout, stderr, err := s.Admin().Try("get", "--raw", path)
		if err == nil || !strings.Contains(stderr, "ServiceUnavailable") || !strings.Contains(stderr, "the API server knows no resource "+crd) {
			return fmt.Errorf("%w: %s%s", err, stdout, stderr)
		}
		return nil
	})
	s.Cleanup(func() {
		// The test's own context has ended.
		ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience)
		defer cancel()
		request := s.Client.Discovery().RESTClient().Delete().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crd)
		if err := request.Do(ctx).Error(); err != nil {
			s.Errorf("deleting the CRD: %v", err)
		}
	})
	s.Apply("routes/crd.yaml")
	installed := time.Now()
	s.Kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/"+crd)
	s.Eventually(cluster.Patience, "the API server to serve HTTPRoutes", func() error {
		_, err := s.Raw("/apis/gateway.networking.k8s.io/v1/namespaces/" + s.Namespace + "/httproutes")
		return err
	})
	s.Apply("routes/routes.yaml")
	return installed
}

// customRoutes waits until the metric of HTTPRoutes is readable, in both
// versions, by name and by label.
func customRoutes(s *cluster.Scenario, installed time.Time) {
	s.Helper()
	const routes = "httproutes.gateway.networking.k8s.io/"
	type values = map[string]float64
	customReads(s, routes+"checkout/requests", "", "", values{"checkout": 30})
	customReads(s, routes+"*/requests", "", "", values{"checkout": 30, "cart": 7})
	customReads(s, routes+"*/requests", "team=b", "", values{"cart": 7})
	s.Logf("read with HTTPRoutes %.0f s after their CRD was installed", time.Since(installed).Seconds())
}
