package exposition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// readProtobuf reads messages io.prometheus.client.MetricFamily, each behind its
// length as a varint. A histogram that is both native and classic gives both: the
// native under its own name, the classic as _bucket, _sum and _count.
//
// Each family gets a parser of its own, so that a bad one does not stop the
// rest. A length that is wrong does: nothing tells where the next family begins.
func readProtobuf(r *reading, body []byte) error {
	number := 0
	for rest := body; len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return fmt.Errorf("the protobuf body is truncated or corrupt in its metric family %d, %d bytes before its end", number+1, len(rest))
		}
		number++
		end := n + int(size)
		if err := readFamily(r, rest[:end]); err != nil {
			if err := r.drop(func() int { return number }, nil, err); err != nil {
				return err
			}
		}
		rest = rest[end:]
	}
	return nil
}

// readFamily reads one message with its length. The error is about this family.
func readFamily(r *reading, message []byte) error {
	p := textparse.NewProtobufParser(message, false, true, false, false, labels.NewSymbolTable())
	var bad error // the first sample that was refused
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			return bad
		case err != nil:
			return err
		}
		switch entry {
		case textparse.EntrySeries:
			text, _, v := p.Series()
			err = r.sample(text, 0, p, v, nil)
		case textparse.EntryHistogram:
			text, _, ih, fh := p.Histogram()
			if fh, err = floatHistogram(ih, fh); err == nil {
				err = r.sample(text, 0, p, 0, fh)
			}
		}
		if err != nil && bad == nil {
			bad = err
		}
	}
}

// floatHistogram returns whichever is given as a float histogram, checked.
func floatHistogram(ih *histogram.Histogram, fh *histogram.FloatHistogram) (*histogram.FloatHistogram, error) {
	if ih != nil {
		if err := ih.Validate(); err != nil {
			return nil, err
		}
		return ih.ToFloat(nil), nil
	}
	return fh, fh.Validate()
}
