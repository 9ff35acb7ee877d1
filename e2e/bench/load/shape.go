package load

import (
	"fmt"
	"math"
)

// A Shape says how many gateways there are and how much each of them shows.
// Two routes belong to one service.
type Shape struct {
	// Targets is how many gateways there are.
	Targets int
	// Routes is how many routes each shows, an even number: 80 make 2,407
	// series and 262 KB, 6 make 187 series and 20 KB.
	Routes int
}

// The series of each route, and those that are there once.
const (
	seriesPerRoute = 30
	seriesOnce     = 7
)

// ClockName is the name of a gauge that shows, in microseconds since the load's
// start, when the exposition was made.
const ClockName = "load_clock_microseconds"

// RoutesPerService is how many routes each service has.
const RoutesPerService = 2

// Series returns how many series each target shows.
func (s Shape) Series() int { return seriesPerRoute*s.Routes + seriesOnce }

// Services returns how many services there are.
func (s Shape) Services() int { return s.Routes / RoutesPerService }

// Service returns the name of the service of a route.
func Service(route int) string { return fmt.Sprintf("order-%02d", route/RoutesPerService) }

// Route returns the name of a route.
func Route(route int) string {
	return fmt.Sprintf("order-%02d-v%d", route/RoutesPerService, route%RoutesPerService+1)
}

// Codes are the status codes of the answers, the commonest first.
func Codes() []string { return []string{"200", "404", "500", "502"} }

// shares of the codes among a route's requests.
var shares = [...]float64{0.97, 0.02, 0.007, 0.003}

// requestRate is how many requests per second each target has for a route.
func requestRate(route int) float64 { return 20 + float64(route%20) }

// bounds are the upper bounds of the latency buckets in milliseconds, as Kong
// has them by default up to 5 s; one more bucket has no bound.
var bounds = [...]float64{25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000}

// meanLatency is the mean latency of a service in milliseconds. Latencies are
// exponentially distributed.
func meanLatency(service int) float64 { return 30 + 5*float64(service) }

// below is the share of a service's requests that take at most so many
// milliseconds.
func below(service int, milliseconds float64) float64 {
	return 1 - math.Exp(-milliseconds/meanLatency(service))
}

// RPS is the truth about the requests per second of a service, over all targets.
func (s Shape) RPS(service int) float64 {
	sum := 0.0
	for i := range RoutesPerService {
		sum += requestRate(service*RoutesPerService + i)
	}
	return sum * float64(s.Targets)
}

// P95 is the 95th percentile of a service's request latency in milliseconds,
// as interpolation between the bounds of the buckets gives it.
func (s Shape) P95(service int) float64 {
	const rank = 0.95
	lower, shareBelow := 0.0, 0.0
	for _, bound := range bounds {
		share := below(service, bound)
		if share >= rank {
			return lower + (bound-lower)*(rank-shareBelow)/(share-shareBelow)
		}
		lower, shareBelow = bound, share
	}
	return lower
}
