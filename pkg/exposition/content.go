package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"strings"
)

// content is the kind of a body.
type content int

const (
	contentText content = iota
	contentOpenMetrics
	contentProtobuf
)

var (
	errMarkup = errors.New("this is an HTML page: is the path right?")
	errJSON   = errors.New("this is JSON, not an exposition: is the path right?")

	errStubStatus = errors.New("this is nginx's stub_status: choose the format StubStatus")
	errCSV        = errors.New("this is HAProxy's CSV: choose the format Csv")
	errGzip       = errors.New("this is gzip that the server did not declare as such: let it set Content-Encoding")
)

// A medium is what a content type says of the bodies that come with it.
type medium struct {
	header string // the content type
	kind   content
	err    error // of any body
}

// mediumOf reads a content type. Those that say nothing of use (none at all,
// a bare text/plain, application/octet-stream) stand for Prometheus text.
//
// The parameter escaping tells how the server wrote names that are not of the
// classic character set; all ways of doing so are read, and kept as written.
func mediumOf(contentType string) medium {
	m := medium{header: contentType}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		media, params = "", nil
	}
	if charset := strings.ToLower(params["charset"]); strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "utf-32") {
		m.err = fmt.Errorf("the charset %q is not read: let the gateway send UTF-8", charset)
		return m
	}

	switch media {
	case "application/vnd.google.protobuf":
		m.kind = contentProtobuf
		if params["proto"] != "io.prometheus.client.MetricFamily" || params["encoding"] != "delimited" {
			m.err = fmt.Errorf("the protobuf message %q in encoding %q is not read: only io.prometheus.client.MetricFamily, delimited, is",
				params["proto"], params["encoding"])
		}
	case "text/html", "application/xhtml+xml":
		m.err = errMarkup
	case "application/json":
		m.err = errJSON
	case "application/openmetrics-text":
		m.kind = contentOpenMetrics
		if v := params["version"]; v != "" && !strings.HasPrefix(v, "1.") && !strings.HasPrefix(v, "0.") {
			m.err = fmt.Errorf("OpenMetrics %s is not read: only versions up to 1.x are", v)
		}
	}
	return m
}

// content returns what a body is, and refuses pages and JSON in words that a
// user understands.
func (m *medium) content(body []byte) (content, error) {
	if m.kind != contentProtobuf && !errors.Is(m.err, errJSON) && isMarkup(body) {
		return 0, errMarkup
	}
	return m.kind, m.err
}

// isMarkup reports whether a body begins like an HTML page.
func isMarkup(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	if len(body) == 0 || body[0] != '<' {
		return false
	}
	start := bytes.ToLower(body[:min(len(body), len("<!doctype"))])
	return bytes.HasPrefix(start, []byte("<!doctype")) || bytes.HasPrefix(start, []byte("<html"))
}

// unreadable returns the error of a body of which no line could be read: what
// it seems to be, else its first line.
func unreadable(body []byte, s Stats) error {
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("[")):
		return errJSON
	case bytes.HasPrefix(start, []byte("Active connections:")):
		return errStubStatus
	case bytes.HasPrefix(start, []byte("# pxname,")):
		return errCSV
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return errGzip
	}
	return fmt.Errorf("none of %d lines can be read (the first is %v): is the path right?", s.Dropped, s.BadLines[0])
}

// RecordedContentType returns the content type with which a body that lies in a
// file was probably sent: OpenMetrics ends with a mark.
func RecordedContentType(body []byte) string {
	if bytes.HasSuffix(bytes.TrimRight(body[max(0, len(body)-16):], "\r\n"), []byte("# EOF")) {
		return "application/openmetrics-text; version=1.0.0"
	}
	return "text/plain; version=0.0.4"
}
