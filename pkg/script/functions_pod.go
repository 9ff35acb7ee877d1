package script

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// podOf is the name of the function that maps addresses to pods.
const podOf = "pod_of"

func podFunctions() []*builtin {
	return []*builtin{{
		name: podOf, family: familyLabel,
		doc: "Sets the label pod to the pod of the metric's namespace whose address a label holds, and namespace with it; elements without such a pod are left out. " +
			"The address is a host or host:port, or a URL; of a list, as nginx writes of retries, the last counts.",
		example: `sum(pod_of(sum(upstream_requests, by("upstream")), "upstream"), by("pod"))`,
		params:  []param{required("v", aVector), required("label", aString)}, result: isVector,
		infer: inferPodOf,
		run: func(m *machine, _ int) (int, error) {
			v, err := m.vector(1)
			if err != nil {
				return 0, err
			}
			if err := checkAddressLabel(m.text(2)); err != nil {
				return 0, err
			}
			if err := m.chargeSeries(4 * len(v)); err != nil {
				return 0, err
			}
			return m.pushVector(m.mapToPods(v, m.text(2)))
		},
	}}
}

// checkAddressLabel returns what is wrong with a label that is to hold addresses.
func checkAddressLabel(label string) error {
	switch label {
	case "":
		return cured(`write the label that holds the address: pod_of(v, "upstream")`, "the name of the label is empty")
	case metric.LabelPod, metric.LabelNamespace:
		return cured("name the label that holds the address of an upstream; a target's own pod needs no pod_of", "the label %s holds no address", label)
	}
	return nil
}

// mapToPods sets the labels pod and namespace of the elements whose address is a
// pod's, and leaves out the others.
func (m *machine) mapToPods(v promath.Vector, label string) (promath.Vector, error) {
	if m.env.PodOf == nil {
		return nil, nil
	}
	pods := make(map[string]string) // by the label's value; "" for none
	var out promath.Vector
	seen := make(map[string]bool, len(v))
	b := labels.NewBuilder(labels.EmptyLabels())
	var key []byte
	for _, s := range v {
		value := s.Labels.Get(label)
		pod, known := pods[value]
		if !known {
			if address := lastAddress(value); address != "" {
				if name, ok := m.env.PodOf(address); ok {
					pod = name
				}
			}
			pods[value] = pod
		}
		if pod == "" {
			continue
		}
		b.Reset(s.Labels)
		s.Labels = b.Set(metric.LabelPod, pod).Set(metric.LabelNamespace, m.env.Namespace).Labels()
		key = s.Labels.Bytes(key)
		if seen[string(key)] {
			return nil, cured(fmt.Sprintf("aggregate first: sum(v, by(%q))", label), "two elements have the labels %s, once their pods are set", s.Labels.DropReserved(isMetricName))
		}
		seen[string(key)] = true
		out = append(out, s)
	}
	return out, nil
}

// lastAddress returns the address in the value of a label: host or host:port.
// nginx writes the upstreams that a request was tried at as a list, with a comma
// between those of one group and a colon between groups, and - for none; others
// write a URL.
func lastAddress(value string) string {
	if i := strings.LastIndexByte(value, ','); i >= 0 {
		value = value[i+1:]
	}
	if i := strings.LastIndex(value, " : "); i >= 0 {
		value = value[i+len(" : "):]
	}
	value = strings.TrimSpace(value)
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value, _, _ = strings.Cut(rest, "/")
	}
	if value == "-" || strings.HasPrefix(value, "unix:") {
		return ""
	}
	return value
}

// inferPodOf checks that the label is there and fit to hold an address.
func inferPodOf(c *checker, x *application) []value {
	out := []value{{kinds: isVector}}
	if len(x.exprs) < 2 {
		return out
	}
	label, ok := c.constantText(x.exprs[1])
	if !ok {
		return out
	}
	if err := checkAddressLabel(label); err != nil {
		c.fail(x.arg(1), err)
		return out
	}
	if k := x.args.at(0).kinds; k == isNumber|isNil || c.aggregatesAway(x.exprs[0], label) {
		c.errorf(x.arg(0), fmt.Sprintf("write sum(v, by(%q)), with the other labels that you want", label), "the label %s is lost before %s reads it", label, podOf)
	}
	return out
}

// aggregatesAway reports whether an expression is an aggregation in place that
// does not keep a label.
func (c *checker) aggregatesAway(e syntax.Expr, label string) bool {
	call, ok := syntax.Strip(e).(*syntax.Call)
	if !ok || len(call.Args) == 0 {
		return false
	}
	b, ok := c.builtin(call.Func)
	if !ok || b.family != familyAggregation && b.family != familyShorthand || b.name == "topk" || b.name == "bottomk" {
		return false
	}
	for _, arg := range call.Args[1:] {
		if g, ok := c.static(arg).(promath.Grouping); ok {
			return g.Without == slices.Contains(g.Labels, label)
		}
	}
	return false
}

// Addresses are pods by their addresses, host or host:port, where there is no
// cluster to ask.
type Addresses map[string]string

// Pod returns the pod of an address, host or host:port: that of this very
// address, else that of its host.
func (a Addresses) Pod(address string) (pod string, ok bool) {
	if pod, ok := a[address]; ok {
		return pod, true
	}
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if pod, ok := a[host]; ok {
		return pod, true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "", false
	}
	pod, ok = a[ip.Unmap().String()]
	return pod, ok
}
