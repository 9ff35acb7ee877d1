package exposition

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// Powers of ten that are exact as float64.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

const (
	maxDigits   = 19      // that fit into a uint64, whichever they are
	maxMantissa = 1 << 53 // up to which each integer is a float64

	maxTimestamp = 18 // digits that fit into an int64, whichever they are
)

// decimal reads the number that b begins with: digits, with or without sign,
// fraction and exponent. It returns the float64 nearest to it, as strconv
// does, and how many bytes it is long. The length is 0 for what only strconv
// reads, or nobody. What follows the number is for the caller to judge.
//
// It is exact because it rounds at most once: an integer of 19 digits fits into
// a uint64, whose conversion rounds; and of a mantissa below 2^53 and a power of
// ten up to 10^22 both are exact, so that only their product or quotient rounds
// (Clinger, "How to read floating point numbers accurately", 1990).
func decimal(b []byte) (v float64, n int) {
	i := 0
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		i = 1
	}
	var mantissa uint64
	digits := -i
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		mantissa = 10*mantissa + uint64(d)
	}
	digits += i
	exponent := 0
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for ; i < len(b); i++ {
			d := b[i] - '0'
			if d > 9 {
				break
			}
			mantissa = 10*mantissa + uint64(d)
		}
		exponent = point - i
		digits -= exponent
	}
	if digits == 0 || digits > maxDigits {
		return 0, 0
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e, n := power(b[i+1:])
		if n == 0 {
			return 0, 0
		}
		exponent += e
		i += 1 + n
	}

	v = float64(mantissa)
	switch {
	case exponent == 0:
	case mantissa > maxMantissa || exponent < -22 || exponent > 22:
		return 0, 0
	case exponent < 0:
		v /= powersOfTen[-exponent]
	default:
		v *= powersOfTen[exponent]
	}
	if negative {
		v = -v
	}
	return v, i
}

// plain reads what follows most series: a blank, a number that decimal reads,
// and the newline. The length is 0 for anything else.
//
// Up to seven digits are read at once, without a branch for each that could be
// predicted wrong: that is a third of the time of a line.
func plain(b []byte) (v float64, n int) {
	if len(b) > 8 && b[0] == ' ' {
		w := binary.LittleEndian.Uint64(b[1:])
		other := ((w + 0x4646464646464646) | (w - 0x3030303030303030)) & 0x8080808080808080
		// The lowest bit is of the first byte that is no digit.
		if bit := bits.TrailingZeros64(other) &^ 7; bit > 0 && bit < 64 && byte(w>>bit) == '\n' {
			w = w << (64 - bit) & 0x0f0f0f0f0f0f0f0f // the digits, zeros before them
			w = w * (10<<8 + 1) >> 8 & 0x00ff00ff00ff00ff
			w = w * (100<<16 + 1) >> 16 & 0x0000ffff0000ffff
			return float64(w * (10000<<32 + 1) >> 32), bit/8 + 2
		}
	}
	if b[0] != ' ' {
		return 0, 0
	}
	v, n = decimal(b[1:])
	if n == 0 || n+1 == len(b) || b[n+1] != '\n' {
		return 0, 0
	}
	return v, n + 2
}

// power reads the exponent that b begins with, and returns how many bytes it is
// long; 0 if it is none, or a long one.
func power(b []byte) (e, n int) {
	i := 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i = 1
	}
	first := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if i-first == 4 {
			return 0, 0
		}
		e = 10*e + int(b[i]-'0')
	}
	if i == first {
		return 0, 0
	}
	if b[0] == '-' {
		e = -e
	}
	return e, i
}

// parseFloat reads a whole number as textparse does.
func parseFloat(b []byte) (float64, bool) {
	if v, n := decimal(b); n > 0 && n == len(b) {
		return v, true
	}
	if bytes.ContainsAny(b, "pP_") {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

// textTail reads what follows a series in the Prometheus text format up to the
// end of the line: the value and, read over, a timestamp. n is the length with the
// newline, or 0 for what is rare or wrong, and left to textparse.
func textTail(b []byte) (v float64, n int) {
	i := blanks(b)
	if i == 0 {
		return 0, 0
	}
	size := bytes.IndexAny(b[i:], " \t\n{")
	if size <= 0 {
		return 0, 0
	}
	v, ok := parseFloat(b[i : i+size])
	if !ok {
		return 0, 0
	}
	i += size
	i += blanks(b[i:])
	first := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	if i-first > maxTimestamp {
		return 0, 0
	}
	i += blanks(b[i:])
	if i == len(b) || b[i] != '\n' {
		return 0, 0
	}
	return v, i + 1
}

func blanks(b []byte) int {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	return i
}

// openMetricsTail does the same for OpenMetrics, where an exemplar may follow.
func openMetricsTail(b []byte) (v float64, n int) {
	v, i, ok := field(b)
	if !ok {
		return 0, 0
	}
	if b[i] == ' ' && !bytes.HasPrefix(b[i:], []byte(" # {")) {
		n, ok := timestamp(b[i:])
		if !ok {
			return 0, 0
		}
		i += n
	}
	if bytes.HasPrefix(b[i:], []byte(" # {")) {
		n := exemplar(b[i:])
		if n == 0 {
			return 0, 0
		}
		i += n
	}
	if b[i] != '\n' {
		return 0, 0
	}
	return v, i + 1
}

// field reads a blank and the number behind it, which ends before a blank or a
// newline.
func field(b []byte) (v float64, n int, ok bool) {
	if len(b) == 0 || b[0] != ' ' {
		return 0, 0, false
	}
	size := bytes.IndexAny(b[1:], " \n")
	if size <= 0 {
		return 0, 0, false
	}
	v, ok = parseFloat(b[1 : 1+size])
	return v, 1 + size, ok
}

func timestamp(b []byte) (n int, ok bool) {
	ts, n, ok := field(b)
	return n, ok && !math.IsNaN(ts) && !math.IsInf(ts, 0)
}

// exemplar returns the length of an exemplar, which begins with " # {", and 0 for
// one that is not plain: labels of printable ASCII, without escapes.
func exemplar(b []byte) int {
	i := len(" # {")
	for b[i] != '}' {
		name := i
		for isLetter(b[i]) || i > name && b[i]-'0' <= 9 {
			i++
		}
		if i == name || b[i] != '=' || b[i+1] != '"' {
			return 0
		}
		for i += 2; b[i] != '"'; i++ {
			if b[i] < ' ' || b[i] > '~' || b[i] == '\\' {
				return 0
			}
		}
		if i++; b[i] == ',' && isLetter(b[i+1]) {
			i++
		} else if b[i] != '}' {
			return 0
		}
	}
	i++
	_, n, ok := field(b[i:])
	if !ok {
		return 0
	}
	i += n
	if b[i] == ' ' {
		n, ok := timestamp(b[i:])
		if !ok {
			return 0
		}
		i += n
	}
	return i
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
