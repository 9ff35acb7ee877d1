package discover

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// addService adds the pods behind the source's Service.
//
// Anybody in the namespace may write EndpointSlices, so an endpoint counts only
// if it refers to a pod of the namespace and has an address of that pod.
func (b *builder) addService() {
	service, err := b.findService()
	if err != nil {
		b.problem("reading the Services of namespace %s: %v", b.namespace, err)
		return
	}
	if service == nil {
		b.problem("Service %s/%s does not exist: create it, or correct spec.service.name", b.namespace, b.service)
		return
	}
	var list discoveryv1.EndpointSliceList
	err = b.cluster.list(&list, client.InNamespace(b.namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: b.service})
	if err != nil {
		b.problem("reading the EndpointSlices of Service %s/%s: %v", b.namespace, b.service, err)
		return
	}
	port := servicePort(service, b.port)
	slices.SortFunc(list.Items, func(x, y discoveryv1.EndpointSlice) int { return strings.Compare(x.Name, y.Name) })
	endpoints := 0
	for i := range list.Items {
		endpoints += len(list.Items[i].Endpoints)
		b.addSlice(&list.Items[i], port)
	}
	if endpoints == 0 {
		b.problem("Service %s/%s has no endpoints: no running pod matches its selector", b.namespace, b.service)
	}
}

// findService returns the source's Service, or nil.
func (b *builder) findService() (*corev1.Service, error) {
	var service corev1.Service
	err := b.cluster.reader.Get(context.Background(), client.ObjectKey{Namespace: b.namespace, Name: b.service},
		&service, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return &service, err
}

// servicePort returns the port of a Service that has this name or number, or nil.
func servicePort(s *corev1.Service, port intstr.IntOrString) *corev1.ServicePort {
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if !isTCP(p.Protocol) {
			continue
		}
		if port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.Port == port.IntVal {
			return p
		}
	}
	return nil
}

// slicePort returns the number to which an EndpointSlice maps a port of its
// Service, 0 if it does not have the port.
func slicePort(s *discoveryv1.EndpointSlice, name string) int32 {
	for _, p := range s.Ports {
		named := p.Name != nil && *p.Name == name || p.Name == nil && name == ""
		if named && p.Port != nil && (p.Protocol == nil || isTCP(*p.Protocol)) && *p.Port >= 1 && *p.Port <= 65535 {
			return *p.Port
		}
	}
	return 0
}

// addSlice adds the pods of an EndpointSlice: at a port of the Service or, where
// that is nil, at a port of each pod.
func (b *builder) addSlice(s *discoveryv1.EndpointSlice, port *corev1.ServicePort) {
	if len(s.Endpoints) == 0 {
		return
	}
	if s.AddressType != discoveryv1.AddressTypeIPv4 && s.AddressType != discoveryv1.AddressTypeIPv6 {
		b.problem("EndpointSlice %s/%s is not used: its addresses are of type %s", s.Namespace, s.Name, s.AddressType)
		return
	}
	var number int32
	if port != nil {
		if number = slicePort(s, port.Name); number == 0 {
			b.problem("EndpointSlice %s/%s is not used: its pods do not have the target of port %s of Service %s",
				s.Namespace, s.Name, b.port.String(), b.service)
			return
		}
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		p, at, why := b.endpointPod(e)
		if why != "" {
			b.problem("EndpointSlice %s/%s, endpoint %s is not used: %s", s.Namespace, s.Name, strings.Join(e.Addresses, ","), why)
		}
		if p == nil {
			continue
		}
		to := number
		if port == nil {
			var err error
			if to, err = podPort(p, b.port); err != nil {
				b.problem("pod %s/%s is not scraped: Service %s has no port %s, and of the pod: %v",
					p.Namespace, p.Name, b.service, b.port.String(), err)
				continue
			}
		}
		b.add(p, to, at)
	}
}

// endpointPod returns the pod of an endpoint that has not finished, nil if there
// is none, and the endpoint's address, not valid if it is not the pod's. Where
// one of them is missing, it says why, unless the pod has finished.
func (b *builder) endpointPod(e *discoveryv1.Endpoint) (p *corev1.Pod, at netip.Addr, why string) {
	ref := e.TargetRef
	switch {
	case ref == nil || ref.Kind != "Pod":
		return nil, at, "it does not refer to a pod"
	case ref.Namespace != "" && ref.Namespace != b.namespace:
		return nil, at, "it refers to a pod of another namespace"
	case len(e.Addresses) == 0:
		return nil, at, "it has no address"
	}
	p = b.pods.find(ref.Name)
	switch {
	case p == nil || ref.UID != "" && ref.UID != p.UID:
		return nil, at, "pod " + ref.Name + " does not exist (any more)"
	case finished(p):
		return nil, at, ""
	}
	own := podAddresses(p)
	for _, address := range e.Addresses {
		if !slices.Contains(own, parseAddress(address)) {
			return p, at, "this is no address of pod " + p.Name
		}
	}
	return p, parseAddress(e.Addresses[0]), ""
}
