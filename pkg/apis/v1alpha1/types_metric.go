package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// A GatewayMetric is a number that a HorizontalPodAutoscaler sees.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,path=gatewaymetrics,shortName=gwm,categories=gaugeway
// +kubebuilder:metadata:labels="app.kubernetes.io/name=gaugeway"
// +kubebuilder:printcolumn:name="Value",type=string,JSONPath=`.status.value`,description="The value that was answered last; written at most every 30 s."
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.status.sampleTime`,description="Age of the samples that the value was computed from."
// +kubebuilder:printcolumn:name="Coverage",type=string,JSONPath=`.status.coverage`,description="Covered and expected targets."
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`,description="Fresh, Partial, Idle, Held, Substituted, Warming or Missing."
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether the metric as it is now is in use."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,description="Why the state is not Fresh."
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`,priority=1
// +kubebuilder:printcolumn:name="External",type=string,JSONPath=`.spec.external.name`,priority=1
// +kubebuilder:printcolumn:name="Pods",type=string,JSONPath=`.spec.pods.name`,priority=1
// +kubebuilder:printcolumn:name="Object",type=string,JSONPath=`.spec.object.name`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].message`,priority=1
type GatewayMetric struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewayMetricSpec `json:"spec"`
	// Status is written by gaugeway in a cluster; it is ignored in files.
	Status GatewayMetricStatus `json:"status,omitempty"`
}

// A GatewayMetricList is a list of GatewayMetrics.
//
// +kubebuilder:object:root=true
type GatewayMetricList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GatewayMetric `json:"items"`
}

// GatewayMetricSpec is an expression over sources, and what to do when it has no answer.
//
// +kubebuilder:validation:XValidation:rule="has(self.external) || has(self.pods) || has(self.object)",message="the metric is not served anywhere; write external: {name: ...}, pods: {name: ...} or object: {name: ..., resource: ..., label: ...}"
// +kubebuilder:validation:XValidation:rule="has(self.lua) != has(self.preset)",message="write exactly one of lua, an expression, and preset, a metric of the sources' preset"
// +kubebuilder:validation:XValidation:rule="has(self.type) || has(self.preset)",message="the type decides what a silent target means; write Level (a latency, a ratio, a utilisation) or Total (adds up over targets: requests per second, queue length)"
type GatewayMetricSpec struct {
	// Sources whose series the selectors span, each once. At least one, at most
	// MaxSources.
	//
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.__namespace__) ? a.__namespace__ : '') == (has(b.__namespace__) ? b.__namespace__ : '')))",message="a source is listed twice, which would not count it twice; remove one"
	// +listType=atomic
	Sources []SourceReference `json:"sources"`
	// Lua is the expression, at most MaxLuaBytes long.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=8192
	// +kubebuilder:validation:XValidation:rule="self.matches('[^[:space:]]')",message="there is nothing to evaluate; write an expression"
	Lua string `json:"lua,omitempty"`
	// Preset is a metric of the preset that all sources name, instead of Lua.
	Preset *PresetMetric `json:"preset,omitempty"`
	// Type: Level (a latency, a ratio) or Total (adds up over targets). Required
	// beside lua; of a preset's metric it is known.
	Type MetricType `json:"type,omitempty"`
	// At least one of External, Pods and Object says where the metric is served.

	// External serves the metric in external.metrics.k8s.io.
	External *ExternalMetric `json:"external,omitempty"`
	// Pods serves the elements that have a label pod in custom.metrics.k8s.io,
	// each as the metric of that pod of the metric's namespace.
	Pods *PodsMetric `json:"pods,omitempty"`
	// Object serves the elements that name an object in custom.metrics.k8s.io,
	// each as the metric of that object of the metric's namespace.
	Object *ObjectMetric `json:"object,omitempty"`
	// MinCoveragePercent: below this share of answering targets there is no
	// answer. 1 to 100, default 50.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	MinCoveragePercent *int32 `json:"minCoveragePercent,omitempty"`
	// MaxAge: an answer whose samples are older is no answer. Default 30s or
	// three intervals of the slowest source, whichever is longer; nil stands for
	// that. At least one interval of the slowest source.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="not longer than 0; write how old an answer may be, such as 30s"
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
	// Idle: what a percentile of no observations answers. Default after 5m.
	Idle *Idle `json:"idle,omitempty"`
	// Missing: what to answer without data. Default policy Error.
	Missing *Missing `json:"missing,omitempty"`
}

// SourceReference names a GatewaySource.
type SourceReference struct {
	// Name of the source.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// Namespace defaults to the metric's own.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
}

// PresetMetric is a metric of the vocabulary that all presets share. It is what
// the expression gateway.METRIC({LABEL = "VALUE"}, "WINDOW", by("LABEL")) is.
type PresetMetric struct {
	// Metric of the vocabulary.
	//
	// +kubebuilder:validation:Enum=requests_per_second;error_ratio;latency_p50_seconds;latency_p90_seconds;latency_p95_seconds;latency_p99_seconds;upstream_latency_p95_seconds;active_connections;in_flight_requests;queue_depth;prompt_tokens_per_second;completion_tokens_per_second;tokens_per_second;time_to_first_token_p95_seconds;time_per_output_token_p95_seconds;running_requests;waiting_requests;kv_cache_utilization;gpu_utilization;cost_per_second
	Metric string `json:"metric"`
	// Labels that the series have, of the vocabulary or of the target, and their values.
	//
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(name, name in ['service', 'route', 'model', 'consumer', 'upstream', 'queue', 'pod', 'namespace', 'node', 'instance', 'source'])",message="not a label of the vocabulary; choose of service, route, model, consumer, upstream, queue, pod, namespace, node, instance, source"
	Labels map[string]string `json:"labels,omitempty"`
	// By: one item for each value of these labels, of the vocabulary or of the target;
	// upstream_pod is the pod that has the upstream's address.
	//
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:Enum=service;route;model;consumer;upstream;queue;pod;namespace;node;instance;source;upstream_pod
	// +listType=set
	By []string `json:"by,omitempty"`
	// Window that rates and percentiles look back over; default that of the preset, 1m
	// of most.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="not longer than 0; write how far to look back, such as 1m"
	Window *metav1.Duration `json:"window,omitempty"`
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
	// a segment of the API's path. One metric of a namespace may have it. Not
	// status and not finalize, which the API server takes for the namespace's own.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_:][A-Za-z0-9_.:-]*$')",message="not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -"
	// +kubebuilder:validation:XValidation:rule="!(self in ['status', 'finalize'])",message="the API server takes a path that ends so for the namespace's own; choose another name"
	Name string `json:"name"`
}

// PodsMetric is a name in custom.metrics.k8s.io, of pods.
type PodsMetric struct {
	// Name, as that of ExternalMetric. One metric of a namespace may have it for pods.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_:][A-Za-z0-9_.:-]*$')",message="not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -"
	Name string `json:"name"`
}

// ObjectMetric is a name in custom.metrics.k8s.io, of objects of one resource.
type ObjectMetric struct {
	// Name, as that of ExternalMetric. One metric of a namespace may have it for
	// the resource.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_:][A-Za-z0-9_.:-]*$')",message="not a metric name; begin with a letter, _ or : and go on with letters, digits and _ . : -"
	Name string `json:"name"`
	// Resource is a namespaced resource in the plural, with its group unless that
	// is the core group: services, ingresses.networking.k8s.io,
	// httproutes.gateway.networking.k8s.io. Not pods: that is what Pods is for.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="not a resource; write its plural in lower case with its group, such as services or ingresses.networking.k8s.io"
	// +kubebuilder:validation:XValidation:rule="self != 'pods'",message="pods are served by the metric's field pods; write pods: {name: ...} instead of object"
	Resource string `json:"resource"`
	// Label whose value is the object's name.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_.:/-]*$') && self != '__name__'",message="not a label; write the one that names the object, such as service"
	Label string `json:"label"`
}

// Idle says when a percentile of no observations is 0.
type Idle struct {
	// After this time without observations the answer is 0; until then it is
	// the last value. Longer than 0.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="not longer than 0; write how long a percentile without observations holds its last value, such as 5m"
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
//
// +kubebuilder:validation:XValidation:rule="!has(self.policy) || self.policy != 'Hold' || has(self.__for__)",message="policy Hold needs an end; write for: 2m"
// +kubebuilder:validation:XValidation:rule="!has(self.__for__) || (has(self.policy) && self.policy == 'Hold')",message="only policy Hold uses for; remove it or write policy: Hold"
// +kubebuilder:validation:XValidation:rule="!has(self.policy) || self.policy != 'Value' || has(self.value)",message="policy Value needs the number to answer; write value: \"10\""
// +kubebuilder:validation:XValidation:rule="!has(self.value) || (has(self.policy) && self.policy == 'Value')",message="only policy Value uses value; remove it or write policy: Value"
type Missing struct {
	// Policy; default Error.
	Policy MissingPolicy `json:"policy,omitempty"`
	// For is how long Hold repeats the last value. Required by Hold, else absent.
	//
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s')",message="not longer than 0; write how long to repeat the last value, such as 2m"
	For *metav1.Duration `json:"for,omitempty"`
	// Value is what Value answers. Required by Value, else absent.
	//
	// +kubebuilder:validation:XValidation:rule="type(self) == int || self.matches('^[+-]?[0-9.]{1,30}([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$') && isQuantity(self)",message="not a number; write it in quotes, if need be with a suffix, such as \"10\" or 500m"
	Value *resource.Quantity `json:"value,omitempty"`
}

// GatewayMetricStatus is what became of a metric. It trails what the metrics
// APIs answer: the value is written at most every 30 s, the rest on transitions.
type GatewayMetricStatus struct {
	// ObservedGeneration is the generation that the conditions are about.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Accepted, Fresh.
	//
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// State of the answer: Fresh, Partial, Idle, Held, Substituted, Warming or Missing.
	State string `json:"state,omitempty"`
	// Reason says in words why the state is not Fresh.
	Reason string `json:"reason,omitempty"`
	// Value of the only element; of several, how many there are and their range.
	Value string `json:"value,omitempty"`
	// SampleTime is the time of the samples that Value was computed from.
	SampleTime *metav1.Time `json:"sampleTime,omitempty"`
	// Coverage is covered/expected targets, such as 3/3.
	Coverage string `json:"coverage,omitempty"`
	// LastGoodSpec is the spec in use while the present one is not accepted, so
	// that a restart keeps it.
	//
	// +kubebuilder:pruning:PreserveUnknownFields
	LastGoodSpec *runtime.RawExtension `json:"lastGoodSpec,omitempty"`
}
