package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// A reference is what a body holds, read by textparse alone: nothing is known
// from any other body, or from any other line but the last TYPE line.
type reference struct {
	want   func(labels.Labels) bool
	series []string // of the kept samples
	values []float64
	stats  Stats
	err    error

	seen      map[string]bool
	body      []byte
	parser    textparse.Parser
	family    model.MetricType
	inherited bool
}

// readReference reads Prometheus text, or OpenMetrics.
func readReference(body []byte, open bool, want func(labels.Labels) bool) *reference {
	if want == nil {
		want = func(labels.Labels) bool { return true }
	}
	r := &reference{want: want, seen: map[string]bool{}}
	r.err = r.read(body, open)
	if r.err == nil && r.stats.Samples == 0 && r.stats.Dropped > 0 {
		r.err = unreadable(bytes.TrimPrefix(body, []byte("\ufeff")), r.stats)
	}
	return r
}

func (r *reference) read(body []byte, open bool) error {
	body = bytes.TrimPrefix(bytes.Clone(body), []byte("\ufeff"))
	if isMarkup(body) {
		return errMarkup
	}
	body = bytes.ReplaceAll(bytes.TrimSuffix(body, []byte("\r")), []byte("\r\n"), []byte("\n"))
	if open {
		var ok bool
		body, ok = bytes.CutSuffix(bytes.TrimRight(body, "\n"), []byte("# EOF"))
		if !ok || len(body) > 0 && body[len(body)-1] != '\n' {
			return errEndMissing
		}
	} else if n := len(body); n > 0 && body[n-1] != '\n' {
		body = append(body, '\n')
	}
	r.body = body
	for pos := 0; pos < len(body); {
		lines := wholeLines(body[pos:])
		if len(lines) == 0 {
			end := pos + endOfLine(body[pos:])
			if err := r.drop(pos, end, fmt.Errorf("longer than %d bytes", maxLine)); err != nil {
				return err
			}
			pos = end
			continue
		}
		n, err := r.readLines(pos, lines, open)
		if err != nil {
			return err
		}
		pos += n
	}
	return nil
}

func (r *reference) readLines(pos int, lines []byte, open bool) (int, error) {
	if open {
		r.parser = textparse.NewOpenMetricsParser(lines, labels.NewSymbolTable())
	} else {
		r.parser = textparse.NewPromParser(lines[:len(lines)-1], labels.NewSymbolTable(), false)
	}
	r.inherited = r.family != ""
	done := 0
	reached := func(part []byte) { done = cap(lines) - cap(part) + len(part) }
	for {
		entry, err := r.parser.Next()
		if err != nil {
			next := done
			if done > 0 {
				next += endOfLine(lines[done:])
			}
			blank := len(lines[next:]) - len(bytes.TrimLeft(lines[next:], " \t\n"))
			if i := bytes.LastIndexByte(lines[next:next+blank], '\n'); i >= 0 {
				return next + i + 1, nil
			}
			if next == len(lines) {
				return next, nil
			}
			end := next + endOfLine(lines[next:])
			if bytes.HasPrefix(bytes.TrimLeft(lines[next:end], " \t"), []byte("#")) {
				r.family = ""
			}
			return end, r.drop(pos+next, pos+end, reasonOf(err))
		}
		switch entry {
		case textparse.EntrySeries:
			text, _, v := r.parser.Series()
			reached(text)
			if err := r.sample(text, v); err != nil {
				end := done + endOfLine(lines[done:])
				if err := r.drop(pos+done-len(text), pos+end, err); err != nil {
					return 0, err
				}
			}
		case textparse.EntryType:
			var name []byte
			name, r.family = r.parser.Type()
			r.inherited = false
			reached(name)
		case textparse.EntryHelp:
			name, _ := r.parser.Help()
			reached(name)
		case textparse.EntryUnit:
			name, _ := r.parser.Unit()
			reached(name)
		case textparse.EntryComment:
			reached(r.parser.Comment())
		}
	}
}

func (r *reference) sample(text []byte, v float64) error {
	var lset labels.Labels
	r.parser.Labels(&lset)
	if name := bytes.TrimLeft(text, " \t"); len(name) < len(text) && name[0] != '{' {
		set(&lset, labels.MetricName, strings.TrimLeft(lset.Get(labels.MetricName), " \t"))
	}
	bound := map[model.MetricType]string{model.MetricTypeHistogram: "le", model.MetricTypeSummary: "quantile"}[r.family]
	if f, err := strconv.ParseFloat(lset.Get(bound), 64); err == nil && r.inherited {
		set(&lset, bound, labels.FormatOpenMetricsFloat(f))
	}
	if name, twice := lset.HasDuplicateLabelNames(); twice {
		return fmt.Errorf("the label %q is given twice", name)
	}
	if !lset.IsValid(model.UTF8Validation) {
		return errors.New("a name is empty, or not UTF-8")
	}
	lset = lset.WithoutEmpty()
	r.stats.Samples++
	key := lset.String()
	switch {
	case !r.want(lset):
	case r.seen[key]:
		r.stats.Duplicates++
	default:
		r.seen[key] = true
		r.stats.Kept++
		r.series, r.values = append(r.series, key), append(r.values, v)
	}
	return nil
}

func (r *reference) drop(begin, end int, reason error) error {
	d := &reading{stats: r.stats}
	err := d.drop(func() int { return 1 + bytes.Count(r.body[:begin], []byte("\n")) }, r.body[begin:end-1], reason)
	r.stats = d.stats
	return err
}
