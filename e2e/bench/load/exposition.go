package load

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// A line is a series: what stands before its value, and how the value grows.
type line struct {
	before    string  // with the comments of its family, where it is the first
	perSecond float64 // since the counter's start
	constant  int64
	clock     bool
}

// An exposition is what the targets of a shape show. All show the same series;
// each has counted for another time.
type exposition struct {
	lines []line
	size  int // bytes, about
}

func newExposition(s Shape) *exposition {
	e := &exposition{}
	e.requests(s)
	e.latency(s, "kong_request_latency_ms", "Total latency incurred during requests for each service/route in Kong", 1)
	e.latency(s, "kong_upstream_latency_ms", "Latency added by upstream response for each service/route in Kong", 0.8)
	e.once()
	for _, l := range e.lines {
		e.size += len(l.before) + len("1234567890\n")
	}
	return e
}

// family returns the comments that introduce a family.
func family(name, kind, help string) string {
	return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n"
}

// add adds a line, after the comments that come before it.
func (e *exposition) add(comments *string, series string, perSecond float64) {
	e.lines = append(e.lines, line{before: *comments + series + " ", perSecond: perSecond})
	*comments = ""
}

func (e *exposition) requests(s Shape) {
	const name = "kong_http_requests_total"
	comments := family(name, "counter", "HTTP status codes per consumer/service/route in Kong")
	for route := range s.Routes {
		for i, code := range Codes() {
			series := fmt.Sprintf(`%s{service="%s",route="%s",code="%s",source="service",workspace="default",consumer=""}`,
				name, Service(route), Route(route), code)
			e.add(&comments, series, requestRate(route)*shares[i])
		}
	}
}

// latency adds a histogram whose observations are those of the service, scaled.
func (e *exposition) latency(s Shape, name, help string, scale float64) {
	comments := family(name, "histogram", help)
	for route := range s.Routes {
		service, rate := route/RoutesPerService, requestRate(route)
		labels := fmt.Sprintf(`service="%s",route="%s",workspace="default"`, Service(route), Route(route))
		for _, bound := range bounds {
			le := strconv.FormatFloat(bound, 'f', -1, 64)
			e.add(&comments, name+"_bucket{"+labels+`,le="`+le+`"}`, rate*below(service, bound/scale))
		}
		e.add(&comments, name+"_bucket{"+labels+`,le="+Inf"}`, rate)
		e.add(&comments, name+"_count{"+labels+"}", rate)
		e.add(&comments, name+"_sum{"+labels+"}", rate*meanLatency(service)*scale)
	}
}

// once adds what is there once.
func (e *exposition) once() {
	comments := family("kong_nginx_connections_total", "gauge", "Number of connections by subsystem")
	for _, state := range []string{"active", "reading", "waiting", "writing"} {
		e.add(&comments, `kong_nginx_connections_total{node_id="849373c5-45c1-4c1d-b595-fdeaea6daed8",subsystem="http",state="`+state+`"}`, 0)
		e.lines[len(e.lines)-1].constant = int64(10 + len(state))
	}
	comments = family("kong_nginx_requests_total", "gauge", "Total number of requests")
	e.add(&comments, `kong_nginx_requests_total{node_id="849373c5-45c1-4c1d-b595-fdeaea6daed8",subsystem="http"}`, 1000)
	comments = family("kong_datastore_reachable", "gauge", "Datastore reachable from Kong, 0 is unreachable")
	e.add(&comments, "kong_datastore_reachable", 0)
	e.lines[len(e.lines)-1].constant = 1
	comments = family(ClockName, "gauge", "Time of this exposition since the start of the load")
	e.add(&comments, ClockName, 0)
	e.lines[len(e.lines)-1].clock = true
}

// counted is for how long a target had counted when the load began: some have
// just been started, others a day ago. No two are at the same place between two
// seconds, so that what is lost to whole numbers evens out over the targets.
func counted(target int) time.Duration {
	return time.Hour + time.Duration(target%24)*time.Hour + time.Duration(target)*1137*time.Millisecond
}

// append appends what a target shows at some time after the load's start.
func (e *exposition) append(dst []byte, target int, elapsed time.Duration) []byte {
	seconds := (elapsed + counted(target)).Seconds()
	for i := range e.lines {
		l := &e.lines[i]
		dst = append(dst, l.before...)
		value := l.constant + int64(math.Floor(l.perSecond*seconds))
		if l.clock {
			value = elapsed.Microseconds()
		}
		dst = strconv.AppendInt(dst, value, 10)
		dst = append(dst, '\n')
	}
	return dst
}

// Text returns what a target shows at some time after the load's start.
func (s Shape) Text(target int, elapsed time.Duration) string {
	return string(newExposition(s).append(nil, target, elapsed))
}
