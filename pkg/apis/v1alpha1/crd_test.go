package v1alpha1_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// The API server's limits of what rules may cost.
const (
	perCallLimit = 1_000_000
	callsLimit   = 10_000_000
)

// readCRD returns the generated definition of a kind.
func readCRD(t *testing.T, plural string) *apiextensions.CustomResourceDefinition {
	t.Helper()
	data, err := os.ReadFile("../../../manifests/base/crds/" + v1alpha1.GroupName + "_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &v1); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&v1)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&v1.Spec)
	var crd apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &crd, nil); err != nil {
		t.Fatal(err)
	}
	crd.Status.StoredVersions = []string{v1alpha1.Version}
	return &crd
}

// TestCRDs: the API server takes the definitions, the estimated cost of their
// rules included.
func TestCRDs(t *testing.T) {
	t.Parallel()
	for _, plural := range []string{"gatewaysources", "gatewaymetrics"} {
		crd := readCRD(t, plural)
		for _, err := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd) {
			t.Errorf("%s: %v", plural, err)
		}
		if crd.Spec.Scope != apiextensions.NamespaceScoped || crd.Spec.Subresources == nil || crd.Spec.Subresources.Status == nil {
			t.Errorf("%s: not namespaced or without a status of its own", plural)
		}
		if !slices.Equal(crd.Spec.Names.Categories, []string{"gaugeway"}) {
			t.Errorf("%s: categories %v", plural, crd.Spec.Names.Categories)
		}
	}
	// The cost is computed: a rule over strings without a limit is too expensive.
	crd := readCRD(t, "gatewaysources")
	params := crd.Spec.Validation.OpenAPIV3Schema.Properties["spec"].Properties["params"]
	params.MaxProperties = nil
	params.XValidations = apiextensions.ValidationRules{{Rule: "self.all(a, self[a].all(b, self[a].all(c, b != c || b == c)))"}}
	crd.Spec.Validation.OpenAPIV3Schema.Properties["spec"].Properties["params"] = params
	errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd)
	if !slices.ContainsFunc(errs, func(err *field.Error) bool { return strings.Contains(err.Detail, "cost") }) {
		t.Errorf("an expensive rule was taken: %v", errs)
	}
}

// An admission does with an object what the API server does before it stores
// it, on behalf of a kubectl that refuses unknown fields.
type admission struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

func newAdmission(t *testing.T, plural string) *admission {
	t.Helper()
	openAPI := readCRD(t, plural).Spec.Validation.OpenAPIV3Schema
	structural, err := schema.NewStructural(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	return &admission{structural: structural, validator: validator, rules: cel.NewValidator(structural, true, perCallLimit)}
}

// admit returns what is wrong with an object, and drops what would not be stored.
func (a *admission) admit(object map[string]any) []string {
	var problems []string
	unknown := pruning.PruneWithOptions(object, a.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		problems = append(problems, "unknown field "+path)
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, a.structural)
	errs := validation.ValidateCustomResource(nil, object, a.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, a.structural, object)...)
	blocked := slices.ContainsFunc(errs, func(err *field.Error) bool {
		return slices.Contains([]field.ErrorType{
			field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
		}, err.Type)
	})
	if !blocked {
		more, _ := a.rules.Validate(context.Background(), nil, a.structural, object, nil, callsLimit)
		errs = append(errs, more...)
	}
	for _, err := range errs {
		problems = append(problems, err.Field+": "+cmp.Or(err.Detail, err.Type.String()))
	}
	slices.Sort(problems)
	return problems
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

const sourceHead = "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewaySource\nmetadata: {name: kong, namespace: gateways}\nspec:\n"

func TestAdmissionOfSources(t *testing.T) {
	t.Parallel()
	a := newAdmission(t, "gatewaysources")
	f := func(spec, want string) {
		t.Helper()
		if got := strings.Join(a.admit(parse(t, sourceHead+spec)), "\n"); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", spec, got, want)
		}
	}
	const pods = "  pods: {selector: {matchLabels: {app: kong}}, port: status}\n"

	// What is allowed.
	f(pods, "")
	f("  service: {name: kong, port: 8100, path: /stats}\n", "")
	f("  static: {urls: [\"http://kong:8100/metrics\", \"https://[::1]:8100/\"]}\n", "")
	f("  pods: {selector: {}, port: 8100}\n", "")
	f(pods+`  scheme: https
  interval: 1s
  scrapeTimeout: 1s
  params: {usedonly: ["1"], x: []}
  format: StubStatus
  scrapeProtocols: [PrometheusProto, PrometheusText0.0.4]
  tlsConfig:
    ca: {configMap: {name: ca, key: ca.crt}}
    cert: {secret: {name: tls, key: tls.crt}}
    keySecret: {name: tls, key: tls.key}
    serverName: kong
  authorization: {type: Token, credentials: {name: kong, key: token}}
  enableCompression: true
  bodySizeLimit: 1Gi
  allowedNamespaces: [{name: shop, matchers: {service: [cart]}}, {name: ops}]
`, "")
	f(pods+"  basicAuth: {username: u, password: {name: kong, key: password}}\n  interval: 1m30s\n  bodySizeLimit: 1024\n", "")
	f("  pods: {port: 1, selector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}\n", "")

	// Exactly one of three.
	const one = `spec: write exactly one of pods, service and static to say what to scrape`
	f("  interval: 5s\n", one)
	f(pods+"  static: {urls: [\"http://a\"]}\n", one)
	f("  static: {urls: []}\n", `spec.static.urls: spec.static.urls in body should have at least 1 items`)
	f("  static: {urls: [\"http://a\"]}\n  scheme: https\n", `spec: static URLs have their own scheme; remove scheme`)
	f("  static: {urls: [\"http://a\", \"http://a\"]}\n", `spec.static.urls[1]: Duplicate value`)
	f("  static: {urls: [\"a:80/metrics\"]}\n", `spec.static.urls[0]: spec.static.urls[0] in body should match '^https?://[^\s#]+$'`)
	f("  podSelector: {}\n"+pods, "unknown field spec.podSelector")

	// Ports, paths and selectors.
	const port = `spec.pods.port: not a port; write 1 to 65535 without quotes or the name of a port, such as metrics`
	for _, bad := range []string{"0", "65536", `"8100"`, "Status", `""`, "a--b", "a-very-long-port-name"} {
		f("  pods: {selector: {}, port: "+bad+"}\n", port)
	}
	const path = `spec.pods.path: not a path; begin with one /, such as /metrics, and put a query into params`
	for _, bad := range []string{"metrics", `"//evil"`, `"/a?b"`, `"/a#b"`, `"/a b"`} {
		f("  pods: {selector: {}, port: 1, path: "+bad+"}\n", path)
	}
	const selector = `spec.pods.selector: not a selector; operators are In and NotIn with values, Exists and DoesNotExist without`
	f("  pods: {port: 1, selector: {matchExpressions: [{key: a, operator: Is}]}}\n", selector)
	f("  pods: {port: 1, selector: {matchExpressions: [{key: a, operator: In}]}}\n", selector)
	f("  pods: {port: 1, selector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}}\n", selector)

	// Presets.
	const noPort = `spec: a target is scraped at a port; write port: with its number or name, or preset: with the gateway, whose port is the default`
	f("  preset: kong\n  pods: {selector: {}}\n", "")
	f("  preset: kong\n  service: {name: kong}\n", "")
	f("  preset: haproxy\n  format: Csv\n  static: {urls: [\"http://a\"]}\n", "")
	f("  preset: nginx_plus\n  format: Json\n  static: {urls: [\"http://a\"]}\n", "")
	f("  pods: {selector: {}}\n", noPort)
	f("  service: {name: kong}\n", noPort)
	f("  format: Json\n  static: {urls: [\"http://a\"]}\n", `spec: the format Json takes its rules from a preset; write preset: with its name`)
	f("  preset: Kong\n"+pods, `spec.preset: spec.preset in body should match '^[a-z][a-z0-9_]*$'`)

	// Times and sizes.
	const interval = `spec.interval: out of range; choose 1s to 5m, such as 5s`
	f(pods+"  interval: 999ms\n  scrapeTimeout: 1ms\n", interval)
	f(pods+"  interval: 6m\n", interval)
	f(pods+"  scrapeTimeout: 6s\n", `spec: scrapeTimeout is longer than the interval (default 5s); shorten it or lengthen the interval`)
	f(pods+"  scrapeTimeout: 0s\n", `spec.scrapeTimeout: not longer than 0; choose a time up to the interval, such as 2s`)
	f(pods+"  interval: 5\n", `spec.interval: spec.interval in body must be of type string: "integer"`)
	for _, bad := range []string{"64m", "1023", "2Gi", "1073741825"} {
		f(pods+"  bodySizeLimit: "+bad+"\n", `spec.bodySizeLimit: out of range; choose 1Ki to 1Gi, such as 64Mi (m means thousandths, Mi 1048576)`)
	}

	// A quantity of a billion digits would take for ever to compute.
	if got := a.admit(parse(t, sourceHead+pods+"  bodySizeLimit: \"1e999999999\"\n")); len(got) == 0 {
		t.Error("an exponent without limit is admitted")
	}

	// Credentials: never files, each once.
	f(pods+"  authorization: {credentialsFile: /var/run/secrets/kubernetes.io/serviceaccount/token}\n",
		`spec.authorization: a cluster's objects may not name files; name the key of a Secret in credentials: {name: ..., key: ...}`)
	f(pods+"  authorization: {}\n", `spec.authorization: there is nothing to send; name the key of a Secret in credentials: {name: ..., key: ...}`)
	f(pods+"  authorization: {type: basic, credentials: {name: a, key: b}}\n",
		`spec.authorization.type: Basic would need encoded credentials; use basicAuth: {username: ..., password: {name: ..., key: ...}}`)
	f(pods+"  basicAuth: {username: u, passwordFile: p}\n",
		`spec.basicAuth: a cluster's objects may not name files; name the key of a Secret in password: {name: ..., key: ...}`)
	f(pods+"  basicAuth: {username: u}\n", `spec.basicAuth: there is no password; name the key of a Secret in password: {name: ..., key: ...}`)
	f(pods+"  basicAuth: {username: u, password: {name: a, key: b}}\n  authorization: {credentials: {name: a, key: b}}\n",
		`spec: a request has one Authorization header; remove authorization or basicAuth`)
	const https = pods + "  scheme: https\n"
	f(pods+"  tlsConfig: {serverName: kong}\n", `spec: tlsConfig would not be used with http; write scheme: https or remove it`)
	f(https+"  tlsConfig: {caFile: ca.pem}\n", `spec.tlsConfig: a cluster's objects may not name files; use ca, cert and keySecret: {name: ..., key: ...}`)
	f(https+"  tlsConfig: {cert: {secret: {name: a, key: b}}}\n",
		`spec.tlsConfig: a client certificate needs its key and the other way round; write both of cert and keySecret or neither`)
	f(https+"  tlsConfig: {ca: {}}\n", `spec.tlsConfig.ca: name exactly one of secret and configMap: {name: ..., key: ...}`)

	// Namespaces.
	f(pods+"  allowedNamespaces: [{name: shop}, {name: shop}]\n", `spec.allowedNamespaces[1]: Duplicate value`)
	f(pods+"  allowedNamespaces: [{name: \"*\"}]\n",
		`spec.allowedNamespaces[0].name: spec.allowedNamespaces[0].name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'`)
	f(pods+"  allowedNamespaces: [{name: shop, matchers: {service: []}}]\n",
		`spec.allowedNamespaces[0].matchers: a matcher needs a label and at least one value; write label: [value] or remove it`)
}

const metricHead = "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewayMetric\nmetadata: {name: rps, namespace: shop}\nspec:\n"

func TestAdmissionOfMetrics(t *testing.T) {
	t.Parallel()
	a := newAdmission(t, "gatewaymetrics")
	f := func(spec, want string) {
		t.Helper()
		if got := strings.Join(a.admit(parse(t, metricHead+spec)), "\n"); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", spec, got, want)
		}
	}
	const (
		base     = "  sources: [{name: kong, namespace: gateways}]\n  lua: sum(rps(x[\"1m\"]))\n  type: Total\n"
		external = base + "  external: {name: rps}\n"
	)

	// What is allowed.
	f(external, "")
	f(base+"  pods: {name: rps}\n", "")
	f(base+"  object: {name: rps, resource: httproutes.gateway.networking.k8s.io, label: route}\n", "")
	f(external+"  minCoveragePercent: 100\n  maxAge: 30s\n  idle: {after: 5m}\n  missing: {policy: Hold, for: 2m}\n", "")
	f(external+"  missing: {policy: Value, value: \"10\"}\n", "")
	f(external+"  missing: {policy: Value, value: -1500m}\n", "")
	f(external+"  missing: {}\n", "")

	// Required fields.
	const (
		one      = "spec: write exactly one of lua, an expression, and preset, a metric of the sources' preset"
		typeless = "spec: the type decides what a silent target means; write Level (a latency, a ratio, a utilisation) or Total (adds up over targets: requests per second, queue length)"
	)
	f("  external: {name: rps}\n", "spec.sources: Required value")
	f("  sources: [{name: a}]\n  external: {name: rps}\n", typeless+"\n"+one)
	f("  sources: [{name: a}]\n  lua: x\n  external: {name: rps}\n", typeless)
	f(external+"  preset: {metric: error_ratio}\n", one)
	f("  sources: []\n  lua: x\n  type: Total\n  external: {name: rps}\n", `spec.sources: spec.sources in body should have at least 1 items`)
	f("  sources: [{name: a}, {name: a}]\n  lua: x\n  type: Total\n  external: {name: rps}\n",
		`spec.sources: a source is listed twice, which would not count it twice; remove one`)
	f("  sources: [{name: a}, {name: a, namespace: b}]\n  lua: x\n  type: Total\n  external: {name: rps}\n", "")
	f("  sources: [{name: a}]\n  lua: \" \"\n  type: Total\n  external: {name: rps}\n",
		`spec.lua: there is nothing to evaluate; write an expression`)
	f("  sources: [{name: a}]\n  lua: x\n  type: total\n  external: {name: rps}\n",
		`spec.type: supported values: "Level", "Total"`)
	f("  sources: [{name: a}]\n  lua: "+strings.Repeat("x", 8193)+"\n  type: Total\n  external: {name: rps}\n",
		`spec.lua: may not be more than 8192 bytes`)

	// Metrics of presets, whose type is known.
	preset := func(text, want string) {
		t.Helper()
		f("  sources: [{name: a}]\n  external: {name: rps}\n  preset: {"+text+"}\n", want)
	}
	preset("metric: latency_p95_seconds, labels: {service: checkout, pod: a}, by: [route, upstream_pod], window: 30s", "")
	for _, name := range vocabulary.Names() {
		preset("metric: "+name, "")
	}
	for _, l := range append(vocabulary.Labels(), vocabulary.TargetLabels()...) {
		preset("metric: error_ratio, labels: {"+l.Name+": a}, by: ["+l.Name+"]", "")
	}
	preset("labels: {service: a}", "spec.preset.metric: Required value")
	if got := a.admit(parse(t, metricHead+"  sources: [{name: a}]\n  external: {name: rps}\n  preset: {metric: p95}\n")); len(got) != 1 || !strings.HasPrefix(got[0], `spec.preset.metric: supported values: "`) {
		t.Errorf("an unknown metric: %q", got)
	}
	preset("metric: error_ratio, labels: {code: a}", "spec.preset.labels: not a label of the vocabulary; choose of service, route, model, consumer, upstream, queue, pod, namespace, node, instance, source")
	preset("metric: error_ratio, by: [code]", `spec.preset.by[0]: supported values: "service", "route", "model", "consumer", "upstream", "queue", "pod", "namespace", "node", "instance", "source", "upstream_pod"`)
	preset("metric: error_ratio, by: [pod, pod]", "spec.preset.by[1]: Duplicate value")
	preset("metric: error_ratio, window: 0s", "spec.preset.window: not longer than 0; write how far to look back, such as 1m")

	// Names.
	f(base, `spec: the metric is not served anywhere; write external: {name: ...}, pods: {name: ...} or object: {name: ..., resource: ..., label: ...}`)
	const name = `not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -`
	for _, bad := range []string{`""`, `"1a"`, `a/b`, `".."`, `a b`} {
		f(base+"  external: {name: "+bad+"}\n", `spec.external.name: `+name)
		f(base+"  pods: {name: "+bad+"}\n", `spec.pods.name: `+name)
		f(base+"  object: {name: "+bad+", resource: services, label: service}\n", `spec.object.name: `+name)
	}
	f(base+"  external: {name: status}\n", `spec.external.name: the API server takes a path that ends so for the namespace's own; choose another name`)
	f(base+"  object: {name: rps, resource: pods, label: pod}\n",
		`spec.object.resource: pods are served by the metric's field pods; write pods: {name: ...} instead of object`)
	f(base+"  object: {name: rps, resource: Service, label: service}\n",
		`spec.object.resource: not a resource; write its plural in lower case with its group, such as services or ingresses.networking.k8s.io`)
	f(base+"  object: {name: rps, resource: services, label: a b}\n",
		`spec.object.label: not a label; write the one that names the object, such as service`)

	// Answers.
	f(external+"  minCoveragePercent: 0\n", `spec.minCoveragePercent: spec.minCoveragePercent in body should be greater than or equal to 1`)
	f(external+"  maxAge: 0s\n", `spec.maxAge: not longer than 0; write how old an answer may be, such as 30s`)
	f(external+"  idle: {after: 0s}\n", `spec.idle.after: not longer than 0; write how long a percentile without observations holds its last value, such as 5m`)
	f(external+"  missing: {policy: Hold}\n", `spec.missing: policy Hold needs an end; write for: 2m`)
	f(external+"  missing: {for: 2m}\n", `spec.missing: only policy Hold uses for; remove it or write policy: Hold`)
	f(external+"  missing: {policy: Hold, for: 0s}\n", `spec.missing.for: not longer than 0; write how long to repeat the last value, such as 2m`)
	f(external+"  missing: {policy: Value}\n", `spec.missing: policy Value needs the number to answer; write value: "10"`)
	f(external+"  missing: {policy: Hold, for: 1m, value: 1}\n", `spec.missing: only policy Value uses value; remove it or write policy: Value`)
	f(external+"  missing: {policy: Zero}\n", `spec.missing.policy: supported values: "Error", "Hold", "Value"`)
}

// decode reads an object as strictly as gaugeway does.
func decode(object map[string]any) (interface {
	SetDefaults()
	Validate() field.ErrorList
}, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	into := any(&v1alpha1.GatewayMetric{})
	if object["kind"] == v1alpha1.KindGatewaySource {
		into = &v1alpha1.GatewaySource{}
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	return into.(interface {
		SetDefaults()
		Validate() field.ErrorList
	}), err
}

// TestAdmissionAgrees: admission and gaugeway agree. It puts values of all sorts into every field of objects that
// use all fields. What the API server takes can be decoded, so that no object
// makes a list of them unreadable; and what gaugeway takes, the API server takes,
// but for what files may write in other ways: null and "" for an absent field,
// floats, and - for the quantity 0, which pkg/config refuses.
func TestAdmissionAgrees(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ plural, text string }{
		{"gatewaysources", sourceHead + `
  pods: {selector: {matchLabels: {app: kong}, matchExpressions: [{key: a, operator: In, values: [b]}]}, port: 8100, path: /metrics}
  scheme: https
  interval: 10s
  scrapeTimeout: 1s
  params: {usedonly: ["1"]}
  format: Auto
  scrapeProtocols: [PrometheusProto]
  tlsConfig: {ca: {configMap: {name: ca, key: ca.crt}}, cert: {secret: {name: tls, key: tls.crt}}, keySecret: {name: tls, key: tls.key}, serverName: kong}
  authorization: {type: Token, credentials: {name: kong, key: token}}
  enableCompression: true
  bodySizeLimit: 64Mi
  allowedNamespaces: [{name: shop, matchers: {service: [cart]}}]
`},
		{"gatewaysources", sourceHead + `
  service: {name: kong, port: status, path: /metrics}
  basicAuth: {username: u, password: {name: kong, key: token}}
`},
		{"gatewaysources", sourceHead + `
  static: {urls: ["https://kong/"]}
  tlsConfig: {serverName: kong}
`},
		{"gatewaymetrics", metricHead + `
  sources: [{name: kong, namespace: gateways}]
  lua: x
  type: Total
  external: {name: rps}
  pods: {name: rps}
  object: {name: rps, resource: services, label: service}
  minCoveragePercent: 50
  maxAge: 30s
  idle: {after: 5m}
  missing: {policy: Hold, for: 2m}
`},
		{"gatewaymetrics", metricHead + `
  sources: [{name: kong}]
  lua: x
  type: Level
  external: {name: rps}
  missing: {policy: Value, value: "10"}
`},
	} {
		a := newAdmission(t, c.plural)
		taken, refused := 0, 0
		good := parse(t, c.text)
		for _, path := range leaves("", good["spec"]) {
			for _, value := range oddValues() {
				object := runtime.DeepCopyJSON(good)
				put(object["spec"], strings.Split(path, "/")[1:], value)
				ours, oursErr := decode(object)
				problems := a.admit(object) // drops what it does not store
				where := fmt.Sprintf("spec%s: %#v", path, value)
				if len(problems) == 0 {
					taken++
					if _, err := decode(object); err != nil {
						t.Errorf("%s is admitted and cannot be decoded: %v", where, err)
					}
					continue
				}
				refused++
				if oursErr != nil || fileOnly(value) {
					continue
				}
				ours.SetDefaults()
				errs := ours.Validate()
				if s, ok := ours.(*v1alpha1.GatewaySource); ok {
					errs = append(errs, s.ValidateInCluster(true)...)
				}
				if len(errs) == 0 {
					t.Errorf("%s is valid and not admitted: %s", where, strings.Join(problems, ", "))
				}
			}
		}
		if taken == 0 || refused == 0 {
			t.Errorf("%s: %d values taken, %d refused", c.plural, taken, refused)
		}
	}
}

func fileOnly(value any) bool {
	switch value := value.(type) {
	case nil, float64:
		return true
	case string:
		return value == "" || value == "-"
	case []any:
		return slices.ContainsFunc(value, fileOnly)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(value)), fileOnly)
	}
	return false
}

// oddValues are values of which each field takes some.
func oddValues() []any {
	return []any{
		nil, true, int64(0), int64(1), int64(-1), int64(50), int64(65536), int64(99999999999), 80.5, []any{}, map[string]any{},
		[]any{nil}, []any{"x", "x"}, []any{int64(1)}, map[string]any{"x": nil}, map[string]any{"": []any{"x"}}, map[string]any{"x": []any{nil}},
		"", " ", "x", "X", "-", "a.b", "a/b", "größe", "a b", "*", "\n", "x\n", "0", "1", "5", "+5", "5s", "+5s", "-5s", "1d", "1h1h", "1.5s", ".5s", "5.s",
		"5S", "∞", "100us", "100µs", "2562047h47m16.854775807s", "2562048h", "9999999999999999999s", "1e3s", "64Mi", "1e3", "1E3", "1e1.5", "1e-3",
		"--1", "1.", ".5", "1k", "1Ki", "123456789012345678901234567890", "0x10", "1_000", "NaN", "Inf", "/", "//x", "/x", "/%zz", "/a%20b", "/ä", "http://x", "https://x:99999/",
		strings.Repeat("a", 64), strings.Repeat("a", 300), "status", "pods", "Basic", "bearer", "In", "Exists", "http", "https", "Error", "Hold", "Value", "Level",
	}
}

// leaves returns the paths of all values within a value, itself left out.
func leaves(path string, value any) []string {
	var paths []string
	switch value := value.(type) {
	case map[string]any:
		for name, v := range value {
			paths = append(append(paths, path+"/"+name), leaves(path+"/"+name, v)...)
		}
	case []any:
		for i, v := range value {
			at := fmt.Sprintf("%s/%d", path, i)
			paths = append(append(paths, at), leaves(at, v)...)
		}
	}
	return paths
}

// put replaces a value within a value.
func put(in any, path []string, value any) {
	switch in := in.(type) {
	case map[string]any:
		if len(path) == 1 {
			in[path[0]] = value
			return
		}
		put(in[path[0]], path[1:], value)
	case []any:
		var i int
		_, _ = fmt.Sscan(path[0], &i)
		if len(path) == 1 {
			in[i] = value
			return
		}
		put(in[i], path[1:], value)
	}
}

// TestAdmissionOfExamples: what the docs and the manifests show can be applied.
func TestAdmissionOfExamples(t *testing.T) {
	t.Parallel()
	admissions := map[string]*admission{
		v1alpha1.KindGatewaySource: newAdmission(t, "gatewaysources"),
		v1alpha1.KindGatewayMetric: newAdmission(t, "gatewaymetrics"),
	}
	found := 0
	for _, dir := range []string{"../../../docs/examples", "../../../manifests/examples"} {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, text := range bytes.Split(data, []byte("\n---")) {
				object := parse(t, string(text))
				kind, _ := object["kind"].(string)
				if a := admissions[kind]; a != nil {
					found++
					for _, problem := range a.admit(object) {
						t.Errorf("%s: %s", path, problem)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if found == 0 {
		t.Error("no example found")
	}
}
