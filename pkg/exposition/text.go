package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// maxLine is the longest line that is read, in bytes. The body goes to textparse
// in pieces of whole lines that are no longer than this, so that what it
// quotes in its errors stays small too.
const maxLine = 1 << 20

// errEndMissing is the error of an OpenMetrics body that breaks off.
var errEndMissing = errors.New(`the OpenMetrics body is truncated, it does not end with "# EOF": ` +
	`see what breaks the answer off, the gateway or a proxy before it`)

// readText reads the Prometheus text format 0.0.4, and its successor 1.0.0 with
// quoted names.
func readText(r *reading, body []byte) error {
	t := &textReader{reading: r, body: body, class: inText, tail: textTail}
	if n := len(body); n > 0 && body[n-1] != '\n' {
		t.strip(0)
		if n = len(t.body); n > 0 && t.body[n-1] != '\n' {
			t.body = append(t.body, '\n')
			t.batch.Partial = true
		}
	}
	t.newParser = func(lines []byte) textparse.Parser {
		// The parser appends a newline; that there is one already, and that
		// it is overwritten by the like, saves a copy.
		return textparse.NewPromParser(lines[:len(lines)-1], labels.NewSymbolTable(), false)
	}
	return t.read()
}

// readOpenMetrics reads OpenMetrics 1.0, with or without a newline, or several,
// behind the end mark.
func readOpenMetrics(r *reading, body []byte) error {
	t := &textReader{reading: r, body: body, class: inOpenMetrics, tail: openMetricsTail}
	if !t.cutEnd() {
		t.strip(0)
		if !t.cutEnd() {
			return errEndMissing
		}
	}
	t.newParser = func(lines []byte) textparse.Parser {
		return textparse.NewOpenMetricsParser(lines, labels.NewSymbolTable())
	}
	return t.read()
}

// cutEnd removes the end mark. It returns false where there is none.
func (t *textReader) cutEnd() bool {
	body, ok := bytes.CutSuffix(bytes.TrimRight(t.body, "\n"), []byte("# EOF"))
	if !ok || (len(body) > 0 && body[len(body)-1] != '\n') {
		return false
	}
	t.body = body
	return true
}

// withoutCR removes the carriage return of each line that ends with one, in
// place.
func withoutCR(body []byte) []byte {
	body = bytes.TrimSuffix(body, []byte("\r"))
	crlf := []byte("\r\n")
	i := bytes.Index(body, crlf)
	if i < 0 {
		return body
	}
	out, rest := body[:i], body[i+1:]
	for {
		if i = bytes.Index(rest, crlf); i < 0 {
			return append(out, rest...)
		}
		out = append(out, rest[:i]...)
		rest = rest[i+1:]
	}
}

// A textReader reads a body, line by line: as the layout predicts (see
// predicted), else by a parser of textparse. Such a parser is of no use any more
// after the first line that it cannot read, so a new one goes on behind that
// line.
type textReader struct {
	*reading
	newParser func(lines []byte) textparse.Parser
	// tail reads what follows a series, up to the end of its line.
	tail func(b []byte) (v float64, n int)

	parser textparse.Parser
	// class of the next line. The parser knows the type in it only if it read
	// the TYPE line itself.
	class   class
	ownType bool

	body        []byte
	stripped    bool // of carriage returns
	counted     int  // bytes of the body up to which newlines were counted
	linesBefore int  // newlines in them
}

// read reads a body that ends with a newline, if it is not empty.
func (t *textReader) read() error {
	t.begin(t.body, t.class)
	for pos := 0; pos < len(t.body); {
		lines := wholeLines(t.body[pos:])
		if len(lines) == 0 {
			if !t.stripped {
				t.strip(pos)
				continue
			}
			end := pos + endOfLine(t.body[pos:])
			if err := t.dropLine(pos, end, fmt.Errorf("longer than %d bytes", maxLine)); err != nil {
				return err
			}
			pos = end
			continue
		}
		n, err := t.readLines(pos, lines)
		if err != nil {
			return err
		}
		pos += n
	}
	return nil
}

// strip removes the carriage returns from pos on, as soon as there is something
// that was not predicted: no line that was predicted has one. Blank lines take
// their place at the end, for who reads the body once more.
func (t *textReader) strip(pos int) {
	end := pos + len(withoutCR(t.body[pos:]))
	for i := range t.body[end:] {
		t.body[end+i] = '\n'
	}
	t.body = t.body[:end]
	t.stripped = true
}

// readLines reads lines, which begin at pos in the body, up to their end or to
// and with the first line that cannot be read. It returns how many bytes it
// read.
func (t *textReader) readLines(pos int, lines []byte) (int, error) {
	at := 0
	for {
		at = t.predicted(lines, at)
		if at == len(lines) {
			return at, nil
		}
		if !t.stripped {
			t.strip(pos + at)
			lines = wholeLines(t.body[pos:])
			continue
		}
		t.surprise()
		if t.cold && t.copied == "" {
			t.copied, t.copiedCap = string(t.body), cap(t.body)
		}
		var bad bool
		var err error
		if at, bad, err = t.parse(pos, lines, at); bad || err != nil {
			return at, err
		}
	}
}

// parse reads lines from at on by textparse, up to one that was read as
// predicted, or to and with one that is bad. It returns where to go on.
func (t *textReader) parse(pos int, lines []byte, at int) (next int, bad bool, err error) {
	t.parser = t.newParser(lines[at:])
	t.ownType = false
	for {
		entry, err := t.parser.Next()
		if err != nil {
			next, err = t.resume(pos, lines, at, err)
			return next, true, err
		}
		// The slices that the parser returns are of lines, and end where lines
		// end: their capacity tells where they begin.
		part := t.part(entry)
		done := cap(lines) - cap(part) + len(part)
		end := done + endOfLine(lines[done:])
		clean := true // the parser is at the beginning of a line
		if entry == textparse.EntrySeries {
			begin := done - len(part)
			if !nulAt(lines, at) {
				t.verbatim(lines[at:begin], t.class, t.class)
			}
			_, _, v := t.parser.Series()
			if err := t.sample(part, t.class, t, v, nil); err != nil {
				if err := t.dropLine(pos+begin, pos+end, err); err != nil {
					return 0, true, err
				}
			}
			if t.class&inOpenMetrics != 0 {
				// That parser takes some bad lines for good, and stops amid them.
				_, n := t.tail(lines[done:])
				clean = done+n == end
			}
		} else {
			before := t.class
			if entry == textparse.EntryType {
				_, family := t.parser.Type()
				t.class, t.ownType = before.of(family), true
			}
			if clean = !nulAt(lines, end); clean {
				t.verbatim(lines[at:end], before, t.class)
			}
		}
		at = end
		if clean && !t.cold {
			if next := t.predicted(lines, at); next > at {
				return next, false, nil
			}
		}
	}
}

// part returns a part of the entry's last, or only, line.
func (t *textReader) part(entry textparse.Entry) (part []byte) {
	switch entry {
	case textparse.EntrySeries:
		part, _, _ = t.parser.Series()
	case textparse.EntryType:
		part, _ = t.parser.Type()
	case textparse.EntryHelp:
		part, _ = t.parser.Help()
	case textparse.EntryUnit:
		part, _ = t.parser.Unit()
	case textparse.EntryComment:
		part = t.parser.Comment()
	}
	return part
}

// resume returns where to go on after the parser ended with an error, which may
// be io.EOF, at the line that begins at next.
func (t *textReader) resume(pos int, lines []byte, next int, err error) (int, error) {
	// Blank lines are nothing in Prometheus text, and an error in OpenMetrics.
	blank := len(lines[next:]) - len(bytes.TrimLeft(lines[next:], " \t\n"))
	if i := bytes.LastIndexByte(lines[next:next+blank], '\n'); i >= 0 {
		return next + i + 1, nil
	}
	if next == len(lines) {
		return next, nil
	}
	end := next + endOfLine(lines[next:])
	if bytes.HasPrefix(bytes.TrimLeft(lines[next:end], " \t"), []byte("#")) {
		t.class &= formats // it may have been the TYPE line of what follows
	}
	return end, t.dropLine(pos+next, pos+end, reasonOf(err))
}

// Labels builds the labels of the current sample as the parser does, but for two
// things that it gets wrong. It takes blanks before a line into the metric name.
// And it writes bucket bounds of histograms and quantiles of summaries as
// OpenMetrics does, 1 as 1.0, only where it has seen the TYPE line itself.
func (t *textReader) Labels(lset *labels.Labels) {
	t.parser.Labels(lset)
	text, _, _ := t.parser.Series()
	if name := bytes.TrimLeft(text, " \t"); len(name) < len(text) && name[0] != '{' {
		set(lset, labels.MetricName, strings.TrimLeft(lset.Get(labels.MetricName), " \t"))
	}
	name := ""
	switch t.class &^ formats {
	case ofHistogram:
		name = model.BucketLabel
	case ofSummary:
		name = model.QuantileLabel
	}
	if name == "" || t.ownType {
		return
	}
	if f, err := strconv.ParseFloat(lset.Get(name), 64); err == nil {
		set(lset, name, labels.FormatOpenMetricsFloat(f))
	}
}

// set gives a label another value.
func set(lset *labels.Labels, name, v string) {
	*lset = labels.NewBuilder(*lset).Set(name, v).Labels()
}

// dropLine drops the line of the body that begins at begin and ends, with its
// newline, at end.
func (t *textReader) dropLine(begin, end int, reason error) error {
	number := func() int {
		t.linesBefore += bytes.Count(t.body[t.counted:begin], []byte("\n"))
		t.counted = begin
		return t.linesBefore + 1
	}
	return t.drop(number, t.body[begin:end-1], reason)
}

// reasonOf shortens an error of textparse by the line that it quotes.
func reasonOf(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("a NUL byte or an end mark amid the body")
	}
	if reason, _, ok := strings.Cut(err.Error(), " while parsing: "); ok {
		return errors.New(reason)
	}
	return err
}

// wholeLines returns the first lines of a text that ends with a newline, maxLine
// bytes at most; none if the first line is longer.
func wholeLines(text []byte) []byte {
	if len(text) <= maxLine {
		return text
	}
	return text[:bytes.LastIndexByte(text[:maxLine], '\n')+1]
}

// endOfLine returns where the first line of a text ends, with its newline.
func endOfLine(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}
