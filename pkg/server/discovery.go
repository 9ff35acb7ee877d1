package server

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta1"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
)

// completeDiscovery makes the server list what it serves. The library serves
// two versions of custom.metrics.k8s.io and lists the older one only, so that
// clients which look for a version would never use the newer; and its own /apis
// has an aggregated form that it keeps empty, since names of metrics come and
// go: clients that ask for it would see no API at all. With the plain form
// alone they go on to ask each group.
func completeDiscovery(server *genericapiserver.GenericAPIServer) error {
	group := metav1.APIGroup{
		Name:             v1beta2.GroupName,
		Versions:         []metav1.GroupVersionForDiscovery{discoverable(v1beta2.SchemeGroupVersion), discoverable(v1beta1.SchemeGroupVersion)},
		PreferredVersion: discoverable(v1beta2.SchemeGroupVersion),
	}
	container := server.Handler.GoRestfulContainer
	listing := discovery.NewAPIGroupHandler(server.Serializer, group).WebService()
	if err := container.Remove(listing); err != nil { // that of the same path
		return fmt.Errorf("replace the list of versions of %s: %w", group.Name, err)
	}
	container.Add(listing)
	server.DiscoveryGroupManager.AddGroup(group)
	container.Add(server.DiscoveryGroupManager.WebService())
	return nil
}

func discoverable(version schema.GroupVersion) metav1.GroupVersionForDiscovery {
	return metav1.GroupVersionForDiscovery{GroupVersion: version.String(), Version: version.Version}
}
