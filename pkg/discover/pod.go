package discover

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// finished reports whether a pod's containers have ended for good: nothing is
// behind its address any more, and the address may be another pod's.
func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// terminating reports whether a pod is being deleted.
func terminating(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }

// ready reports whether a pod is Ready now.
func ready(p *corev1.Pod) bool {
	c := condition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// wasReady reports whether a pod is Ready or, by its conditions, has been.
//
// The kubelet sets all conditions when it first sees a pod, Ready as False.
// Until the pod becomes Ready, that time stays, and Initialized and
// PodReadyToStartContainers turn at the same time or later. So a Ready that is
// not True but turned after one of them did has been True in between. Times are
// whole seconds: a pod that was Ready for less than one may be missed, and so may
// one whose node restarted, which makes the other conditions turn again. Both
// matter only to a gaugeway that started since: a Cluster remembers the pods that
// it has seen Ready.
func wasReady(p *corev1.Pod) bool {
	r := condition(p, corev1.PodReady)
	if r == nil {
		return false
	}
	if r.Status == corev1.ConditionTrue {
		return true
	}
	for _, other := range [...]corev1.PodConditionType{corev1.PodInitialized, corev1.PodReadyToStartContainers} {
		if c := condition(p, other); c != nil && r.LastTransitionTime.After(c.LastTransitionTime.Time) {
			return true
		}
	}
	return false
}

// condition returns a pod's condition of a type, or nil.
func condition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == kind {
			return c
		}
	}
	return nil
}

// podPort returns the number of a pod's port, given by number or by the name of
// a TCP port of a container or a sidecar. The error says what names there are.
func podPort(p *corev1.Pod, port intstr.IntOrString) (int32, error) {
	if port.Type == intstr.Int {
		if port.IntVal < 1 || port.IntVal > 65535 {
			return 0, fmt.Errorf("%d is no port: give a number from 1 to 65535, or a name", port.IntVal)
		}
		return port.IntVal, nil
	}
	var names []string
	find := func(c *corev1.Container) int32 {
		for _, q := range c.Ports {
			if q.Name == "" || !isTCP(q.Protocol) {
				continue
			}
			if q.Name == port.StrVal {
				return q.ContainerPort
			}
			names = append(names, q.Name)
		}
		return 0
	}
	for i := range p.Spec.Containers {
		if number := find(&p.Spec.Containers[i]); number != 0 {
			return number, nil
		}
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			continue // it has ended when the pod runs
		}
		if number := find(c); number != 0 {
			return number, nil
		}
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("it has no TCP port with a name, and so none named %q: give the number", port.StrVal)
	}
	slices.Sort(names)
	return 0, fmt.Errorf("it has no TCP port named %q: it has %s", port.StrVal, strings.Join(slices.Compact(names), ", "))
}

// isTCP reports whether a port speaks TCP, which is the default.
func isTCP(p corev1.Protocol) bool { return p == "" || p == corev1.ProtocolTCP }

// podAddress returns the primary address of a pod; it is not valid where the pod
// has none.
func podAddress(p *corev1.Pod) netip.Addr {
	if p.Status.PodIP != "" {
		return parseAddress(p.Status.PodIP)
	}
	if len(p.Status.PodIPs) > 0 {
		return parseAddress(p.Status.PodIPs[0].IP)
	}
	return netip.Addr{}
}

// podAddresses returns all addresses that a pod's status claims for the pod.
func podAddresses(p *corev1.Pod) []netip.Addr {
	out := make([]netip.Addr, 0, 2)
	out = appendAddress(out, p.Status.PodIP)
	for _, ip := range p.Status.PodIPs {
		out = appendAddress(out, ip.IP)
	}
	return out
}

// hostAddresses returns all addresses that a pod's status claims for its node.
func hostAddresses(p *corev1.Pod) []netip.Addr {
	out := make([]netip.Addr, 0, 2)
	out = appendAddress(out, p.Status.HostIP)
	for _, ip := range p.Status.HostIPs {
		out = appendAddress(out, ip.IP)
	}
	return out
}

// appendAddress appends an address unless it is none or there already.
func appendAddress(out []netip.Addr, s string) []netip.Addr {
	if a := parseAddress(s); a.IsValid() && !slices.Contains(out, a) {
		return append(out, a)
	}
	return out
}

// parseAddress returns an address in the one form that compares: an IPv4 address
// mapped into IPv6 is that IPv4 address. It is not valid where s is no address.
func parseAddress(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
