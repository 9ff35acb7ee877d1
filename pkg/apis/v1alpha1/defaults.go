package v1alpha1

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// The defaults of optional fields.
const (
	DefaultPath               = "/metrics"
	DefaultScheme             = SchemeHTTP
	DefaultInterval           = 5 * time.Second
	DefaultScrapeTimeout      = 2 * time.Second
	DefaultBodySizeLimit      = 64 << 20 // bytes
	DefaultAuthorizationType  = "Bearer"
	DefaultMinCoveragePercent = 50
	DefaultIdleAfter          = 5 * time.Minute
)

// SetDefaults fills the optional fields that are absent and leaves the rest as
// it is, valid or not. Applying it twice is applying it once. The scrape
// timeout is shortened to the interval only where it is a default itself.
func (s *GatewaySource) SetDefaults() {
	spec := &s.Spec
	if spec.Pods != nil && spec.Pods.Path == "" {
		spec.Pods.Path = DefaultPath
	}
	if spec.Service != nil && spec.Service.Path == "" {
		spec.Service.Path = DefaultPath
	}
	if spec.Static == nil && spec.Scheme == "" {
		spec.Scheme = DefaultScheme
	}
	if spec.Interval == nil {
		spec.Interval = &metav1.Duration{Duration: DefaultInterval}
	}
	if spec.ScrapeTimeout == nil {
		spec.ScrapeTimeout = &metav1.Duration{Duration: min(DefaultScrapeTimeout, spec.Interval.Duration)}
	}
	if spec.Format == "" {
		spec.Format = FormatAuto
	}
	if spec.Authorization != nil && spec.Authorization.Type == "" {
		spec.Authorization.Type = DefaultAuthorizationType
	}
	if spec.EnableCompression == nil {
		spec.EnableCompression = new(bool)
	}
	if spec.BodySizeLimit == nil {
		spec.BodySizeLimit = resource.NewQuantity(DefaultBodySizeLimit, resource.BinarySI)
	}
}

// SetDefaults fills the optional fields that are absent and leaves the rest as
// it is, valid or not. A source without a namespace is one of the metric's own.
// The type of a preset's metric is the vocabulary's. MaxAge stays nil: its default depends on the sources' intervals.
func (m *GatewayMetric) SetDefaults() {
	spec := &m.Spec
	for i := range spec.Sources {
		if spec.Sources[i].Namespace == "" {
			spec.Sources[i].Namespace = m.Namespace
		}
	}
	if spec.Type == "" && spec.Preset != nil {
		known, _ := vocabulary.Lookup(spec.Preset.Metric)
		spec.Type = MetricType(known.Type)
	}
	if spec.MinCoveragePercent == nil {
		percent := int32(DefaultMinCoveragePercent)
		spec.MinCoveragePercent = &percent
	}
	if spec.Idle == nil {
		spec.Idle = &Idle{After: metav1.Duration{Duration: DefaultIdleAfter}}
	}
	if spec.Missing == nil {
		spec.Missing = &Missing{}
	}
	if spec.Missing.Policy == "" {
		spec.Missing.Policy = MissingError
	}
}

// Allows reports whether metrics of a namespace may use the source, and which
// series they see: of each label in matchers only those values. A nil matchers
// limits nothing. The source's own namespace always may, without limits.
func (s *GatewaySource) Allows(namespace string) (matchers map[string][]string, ok bool) {
	if namespace == s.Namespace {
		return nil, true
	}
	for _, allowed := range s.Spec.AllowedNamespaces {
		if allowed.Name == namespace {
			return allowed.Matchers, true
		}
	}
	return nil, false
}
