// Package scrape reads the statistics of targets over HTTP, and hands the bodies
// to package exposition.
//
// What it asks for, and what it puts up with:
//
//   - One GET, HTTP/1.1 over a connection that is kept. Redirects are not
//     followed, because a target could point anywhere with them, and the proxy
//     settings of the environment are not used.
//   - The whole scrape ends at Config.Timeout, whatever the target does. A body
//     ends at Config.BodySizeLimit, unpacked, and the headers at 64 KiB.
//   - Targets are asked all at once, but bodies are read and parsed a few at a
//     time, so that the memory for them does not grow with the fleet. One that
//     stalls does not make the others wait for long.
//   - Identity encoding unless gzip is asked for; a target that sends gzip all
//     the same is understood.
//   - Certificates are always verified; TLS 1.2 is the least.
//
// Every failure is an *Error, whose Reason is fit for a label of a metric and
// whose text says what happened and what to do. Neither holds credentials, or
// the query or user of a URL.
package scrape

import (
	"compress/gzip"
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Defaults of a Config.
const (
	DefaultTimeout       = 2 * time.Second
	DefaultBodySizeLimit = 64 << 20
)

const (
	maxHeaderBytes = 64 << 10
	userAgent      = "gaugeway"
	// idleTimeout is how long a connection is kept between two scrapes; targets
	// that are scraped less often get a new one each time.
	idleTimeout = 90 * time.Second
	// maxIdle connections are kept to one address: all of them, as an address may
	// have any number of targets with a path each.
	maxIdle = math.MaxInt
	// writeBuffer is the room for a request, in bytes. Longer ones take several
	// writes.
	writeBuffer = 1 << 10
	// maxBodies are read and parsed at once.
	maxBodies = 16
	// stalled is after what time a body that is still read does not count for
	// that any more.
	stalled = 20 * time.Millisecond
)

// A Config says how the targets of one source are scraped.
type Config struct {
	// Timeout of a scrape; 0 is DefaultTimeout.
	Timeout time.Duration
	// BodySizeLimit is the largest body that is read, in bytes, unpacked; 0 is
	// DefaultBodySizeLimit. The packed body must not be larger either.
	BodySizeLimit int64
	// Compression asks for gzip.
	Compression bool
	// Params are added to the query of each URL.
	Params url.Values
	// TLS is for https URLs. Without it the system's roots are trusted.
	TLS *TLS
	// Authorization and BasicAuth are credentials; at most one of them.
	Authorization *Authorization
	BasicAuth     *BasicAuth
	// Protocols are the formats to ask for, the preferred one first; none means
	// DefaultProtocols. What the target answers with is read all the same.
	Protocols []Protocol
	// Format of the bodies. For any but Auto, and empty, it and not Protocols says
	// what to ask for.
	Format exposition.Format
	// Now is the clock; nil is time.Now. It gives samples their time and
	// certificates theirs, not the timeout.
	Now func() time.Time
}

// A Scraper scrapes the targets of one source. It is safe for concurrent use.
type Scraper struct {
	config Config
	header http.Header                 // without credentials
	kept   atomic.Pointer[connections] // not an http.Client: no redirects, no cookies, no URLs in errors
	bodies sync.Pool                   // of *[]byte
	unzips sync.Pool                   // of *gzip.Reader
	size   atomic.Int64                // of the last body
	turns  chan struct{}               // holds one for each body that is read or parsed
	stall  time.Duration               // for how long a body that is read keeps its turn
}

// A Protocol is a format of an exposition, by Prometheus's name.
type Protocol string

// The protocols. PrometheusProto alone has native histograms.
const (
	PrometheusProto      Protocol = "PrometheusProto"
	OpenMetricsText1_0_0 Protocol = "OpenMetricsText1.0.0"
	OpenMetricsText0_0_1 Protocol = "OpenMetricsText0.0.1"
	PrometheusText1_0_0  Protocol = "PrometheusText1.0.0"
	PrometheusText0_0_4  Protocol = "PrometheusText0.0.4"
)

// DefaultProtocols are asked for where a source does not say.
func DefaultProtocols() []Protocol {
	return []Protocol{OpenMetricsText1_0_0, OpenMetricsText0_0_1, PrometheusText1_0_0, PrometheusText0_0_4}
}

// mediaTypes are what an Accept header calls the protocols.
var mediaTypes = map[Protocol]string{
	PrometheusProto:      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8",
	OpenMetricsText1_0_0: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
	OpenMetricsText0_0_1: "application/openmetrics-text;version=0.0.1",
	PrometheusText1_0_0:  "text/plain;version=1.0.0;escaping=allow-utf-8",
	PrometheusText0_0_4:  "text/plain;version=0.0.4",
}

// formatTypes are what to ask for in the formats that have no protocol.
var formatTypes = map[exposition.Format]string{
	exposition.StubStatus: "text/plain;q=0.9,*/*;q=0.1",
	exposition.Csv:        "text/csv;q=0.9,text/plain;q=0.8,*/*;q=0.1",
	exposition.Json:       "application/json;q=0.9,*/*;q=0.1",
}

// New returns a Scraper. It reads the TLS files to report what is wrong with
// them, but neither the credentials nor what is in memory.
func New(c Config) (*Scraper, error) {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.BodySizeLimit <= 0 {
		c.BodySizeLimit = DefaultBodySizeLimit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, p := range c.Protocols {
		if mediaTypes[p] == "" {
			return nil, fmt.Errorf("there is no scrape protocol %q", p)
		}
	}
	if err := checkCredentials(c.Authorization, c.BasicAuth); err != nil {
		return nil, err
	}
	if err := c.TLS.check(c.Now); err != nil {
		return nil, err
	}
	s := &Scraper{config: c, header: header(c), turns: make(chan struct{}, maxBodies), stall: stalled}
	s.kept.Store(&connections{Transport: newTransport(c)})
	return s, nil
}

// Close closes the connections that are kept. Scrapes that run, or that follow,
// are not disturbed.
func (s *Scraper) Close() { s.kept.Load().CloseIdleConnections() }

// header returns what every request says.
func header(c Config) http.Header {
	encoding := "identity"
	if c.Compression {
		encoding = "gzip"
	}
	return http.Header{
		"Accept":          {accept(c)},
		"Accept-Encoding": {encoding},
		"User-Agent":      {userAgent},
	}
}

// accept returns what bodies every request asks for.
func accept(c Config) string {
	if types, ok := formatTypes[c.Format]; ok {
		return types
	}
	protocols := c.Protocols
	if len(protocols) == 0 {
		protocols = DefaultProtocols()
	}
	types := make([]string, 0, len(protocols)+1)
	for i, p := range protocols {
		types = append(types, fmt.Sprintf("%s;q=0.%d", mediaTypes[p], len(protocols)+1-i))
	}
	types = append(types, "*/*;q=0.1")
	return strings.Join(types, ",")
}

// newTransport returns what makes the connections, one for each scrape that runs,
// and keeps them.
func newTransport(c Config) *http.Transport {
	return &http.Transport{
		// The context of a request does not end the making of its connection.
		DialContext:            (&net.Dialer{Timeout: c.Timeout}).DialContext,
		DialTLSContext:         c.TLS.dialer(c.Now, c.Timeout),
		DisableCompression:     true, // what to ask for, and to unpack, is decided here
		ResponseHeaderTimeout:  c.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    maxIdle,
		WriteBufferSize:        writeBuffer,
	}
}

// A Result is what a scrape yielded.
type Result struct {
	// Batch of samples, of the time when the request was sent: a connection had
	// been made before. What Parser.Parse says of its ownership holds here.
	Batch metric.Batch
	// Stats of the body.
	Stats exposition.Stats
	// Bytes of the body, unpacked.
	Bytes int
	// Duration to the body's last byte, the making of a connection included.
	Duration time.Duration
}

// Scrape reads one target, whose URL is http or https, and parses the body with
// the target's parser. An error is always an *Error; the Result then has the
// Duration, and Bytes and Stats as far as it came. An error that wraps
// context.Canceled says nothing of the target.
func (s *Scraper) Scrape(ctx context.Context, target string, p *exposition.Parser) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()

	request, err := s.request(ctx, target)
	if err != nil {
		return Result{}, err
	}

	// A connection may take as long as a lost packet is waited for. Samples that
	// were as old as that would make the rates after them low.
	begin := s.config.Now()
	sent := begin
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = s.config.Now() }}
	response, err := s.fetch(request.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return Result{Duration: s.config.Now().Sub(begin)}, err
	}
	defer response.Body.Close()

	// What waits for its turn is in the target's connection and takes no memory.
	turn, err := s.take(response)
	if err != nil {
		return Result{Duration: s.config.Now().Sub(begin)}, err
	}
	defer turn.end()
	buf := s.buffer()
	defer s.keep(buf)
	err = s.readBody(response, buf)
	turn.read()
	result := Result{Bytes: len(*buf), Duration: s.config.Now().Sub(begin)}
	if err != nil {
		return result, err
	}
	s.size.Store(int64(len(*buf)))

	result.Batch, result.Stats, err = p.Parse(*buf, response.Header.Get("Content-Type"), sent.UnixMilli())
	if err != nil {
		return result, &Error{Reason: ReasonContent, what: "the body cannot be read", err: err}
	}
	return result, nil
}

// request returns the request for a target, with credentials.
func (s *Scraper) request(ctx context.Context, target string) (*http.Request, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The cause would quote the URL, and with it what its query holds.
		return nil, &Error{Reason: ReasonConnect, what: "the URL is not valid: give scheme, http or https, host and path"}
	}
	if u.User != nil {
		return nil, &Error{Reason: ReasonCredentials, what: "the URL holds a user: move it to spec.basicAuth"}
	}
	if len(s.config.Params) > 0 {
		query := s.config.Params.Encode()
		if u.RawQuery != "" {
			query = u.RawQuery + "&" + query
		}
		u.RawQuery = query
	}
	request := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: s.header.Clone()}).WithContext(ctx)
	authorization, err := s.config.authorization()
	if err != nil {
		return nil, &Error{Reason: ReasonCredentials, what: "no credentials", err: err}
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	return request, nil
}

// fetch sends a request and returns the answer, whose body is still to be read
// and is that of statistics.
func (s *Scraper) fetch(request *http.Request) (*http.Response, error) {
	response, err := s.connections().RoundTrip(request)
	if err != nil {
		return nil, s.transportError(request.Context(), err, "before the answer began")
	}
	err = statusError(response)
	if err == nil && response.ContentLength > s.config.BodySizeLimit {
		err = s.tooLarge()
	}
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

// buffer returns an empty buffer that has room for a body like the last, or one
// that is a bit larger.
func (s *Scraper) buffer() *[]byte {
	buf, ok := s.bodies.Get().(*[]byte)
	if !ok || !s.fits(buf) {
		last := int(s.size.Load())
		b := make([]byte, 0, last+last/16+2*minRead)
		buf = &b
	}
	*buf = (*buf)[:0]
	return buf
}

// fits reports whether a buffer has room for a body like the last, and not much
// more.
func (s *Scraper) fits(buf *[]byte) bool {
	least := int(s.size.Load()) + minRead
	return cap(*buf) >= least && cap(*buf) <= least+least/2+minRead
}

// keep makes a buffer available to the next scrape if it fits.
func (s *Scraper) keep(buf *[]byte) {
	if s.fits(buf) {
		s.bodies.Put(buf)
	}
}

// unzip returns a gzip reader that was reset to nothing yet.
func (s *Scraper) unzip() *gzip.Reader {
	if z, ok := s.unzips.Get().(*gzip.Reader); ok {
		return z
	}
	return new(gzip.Reader)
}
