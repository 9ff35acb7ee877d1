package scrape

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// A Reason is the kind of a failure, fit for the label of a metric.
type Reason string

// The reasons.
const (
	// ReasonConnect: no connection, or it broke; or the URL leads nowhere.
	ReasonConnect Reason = "connect"
	// ReasonDNS: the host's name has no address.
	ReasonDNS Reason = "dns"
	// ReasonTLS: no trust, or a certificate or key that cannot be read.
	ReasonTLS Reason = "tls"
	// ReasonTimeout: not done in time, or cancelled.
	ReasonTimeout Reason = "timeout"
	// ReasonStatus: an HTTP status that is neither 200 nor a redirect.
	ReasonStatus Reason = "status"
	// ReasonRedirect: the target points elsewhere.
	ReasonRedirect Reason = "redirect"
	// ReasonTooLarge: the body, or the headers.
	ReasonTooLarge Reason = "too_large"
	// ReasonEncoding: a body that cannot be unpacked.
	ReasonEncoding Reason = "encoding"
	// ReasonContent: a body that is no exposition.
	ReasonContent Reason = "content"
	// ReasonCredentials: credentials that cannot be read.
	ReasonCredentials Reason = "credentials"
)

// Reasons lists every Reason.
var Reasons = []Reason{
	ReasonConnect, ReasonDNS, ReasonTLS, ReasonTimeout, ReasonStatus,
	ReasonRedirect, ReasonTooLarge, ReasonEncoding, ReasonContent, ReasonCredentials,
}

// An Error is why a scrape yielded nothing.
type Error struct {
	// Reason is the kind of the failure.
	Reason Reason

	what string // what happened and, where err does not say it, the cure
	err  error  // the cause, or nil; without the URL
}

// Error says what happened and what to do about it.
func (e *Error) Error() string {
	if e.err == nil {
		return e.what
	}
	return e.what + ": " + e.err.Error()
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.err }

// maxQuote is how much is repeated, in bytes, of what a target says.
const maxQuote = 200

// shorten cuts what a target says where it is long.
func shorten(s string) string {
	if len(s) > maxQuote {
		return s[:maxQuote] + "..."
	}
	return s
}

// transportError returns the error of a request that got no answer, or none to
// the end; when says how far it came.
func (s *Scraper) transportError(ctx context.Context, err error, when string) error {
	var (
		scrape  *Error
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.As(err, &scrape): // of the TLS files
		return scrape
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{Reason: ReasonTimeout, what: "cancelled " + when, err: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(), ctx.Err() != nil:
		return &Error{Reason: ReasonTimeout, what: fmt.Sprintf(
			"no complete answer within %v, given up %s: see why the target is slow, or raise spec.scrapeTimeout", s.config.Timeout, when), err: context.DeadlineExceeded}
	case errors.As(err, &dns):
		return &Error{Reason: ReasonDNS, what: "the host has no address, is its name right?", err: err}
	case isTLS(err):
		return &Error{Reason: ReasonTLS, what: "no trusted connection, " + tlsCure(err), err: err}
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return &Error{Reason: ReasonTooLarge, what: "response headers larger than " + bytesString(maxHeaderBytes) + ": is this the port of the statistics?"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Reason: ReasonConnect, what: "the target closed the connection " + when + ": see its log", err: err}
	case strings.Contains(err.Error(), "malformed HTTP"):
		return &Error{Reason: ReasonConnect, what: "this is not HTTP: is the port right, and does it want https?"}
	}
	return &Error{Reason: ReasonConnect, what: "no connection, or it broke " + when + ", is the target listening on this port?", err: err}
}

// isTLS reports whether an error is of a TLS handshake. Package tls exports types
// for some of its errors, for the others there is but their text.
func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
	)
	return errors.As(err, &verification) || errors.As(err, &record) ||
		strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: ")
}

// tlsCure says what to do about an error of a TLS handshake.
func tlsCure(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return "set tlsConfig.ca, in files caFile, to the authority that signed the certificate"
	case errors.As(err, &host):
		return "set tlsConfig.serverName to a name that the certificate has"
	case errors.As(err, &invalid):
		return "renew the certificate"
	case errors.As(err, &record):
		return "the target does not speak TLS: does it want http?"
	}
	return "see tlsConfig, and what the target wants"
}

// destination says where a redirect leads, without what its query or its user hold.
func destination(location string) string {
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return "elsewhere"
	case u.Host == "":
		return fmt.Sprintf("to the path %q", shorten(u.Path))
	case u.Scheme == "":
		return fmt.Sprintf("to the host %q, path %q", shorten(u.Host), shorten(u.Path))
	}
	return fmt.Sprintf("to %s on the host %q, path %q", shorten(u.Scheme), shorten(u.Host), shorten(u.Path))
}

// statusError returns the error of an answer that is not 200.
func statusError(response *http.Response) error {
	code := response.StatusCode
	switch {
	case code == http.StatusOK:
		return nil
	case code >= 300 && code < 400 && response.Header.Get("Location") != "":
		return &Error{Reason: ReasonRedirect, what: fmt.Sprintf("status %d redirects %s, which is not followed: %s",
			code, destination(response.Header.Get("Location")), "let the source name the final scheme, port and path")}
	}
	cure := "see the target's log"
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		cure = "see spec.authorization or spec.basicAuth, and what the target allows"
	case http.StatusNotFound:
		cure = "is the path right, and are the target's statistics turned on?"
	case http.StatusBadRequest:
		cure = "does the port want https?"
	}
	return &Error{Reason: ReasonStatus, what: strings.TrimSpace(fmt.Sprintf("status %d %s", code, http.StatusText(code))) + ": " + cure}
}
