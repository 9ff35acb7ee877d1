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
type GatewaySource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewaySourceSpec `json:"spec"`
}

// GatewaySourceSpec says what is scraped and how. Its field names are those of
// the Prometheus operator's PodMonitor.
type GatewaySourceSpec struct {
	// Static lists the endpoints by URL. Required.
	Static *StaticTargets `json:"static,omitempty"`

	// Interval between two scrapes: 1s to 5m. Default 5s.
	Interval *metav1.Duration `json:"interval,omitempty"`
	// ScrapeTimeout is how long an endpoint may take: at most the interval.
	// Default 2s, or the interval where that is shorter.
	ScrapeTimeout *metav1.Duration `json:"scrapeTimeout,omitempty"`
	// Params are added to the query of each URL.
	Params map[string][]string `json:"params,omitempty"`
	// Format of the body: Auto (Prometheus text or OpenMetrics by content type) or StubStatus.
	Format Format `json:"format,omitempty"`
	// ScrapeProtocols are the formats to ask for, the preferred one first. Default:
	// OpenMetrics, then Prometheus text. PrometheusProto alone has native histograms.
	ScrapeProtocols []ScrapeProtocol `json:"scrapeProtocols,omitempty"`
	// TLSConfig for https URLs; without it the system's roots are trusted. It
	// needs at least one https URL.
	TLSConfig *TLSConfig `json:"tlsConfig,omitempty"`
	// Authorization sends an Authorization header with credentials read from a
	// file. It excludes BasicAuth.
	Authorization *Authorization `json:"authorization,omitempty"`
	// BasicAuth sends a user name and a password read from a file. It excludes
	// Authorization.
	BasicAuth *BasicAuth `json:"basicAuth,omitempty"`
	// EnableCompression asks for gzip. Default false: inside a cluster,
	// unpacking costs more than the bytes.
	EnableCompression *bool `json:"enableCompression,omitempty"`
	// BodySizeLimit is the largest body that is read, in bytes, unpacked: 1Ki
	// to 1Gi. Default 64Mi.
	BodySizeLimit *resource.Quantity `json:"bodySizeLimit,omitempty"`

	// AllowedNamespaces may use this source beyond its own namespace, which
	// always may and is not listed.
	AllowedNamespaces []AllowedNamespace `json:"allowedNamespaces,omitempty"`
}

// Format of an exposition.
//
// +kubebuilder:validation:Enum=Auto;StubStatus
type Format string

// The formats.
const (
	// FormatAuto is Prometheus text or OpenMetrics, told apart by content type.
	FormatAuto Format = "Auto"
	// FormatStubStatus is the page of NGINX's module stub_status.
	FormatStubStatus Format = "StubStatus"
)

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

// StaticTargets are endpoints given by URL. Only files may use them.
type StaticTargets struct {
	// URLs, http or https, each with its path and each once. At least one.
	//
	// +kubebuilder:validation:MinItems=1
	URLs []string `json:"urls"`
}

// TLSConfig names PEM files. In configuration files a relative path is relative
// to the folder of the file that names it.
type TLSConfig struct {
	// CAFile holds the certificates that are trusted instead of the system's roots.
	CAFile string `json:"caFile,omitempty"`
	// CertFile and KeyFile are the client's certificate and key, both or neither.
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// ServerName is expected in the certificate instead of the URL's host.
	ServerName string `json:"serverName,omitempty"`
}

// Authorization is a header `Authorization: <type> <credentials>`.
type Authorization struct {
	// Type of the credentials, one word; default Bearer. Basic is refused:
	// BasicAuth does that.
	Type string `json:"type,omitempty"`
	// CredentialsFile holds the credentials; read anew at each scrape.
	CredentialsFile string `json:"credentialsFile"`
}

// BasicAuth is a user name and a password.
type BasicAuth struct {
	// Username, without a colon.
	Username string `json:"username"`
	// PasswordFile holds the password; read anew at each scrape.
	PasswordFile string `json:"passwordFile"`
}

// AllowedNamespace lets a namespace use a source.
type AllowedNamespace struct {
	// Name of the namespace, each once.
	Name string `json:"name"`
	// Matchers, where given, limit the series that the namespace sees: a label
	// and the values it may have.
	Matchers map[string][]string `json:"matchers,omitempty"`
}

// A GatewayMetric is a number that a HorizontalPodAutoscaler sees.
//
// +kubebuilder:object:root=true
type GatewayMetric struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewayMetricSpec `json:"spec"`
}

// GatewayMetricSpec is an expression over sources, and what to do when it has no answer.
type GatewayMetricSpec struct {
	// Sources whose series the selectors span, each once. At least one.
	//
	// +kubebuilder:validation:MinItems=1
	Sources []SourceReference `json:"sources"`
	// Lua is the expression, at most MaxLuaBytes long.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	Lua string `json:"lua"`
	// Type: Level (a latency, a ratio) or Total (adds up over targets).
	Type MetricType `json:"type"`
	// External serves the metric in external.metrics.k8s.io. Required.
	External *ExternalMetric `json:"external,omitempty"`
	// MinCoveragePercent: below this share of answering targets there is no
	// answer. 1 to 100, default 50.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinCoveragePercent *int32 `json:"minCoveragePercent,omitempty"`
	// MaxAge: an answer whose samples are older is no answer. Default 30s or
	// three intervals of the slowest source, whichever is longer; nil stands for
	// that. At least one interval of the slowest source.
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
	// Idle: what a percentile of no observations answers. Default after 5m.
	Idle *Idle `json:"idle,omitempty"`
	// Missing: what to answer without data. Default policy Error.
	Missing *Missing `json:"missing,omitempty"`
}

// SourceReference names a GatewaySource.
type SourceReference struct {
	// Name of the source.
	Name string `json:"name"`
	// Namespace defaults to the metric's own.
	Namespace string `json:"namespace,omitempty"`
}

// MetricType says how a number combines over targets.
//
// +kubebuilder:validation:Enum=Level;Total
type MetricType string

// The types of a metric.
const (
	// TypeLevel is a latency, a ratio, a utilisation.
	TypeLevel MetricType = "Level"
	// TypeTotal adds up over targets: requests or tokens per second, queue length.
	TypeTotal MetricType = "Total"
)

// ExternalMetric is a name in external.metrics.k8s.io.
type ExternalMetric struct {
	// Name, a letter, _ or : and then letters, digits and _ . : -, because it is
	// a segment of the API's path. One metric of a namespace may have it.
	Name string `json:"name"`
}

// Idle says when a percentile of no observations is 0.
type Idle struct {
	// After this time without observations the answer is 0; until then it is
	// the last value. Longer than 0.
	After metav1.Duration `json:"after"`
}

// MissingPolicy is what a metric without data answers.
//
// +kubebuilder:validation:Enum=Error;Hold;Value
type MissingPolicy string

// The policies.
const (
	// MissingError answers 503 with the reason.
	MissingError MissingPolicy = "Error"
	// MissingHold repeats the last value for a time.
	MissingHold MissingPolicy = "Hold"
	// MissingValue answers a fixed value.
	MissingValue MissingPolicy = "Value"
)

// Missing is a policy and its parameter.
type Missing struct {
	// Policy; default Error.
	Policy MissingPolicy `json:"policy"`
	// For is how long Hold repeats the last value. Required by Hold, else absent.
	For *metav1.Duration `json:"for,omitempty"`
	// Value is what Value answers. Required by Value, else absent.
	Value *resource.Quantity `json:"value,omitempty"`
}
