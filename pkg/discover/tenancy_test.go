package discover

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	vault       = "bank.vault:8100 http://10.0.0.7:8100/metrics expected"
	vaultUnseen = "bank.vault:8100 - expected"
)

// forged is a pod of namespace shop, created at a time, with this address.
func forged(ip string, created int, change ...func(*corev1.Pod)) *corev1.Pod {
	return newPod("shop", "forged", ip, created, change...)
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	f := func(ip, problem string, change ...func(*corev1.Pod)) {
		t.Helper()
		d := newFakeCache(t, forged(ip, 0, change...)).cluster().discoverer(t, podSource("shop", "status"))
		expect(t, d, []string{"shop.forged:8100 - expected"}, "pod shop/forged is not scraped at "+ip+": "+problem)
	}
	f("127.0.0.1", "it is a loopback address")
	f("127.9.9.9", "it is a loopback address")
	f("::1", "it is a loopback address")
	f("169.254.169.254", "it is a link-local address")
	f("fe80::1", "it is a link-local address")
	f("fe80::1%eth0", "it has a zone")
	f("0.0.0.0", "it is the unspecified address")
	f("::", "it is the unspecified address")
	f("224.0.0.1", "it is a multicast or broadcast address")
	f("255.255.255.255", "it is a multicast or broadcast address")
	f("ff02::1", "it is a multicast or broadcast address")
	f("fd00:ec2::254", "it is the address of a cloud's metadata server")
	f("10.0.0.7", "the pod is on no node", noNode)
	f("10.0.0.7", "the pod has hostNetwork, and this is not the address of its node", hostNetwork)
	// Hidden in IPv6.
	d := newFakeCache(t, forged("::ffff:169.254.169.254", 0)).cluster().discoverer(t, podSource("shop", "status"))
	expect(t, d, []string{"shop.forged:8100 - expected"}, "at 169.254.169.254: it is a link-local address")
}

func TestForgedAddresses(t *testing.T) {
	t.Parallel()
	const another = "a pod of another namespace has it and claimed it first"
	const unknown = "several pods or nodes claim it, and which was first is not known"
	for _, test := range []struct {
		name string
		// before are there when gaugeway starts, in the order of their writing.
		before []client.Object
		after  []client.Object
		// bank is what its source has, problem what shop's is refused for.
		bank, bankProblem, problem string
	}{
		{
			name:   "a new pod claims the address of another",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("10.0.0.7", 20)},
			bank:   vault, problem: another,
		},
		{
			name:   "an old pod claims the address of a new one",
			before: []client.Object{forged("10.0.0.9", 0), newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("10.0.0.7", 0)},
			bank:   vault, problem: another,
		},
		{
			name:   "the pod is written again after the forgery",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("10.0.0.7", 0), newPod("bank", "vault", "10.0.0.7", 10, label("app", "kong"))},
			bank:   vault, problem: another,
		},
		{
			name:   "a secondary address is claimed",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("10.0.0.7,2001:db8::1", 20)},
			bank:   vault, problem: another,
		},
		{
			name:   "while the pod is being deleted",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10, deleted)},
			after:  []client.Object{forged("10.0.0.7", 20)},
			bank:   vault + " terminating", problem: another,
		},
		{
			name:   "before the start, by a younger pod",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10), forged("10.0.0.7", 20)},
			bank:   vault, problem: another,
		},
		{
			name:   "before the start, by a pod of the same second",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10), forged("10.0.0.7", 10)},
			bank:   vault, problem: another,
		},
		{
			// The forger's pod is older, but was written later. Nobody gets the
			// address, and the bank's load is not read as lost.
			name:   "before the start, by an older pod",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10), forged("10.0.0.7", 0)},
			bank:   vaultUnseen, bankProblem: unknown, problem: unknown,
		},
		{
			name:   "as the address of its node",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("10.0.0.7", 20, hostNetwork, host("node-9", "10.0.0.7"))},
			bank:   vault, problem: another,
		},
		{
			name:   "a node's address",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("192.0.2.1", 20)},
			bank:   vault, problem: "it is the address of a node, and the pod does not have hostNetwork",
		},
		{
			name:   "another node's address",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("192.0.2.1", 20, hostNetwork, host("node-2", "192.0.2.1"))},
			bank:   vault, problem: "it is the address of another node",
		},
		{
			name:   "the address of the node that it says it is on, and only it",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10)},
			after:  []client.Object{forged("192.0.2.2", 20, host("node-2", "192.0.2.2"))},
			bank:   vault, problem: unknown,
		},
		{
			name: "the address of a Service",
			before: []client.Object{newPod("bank", "vault", "10.0.0.7", 10), &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"},
				Spec:       corev1.ServiceSpec{ClusterIP: "10.96.0.1", ClusterIPs: []string{"10.96.0.1"}},
			}},
			after: []client.Object{forged("10.96.0.1", 20)},
			bank:  vault, problem: "it is the address of a Service",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newFakeCache(t, test.before...)
			cluster := c.cluster()
			shop, bank := cluster.discoverer(t, podSource("shop", "status")), cluster.discoverer(t, podSource("bank", "status"))
			shop.Targets() // built before the forgery
			bank.Targets()
			for _, o := range test.after {
				c.set(o)
			}
			forger := []string{"shop.forged:8100 - expected"}
			expect(t, shop, forger, test.problem)
			var told []string
			if test.bankProblem != "" {
				told = []string{test.bankProblem}
			}
			expect(t, bank, []string{test.bank}, told...)

			// Without the forgery, all is well again.
			c.remove(forged("", 0))
			expect(t, bank, []string{restored(test.bank)})
			expect(t, shop, nil, "no pod of its namespace matches spec.pods.selector")
		})
	}
}

// restored returns a target as it is when no claim is in its way.
func restored(target string) string {
	if target == vaultUnseen {
		return vault
	}
	return target
}

func TestAnAddressIsFreeWhenItsPodHasFinished(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t, newPod("bank", "vault", "10.0.0.7", 0))
	d := c.cluster().discoverer(t, podSource("shop", "status"))
	c.set(newPod("shop", "a", "10.0.0.7", 5))
	expect(t, d, []string{"shop.a:8100 - expected"}, "a pod of another namespace has it and claimed it first")
	c.set(newPod("bank", "vault", "10.0.0.7", 0, phase(corev1.PodSucceeded)))
	expect(t, d, []string{"shop.a:8100 http://10.0.0.7:8100/metrics expected"})
}

// A pod that no node runs could claim addresses for as long as it waits.
func TestAPodOnNoNodeClaimsNothing(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t, forged("10.0.0.7", 0, noNode, host("", "10.0.0.7")))
	cluster := c.cluster()
	c.set(newPod("bank", "vault", "10.0.0.7", 5))
	expect(t, cluster.discoverer(t, podSource("bank", "status")), []string{vault})
	expect(t, cluster.discoverer(t, podSource("shop", "status")), []string{"shop.forged:8100 - expected"}, "the pod is on no node")
}

func TestAnAddressUsedAgainInANamespace(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t, newPod("shop", "a", "10.0.0.1", 0))
	d := c.cluster().discoverer(t, podSource("shop", "status"))
	c.set(newPod("shop", "a", "10.0.0.1", 0, deleted))
	c.set(newPod("shop", "b", "10.0.0.1", 5, neverReady))
	expect(t, d, []string{"shop.b:8100 http://10.0.0.1:8100/metrics"}, "pod shop/a is not scraped at 10.0.0.1: it belongs to the pod b now")
	c.remove(newPod("shop", "a", "", 0))
	expect(t, d, []string{"shop.b:8100 http://10.0.0.1:8100/metrics"})
}

func TestServicesComeAndGo(t *testing.T) {
	t.Parallel()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "bank", Name: "web"},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}},
	}
	c := newFakeCache(t, newPod("shop", "a", "10.0.0.1", 0))
	cluster := c.cluster()
	d := cluster.discoverer(t, podSource("shop", "status"))
	seen := []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"}
	expect(t, d, seen)
	c.set(service)
	expect(t, d, []string{"shop.a:8100 - expected"}, "it is the address of a Service")
	if _, ok := cluster.PodOf("shop", "10.0.0.1"); ok {
		t.Error("the address of a Service is a pod's")
	}
	service.Labels = map[string]string{"a": "b"}
	c.set(service)
	service.Spec.ClusterIP, service.Spec.ClusterIPs = "", nil
	c.set(service)
	expect(t, d, seen)
	c.remove(service)
	expect(t, d, seen)
	if len(cluster.addresses.services) != 0 {
		t.Errorf("Services that are gone are remembered: %v", cluster.addresses.services)
	}
}

// Resource versions that are no numbers order nothing: nobody gets an address
// that two claim.
func TestClaimsWithoutAnOrder(t *testing.T) {
	t.Parallel()
	a := newAddresses()
	for _, p := range []*corev1.Pod{newPod("bank", "vault", "10.0.0.7", 0), forged("10.0.0.7", 5)} {
		p.ResourceVersion = "abc"
		a.setPod(p, false)
	}
	for _, namespace := range []string{"bank", "shop"} {
		if name, ok := a.podOf(namespace, parseAddress("10.0.0.7")); ok {
			t.Errorf("%s has it: %s", namespace, name)
		}
	}
}
