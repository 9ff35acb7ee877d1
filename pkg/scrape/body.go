package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// minRead is the least room, in bytes, that a buffer has when it is read into,
// and the room that is left behind a body.
const minRead = 4 << 10

// A turn is the right to have a body in memory, which a few scrapes have at once.
type turn struct {
	turns chan struct{}
	late  *time.Timer
	ended bool // it was given up, or will be by late
}

// take waits until the body of an answer may be read. A body that takes long to
// come gives up its turn, so that others need not wait for it.
func (s *Scraper) take(response *http.Response) (*turn, error) {
	ctx := response.Request.Context()
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, s.transportError(ctx, ctx.Err(), "after 0 bytes of the body")
	}
	return &turn{turns: s.turns, late: time.AfterFunc(s.stall, func() { <-s.turns })}, nil
}

// read says that the body has been read: what is left of its turn is parsing.
func (t *turn) read() { t.ended = !t.late.Stop() }

// end gives the turn back.
func (t *turn) end() {
	if !t.ended {
		<-t.turns
	}
}

// readBody reads the body of an answer into buf, unpacked.
func (s *Scraper) readBody(response *http.Response, buf *[]byte) error {
	// One byte more than allowed tells a body that is too large from one that
	// is just not.
	raw := &source{reader: response.Body, left: s.config.BodySizeLimit + 1}
	var body io.Reader = raw
	ctx := response.Request.Context()

	encoding := strings.ToLower(strings.TrimSpace(response.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z := s.unzip()
		if err := z.Reset(raw); err != nil {
			return s.bodyError(ctx, raw, 0, err)
		}
		defer s.unzips.Put(z)
		body = z
	default:
		return &Error{Reason: ReasonEncoding, what: fmt.Sprintf(
			"the body is packed with %q, which was not asked for and is not read: let the target send it plain or as gzip", shorten(encoding))}
	}

	if err := readUpTo(body, buf, s.config.BodySizeLimit); err != nil {
		return s.bodyError(ctx, raw, len(*buf), err)
	}
	return nil
}

var errTooLarge = errors.New("too large")

// readUpTo reads to the end, or to one byte more than limit. It leaves a byte of
// room behind the body.
func readUpTo(body io.Reader, buf *[]byte, limit int64) error {
	for b := *buf; ; {
		if cap(b)-len(b) < minRead {
			// Twice as much, but not more than can ever be filled.
			grown := make([]byte, len(b), min(2*int64(cap(b))+minRead, limit+1+2*minRead))
			copy(grown, b)
			b = grown
		}
		n, err := body.Read(b[len(b) : cap(b)-1])
		b = b[:len(b)+n]
		*buf = b
		switch {
		case int64(len(b)) > limit:
			return errTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// bodyError returns the error of a body that ended with err after n bytes.
func (s *Scraper) bodyError(ctx context.Context, raw *source, n int, err error) error {
	switch {
	case errors.Is(err, errTooLarge), raw.left == 0:
		return s.tooLarge()
	case raw.err != nil:
		return s.transportError(ctx, raw.err, fmt.Sprintf("after %d bytes of the body", n))
	}
	return &Error{Reason: ReasonEncoding, what: "the gzip body is truncated or corrupt: see whether a proxy cuts it off, or turn spec.enableCompression off", err: err}
}

func (s *Scraper) tooLarge() error {
	return &Error{Reason: ReasonTooLarge, what: fmt.Sprintf(
		"body larger than %s: raise spec.bodySizeLimit, or let the target show less", bytesString(s.config.BodySizeLimit))}
}

// bytesString writes a size as Kubernetes does, 64Mi, where it is round.
func bytesString(n int64) string {
	unit := 0
	for n != 0 && n%1024 == 0 && unit < 4 {
		n /= 1024
		unit++
	}
	return fmt.Sprintf("%d%s", n, [...]string{"", "Ki", "Mi", "Gi", "Ti"}[unit])
}

// A source reads no more than it has left, and remembers how reading failed: so a
// connection that broke is told from a body that was packed badly.
type source struct {
	reader io.Reader
	left   int64
	err    error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.reader.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
