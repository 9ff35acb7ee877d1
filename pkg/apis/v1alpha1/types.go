// Package v1alpha1 holds gaugeway's configuration objects, API group
// gaugeway.dev/v1alpha1: their types, defaults and validation. Files and the
// cluster's custom resources are read into the same types.
//
// An object is used in three steps: decode it strictly, SetDefaults, Validate.
// Readers of a validated object may dereference the pointers that SetDefaults
// fills; their doc comments name the default.
//
// +kubebuilder:object:generate=true
// +groupName=gaugeway.dev
package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// GroupName is the API group of gaugeway's objects.
const GroupName = "gaugeway.dev"

// Version is the version of this package's objects.
const Version = "v1alpha1"

// Kinds of this group.
const (
	KindGatewaySource = "GatewaySource"
	KindGatewayMetric = "GatewayMetric"
)

// A GatewaySource says whose statistics are scraped, and how.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=gatewaysources,shortName=gws,categories=gaugeway
// +kubebuilder:metadata:labels="app.kubernetes.io/name=gaugeway"
// +kubebuilder:printcolumn:name="Targets",type=string,JSONPath=`.status.targets`,description="Covered and expected targets."
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether the source as it is now is in use."
// +kubebuilder:printcolumn:name="Fresh",type=string,JSONPath=`.status.conditions[?(@.type=="Fresh")].status`,description="Whether targets answer."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Fresh")].message`,description="What is wrong with the targets.",priority=1
// +kubebuilder:printcolumn:name="Interval",type=string,JSONPath=`.spec.interval`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].message`,priority=1
type GatewaySource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewaySourceSpec `json:"spec"`
	// Status is written by gaugeway in a cluster; it is ignored in files.
	Status GatewaySourceStatus `json:"status,omitempty"`
}

// A GatewaySourceList is a list of GatewaySources.
//
// +kubebuilder:object:root=true
type GatewaySourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GatewaySource `json:"items"`
}

// GatewaySourceSpec says what is scraped and how. Its field names are those of
// the Prometheus operator's PodMonitor.
//
// +kubebuilder:validation:XValidation:rule="[has(self.pods), has(self.service), has(self.static)].exists_one(given, given)",message="write exactly one of pods, service and static to say what to scrape"
// +kubebuilder:validation:XValidation:rule="!has(self.static) || !has(self.scheme)",message="static URLs have their own scheme; remove scheme"
// +kubebuilder:validation:XValidation:rule="!has(self.scrapeTimeout) || duration(self.scrapeTimeout) <= (has(self.interval) ? duration(self.interval) : duration('5s'))",message="scrapeTimeout is longer than the interval (default 5s); shorten it or lengthen the interval"
// +kubebuilder:validation:XValidation:rule="!has(self.tlsConfig) || has(self.static) || (has(self.scheme) && self.scheme == 'https')",message="tlsConfig would not be used with http; write scheme: https or remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.authorization) || !has(self.basicAuth)",message="a request has one Authorization header; remove authorization or basicAuth"
// +kubebuilder:validation:XValidation:rule="has(self.preset) || ((!has(self.pods) || has(self.pods.port)) && (!has(self.service) || has(self.service.port)))",message="a target is scraped at a port; write port: with its number or name, or preset: with the gateway, whose port is the default"
// +kubebuilder:validation:XValidation:rule="!has(self.format) || self.format != 'Json' || has(self.preset)",message="the format Json takes its rules from a preset; write preset: with its name"
type GatewaySourceSpec struct {
	// Preset names the gateway, such as kong. Its preset has defaults for port,
	// path, format and params, and is what `gateway` means in the expressions of
	// metrics. `gaugeway presets` lists those that there are.
	//
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
	Preset string `json:"preset,omitempty"`

	// Exactly one of Pods, Service and Static says what is scraped.

	// Pods selects pods of the source's own namespace. Only in a cluster.
	Pods *PodTargets `json:"pods,omitempty"`
	// Service takes the pods behind a Service of the source's own namespace.
	// Only in a cluster.
	Service *ServiceTargets `json:"service,omitempty"`
	// Static lists the endpoints by URL. In files; in a cluster only where
	// gaugeway runs with --allow-static, because anything can be named by a URL.
	Static *StaticTargets `json:"static,omitempty"`

	// Scheme to scrape pods with: http, the default, or https. Static URLs have
	// their own; with them it stays empty.
	Scheme Scheme `json:"scheme,omitempty"`
	// Interval between two scrapes: 1s to 5m. Default 5s.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('5m')",message="out of range; choose 1s to 5m, such as 5s"
	Interval *metav1.Duration `json:"interval,omitempty"`
	// ScrapeTimeout is how long an endpoint may take: at most the interval.
	// Default 2s, or the interval where that is shorter.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="not longer than 0; choose a time up to the interval, such as 2s"
	ScrapeTimeout *metav1.Duration `json:"scrapeTimeout,omitempty"`
	// Params are added to the query of each URL. Default: those of the preset.
	//
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(name, name != '')",message="a parameter needs a name; write name: [value]"
	Params map[string][]string `json:"params,omitempty"`
	// Format of the body: Auto (Prometheus text or OpenMetrics by content type),
	// StubStatus (nginx), Csv (HAProxy) or Json, by the rules of the preset. Default: that of
	// the preset, or Auto.
	Format Format `json:"format,omitempty"`
	// ScrapeProtocols are the formats to ask for, the preferred one first. Default:
	// those of the preset, or OpenMetrics, then Prometheus text. PrometheusProto alone
	// has native histograms.
	//
	// +kubebuilder:validation:MaxItems=5
	// +listType=set
	ScrapeProtocols []ScrapeProtocol `json:"scrapeProtocols,omitempty"`
	// TLSConfig for https; without it the system's roots are trusted. It needs
	// scheme https, or a static https URL.
	TLSConfig *TLSConfig `json:"tlsConfig,omitempty"`
	// Authorization sends an Authorization header. It excludes BasicAuth.
	Authorization *Authorization `json:"authorization,omitempty"`
	// BasicAuth sends a user name and a password. It excludes Authorization.
	BasicAuth *BasicAuth `json:"basicAuth,omitempty"`
	// EnableCompression asks for gzip. Default false: inside a cluster,
	// unpacking costs more than the bytes.
	EnableCompression *bool `json:"enableCompression,omitempty"`
	// BodySizeLimit is the largest body that is read, in bytes, unpacked: 1Ki
	// to 1Gi. Default 64Mi.
	//
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1024 && self <= 1073741824 : self.matches('^[+-]?[0-9.]{1,30}([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$') && isQuantity(self) && quantity(self).compareTo(quantity('1Ki')) >= 0 && quantity(self).compareTo(quantity('1Gi')) <= 0",message="out of range; choose 1Ki to 1Gi, such as 64Mi (m means thousandths, Mi 1048576)"
	BodySizeLimit *resource.Quantity `json:"bodySizeLimit,omitempty"`

	// AllowedNamespaces may use this source beyond its own namespace, which
	// always may and is not listed.
	//
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	AllowedNamespaces []AllowedNamespace `json:"allowedNamespaces,omitempty"`
}

// Scheme of a URL.
//
// +kubebuilder:validation:Enum=http;https
type Scheme string

// The schemes.
const (
	SchemeHTTP  Scheme = "http"
	SchemeHTTPS Scheme = "https"
)

// PodTargets are the pods that a selector matches.
type PodTargets struct {
	// Selector of the pods by their labels. An empty one matches every pod of the namespace.
	//
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : e.operator in ['Exists', 'DoesNotExist'] && (!has(e.values) || size(e.values) == 0))",message="not a selector; operators are In and NotIn with values, Exists and DoesNotExist without"
	Selector metav1.LabelSelector `json:"selector"`
	// Port of the pod: the name of a container's port, or its number. Default: that of
	// the preset.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1 && self <= 65535 : self.matches('^[a-z0-9]+(-[a-z0-9]+)*$') && self.matches('[a-z]') && size(self) <= 15",message="not a port; write 1 to 65535 without quotes or the name of a port, such as metrics"
	Port intstr.IntOrString `json:"port,omitempty"`
	// Path of the statistics; default that of the preset, or /metrics.
	//
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^/([^/?#[:space:]][^?#[:space:]]*)?$')",message="not a path; begin with one /, such as /metrics, and put a query into params"
	Path string `json:"path,omitempty"`
}

// ServiceTargets are the pods behind a Service.
type ServiceTargets struct {
	// Name of the Service.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// Port: the name or the number of one of the Service's ports, or the name or
	// number of a port of the pods that the Service does not have. Default: that of the
	// preset.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1 && self <= 65535 : self.matches('^[a-z0-9]+(-[a-z0-9]+)*$') && self.matches('[a-z]') && size(self) <= 15",message="not a port; write 1 to 65535 without quotes or the name of a port, such as metrics"
	Port intstr.IntOrString `json:"port,omitempty"`
	// Path of the statistics; default that of the preset, or /metrics.
	//
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self == '' || self.matches('^/([^/?#[:space:]][^?#[:space:]]*)?$')",message="not a path; begin with one /, such as /metrics, and put a query into params"
	Path string `json:"path,omitempty"`
}

// Format of an exposition.
//
// +kubebuilder:validation:Enum=Auto;StubStatus;Csv;Json
type Format string

// The formats.
const (
	// FormatAuto is Prometheus text or OpenMetrics, told apart by content type.
	FormatAuto Format = "Auto"
	// FormatStubStatus is the page of NGINX's module stub_status.
	FormatStubStatus Format = "StubStatus"
	// FormatCSV is the statistics of HAProxy as comma-separated values.
	FormatCSV Format = "Csv"
	// FormatJSON is JSON, of which the rules of the source's preset make samples.
	FormatJSON Format = "Json"
)

// Formats returns all formats.
func Formats() []string {
	return []string{string(FormatAuto), string(FormatStubStatus), string(FormatCSV), string(FormatJSON)}
}

// A ScrapeProtocol is a format of an exposition, by the Prometheus operator's name.
// +kubebuilder:validation:Enum=PrometheusProto;OpenMetricsText1.0.0;OpenMetricsText0.0.1;PrometheusText1.0.0;PrometheusText0.0.4
type ScrapeProtocol string

// The scrape protocols.
const (
	PrometheusProto      ScrapeProtocol = "PrometheusProto"
	OpenMetricsText1_0_0 ScrapeProtocol = "OpenMetricsText1.0.0"
	OpenMetricsText0_0_1 ScrapeProtocol = "OpenMetricsText0.0.1"
	PrometheusText1_0_0  ScrapeProtocol = "PrometheusText1.0.0"
	PrometheusText0_0_4  ScrapeProtocol = "PrometheusText0.0.4"
)

// ScrapeProtocols returns all protocols.
func ScrapeProtocols() []ScrapeProtocol {
	return []ScrapeProtocol{PrometheusProto, OpenMetricsText1_0_0, OpenMetricsText0_0_1, PrometheusText1_0_0, PrometheusText0_0_4}
}

// StaticTargets are endpoints given by URL.
type StaticTargets struct {
	// URLs, http or https, each with its path and each once. At least one. A URL
	// without a path gets that of the preset.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:items:Pattern=`^https?://[^\s#]+$`
	// +kubebuilder:validation:items:MaxLength=2048
	// +listType=set
	URLs []string `json:"urls"`
}

// TLSConfig names PEM files, or Secrets and ConfigMaps that hold them. Files are
// for configuration files, where a relative path is relative to the folder of
// the file that names it; references are for the cluster, and are to the
// source's own namespace.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caFile) && !has(self.certFile) && !has(self.keyFile)",message="a cluster's objects may not name files; use ca, cert and keySecret: {name: ..., key: ...}"
// +kubebuilder:validation:XValidation:rule="has(self.cert) == has(self.keySecret)",message="a client certificate needs its key and the other way round; write both of cert and keySecret or neither"
type TLSConfig struct {
	// CA holds the certificates that are trusted instead of the system's roots.
	CA *SecretOrConfigMap `json:"ca,omitempty"`
	// Cert and KeySecret are the client's certificate and key, both or neither.
	Cert      *SecretOrConfigMap `json:"cert,omitempty"`
	KeySecret *KeySelector       `json:"keySecret,omitempty"`

	// CAFile holds the certificates that are trusted instead of the system's roots.
	CAFile string `json:"caFile,omitempty"`
	// CertFile and KeyFile are the client's certificate and key, both or neither.
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// ServerName is expected in the certificate instead of the URL's host.
	ServerName string `json:"serverName,omitempty"`
}

// Authorization is a header `Authorization: <type> <credentials>`. Exactly one
// of Credentials and CredentialsFile.
//
// +kubebuilder:validation:XValidation:rule="!has(self.credentialsFile)",message="a cluster's objects may not name files; name the key of a Secret in credentials: {name: ..., key: ...}"
// +kubebuilder:validation:XValidation:rule="has(self.credentials) || has(self.credentialsFile)",message="there is nothing to send; name the key of a Secret in credentials: {name: ..., key: ...}"
type Authorization struct {
	// Type of the credentials, one word; default Bearer. Basic is refused:
	// BasicAuth does that.
	//
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]*$`
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii() != 'basic'",message="Basic would need encoded credentials; use basicAuth: {username: ..., password: {name: ..., key: ...}}"
	Type string `json:"type,omitempty"`
	// Credentials is the key of a Secret that holds the credentials. In a cluster.
	Credentials *KeySelector `json:"credentials,omitempty"`
	// CredentialsFile holds the credentials; read anew at each scrape. In files.
	CredentialsFile string `json:"credentialsFile,omitempty"`
}

// BasicAuth is a user name and a password. Exactly one of Password and
// PasswordFile.
//
// +kubebuilder:validation:XValidation:rule="!has(self.passwordFile)",message="a cluster's objects may not name files; name the key of a Secret in password: {name: ..., key: ...}"
// +kubebuilder:validation:XValidation:rule="has(self.password) || has(self.passwordFile)",message="there is no password; name the key of a Secret in password: {name: ..., key: ...}"
type BasicAuth struct {
	// Username, without a colon.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^[^:]+$`
	Username string `json:"username"`
	// Password is the key of a Secret that holds the password. In a cluster.
	Password *KeySelector `json:"password,omitempty"`
	// PasswordFile holds the password; read anew at each scrape. In files.
	PasswordFile string `json:"passwordFile,omitempty"`
}

// A KeySelector is a key of a Secret or a ConfigMap in the source's namespace.
type KeySelector struct {
	// Name of the object.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// Key of its data.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
}

// SecretOrConfigMap is a key of one or the other.
//
// +kubebuilder:validation:XValidation:rule="has(self.secret) != has(self.configMap)",message="name exactly one of secret and configMap: {name: ..., key: ...}"
type SecretOrConfigMap struct {
	// Secret that holds it.
	Secret *KeySelector `json:"secret,omitempty"`
	// ConfigMap that holds it.
	ConfigMap *KeySelector `json:"configMap,omitempty"`
}

// AllowedNamespace lets a namespace use a source.
type AllowedNamespace struct {
	// Name of the namespace, each once.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// Matchers, where given, limit the series that the namespace sees: a label
	// and the values it may have.
	//
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(name, name != '' && size(self[name]) > 0)",message="a matcher needs a label and at least one value; write label: [value] or remove it"
	Matchers map[string][]string `json:"matchers,omitempty"`
}

// Types of conditions.
const (
	// ConditionAccepted: the object as it is now is in use. Where it is False, the
	// message says what is wrong and whether the last good version goes on.
	ConditionAccepted = "Accepted"
	// ConditionFresh: the metric has an answer from samples, or the source's
	// targets answer.
	ConditionFresh = "Fresh"
)

// Reasons of conditions. A metric's Fresh has the name of its state as reason.
const (
	ReasonAccepted       = "Accepted"
	ReasonInvalid        = "Invalid"        // the object is not valid
	ReasonCompileError   = "CompileError"   // spec.lua does not compile, or the gateway lacks spec.preset's metric
	ReasonNameConflict   = "NameConflict"   // an older metric has the name
	ReasonSourceNotFound = "SourceNotFound" // a source does not exist
	ReasonSourceDenied   = "SourceDenied"   // a source does not allow the namespace
	ReasonNotAllowed     = "NotAllowed"     // static URLs or files, which a cluster's objects may not use

	ReasonScraping     = "Scraping"     // every expected target answers
	ReasonOtherGateway = "OtherGateway" // so it is, and one does not look like the source's preset
	ReasonPartial      = "Partial"      // some do
	ReasonSilent       = "Silent"       // none does
	ReasonNoTargets    = "NoTargets"    // there are none
)

// GatewaySourceStatus is what became of a source.
type GatewaySourceStatus struct {
	// ObservedGeneration is the generation that the conditions are about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Accepted, Fresh.
	//
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Targets is covered/expected, such as 3/3.
	Targets string `json:"targets,omitempty"`
	// LastGoodSpec is the spec in use while the present one is not accepted, so
	// that a restart keeps it.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	LastGoodSpec *runtime.RawExtension `json:"lastGoodSpec,omitempty"`
}
