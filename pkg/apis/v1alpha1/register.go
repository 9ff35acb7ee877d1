package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of this package's objects.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: Version}

// AddToScheme makes the types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &GatewaySource{}, &GatewaySourceList{}, &GatewayMetric{}, &GatewayMetricList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
