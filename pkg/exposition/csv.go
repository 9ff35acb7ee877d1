package exposition

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The columns of HAProxy's CSV whose values are labels.
const (
	proxyColumn   = "pxname"
	serverColumn  = "svname"
	typeColumn    = "type"
	statusColumn  = "status"
	addressColumn = "addr"
)

// textColumns hold texts, though one may look like a number.
var textColumns = map[string]bool{
	proxyColumn: true, serverColumn: true, typeColumn: true, statusColumn: true, addressColumn: true,
	"tracked": true, "check_status": true, "agent_status": true, "check_desc": true, "agent_desc": true,
	"last_chk": true, "last_agt": true, "cookie": true, "mode": true, "algo": true,
}

// A csvType is what a row is about, by the number in the column type.
type csvType struct {
	name   string
	label  string   // for the column svname, or empty where that says nothing
	states []string // that the status can be
}

var csvTypes = map[string]csvType{
	"0": {"frontend", "", []string{"OPEN", "STOP"}},
	"1": {"backend", "", []string{"UP", "DOWN"}},
	"2": {"server", "server", []string{"UP", "DOWN", "NOLB", "MAINT", "DRAIN", "NO CHECK"}},
	"3": {"listener", "listener", []string{"OPEN", "FULL", "WAITING"}},
}

// readCSV reads the statistics that HAProxy shows as CSV. Each number is a sample
//
//	haproxy_csv_<column>{proxy, type, server, addr}
//
// named after its column and in the unit of the column: qtime, ctime, rtime and
// ttime, averages of the last 1024 requests, are milliseconds. The type is
// frontend, backend, server or listener: a frontend, a backend and its servers all
// count the same requests. The label server is for servers only, listener for
// listeners, and addr where the column of that name has an address. Empty fields
// and texts are no samples. The status is a sample for each state that there is,
// 1 for that of the row and 0 for the others:
//
//	haproxy_csv_status{proxy, type, server, addr, state}
//
// with the states of a server UP, DOWN, NOLB, MAINT, DRAIN and NO CHECK. What
// HAProxy adds to them ("UP 1/2", "DOWN (agent)") is left out.
//
// A row with more or fewer fields than the header is dropped and counted.
func readCSV(r *reading, body []byte) error {
	if err := notCSV(body); err != nil {
		return err
	}
	r.batch.Partial = !bytes.HasSuffix(body, []byte("\n"))
	rows := csv.NewReader(bytes.NewReader(body))
	rows.FieldsPerRecord, rows.ReuseRecord, rows.LazyQuotes = -1, true, true
	first, err := rows.Read()
	if err != nil {
		return fmt.Errorf("the header of the CSV cannot be read: %w", err)
	}
	c, err := newCSVReader(r, first)
	if err != nil {
		return err
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := 0, 0
		if err == nil {
			line, _ = rows.FieldPos(0)
			err = c.row(row)
		} else {
			line = lineOf(err)
		}
		if err != nil {
			text := []byte(strings.Join(row, ","))
			if err := r.drop(func() int { return line }, text, err); err != nil {
				return err
			}
		}
	}
	if r.stats.Samples == 0 && r.stats.Dropped > 0 {
		return fmt.Errorf("none of %d rows can be read (the first is %v): is the path right?", r.stats.Dropped, r.stats.BadLines[0])
	}
	return nil
}

// notCSV returns an error for what does not begin as HAProxy's CSV does.
func notCSV(body []byte) error {
	switch start := bytes.TrimLeft(body, " \t\r\n"); {
	case isMarkup(start):
		return errors.New("this is an HTML page: is the path right? HAProxy's ends with ;csv")
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("[")):
		return errors.New("this is JSON, not CSV: is the path right? HAProxy's ends with ;csv")
	case bytes.HasPrefix(start, []byte("# HELP ")), bytes.HasPrefix(start, []byte("# TYPE ")):
		return errors.New("this is an exposition of Prometheus, not CSV: choose the format Auto, or another path")
	case !bytes.HasPrefix(start, []byte("# "+proxyColumn+",")):
		line, _, _ := bytes.Cut(start, []byte("\n"))
		return fmt.Errorf("HAProxy's CSV begins with %q, found %q: is the path right?", "# "+proxyColumn+","+serverColumn, quote(string(line[:min(len(line), maxQuote+1)])))
	}
	return nil
}

// lineOf returns the line that an error of the CSV's syntax is about.
func lineOf(err error) int {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return syntax.StartLine
	}
	return 0
}

// A csvReader takes the samples of one row after the other.
type csvReader struct {
	*reading
	columns []string // names of metrics; empty for texts
	proxy   int      // numbers of columns, -1 for what is not there
	server  int
	kind    int
	status  int
	address int

	labels []byte // of the row, packed
	series packedSeries
}

func newCSVReader(r *reading, header []string) (*csvReader, error) {
	c := &csvReader{reading: r, proxy: -1, server: -1, kind: -1, status: -1, address: -1}
	places := map[string]*int{
		proxyColumn: &c.proxy, serverColumn: &c.server, typeColumn: &c.kind, statusColumn: &c.status, addressColumn: &c.address,
	}
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "# "))
		if place := places[name]; place != nil && *place < 0 {
			*place = i
		}
		metric := "haproxy_csv_" + name
		if textColumns[name] || name == "" || !metricName.MatchString(metric) {
			metric = ""
		}
		c.columns = append(c.columns, metric)
	}
	if c.proxy < 0 || c.server < 0 || c.kind < 0 {
		return nil, fmt.Errorf("the CSV lacks one of the columns %s, %s and %s: is it HAProxy's?", proxyColumn, serverColumn, typeColumn)
	}
	return c, nil
}

// row takes the samples of a row. With an error it took none.
func (c *csvReader) row(fields []string) error {
	if len(fields) != len(c.columns) {
		return fmt.Errorf("it has %d fields, the header %d", len(fields), len(c.columns))
	}
	kind, ok := csvTypes[fields[c.kind]]
	if !ok {
		return fmt.Errorf("the type %q is none of 0 to 3", quote(fields[c.kind]))
	}
	for _, i := range []int{c.proxy, c.server, c.address} {
		if i >= 0 && !utf8.ValidString(fields[i]) {
			return fmt.Errorf("the name %q is not UTF-8", quote(fields[i]))
		}
	}
	c.labels = c.labels[:0]
	c.label("proxy", fields[c.proxy])
	c.label("type", kind.name)
	if kind.label != "" {
		c.label(kind.label, fields[c.server])
	}
	if c.address >= 0 {
		c.label("addr", fields[c.address])
	}
	for i, name := range c.columns {
		if name == "" || fields[i] == "" {
			continue
		}
		if v, ok := parseFloat([]byte(fields[i])); ok {
			if err := c.take(name, "", v); err != nil {
				return err
			}
		}
	}
	if c.status < 0 || fields[c.status] == "" {
		return nil
	}
	return c.state(kind.states, stateOf(fields[c.status]))
}

// state takes the samples of the states that there can be, and of the one that
// there is.
func (c *csvReader) state(states []string, is string) error {
	found := false
	for _, state := range states {
		v := 0.0
		if state == is {
			v, found = 1, true
		}
		if err := c.take("haproxy_csv_status", state, v); err != nil {
			return err
		}
	}
	if found || !utf8.ValidString(is) {
		return nil
	}
	return c.take("haproxy_csv_status", is, 1)
}

// stateOf returns the state in a status: without how far a change of it is, or
// who decided it.
func stateOf(status string) string {
	if strings.EqualFold(status, "no check") {
		return "NO CHECK"
	}
	state, _, _ := strings.Cut(status, " ")
	return state
}

func (c *csvReader) label(name, v string) {
	if v != "" {
		c.labels = append(append(packName(c.labels, name), separator), v...)
	}
}

// take takes a sample with the labels of the row, and with a state where that is
// given.
func (c *csvReader) take(name, state string, v float64) error {
	text := append(append(c.scratch.text[:0], name...), c.labels...)
	if state != "" {
		text = append(append(packName(text, "state"), separator), state...)
	}
	c.scratch.text, c.series.text = text, text
	return c.sample(text, 0, &c.series, v, nil)
}
