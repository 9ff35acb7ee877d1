package v1alpha1

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkErrors compares the errors, one per line, and demands that each says a cure.
func checkErrors(t *testing.T, errs field.ErrorList, want string) {
	t.Helper()
	var lines []string
	for _, err := range errs {
		lines = append(lines, err.Error())
		if err.Type != field.ErrorTypeNotSupported && !strings.Contains(err.Detail, "; ") {
			t.Errorf("no cure in %q", err.Error())
		}
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestValidateSource(t *testing.T) {
	t.Parallel()
	f := func(change func(*GatewaySource), want string) {
		t.Helper()
		s := &GatewaySource{
			ObjectMeta: metav1.ObjectMeta{Name: "kong", Namespace: "gateways"},
			Spec:       GatewaySourceSpec{Static: &StaticTargets{URLs: []string{"http://kong:8100/metrics"}}},
		}
		change(s)
		s.SetDefaults()
		checkErrors(t, s.Validate(), want)
	}
	urls := func(urls ...string) func(*GatewaySource) {
		return func(s *GatewaySource) { s.Spec.Static.URLs = urls }
	}
	limit := func(q string) func(*GatewaySource) {
		return func(s *GatewaySource) { v := resource.MustParse(q); s.Spec.BodySizeLimit = &v }
	}
	times := func(interval, timeout *metav1.Duration) func(*GatewaySource) {
		return func(s *GatewaySource) { s.Spec.Interval, s.Spec.ScrapeTimeout = interval, timeout }
	}

	// What is allowed.
	f(func(*GatewaySource) {}, "")
	f(urls("http://a", "https://b:8443/metrics?x=1", "http://[::1]:80/stats", "http://a/"), "")
	f(times(duration(time.Second), nil), "")
	f(times(duration(5*time.Minute), duration(5*time.Minute)), "")
	f(limit("1Ki"), "")
	f(limit("1Gi"), "")
	f(func(s *GatewaySource) {
		s.Spec.Static.URLs = append(s.Spec.Static.URLs, "https://kong:8444/metrics")
		s.Spec.TLSConfig = &TLSConfig{CAFile: "ca.pem", CertFile: "c.pem", KeyFile: "k.pem", ServerName: "kong"}
		s.Spec.Authorization = &Authorization{CredentialsFile: "token"}
		s.Spec.AllowedNamespaces = []AllowedNamespace{{Name: "shop"}, {Name: "ops", Matchers: map[string][]string{"service": {""}}}}
		s.Spec.Params = map[string][]string{"usedonly": nil}
	}, "")
	f(func(s *GatewaySource) { s.Spec.BasicAuth = &BasicAuth{Username: "u", PasswordFile: "p"} }, "")

	// Names.
	f(func(s *GatewaySource) { s.Name = "" },
		`metadata.name: Required value: an object needs a name; write metadata: {name: ...}`)
	f(func(s *GatewaySource) { s.Name, s.Namespace = "Kong", "a.b" },
		`metadata.name: Invalid value: "Kong": not an object name; use lowercase letters, digits, - and ., begin and end with a letter or digit, at most 253 characters
metadata.namespace: Invalid value: "a.b": not a namespace; use lowercase letters, digits and -, begin and end with a letter or digit, at most 63 characters`)

	// Targets.
	f(func(s *GatewaySource) { s.Spec.Static = nil },
		`spec: Required value: nothing says what to scrape; write pods: {selector: {matchLabels: {...}}, port: ...}, service: {name: ..., port: ...} or static: {urls: [http://host:port/metrics]}`)
	f(urls(), `spec.static.urls: Required value: there is nothing to scrape; list at least one URL, such as http://host:port/metrics`)
	f(urls("localhost:8001/metrics"), `spec.static.urls[0]: Invalid value: "localhost:8001/metrics": does not begin with http:// or https://; write an absolute URL, such as http://host:port/metrics`)
	f(urls("/metrics"), `spec.static.urls[0]: Invalid value: "/metrics": does not begin with http:// or https://; write an absolute URL, such as http://host:port/metrics`)
	f(urls(""), `spec.static.urls[0]: Invalid value: "": does not begin with http:// or https://; write an absolute URL, such as http://host:port/metrics`)
	f(urls("http://:8001"), `spec.static.urls[0]: Invalid value: "http://:8001": has no host; write an absolute URL, such as http://host:port/metrics`)
	f(urls("http://a:0"), `spec.static.urls[0]: Invalid value: "http://a:0": has no such port; choose 1 to 65535`)
	f(urls("http://a:65536"), `spec.static.urls[0]: Invalid value: "http://a:65536": has no such port; choose 1 to 65535`)
	f(urls("http://a:b"), `spec.static.urls[0]: Invalid value: "http://a:b": not a URL; write an absolute one, such as http://host:port/metrics`)
	f(urls("http://a/#top"), `spec.static.urls[0]: Invalid value: "http://a/#top": has a fragment, which is never sent; remove everything from # on`)
	f(urls("http://a/?x=1;y=2"), `spec.static.urls[0]: Invalid value: "http://a/?x=1;y=2": has a semicolon in its query, which servers read in different ways; write &`)
	f(urls("http://a", "http://b", "http://a"), `spec.static.urls[2]: Invalid value: "http://a": the same as urls[0], which would count it twice; remove one`)
	f(urls("http://me:secret@a/"), `spec.static.urls[0]: Invalid value: "http://***@a/": contains a user or a password, which logs would show; use basicAuth or authorization`)
	f(urls("http://me:se%cret@a/"), `spec.static.urls[0]: Invalid value: "http://***@a/": not a URL; write an absolute one, such as http://host:port/metrics`)

	// Times and sizes.
	f(times(duration(time.Second-1), nil), `spec.interval: Invalid value: "999.999999ms": out of range; choose 1s to 5m, such as 5s`)
	f(times(duration(5*time.Minute+1), nil), `spec.interval: Invalid value: "5m0.000000001s": out of range; choose 1s to 5m, such as 5s`)
	f(times(duration(0), nil), `spec.interval: Invalid value: "0s": out of range; choose 1s to 5m, such as 5s
spec.scrapeTimeout: Invalid value: "0s": not longer than 0; choose a time up to the interval, such as 2s`)
	f(times(duration(time.Second), duration(2*time.Second)), `spec.scrapeTimeout: Invalid value: "2s": longer than the interval of 1s; shorten it or lengthen the interval`)
	f(times(nil, duration(-time.Second)), `spec.scrapeTimeout: Invalid value: "-1s": not longer than 0; choose a time up to the interval, such as 2s`)
	f(limit("64m"), `spec.bodySizeLimit: Invalid value: "64m": less than 1Ki; write it in bytes, such as 64Mi (m means thousandths, Mi 1048576)`)
	f(limit("2Gi"), `spec.bodySizeLimit: Invalid value: "2Gi": more than 1Gi; choose 1Ki to 1Gi, such as 64Mi`)

	// The rest.
	f(func(s *GatewaySource) { s.Spec.Params = map[string][]string{"": {"x"}} },
		`spec.params[]: Invalid value: "": a parameter needs a name; write name: [value]`)
	f(func(s *GatewaySource) { s.Spec.ScrapeProtocols = []ScrapeProtocol{"Text"} },
		`spec.scrapeProtocols[0]: Unsupported value: "Text": supported values: "PrometheusProto", "OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4"`)
	f(func(s *GatewaySource) { s.Spec.ScrapeProtocols = []ScrapeProtocol{PrometheusProto, PrometheusProto} },
		`spec.scrapeProtocols[1]: Invalid value: "PrometheusProto": listed twice; remove one`)
	f(func(s *GatewaySource) { s.Spec.Format = "Xml" },
		`spec.format: Unsupported value: "Xml": supported values: "Auto", "StubStatus", "Csv", "Json"`)
	f(func(s *GatewaySource) { s.Spec.Format = FormatJSON },
		`spec.preset: Required value: the format Json takes its rules from a preset; write preset: with its name`)
	f(func(s *GatewaySource) { s.Spec.Format, s.Spec.Preset = FormatJSON, "nginx_plus" }, "")
	f(func(s *GatewaySource) { s.Spec.Preset = "Kong 3" },
		`spec.preset: Invalid value: "Kong 3": not the name of a preset; gaugeway presets lists those that there are`)
	f(func(s *GatewaySource) { s.Spec.TLSConfig = &TLSConfig{CertFile: "c.pem"} },
		`spec.tlsConfig.keyFile: Required value: a client certificate needs its key; name the file of the key or remove certFile
spec.tlsConfig: Forbidden: no URL is https, so it would not be used; write https:// or remove it`)
	f(func(s *GatewaySource) {
		s.Spec.Static.URLs = []string{"https://kong"}
		s.Spec.TLSConfig = &TLSConfig{KeyFile: "k.pem"}
	}, `spec.tlsConfig.certFile: Required value: a client key needs its certificate; name the file of the certificate or remove keyFile`)
	f(func(s *GatewaySource) { s.Spec.Authorization = &Authorization{Type: "basic"} },
		`spec.authorization.type: Invalid value: "basic": would need encoded credentials; use basicAuth: {username: ..., passwordFile: ...}
spec.authorization.credentialsFile: Required value: there is nothing to send; name the file that holds it or, in a cluster, the key of a Secret in credentials: {name: ..., key: ...}`)
	f(func(s *GatewaySource) { s.Spec.Authorization = &Authorization{Type: "Bearer x", CredentialsFile: "f"} },
		`spec.authorization.type: Invalid value: "Bearer x": not one word of letters, digits and dashes; write Bearer or leave it out`)
	f(func(s *GatewaySource) {
		s.Spec.Authorization = &Authorization{CredentialsFile: "f"}
		s.Spec.BasicAuth = &BasicAuth{}
	}, `spec.basicAuth.username: Required value: there is nobody to sign in as; write the user's name
spec.basicAuth.passwordFile: Required value: there is no password; name the file that holds it or, in a cluster, the key of a Secret in password: {name: ..., key: ...}
spec.basicAuth: Forbidden: authorization is given too and a request has one Authorization header; remove one of them`)
	f(func(s *GatewaySource) { s.Spec.BasicAuth = &BasicAuth{Username: "a:b", PasswordFile: "p"} },
		`spec.basicAuth.username: Invalid value: "a:b": a colon ends the user's name in basic authentication; use a name without one`)
	f(func(s *GatewaySource) {
		s.Spec.AllowedNamespaces = []AllowedNamespace{
			{}, {Name: "gateways"}, {Name: "shop"}, {Name: "shop"}, {Name: "*"},
			{Name: "ops", Matchers: map[string][]string{"": {"x"}, "service": {}}},
		}
	}, `spec.allowedNamespaces[0].name: Required value: an entry needs a namespace; write {name: ...}
spec.allowedNamespaces[1].name: Invalid value: "gateways": the source's own namespace may always use it, without limits; remove the entry
spec.allowedNamespaces[3].name: Invalid value: "shop": listed twice; merge the two entries
spec.allowedNamespaces[4].name: Invalid value: "*": not a namespace; use lowercase letters, digits and -, begin and end with a letter or digit, at most 63 characters
spec.allowedNamespaces[5].matchers[]: Invalid value: "": a matcher needs a label; write label: [value]
spec.allowedNamespaces[5].matchers[service]: Required value: no value may be seen, which hides every series; list the values or remove the label`)
}

func TestValidateMetric(t *testing.T) {
	t.Parallel()
	f := func(change func(*GatewayMetricSpec), want string) {
		t.Helper()
		m := &GatewayMetric{
			ObjectMeta: metav1.ObjectMeta{Name: "checkout-p95", Namespace: "shop"},
			Spec: GatewayMetricSpec{
				Sources:  []SourceReference{{Name: "kong", Namespace: "gateways"}},
				Lua:      "1",
				Type:     TypeLevel,
				External: &ExternalMetric{Name: "checkout_p95_seconds"},
			},
		}
		change(&m.Spec)
		m.SetDefaults()
		checkErrors(t, m.Validate(), want)
	}
	name := func(name string) func(*GatewayMetricSpec) {
		return func(s *GatewayMetricSpec) { s.External.Name = name }
	}
	missing := func(m Missing) func(*GatewayMetricSpec) {
		return func(s *GatewayMetricSpec) { s.Missing = &m }
	}
	percent := func(p int32) func(*GatewayMetricSpec) {
		return func(s *GatewayMetricSpec) { s.MinCoveragePercent = &p }
	}
	ten := resource.MustParse("10")

	// What is allowed.
	f(func(*GatewayMetricSpec) {}, "")
	f(name("vllm:num_requests_waiting.p95-max"), "")
	f(name("_"), "")
	f(percent(1), "")
	f(percent(100), "")
	f(missing(Missing{Policy: MissingHold, For: duration(time.Minute)}), "")
	f(missing(Missing{Policy: MissingValue, Value: &ten}), "")
	f(func(s *GatewayMetricSpec) { s.Sources = append(s.Sources, SourceReference{Name: "kong"}) }, "")
	f(func(s *GatewayMetricSpec) { s.Lua = strings.Repeat("1", MaxLuaBytes) }, "")

	// Sources.
	f(func(s *GatewayMetricSpec) { s.Sources = nil },
		`spec.sources: Required value: a metric reads at least one source; write sources: [{name: ...}]`)
	f(func(s *GatewayMetricSpec) {
		s.Sources = []SourceReference{{}, {Name: "Kong", Namespace: "A"}, {Name: "a"}, {Name: "a", Namespace: "shop"}}
	}, `spec.sources[0].name: Required value: a source is found by its name; write {name: ..., namespace: ...}
spec.sources[1].name: Invalid value: "Kong": not an object name; use lowercase letters, digits, - and ., begin and end with a letter or digit, at most 253 characters
spec.sources[1].namespace: Invalid value: "A": not a namespace; use lowercase letters, digits and -, begin and end with a letter or digit, at most 63 characters
spec.sources[3]: Invalid value: "shop/a": listed twice, which would not count it twice; remove one`)

	// Lua and type.
	f(func(s *GatewayMetricSpec) { s.Lua = " \n" },
		`spec.lua: Required value: there is nothing to evaluate; write an expression, such as sum(rate(requests_total["1m"]))`)
	f(func(s *GatewayMetricSpec) { s.Lua = strings.Repeat("1", MaxLuaBytes+1) },
		`spec.lua: Too long: 8193 bytes, and at most 8192 are allowed; shorten it or split it into several metrics`)
	f(func(s *GatewayMetricSpec) { s.Type = "" },
		`spec.type: Required value: the type decides what a silent target means; write Level (a latency, a ratio, a utilisation) or Total (adds up over targets: requests per second, queue length)`)
	f(func(s *GatewayMetricSpec) { s.Type = "total" }, `spec.type: Unsupported value: "total": supported values: "Level", "Total"`)

	// Metrics of presets.
	preset := func(p PresetMetric) func(*GatewayMetricSpec) {
		return func(s *GatewayMetricSpec) { s.Lua, s.Type, s.Preset = "", "", &p }
	}
	f(preset(PresetMetric{Metric: "error_ratio"}), "")
	f(preset(PresetMetric{Metric: "queue_depth", Labels: map[string]string{"queue": "jobs", "pod": "a"}, By: []string{"upstream_pod"}, Window: duration(time.Minute)}), "")
	f(func(s *GatewayMetricSpec) { s.Preset = &PresetMetric{Metric: "error_ratio"} },
		`spec.preset: Forbidden: lua is given too, and a metric evaluates one of them; remove one`)
	f(preset(PresetMetric{}), `spec.preset.metric: Required value: presets have many metrics; write metric: requests_per_second, or another one of the vocabulary`)
	f(preset(PresetMetric{Metric: "error_ratio", Labels: map[string]string{"code": "500"}}),
		`spec.preset.labels[code]: Invalid value: "code": not a label of the vocabulary; choose of service, route, model, consumer, upstream, queue, pod, namespace, node, instance, source`)
	f(preset(PresetMetric{Metric: "error_ratio", By: []string{"pod", "pod", "code"}}),
		`spec.preset.by[1]: Invalid value: "pod": listed twice; remove one
spec.preset.by[2]: Unsupported value: "code": supported values: "service", "route", "model", "consumer", "upstream", "queue", "pod", "namespace", "node", "instance", "source", "upstream_pod"`)
	f(preset(PresetMetric{Metric: "error_ratio", Window: duration(0)}),
		`spec.preset.window: Invalid value: "0s": not longer than 0; write how far to look back, such as 1m`)

	// Serving.
	f(func(s *GatewayMetricSpec) { s.External = nil },
		`spec.external: Required value: the metric is not served anywhere; write external: {name: ...}, pods: {name: ...} or object: {name: ..., resource: ..., label: ...}`)
	f(name(""), `spec.external.name: Required value: an HPA asks for the metric by this name; write one, such as checkout_p95_latency_seconds`)
	for _, bad := range []string{"a/b", "..", "a%b", "1a", "-a", "p95 latency", "größe"} {
		f(name(bad), `spec.external.name: Invalid value: "`+bad+`": not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -`)
	}

	f(name("status"), `spec.external.name: Invalid value: "status": the API server takes a path that ends so for the namespace's own; choose another name`)
	f(name("finalize"), `spec.external.name: Invalid value: "finalize": the API server takes a path that ends so for the namespace's own; choose another name`)
	f(name(strings.Repeat("a", 254)), `spec.external.name: Too long: 254 bytes, and at most 253 are allowed; shorten it`)
	custom := func(pods *PodsMetric, object *ObjectMetric) func(*GatewayMetricSpec) {
		return func(s *GatewayMetricSpec) { s.External, s.Pods, s.Object = nil, pods, object }
	}
	object := func(resource, label string) func(*GatewayMetricSpec) {
		return custom(nil, &ObjectMetric{Name: "rps", Resource: resource, Label: label})
	}
	f(custom(&PodsMetric{Name: "status"}, nil), "")
	f(custom(&PodsMetric{Name: "rps"}, &ObjectMetric{Name: "rps", Resource: "services", Label: "service"}), "")
	f(object("httproutes.gateway.networking.k8s.io", "gen_ai.route"), "")
	f(custom(&PodsMetric{}, &ObjectMetric{}), `spec.pods.name: Required value: an HPA asks for the metric by this name; write one, such as checkout_p95_latency_seconds
spec.object.name: Required value: an HPA asks for the metric by this name; write one, such as checkout_p95_latency_seconds
spec.object.resource: Required value: objects are of a resource; write its plural with its group, such as services or ingresses.networking.k8s.io
spec.object.label: Required value: a label of the result names the object; write it, such as service`)
	f(object("pods", "pod"), `spec.object.resource: Invalid value: "pods": pods have a field of their own; write pods: {name: ...} instead of object`)
	for _, bad := range []string{"Service", "services/status", "services.", "-x", "services.v1.", "a b"} {
		f(object(bad, "service"), `spec.object.resource: Invalid value: "`+bad+`": not a resource; write its plural in lower case with its group, such as services or ingresses.networking.k8s.io`)
	}
	for _, bad := range []string{"1a", "a b", "__name__", "größe"} {
		f(object("services", bad), `spec.object.label: Invalid value: "`+bad+`": not a label; write the one that names the object, such as service`)
	}
	f(func(s *GatewayMetricSpec) {
		s.Sources = nil
		for i := range MaxSources + 1 {
			s.Sources = append(s.Sources, SourceReference{Name: fmt.Sprintf("s%d", i)})
		}
	}, `spec.sources: Invalid value: 33: more than 32 entries; split the object into several`)

	// Answers.
	f(percent(0), `spec.minCoveragePercent: Invalid value: 0: not a percentage; choose 1 to 100`)
	f(percent(101), `spec.minCoveragePercent: Invalid value: 101: not a percentage; choose 1 to 100`)
	f(func(s *GatewayMetricSpec) { s.MaxAge = duration(0) },
		`spec.maxAge: Invalid value: "0s": not longer than 0; write how old an answer may be, such as 30s`)
	f(func(s *GatewayMetricSpec) { s.Idle = &Idle{} },
		`spec.idle.after: Invalid value: "0s": not longer than 0; write how long a percentile without observations holds its last value, such as 5m`)
	f(missing(Missing{Policy: "Zero"}), `spec.missing.policy: Unsupported value: "Zero": supported values: "Error", "Hold", "Value"`)
	f(missing(Missing{Policy: MissingHold}), `spec.missing.for: Required value: policy Hold needs an end; write for: 2m`)
	f(missing(Missing{Policy: MissingHold, For: duration(-1)}),
		`spec.missing.for: Invalid value: "-1ns": not longer than 0; write how long to repeat the last value, such as 2m`)
	f(missing(Missing{Policy: MissingValue}), `spec.missing.value: Required value: policy Value needs the number to answer; write value: "10"`)
	f(missing(Missing{For: duration(time.Minute), Value: &ten}), `spec.missing.for: Forbidden: policy Error does not use it; remove it or write policy: Hold
spec.missing.value: Forbidden: policy Error does not use it; remove it or write policy: Value`)
}
