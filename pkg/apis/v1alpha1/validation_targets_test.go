package v1alpha1

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// sourceOf returns a source with defaults applied.
func sourceOf(spec GatewaySourceSpec) *GatewaySource {
	s := &GatewaySource{ObjectMeta: metav1.ObjectMeta{Name: "kong", Namespace: "gateways"}, Spec: *spec.DeepCopy()}
	s.SetDefaults()
	return s
}

func TestValidateTargets(t *testing.T) {
	t.Parallel()
	f := func(spec GatewaySourceSpec, want string) {
		t.Helper()
		checkErrors(t, sourceOf(spec).Validate(), want)
	}
	kong := metav1.LabelSelector{MatchLabels: map[string]string{"app": "kong"}}
	pods := func(port intstr.IntOrString, path string) GatewaySourceSpec {
		return GatewaySourceSpec{Pods: &PodTargets{Selector: kong, Port: port, Path: path}}
	}
	selecting := func(selector metav1.LabelSelector) GatewaySourceSpec {
		return GatewaySourceSpec{Pods: &PodTargets{Selector: selector, Port: intstr.FromInt32(8100)}}
	}
	expressing := func(key string, operator metav1.LabelSelectorOperator, values ...string) GatewaySourceSpec {
		return selecting(metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}})
	}
	number, name := intstr.FromInt32, intstr.FromString
	service := GatewaySourceSpec{Service: &ServiceTargets{Name: "kong", Port: name("status")}}
	static := GatewaySourceSpec{Static: &StaticTargets{URLs: []string{"http://a"}}}

	// What is allowed.
	f(pods(number(8100), ""), "")
	f(pods(number(65535), "/"), "")
	f(pods(name("status"), "/stats/prometheus%20x"), "")
	f(selecting(metav1.LabelSelector{}), "")
	f(expressing("app", metav1.LabelSelectorOpIn, "a", "b"), "")
	f(service, "")

	// Exactly one of three, and its scheme.
	both := service
	both.Pods = pods(number(1), "").Pods
	f(both, `spec.service: Forbidden: pods is given too and a source scrapes one kind of targets; remove one or make two sources`)
	both.Static = static.Static
	f(both, `spec.service: Forbidden: pods is given too and a source scrapes one kind of targets; remove one or make two sources`)
	secure := static
	secure.Scheme = SchemeHTTPS
	f(secure, `spec.scheme: Forbidden: static URLs have their own scheme; remove it`)
	ftp := service
	ftp.Scheme = "ftp"
	f(ftp, `spec.scheme: Unsupported value: "ftp": supported values: "http", "https"`)

	// Ports.
	f(pods(number(0), ""), `spec.pods.port: Invalid value: 0: not a port; write 1 to 65535 or the name of a port, such as metrics`)
	f(pods(number(65536), ""), `spec.pods.port: Invalid value: 65536: not a port; write 1 to 65535 or the name of a port, such as metrics`)
	f(pods(name(""), ""), `spec.pods.port: Required value: a target is scraped at a port; write its number or its name, such as metrics`)
	f(pods(name("8100"), ""), `spec.pods.port: Invalid value: "8100": a number in quotes is read as a name; write it without quotes`)
	f(pods(name("Status"), ""), `spec.pods.port: Invalid value: "Status": not the name of a port; use at most 15 lowercase letters, digits and -, with a letter in it, or write a number`)

	// Paths.
	f(pods(number(1), "metrics"), `spec.pods.path: Invalid value: "metrics": does not begin with one /; write a path, such as /metrics`)
	f(pods(number(1), "//evil/metrics"), `spec.pods.path: Invalid value: "//evil/metrics": does not begin with one /; write a path, such as /metrics`)
	f(pods(number(1), "http://evil/metrics"), `spec.pods.path: Invalid value: "http://evil/metrics": does not begin with one /; write a path, such as /metrics`)
	f(pods(number(1), "/a?b=c"), `spec.pods.path: Invalid value: "/a?b=c": contains a query; write it as params: {name: [value]}`)
	f(pods(number(1), "/a#b"), `spec.pods.path: Invalid value: "/a#b": has a fragment, which is never sent; remove everything from # on`)
	f(pods(number(1), "/a b"), `spec.pods.path: Invalid value: "/a b": not a path; write special characters as %XX`)
	f(pods(number(1), "/%zz"), `spec.pods.path: Invalid value: "/%zz": not a path; write special characters as %XX`)
	f(pods(number(1), "/"+strings.Repeat("a", 1024)), `spec.pods.path: Too long: 1025 bytes, and at most 1024 are allowed; shorten it`)

	// Selectors.
	f(expressing("app", "Is", "a"), `spec.pods.selector.matchExpressions[0].operator: Invalid value: "Is": not an operator; write In, NotIn, Exists or DoesNotExist`)
	f(expressing("app", metav1.LabelSelectorOpIn), `spec.pods.selector.matchExpressions[0].values: Required value: operators In and NotIn need values; write values: [...]`)
	f(expressing("app", metav1.LabelSelectorOpExists, "a"), `spec.pods.selector.matchExpressions[0].values: Forbidden: operators Exists and DoesNotExist take no values; remove them`)
	f(selecting(metav1.LabelSelector{MatchLabels: map[string]string{"app": "a b"}}), `spec.pods.selector.matchLabels: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'); write it as the pods have it`)

	// Services.
	f(GatewaySourceSpec{Service: &ServiceTargets{Port: number(80)}}, `spec.service.name: Required value: a Service is found by its name; write service: {name: ..., port: ...}`)
	f(GatewaySourceSpec{Service: &ServiceTargets{Name: "Kong", Port: number(80), Path: "x"}}, `spec.service.name: Invalid value: "Kong": not an object name; use lowercase letters, digits, - and ., begin and end with a letter or digit, at most 253 characters
spec.service.path: Invalid value: "x": does not begin with one /; write a path, such as /metrics`)
}

func TestValidateReferences(t *testing.T) {
	t.Parallel()
	f := func(change func(*GatewaySourceSpec), want string) {
		t.Helper()
		spec := GatewaySourceSpec{Service: &ServiceTargets{Name: "kong", Port: intstr.FromInt32(8100)}, Scheme: SchemeHTTPS}
		change(&spec)
		checkErrors(t, sourceOf(spec).Validate(), want)
	}
	key := &KeySelector{Name: "kong-tls", Key: "tls.crt"}
	tls := func(tls TLSConfig) func(*GatewaySourceSpec) {
		return func(s *GatewaySourceSpec) { s.TLSConfig = &tls }
	}

	f(tls(TLSConfig{CA: &SecretOrConfigMap{ConfigMap: key}, Cert: &SecretOrConfigMap{Secret: key}, KeySecret: key}), "")
	f(tls(TLSConfig{CAFile: "ca.pem", Cert: &SecretOrConfigMap{Secret: key}, KeySecret: key}), "")
	f(func(s *GatewaySourceSpec) { s.Authorization = &Authorization{Credentials: key} }, "")
	f(func(s *GatewaySourceSpec) { s.BasicAuth = &BasicAuth{Username: "u", Password: key} }, "")

	f(tls(TLSConfig{CA: &SecretOrConfigMap{}, CAFile: "ca.pem"}), `spec.tlsConfig.caFile: Forbidden: ca is given too; remove one of them
spec.tlsConfig.ca: Invalid value: "": names none or two of secret and configMap; write exactly one, such as secret: {name: ..., key: ...}`)
	f(tls(TLSConfig{CA: &SecretOrConfigMap{Secret: key, ConfigMap: key}}),
		`spec.tlsConfig.ca: Invalid value: "": names none or two of secret and configMap; write exactly one, such as secret: {name: ..., key: ...}`)
	f(tls(TLSConfig{CA: &SecretOrConfigMap{Secret: &KeySelector{}}}), `spec.tlsConfig.ca.secret.name: Required value: the object is found by its name; write {name: ..., key: ...}
spec.tlsConfig.ca.secret.key: Required value: one key of the object's data is used; write {name: ..., key: ...}`)
	f(tls(TLSConfig{CA: &SecretOrConfigMap{Secret: &KeySelector{Name: "A", Key: "a/b"}}}), `spec.tlsConfig.ca.secret.name: Invalid value: "A": not an object name; use lowercase letters, digits, - and ., begin and end with a letter or digit, at most 253 characters
spec.tlsConfig.ca.secret.key: Invalid value: "a/b": not a key of a Secret or ConfigMap; use letters, digits, -, _ and ., at most 253`)
	f(tls(TLSConfig{Cert: &SecretOrConfigMap{Secret: key}}), `spec.tlsConfig.keySecret: Required value: a client certificate needs its key; write keySecret: {name: ..., key: ...} or remove cert`)
	f(tls(TLSConfig{KeySecret: key}), `spec.tlsConfig.cert: Required value: a client key needs its certificate; write cert: {secret: {name: ..., key: ...}} or remove keySecret`)
	f(tls(TLSConfig{Cert: &SecretOrConfigMap{Secret: key}, CertFile: "c", KeySecret: key, KeyFile: "k"}), `spec.tlsConfig.certFile: Forbidden: cert is given too; remove one of them
spec.tlsConfig.keyFile: Forbidden: keySecret is given too; remove one of them`)
	f(func(s *GatewaySourceSpec) { s.Scheme, s.TLSConfig = "", &TLSConfig{ServerName: "kong"} },
		`spec.tlsConfig: Forbidden: the scheme is http, so it would not be used; write scheme: https or remove it`)
	f(func(s *GatewaySourceSpec) { s.Authorization = &Authorization{Credentials: key, CredentialsFile: "f"} },
		`spec.authorization.credentialsFile: Forbidden: credentials is given too; remove one of them`)
	f(func(s *GatewaySourceSpec) {
		s.BasicAuth = &BasicAuth{Username: "u", Password: &KeySelector{Name: "a"}, PasswordFile: "f"}
	}, `spec.basicAuth.password.key: Required value: one key of the object's data is used; write {name: ..., key: ...}
spec.basicAuth.passwordFile: Forbidden: password is given too; remove one of them`)
}

func TestValidateInCluster(t *testing.T) {
	t.Parallel()
	f := func(spec GatewaySourceSpec, allowStatic bool, want string) {
		t.Helper()
		checkErrors(t, sourceOf(spec).ValidateInCluster(allowStatic), want)
	}
	key := &KeySelector{Name: "kong-tls", Key: "tls.crt"}
	pods := &PodTargets{Port: intstr.FromInt32(8100)}
	static := &StaticTargets{URLs: []string{"https://169.254.169.254/"}}

	f(GatewaySourceSpec{Pods: pods}, false, "")
	f(GatewaySourceSpec{
		Pods: pods, TLSConfig: &TLSConfig{CA: &SecretOrConfigMap{Secret: key}}, Authorization: &Authorization{Credentials: key},
	}, false, "")
	f(GatewaySourceSpec{Static: static}, true, "")

	f(GatewaySourceSpec{Static: static}, false,
		`spec.static: Forbidden: a source of the cluster may not list URLs; select pods or a service, or have gaugeway started with --allow-static`)
	files := GatewaySourceSpec{
		Static:        static,
		TLSConfig:     &TLSConfig{CAFile: "a", CertFile: "b", KeyFile: "c"},
		Authorization: &Authorization{CredentialsFile: "/var/run/secrets/kubernetes.io/serviceaccount/token"},
		BasicAuth:     &BasicAuth{PasswordFile: "d"},
	}
	// A static URL that is allowed does not allow a file.
	f(files, true, `spec.tlsConfig.caFile: Forbidden: a source of the cluster may not name files of gaugeway's; use ca: {secret: {name: ..., key: ...}} or ca: {configMap: {name: ..., key: ...}}
spec.tlsConfig.certFile: Forbidden: a source of the cluster may not name files of gaugeway's; use cert: {secret: {name: ..., key: ...}}
spec.tlsConfig.keyFile: Forbidden: a source of the cluster may not name files of gaugeway's; use keySecret: {name: ..., key: ...}
spec.authorization.credentialsFile: Forbidden: a source of the cluster may not name files of gaugeway's; use credentials: {name: ..., key: ...} of a Secret
spec.basicAuth.passwordFile: Forbidden: a source of the cluster may not name files of gaugeway's; use password: {name: ..., key: ...} of a Secret`)
}
