// Package discover turns a source into the targets to scrape.
package discover

import (
	"fmt"
	"net/url"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Discoverer lists a source's targets as they are now. Targets may be called
// at every tick: it reads what is known and does no I/O. What it returns is read
// only. A target without a URL cannot be scraped and still counts as expected.
//
// A Discoverer may have a method Problems() []string as well, which says what
// keeps a source's pods from being scraped.
type Discoverer interface {
	Targets() []metric.Target
}

// Static lists the URLs of a source.
type Static []metric.Target

var _ Discoverer = Static(nil)

// Targets implements Discoverer.
func (s Static) Targets() []metric.Target { return s }

// NewStatic returns the targets of a source that lists URLs. Each URL is a
// target; its instance is host:port, followed by the path where two URLs share
// a host, and by #1, #2 and so on where they share that, too: a query may hold
// a secret and is not shown. A URL that does not parse is an error.
func NewStatic(src *v1alpha1.GatewaySource) (Static, error) {
	if src.Spec.Static == nil {
		return nil, nil
	}
	urls := make([]*url.URL, 0, len(src.Spec.Static.URLs))
	hosts, paths, numbers := map[string]int{}, map[string]int{}, map[string]int{}
	for _, raw := range src.Spec.Static.URLs {
		u, err := url.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("spec.static.urls: %w", err)
		}
		urls = append(urls, u)
		hosts[u.Host]++
		paths[u.Host+u.EscapedPath()]++
	}
	targets := make(Static, 0, len(urls))
	for _, u := range urls {
		instance := u.Host
		if hosts[u.Host] > 1 {
			instance += u.EscapedPath()
			if paths[instance] > 1 {
				numbers[instance]++
				instance += fmt.Sprintf("#%d", numbers[instance])
			}
		}
		targets = append(targets, metric.Target{
			ID:  u.String(),
			URL: u.String(),
			Labels: labels.FromStrings(
				metric.LabelInstance, instance,
				metric.LabelNamespace, src.Namespace,
				metric.LabelSource, src.Name,
			),
			Expected: true,
		})
	}
	return targets, nil
}
