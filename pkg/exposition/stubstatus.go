package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// A stubLine is a line of stub_status: words that are fixed, and for each "#"
// among them a number, of the metric that names has for it.
type stubLine struct {
	words string
	names []string
}

// Names are those of nginx-prometheus-exporter, as far as it has them.
var stubStatus = []stubLine{
	{"Active connections: #", []string{"nginx_connections_active"}},
	{"server accepts handled requests", nil},
	{"# # #", []string{"nginx_connections_accepted", "nginx_connections_handled", "nginx_http_requests_total"}},
	{"Reading: # Writing: # Waiting: #", []string{"nginx_connections_reading", "nginx_connections_writing", "nginx_connections_waiting"}},
}

// Tengine adds the sum of all request times, in milliseconds.
var tengineStatus = []stubLine{
	stubStatus[0],
	{"server accepts handled requests request_time", nil},
	{"# # # #", append(stubStatus[2].names[:3:3], "nginx_http_request_time_milliseconds_total")},
	stubStatus[3],
}

// readStubStatus reads the four lines of nginx's stub_status, or of Tengine's.
// It is strict: a body of any other shape is an error, and gives no sample.
func readStubStatus(r *reading, body []byte) error {
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	format := stubStatus
	if len(lines) > 1 && bytes.Contains(lines[1], []byte("request_time")) {
		format = tengineStatus
	}
	if len(lines) != len(format) {
		return fmt.Errorf("stub_status has %d lines, found %d, the first of them %q: is the path right?",
			len(format), len(lines), quote(string(lines[0])))
	}
	values := make([][]float64, len(format))
	for i, f := range format {
		var err error
		if values[i], err = f.match(string(lines[i])); err != nil {
			return fmt.Errorf("line %d of stub_status is %q, found %q: %w", i+1, f.words, quote(string(lines[i])), err)
		}
	}
	for i, f := range format {
		for j, name := range f.names {
			if err := r.sample([]byte(name), 0, bareName(name), values[i][j], nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// match returns the numbers of a line.
func (l stubLine) match(line string) ([]float64, error) {
	words, found := strings.Fields(l.words), strings.Fields(line)
	if len(found) != len(words) {
		return nil, errors.New("the number of words differs")
	}
	var values []float64
	for i, w := range words {
		if w != "#" {
			if found[i] != w {
				return nil, fmt.Errorf("%q is not %q", found[i], w)
			}
			continue
		}
		n, err := strconv.ParseUint(found[i], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a count", found[i])
		}
		values = append(values, float64(n))
	}
	return values, nil
}

// A bareName is a series of that name without labels.
type bareName string

func (n bareName) Labels(lset *labels.Labels) {
	*lset = labels.FromStrings(labels.MetricName, string(n))
}
