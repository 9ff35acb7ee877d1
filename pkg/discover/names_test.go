package discover

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
)

var everything = k8slabels.Everything()

func TestPodNames(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t,
		newPod("shop", "b", "10.0.0.2", 0), newPod("shop", "a", "", 0, phase(corev1.PodPending)),
		newPod("shop", "c", "10.0.0.3", 0, label("app", "nginx")), newPod("shop", "d", "10.0.0.4", 0, phase(corev1.PodFailed)),
		newPod("elsewhere", "x", "10.0.0.5", 0))
	cluster := c.cluster()
	f := func(namespace, selector string, want ...string) {
		t.Helper()
		s, err := k8slabels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cluster.PodNames(namespace, s); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s %q: %q, %v, want %q", namespace, selector, got, err, want)
		}
	}
	f("shop", "", "a", "b", "c")
	f("shop", "app=kong", "a", "b")
	f("shop", "app notin (kong)", "c")
	f("elsewhere", "", "x")
	f("nowhere", "")
	if _, kept := cluster.views.Load("nowhere"); kept {
		t.Error("a namespace without pods takes memory for being asked for")
	}
	c.remove(newPod("shop", "c", "", 0))
	f("shop", "", "a", "b")
}

func TestPodOf(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t,
		newPod("shop", "a", "10.0.0.1,2001:db8::1", 0),
		newPod("shop", "host", "192.0.2.1", 0, hostNetwork),
		newPod("shop", "failed", "10.0.0.3", 0, phase(corev1.PodFailed)),
		newPod("shop", "forged", "10.0.0.9", 1),
		newPod("bank", "vault", "10.0.0.7", 0))
	cluster := c.cluster()
	c.set(newPod("shop", "forged", "10.0.0.7", 1))
	f := func(namespace, address, want string) {
		t.Helper()
		if got, ok := cluster.PodOf(namespace, address); got != want || ok != (want != "") {
			t.Errorf("%s in %s: %q, %t, want %q", address, namespace, got, ok, want)
		}
	}
	f("shop", "10.0.0.1", "a")
	f("shop", "10.0.0.1:8000", "a")
	f("shop", "::ffff:10.0.0.1", "a")
	f("shop", "2001:db8::1", "a")
	f("shop", "[2001:db8::1]", "a")
	f("shop", "[2001:db8::1]:8000", "a")
	f("shop", "10.0.0.2", "")
	f("bank", "10.0.0.1", "")
	f("shop", "192.0.2.1", "")
	f("shop", "10.0.0.3", "")
	f("shop", "10.0.0.7", "")
	f("bank", "10.0.0.7", "vault")
	f("shop", "10.0.0.9", "") // no longer claimed
	f("shop", "", "")
	f("shop", "kong.shop.svc:80", "")
	f("shop", "unix:/run/kong.sock", "")
	f("shop", "10.0.0.1:", "a")

	// A pod that takes over the address of one that is going.
	c.set(newPod("shop", "a", "10.0.0.1", 0, deleted))
	c.set(newPod("shop", "b", "10.0.0.1", 5))
	f("shop", "10.0.0.1", "b")
}
