package exposition

import "bytes"

// predicted reads lines from at on as long as it knows how they begin: as it
// was in the last scrape, or else at any place of an earlier one. It returns
// where that ends.
func (t *textReader) predicted(lines []byte, at int) int {
	for at < len(lines) {
		from := t.expected
		at = t.run(lines, at)
		t.scratch.order = append(t.scratch.order, t.layout.order[from:t.expected]...)
		if at == len(lines) {
			break
		}
		n := t.moved(lines[at:])
		if n == 0 {
			break
		}
		at += n
	}
	return at
}

// run reads lines from at on while they are those that are expected, and returns
// where that ends. It is where the time goes: one comparison a line, and its
// value.
func (t *textReader) run(lines []byte, at int) int {
	words, order := t.layout.words, t.layout.order
	seen, scrape := t.scratch.seen, t.scratch.scrape
	class, ids, values := t.class, t.batch.IDs, t.batch.Values
	samples, duplicates := 0, 0
	i := t.expected
	for ; i < len(order); i++ {
		w := &words[order[i]]
		end := at + len(w.text)
		if end > len(lines) || string(lines[at:end]) != w.text || w.in != class {
			break
		}
		if w.id == verbatim {
			if nulAt(lines, end) {
				break
			}
			at, class = end, w.after
			continue
		}
		if end == len(lines) {
			break
		}
		rest := lines[end:]
		v, n := plain(rest)
		if n == 0 {
			if v, n = t.tail(rest); n == 0 {
				break
			}
			v = plainNaN(v)
		}
		at = end + n
		samples++
		switch {
		case w.id == unwanted:
		case seen[w.id] == scrape:
			duplicates++
		default:
			seen[w.id] = scrape
			ids, values = append(ids, w.id), append(values, v)
		}
	}
	t.expected, t.class = i, class
	t.stats.Samples += samples
	t.stats.Duplicates += duplicates
	t.stats.Kept += len(ids) - len(t.batch.IDs)
	t.batch.IDs, t.batch.Values = ids, values
	return at
}

// moved reads one line that was not expected, if it is known all the same, and
// expects behind it what followed it in the last scrape. It returns the length
// of the line, or 0.
func (t *textReader) moved(lines []byte) int {
	line := lines[:endOfLine(lines)]
	place, ok := t.layout.findLine(line, t.class)
	if !ok {
		return 0
	}
	t.surprise()
	w := &t.layout.words[place]
	n := len(w.text)
	if w.id == verbatim {
		if nulAt(lines, n) {
			return 0
		}
		t.class = w.after
	} else {
		v, size := t.tail(line[n:])
		if size == 0 {
			return 0
		}
		n += size
		t.take(w.id, v, nil)
	}
	t.scratch.order = append(t.scratch.order, place)
	t.expect(place)
	return n
}

// findLine finds the word that a line begins with. Whatever it takes for the end
// of the series, a word that is found is one that textparse reads so.
func (l *layout) findLine(line []byte, in class) (uint32, bool) {
	if len(l.slots) == 0 {
		return 0, false
	}
	text := line
	switch {
	case line[0] == '#' || line[0] == '\n':
	case in&inOpenMetrics != 0:
		if i := bytes.Index(line, []byte(" # {")); i >= 0 {
			line = line[:i]
		}
		fallthrough
	default:
		if i := bytes.LastIndexByte(line, '}'); i >= 0 {
			text = line[:i+1]
		} else if i := bytes.IndexByte(line, ' '); i >= 0 {
			text = line[:i]
		}
	}
	return l.find(text, in, hashOf(text))
}

// nulAt reports whether a line begins with a NUL byte: textparse may take it
// for a part of the comment before.
func nulAt(lines []byte, at int) bool { return at < len(lines) && lines[at] == 0 }
