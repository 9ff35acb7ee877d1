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
	body = withoutCR(body)
	if n := len(body); n > 0 && body[n-1] != '\n' {
		body = append(body, '\n')
	}
	t := &textReader{reading: r, newParser: func(lines []byte) textparse.Parser {
		// The parser appends a newline; that there is one already, and that
		// it is overwritten by the like, saves a copy.
		return textparse.NewPromParser(lines[:len(lines)-1], labels.NewSymbolTable(), false)
	}}
	return t.read(body)
}

// readOpenMetrics reads OpenMetrics 1.0, with or without a newline, or several,
// behind the end mark.
func readOpenMetrics(r *reading, body []byte) error {
	body, ok := bytes.CutSuffix(bytes.TrimRight(withoutCR(body), "\n"), []byte("# EOF"))
	if !ok || (len(body) > 0 && body[len(body)-1] != '\n') {
		return errEndMissing
	}
	t := &textReader{reading: r, newParser: func(lines []byte) textparse.Parser {
		return textparse.NewOpenMetricsParser(lines, labels.NewSymbolTable())
	}}
	return t.read(body)
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

// A textReader reads a body by a parser of textparse. Such a parser is of no
// use any more after the first line that it cannot read, so a new one goes on
// behind that line.
type textReader struct {
	*reading
	newParser func(lines []byte) textparse.Parser

	parser textparse.Parser
	// family is the type that the last TYPE line gave. The parser applies it to
	// the samples that follow, unless it is inherited: seen by an earlier parser.
	family    model.MetricType
	inherited bool

	body        []byte
	counted     int // bytes of the body up to which newlines were counted
	linesBefore int // newlines in them
}

// read reads a body that ends with a newline, if it is not empty.
func (t *textReader) read(body []byte) error {
	t.body = body
	for pos := 0; pos < len(body); {
		lines := wholeLines(body[pos:])
		if len(lines) == 0 {
			end := pos + endOfLine(body[pos:])
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

// readLines reads lines, which begin at pos in the body, up to their end or to
// and with the first line that the parser cannot read. It returns how many
// bytes it read.
func (t *textReader) readLines(pos int, lines []byte) (int, error) {
	t.parser = t.newParser(lines)
	t.inherited = t.family != ""
	done := 0 // the parser is somewhere in the line that this byte is of

	// The slices that the parser returns are of lines, and end where lines
	// end: their capacity tells where they begin.
	reached := func(part []byte) { done = cap(lines) - cap(part) + len(part) }
	for {
		entry, err := t.parser.Next()
		if err != nil {
			return t.resume(pos, lines, done, err)
		}
		switch entry {
		case textparse.EntrySeries:
			text, _, v := t.parser.Series()
			reached(text)
			if err := t.sample(text, t, v, nil); err != nil {
				end := done + endOfLine(lines[done:])
				if err := t.dropLine(pos+done-len(text), pos+end, err); err != nil {
					return 0, err
				}
			}
		case textparse.EntryType:
			var name []byte
			name, t.family = t.parser.Type()
			t.inherited = false
			reached(name)
		case textparse.EntryHelp:
			name, _ := t.parser.Help()
			reached(name)
		case textparse.EntryUnit:
			name, _ := t.parser.Unit()
			reached(name)
		case textparse.EntryComment:
			reached(t.parser.Comment())
		}
	}
}

// resume returns where to go on after the parser ended with an error, which may
// be io.EOF, behind the line that byte done is of (or, for done = 0, before the
// first line).
func (t *textReader) resume(pos int, lines []byte, done int, err error) (int, error) {
	next := done
	if done > 0 {
		next += endOfLine(lines[done:])
	}
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
		t.family = "" // it may have been the TYPE line of what follows
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
	if !t.inherited {
		return
	}
	name := ""
	switch t.family {
	case model.MetricTypeHistogram:
		name = model.BucketLabel
	case model.MetricTypeSummary:
		name = model.QuantileLabel
	default:
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
