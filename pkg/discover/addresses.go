package discover

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// addresses knows whom each address belongs to, as the status of all pods tells.
// Who may write a pod's status can write another's address into it; so an address
// belongs to who claimed it first, and a later claim is refused for as long as
// the first stands:
//
//   - The parties to an address are the namespaces whose pods claim it, and the
//     nodes for which pods claim it (status.hostIPs). Pods of one namespace share
//     a trust; among them the address is that of the latest pod that is not
//     terminating, because addresses are used again.
//   - Claims are ordered by the resource version of the pod at which they were
//     first seen, which is the API server's and not the pod's to choose.
//   - Of claims that stood when gaugeway started, that version may be younger than
//     the claim. Between two of those, the first must also be of the older pod;
//     where pod and version disagree nobody gets the address.
//   - A pod that is on no node claims nothing: it cannot run. One that is on a node
//     has its status put right by the kubelet, so that a forgery does not last.
//   - A pod that has finished claims nothing.
type addresses struct {
	mu        sync.RWMutex
	byAddress map[netip.Addr]*address
	pods      map[types.UID]*podRecord
	// perNamespace counts the pods.
	perNamespace map[string]int
	// services counts the Services that have a cluster IP.
	services map[netip.Addr]int
}

// A podRecord is what is remembered of a pod.
type podRecord struct {
	namespace string
	claims    []netip.Addr
	// everReady: the pod has been Ready.
	everReady bool
}

// A party is whom an address may belong to: a namespace or a node.
type party struct {
	node bool
	name string
}

// A claim is that an address belongs to a pod, or to the node of a pod.
type claim struct {
	uid         types.UID
	namespace   string
	pod         string
	party       party
	terminating bool
	// revision is the resource version of the pod when the claim was first seen.
	revision uint64
	// initial: the claim stood when gaugeway started.
	initial bool
	// created is the pod's creation, in seconds.
	created int64
}

// An address is what is claimed of one, and what follows.
type address struct {
	claims []claim
	// owner is the party that it belongs to; the zero party where none.
	owner party
	// pod is the pod of the owner that it belongs to, where that is a namespace.
	pod  types.UID
	name string
}

func newAddresses() *addresses {
	return &addresses{
		byAddress:    map[netip.Addr]*address{},
		pods:         map[types.UID]*podRecord{},
		perNamespace: map[string]int{},
		services:     map[netip.Addr]int{},
	}
}

// setPod takes in a pod as it is now. It returns the namespaces of other pods to
// which an address is given or lost by that.
func (a *addresses) setPod(p *corev1.Pod, initial bool) (affected []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	record := a.pods[p.UID]
	if record == nil {
		record = &podRecord{namespace: p.Namespace}
		a.pods[p.UID] = record
		a.perNamespace[p.Namespace]++
	}
	record.everReady = record.everReady || wasReady(p)

	wanted := wantedClaims(p, initial)
	for _, at := range record.claims {
		if _, kept := wanted[at]; !kept {
			affected = append(affected, a.replace(at, p.UID, nil)...)
		}
	}
	record.claims = record.claims[:0]
	for at, claims := range wanted {
		record.claims = append(record.claims, at)
		affected = append(affected, a.replace(at, p.UID, claims)...)
	}
	return affected
}

// removePod forgets a pod. It returns what setPod does.
func (a *addresses) removePod(uid types.UID) (affected []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	record := a.pods[uid]
	if record == nil {
		return nil
	}
	for _, at := range record.claims {
		affected = append(affected, a.replace(at, uid, nil)...)
	}
	delete(a.pods, uid)
	if a.perNamespace[record.namespace]--; a.perNamespace[record.namespace] == 0 {
		delete(a.perNamespace, record.namespace)
	}
	return affected
}

// wantedClaims returns what a pod's status claims, by address.
func wantedClaims(p *corev1.Pod, initial bool) map[netip.Addr][]claim {
	if finished(p) || p.Spec.NodeName == "" {
		return nil
	}
	revision, err := strconv.ParseUint(p.ResourceVersion, 10, 64)
	if err != nil {
		revision = math.MaxUint64 // is never first
	}
	c := claim{
		uid: p.UID, namespace: p.Namespace, pod: p.Name, terminating: terminating(p),
		revision: revision, initial: initial, created: p.CreationTimestamp.Unix(),
	}
	wanted := map[netip.Addr][]claim{}
	add := func(addresses []netip.Addr, by party) {
		for _, at := range addresses {
			if refusedAddress(at) == "" {
				c.party = by
				wanted[at] = append(wanted[at], c)
			}
		}
	}
	add(hostAddresses(p), party{node: true, name: p.Spec.NodeName})
	if !p.Spec.HostNetwork {
		add(podAddresses(p), party{name: p.Namespace})
	}
	return wanted
}

// replace makes these the claims of a pod to an address; those that it had
// before keep their place in the order. It returns the namespaces of all who
// claim the address, if that changes whom it belongs to.
func (a *addresses) replace(at netip.Addr, uid types.UID, next []claim) (affected []string) {
	known := a.byAddress[at]
	if known == nil {
		if len(next) == 0 {
			return nil
		}
		known = &address{}
		a.byAddress[at] = known
	}
	for i := range next {
		for _, old := range known.claims {
			if old.uid == uid && old.party == next[i].party {
				next[i].revision, next[i].initial = old.revision, old.initial
			}
		}
	}
	known.claims = append(slices.DeleteFunc(known.claims, func(c claim) bool { return c.uid == uid }), next...)
	if len(known.claims) == 0 {
		delete(a.byAddress, at)
		return nil
	}
	owner, pod := known.owner, known.pod
	known.decide()
	if known.owner == owner && known.pod == pod {
		return nil
	}
	for _, c := range known.claims {
		if c.uid != uid && !slices.Contains(affected, c.namespace) {
			affected = append(affected, c.namespace)
		}
	}
	return affected
}

// decide finds whom an address belongs to.
func (a *address) decide() {
	a.owner, a.pod, a.name = party{}, "", ""
	first := slices.MinFunc(a.claims, func(x, y claim) int { return cmp.Compare(x.revision, y.revision) })
	if !a.precedesOthers(first.party) {
		return
	}
	a.owner = first.party
	if a.owner.node {
		return
	}
	var best *claim
	for i := range a.claims {
		if c := &a.claims[i]; c.party == a.owner && (best == nil || c.replaces(best)) {
			best = c
		}
	}
	a.pod, a.name = best.uid, best.pod
}

// precedesOthers reports whether some claim of a party was surely made before
// those of all others.
func (a *address) precedesOthers(p party) bool {
	revision, created := uint64(math.MaxUint64), int64(math.MaxInt64)
	alone := true
	for _, c := range a.claims {
		if c.party == p {
			continue
		}
		alone = false
		revision = min(revision, c.revision)
		if c.initial {
			created = min(created, c.created)
		}
	}
	return alone || slices.ContainsFunc(a.claims, func(c claim) bool {
		return c.party == p && c.revision < revision && (!c.initial || c.created <= created)
	})
}

// replaces reports whether an address is c's rather than other's, a pod of the
// same namespace.
func (c *claim) replaces(other *claim) bool {
	if c.terminating != other.terminating {
		return other.terminating
	}
	if c.revision != other.revision {
		return c.revision > other.revision
	}
	return c.pod > other.pod
}

// addService takes in, with n 1, or forgets, with n -1, the cluster IPs of a
// Service. It returns the namespaces whose pods claim one.
func (a *addresses) addService(s *corev1.Service, n int) (affected []string) {
	var ips []netip.Addr
	ips = appendAddress(ips, s.Spec.ClusterIP)
	for _, ip := range s.Spec.ClusterIPs {
		ips = appendAddress(ips, ip)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range ips {
		if a.services[at] += n; a.services[at] <= 0 {
			delete(a.services, at)
		}
		if known := a.byAddress[at]; known != nil {
			for _, c := range known.claims {
				affected = append(affected, c.namespace)
			}
		}
	}
	return affected
}

// everReady reports whether a pod is remembered as having been Ready.
func (a *addresses) everReady(uid types.UID) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	record := a.pods[uid]
	return record != nil && record.everReady
}

// hasPods reports whether a namespace has pods.
func (a *addresses) hasPods(namespace string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.perNamespace[namespace] > 0
}

// refusal returns why an address is not to be scraped as that of a pod, empty if
// it may be. It does not name pods of other namespaces.
func (a *addresses) refusal(p *corev1.Pod, at netip.Addr) string {
	if why := refusedAddress(at); why != "" {
		return why
	}
	if p.Spec.NodeName == "" {
		return "the pod is on no node"
	}
	if p.Spec.HostNetwork && !slices.Contains(hostAddresses(p), at) {
		return "the pod has hostNetwork, and this is not the address of its node"
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.services[at] > 0 {
		return "it is the address of a Service"
	}
	known := a.byAddress[at]
	if known == nil {
		return "it is not known yet as an address of the pod"
	}
	want := party{name: p.Namespace}
	if p.Spec.HostNetwork {
		want = party{node: true, name: p.Spec.NodeName}
	}
	switch {
	case known.owner == party{}:
		return "several pods or nodes claim it, and which was first is not known: delete the pods to which it does not belong"
	case known.owner == want && (known.pod == p.UID || want.node):
		return ""
	case known.owner == want:
		return "it belongs to the pod " + known.name + " now"
	case known.owner.node && want.node:
		return "it is the address of another node"
	case known.owner.node:
		return "it is the address of a node, and the pod does not have hostNetwork"
	}
	return "a pod of another namespace has it and claimed it first"
}

// podOf returns the name of a namespace's pod that an address belongs to.
func (a *addresses) podOf(namespace string, at netip.Addr) (string, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	known := a.byAddress[at]
	if known == nil || known.owner != (party{name: namespace}) || a.services[at] > 0 {
		return "", false
	}
	return known.name, true
}

// metadataServers are addresses of cloud providers that give out credentials and
// are not link-local.
var metadataServers = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd20:ce::254"),
}

// refusedAddress returns why an address cannot be a pod's, empty if it can.
func refusedAddress(at netip.Addr) string {
	switch {
	case !at.IsValid():
		return "it is not an IP address"
	case at.Zone() != "":
		return "it has a zone, which the address of a pod does not have"
	case at.IsLoopback():
		return "it is a loopback address"
	case at.IsLinkLocalUnicast():
		return "it is a link-local address"
	case at.IsUnspecified():
		return "it is the unspecified address"
	case at.IsMulticast() || at == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is a multicast or broadcast address"
	case slices.Contains(metadataServers, at):
		return "it is the address of a cloud's metadata server"
	}
	return ""
}
