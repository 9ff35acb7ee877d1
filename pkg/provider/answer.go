package provider

import (
	"fmt"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// An Answer is what the metrics APIs say about a metric at one moment.
type Answer struct {
	// State is that of the result. It is Missing before the first result, and
	// where an API that the metric is declared for answers 503, although the
	// result has a value and other APIs may answer.
	State metric.State
	// Reason says in words which API has no answer and why; empty where all have
	// one. (Result.Reason says why an answer is not Fresh.)
	Reason string
	// Result is the last one published; nil before the first.
	Result *metric.Result
	// Age of Result.Time. It is 0 where there is no such time, and negative if
	// the clock was set back since.
	Age time.Duration
	// Items are the elements that are answered, with their values as they are
	// answered: scaled. They are those of the first API that answers, of
	// external, object and pods in this order; nil where none does. They are
	// shared: read only.
	Items []metric.Item
}

// Answer returns what the APIs say about a declared metric now. None of them
// has an answer
//   - before the first result, and where it is Missing or Warming;
//   - where it is too old: Fresh, Partial and Idle results by their samples'
//     time, and those that hold or substitute a value (or read no series) by
//     when they were evaluated.
//
// Beyond that, external.metrics.k8s.io has none where an element is undefined
// or cannot be told to an autoscaler (see [Quantity]), where all together are
// beyond what it can add up, or where two elements have the same labels.
// Objects and pods go without such elements, and have no answer where none is
// left. Several elements of one object are for metric selectors to choose from.
func (p *Provider) Answer(e *metric.Entry) Answer {
	answer, c := p.current(e)
	if c == nil {
		return answer
	}
	var problems []string
	views := p.views(e, c)
	for _, v := range views {
		switch {
		case v.reason == "" && answer.Items == nil:
			answer.Items = v.items
		case v.reason != "" && len(views) > 1:
			problems = append(problems, v.api+": "+v.reason)
		case v.reason != "":
			problems = append(problems, v.reason)
		}
	}
	if len(problems) > 0 {
		answer.State, answer.Reason = metric.StateMissing, strings.Join(problems, "; ")
	}
	return answer
}

// A view is what one API says about a result: items or a reason.
type view struct {
	api    string
	items  []metric.Item
	reason string
}

// views returns those of the APIs that the metric is declared for.
func (p *Provider) views(e *metric.Entry, c *conversion) []view {
	views := make([]view, 0, 3)
	if c.external != nil {
		views = append(views, view{"external", c.external.shown, c.external.reason})
	}
	if c.object != nil {
		reason := c.object.reason
		if _, problem := p.kind(e.Object.Resource); problem != "" {
			reason = problem
		}
		views = append(views, view{"object", c.object.shown, reason})
	}
	if c.pods != nil {
		views = append(views, view{"pods", c.pods.shown, c.pods.reason})
	}
	return views
}

// current returns the last result as an answer, and its conversion if it is an
// answer now, as far as that is the same for all APIs.
func (p *Provider) current(e *metric.Entry) (Answer, *conversion) {
	r := e.Latest()
	if r == nil {
		return Answer{State: metric.StateMissing, Reason: "it has not been evaluated yet"}, nil
	}
	now := p.clock.Now().UnixMilli()
	answer := Answer{State: r.State, Result: r}
	if r.Time != 0 {
		answer.Age = milliseconds(now - r.Time)
	}
	switch {
	case r.State == metric.StateWarming || r.State == metric.StateMissing:
		answer.Reason = r.Reason
		if answer.Reason == "" {
			answer.Reason = "it is " + string(r.State)
		}
		return answer, nil
	case len(r.Items) == 0 && r.Undefined != "":
		answer.Reason = r.Undefined
	case len(r.Items) == 0:
		answer.Reason = "its result has no elements"
	case ownTime(r) && answer.Age > e.MaxAge:
		answer.Reason = fmt.Sprintf("its samples are %s old, maxAge is %s", answer.Age, e.MaxAge)
	case milliseconds(now-r.Evaluated) > e.MaxAge:
		answer.Reason = fmt.Sprintf("it was last evaluated %s ago, maxAge is %s", milliseconds(now-r.Evaluated), e.MaxAge)
	default:
		return answer, p.converted(e, r)
	}
	answer.State = metric.StateMissing
	return answer, nil
}

// ownTime reports whether the samples that the result was computed from are
// what must be fresh. A held value is old on purpose, a substituted one comes
// from no sample, and neither does that of an expression that reads no series.
func ownTime(r *metric.Result) bool {
	return r.Time != 0 && r.State != metric.StateHeld && r.State != metric.StateSubstituted
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
