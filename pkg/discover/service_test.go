package discover

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newService returns the Service kong of a namespace, with the ports admin, 80,
// and metrics, 9000.
func newService(namespace string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kong"},
		Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7"}, Ports: []corev1.ServicePort{
			{Name: "admin", Port: 80}, {Name: "metrics", Port: 9000}, {Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
		}},
	}
}

// newSlice returns an EndpointSlice of the Service kong, which maps its ports to
// 8001 and 8100.
func newSlice(namespace, name string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "kong"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   endpoints,
		Ports: []discoveryv1.EndpointPort{
			{Name: ptr.To("admin"), Port: ptr.To[int32](8001)}, {Name: ptr.To("metrics"), Port: ptr.To[int32](8100), Protocol: ptr.To(corev1.ProtocolTCP)},
		},
	}
	for _, e := range endpoints {
		if strings.Contains(strings.Join(e.Addresses, ""), ":") {
			s.AddressType = discoveryv1.AddressTypeIPv6
		}
	}
	return s
}

// endpoint returns one of a pod of namespace shop.
func endpoint(ip, pod string, change ...func(*discoveryv1.Endpoint)) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{
		Addresses: []string{ip},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: pod, UID: types.UID("shop." + pod)},
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

func TestService(t *testing.T) {
	t.Parallel()
	notReady := func(e *discoveryv1.Endpoint) { e.Conditions.Ready = ptr.To(false) }
	going := func(e *discoveryv1.Endpoint) {
		notReady(e)
		e.Conditions.Terminating = ptr.To(true)
	}
	a, slice := newPod("shop", "a", "10.0.0.1", 0), newSlice("shop", "kong-1", endpoint("10.0.0.1", "a"))
	at := func(port string) []string {
		return []string{"shop.a:" + port + " http://10.0.0.1:" + port + "/metrics expected"}
	}
	for _, test := range []struct {
		name     string
		port     string
		objects  []client.Object
		want     []string
		problems []string
	}{
		{name: "no Service", objects: []client.Object{a, slice}, problems: []string{"Service shop/kong does not exist: create it, or correct spec.service.name"}},
		{
			name: "no endpoints", objects: []client.Object{newService("shop"), newSlice("shop", "kong-1")},
			problems: []string{"Service shop/kong has no endpoints: no running pod matches its selector"},
		},
		{name: "port by name", port: "metrics", objects: []client.Object{newService("shop"), a, slice}, want: at("8100")},
		{name: "port by the Service's number", port: "9000", objects: []client.Object{newService("shop"), a, slice}, want: at("8100")},
		{name: "another port by number", port: "80", objects: []client.Object{newService("shop"), a, slice}, want: at("8001")},
		{name: "a pod's port that the Service lacks", port: "proxy", objects: []client.Object{newService("shop"), a, slice}, want: at("8000")},
		{name: "a pod's port by number", port: "8100", objects: []client.Object{newService("shop"), a, slice}, want: at("8100")},
		{name: "UDP does not count", port: "53", objects: []client.Object{newService("shop"), a, slice}, want: at("53")},
		{
			name: "no such port", port: "nope", objects: []client.Object{newService("shop"), a, slice},
			problems: []string{`pod shop/a is not scraped: Service kong has no port nope, and of the pod: it has no TCP port named "nope": it has proxy, status`},
		},
		{
			name: "a single port without a name", port: "9000",
			objects: []client.Object{
				func() client.Object {
					s := newService("shop")
					s.Spec.Ports = []corev1.ServicePort{{Port: 9000}}
					return s
				}(), a, func() client.Object {
					s := slice.DeepCopy()
					s.Ports = []discoveryv1.EndpointPort{{Name: ptr.To(""), Port: ptr.To[int32](8100)}}
					return s
				}(),
			},
			want: at("8100"),
		},
		{
			name: "pods without the Service's target port",
			objects: []client.Object{newService("shop"), a, func() client.Object {
				s := slice.DeepCopy()
				s.Ports = nil
				return s
			}()},
			problems: []string{"EndpointSlice shop/kong-1 is not used: its pods do not have the target of port metrics of Service kong"},
		},
		{
			name: "several slices, of both families, each pod once",
			objects: []client.Object{
				newService("shop"), newPod("shop", "a", "10.0.0.1,2001:db8::1", 0), newPod("shop", "b", "2001:db8::2,10.0.0.2", 0),
				newPod("shop", "c", "10.0.0.3", 0),
				newSlice("shop", "kong-1", endpoint("10.0.0.1", "a"), endpoint("10.0.0.2", "b")),
				newSlice("shop", "kong-2", endpoint("2001:db8::1", "a"), endpoint("2001:db8::2", "b")),
				newSlice("shop", "kong-3", endpoint("10.0.0.3", "c")),
			},
			want: []string{
				"shop.a:8100 http://10.0.0.1:8100/metrics expected",
				"shop.b:8100 http://[2001:db8::2]:8100/metrics expected",
				"shop.c:8100 http://10.0.0.3:8100/metrics expected",
			},
		},
		{
			name: "the only family of an IPv6 Service",
			objects: []client.Object{
				newService("shop"), newPod("shop", "a", "10.0.0.1,2001:db8::1", 0), newSlice("shop", "kong-2", endpoint("2001:db8::1", "a")),
			},
			want: []string{"shop.a:8100 http://[2001:db8::1]:8100/metrics expected"},
		},
		{
			name: "the other address where the primary one is refused",
			objects: []client.Object{
				newService("shop"), newPod("shop", "a", "169.254.0.1,2001:db8::1", 0),
				newSlice("shop", "kong-1", endpoint("169.254.0.1", "a")), newSlice("shop", "kong-2", endpoint("2001:db8::1", "a")),
			},
			want: []string{"shop.a:8100 http://[2001:db8::1]:8100/metrics expected"},
		},
		{
			name: "Ready or not, never Ready, going, ended",
			objects: []client.Object{
				newService("shop"),
				newPod("shop", "b", "10.0.0.2", 0, conditions(corev1.ConditionFalse, 60)), newPod("shop", "c", "10.0.0.3", 0, neverReady),
				newPod("shop", "d", "10.0.0.4", 0, deleted), newPod("shop", "e", "10.0.0.5", 0, phase(corev1.PodFailed)),
				newSlice("shop", "kong-1", endpoint("10.0.0.2", "b", notReady), endpoint("10.0.0.3", "c", notReady),
					endpoint("10.0.0.4", "d", going), endpoint("10.0.0.5", "e", notReady)),
			},
			want: []string{
				"shop.b:8100 http://10.0.0.2:8100/metrics expected",
				"shop.c:8100 http://10.0.0.3:8100/metrics",
				"shop.d:8100 http://10.0.0.4:8100/metrics expected terminating",
			},
		},
		{
			name: "another Service's slices and another namespace's do not count",
			objects: []client.Object{newService("shop"), a, newSlice("bank", "kong-1", endpoint("10.0.0.1", "a")), func() client.Object {
				s := slice.DeepCopy()
				s.Labels[discoveryv1.LabelServiceName] = "other"
				return s
			}()},
			problems: []string{"Service shop/kong has no endpoints"},
		},
		{
			name: "forged endpoints",
			objects: []client.Object{
				newService("shop"), a, newPod("bank", "vault", "10.0.0.7", 0),
				newSlice("shop", "forged",
					endpoint("10.0.0.11", "a", func(e *discoveryv1.Endpoint) { e.TargetRef = nil }),
					endpoint("10.0.0.12", "a", func(e *discoveryv1.Endpoint) { e.TargetRef.Kind = "Node" }),
					endpoint("10.0.0.13", "vault", func(e *discoveryv1.Endpoint) { e.TargetRef.Namespace = "bank" }),
					endpoint("10.0.0.14", "vault"),
					endpoint("10.0.0.15", "a", func(e *discoveryv1.Endpoint) { e.TargetRef.UID = "other" }),
					endpoint("", "a", func(e *discoveryv1.Endpoint) { e.Addresses = nil }),
				),
			},
			problems: []string{
				"endpoint  is not used: it has no address",
				"endpoint 10.0.0.11 is not used: it does not refer to a pod",
				"endpoint 10.0.0.12 is not used: it does not refer to a pod",
				"endpoint 10.0.0.13 is not used: it refers to a pod of another namespace",
				"endpoint 10.0.0.14 is not used: pod vault does not exist (any more)",
				"endpoint 10.0.0.15 is not used: pod a does not exist (any more)",
			},
		},
		{
			name: "a pod's endpoint with an address that is not the pod's: it is expected and not scraped",
			objects: []client.Object{newService("shop"), a, newPod("bank", "vault", "10.0.0.7", 0), func() client.Object {
				e := endpoint("10.0.0.1", "a")
				e.Addresses = append(e.Addresses, "10.0.0.7")
				return newSlice("shop", "forged", e)
			}()},
			want:     []string{"shop.a:8100 - expected"},
			problems: []string{"EndpointSlice shop/forged, endpoint 10.0.0.1,10.0.0.7 is not used: this is no address of pod a"},
		},
		{
			name: "a forged endpoint does not take the place of a true one",
			objects: []client.Object{
				newService("shop"), a, newSlice("shop", "a-forged", endpoint("10.0.0.7", "a")), slice,
				newSlice("shop", "z-forged", endpoint("10.0.0.8", "a")),
			},
			want:     at("8100"),
			problems: []string{"a-forged, endpoint 10.0.0.7", "z-forged, endpoint 10.0.0.8"},
		},
		{
			name: "forged endpoint and status",
			objects: []client.Object{
				newService("shop"), newPod("bank", "vault", "10.0.0.7", 0), forged("10.0.0.7", 5),
				newSlice("shop", "forged", endpoint("10.0.0.7", "forged")),
			},
			want:     []string{"shop.forged:8100 - expected"},
			problems: []string{"pod shop/forged is not scraped at 10.0.0.7: a pod of another namespace has it and claimed it first"},
		},
		{
			name: "names of hosts",
			objects: []client.Object{newService("shop"), a, func() client.Object {
				s := newSlice("shop", "forged", endpoint("metadata.internal", "a"))
				s.AddressType = discoveryv1.AddressTypeFQDN
				return s
			}()},
			problems: []string{"EndpointSlice shop/forged is not used: its addresses are of type FQDN"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := test.port
			if port == "" {
				port = "metrics"
			}
			d := newFakeCache(t, test.objects...).cluster().discoverer(t, serviceSource("shop", port))
			expect(t, d, test.want, test.problems...)
		})
	}
}

func TestServiceFollowsItsObjects(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t)
	d := c.cluster().discoverer(t, serviceSource("shop", "metrics"))
	missing, empty := "Service shop/kong does not exist", "Service shop/kong has no endpoints"
	expect(t, d, nil, missing)
	c.set(newService("shop"))
	expect(t, d, nil, empty)
	c.set(newPod("shop", "a", "10.0.0.1", 0))
	c.set(newSlice("shop", "kong-1", endpoint("10.0.0.1", "a")))
	expect(t, d, []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"})
	c.set(newSlice("shop", "kong-1"))
	expect(t, d, nil, empty)
	c.set(newSlice("shop", "kong-1", endpoint("10.0.0.1", "a")))
	c.remove(newSlice("shop", "kong-1"))
	expect(t, d, nil, empty)
	c.remove(newService("shop"))
	expect(t, d, nil, missing)
}
