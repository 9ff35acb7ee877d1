// Package load is the fleet of gateways that the benchmarks scrape: HTTP
// servers on loopback whose expositions have Kong's shape, and whose values grow
// with the clock in a way that is known, so that what gaugeway answers can be
// compared with the truth.
package load
