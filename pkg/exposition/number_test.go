package exposition

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestDecimalIsExact compares numbers of all kinds with strconv's.
func TestDecimalIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	f := func(text string) {
		t.Helper()
		v, n := decimal([]byte(text + "\n"))
		want, err := strconv.ParseFloat(text, 64)
		if n == len(text) && (err != nil || math.Float64bits(v) != math.Float64bits(want)) {
			t.Errorf("%s is %v, want %v, %v", text, v, want, err)
		}
		for _, behind := range []string{"", "a 12345678\n"} {
			line := []byte(" " + text + "\n" + behind)
			if v, n := plain(line); n != 0 && (n != len(text)+2 || math.Float64bits(v) != math.Float64bits(want)) {
				t.Errorf("%q is %v, want %v", line, v, want)
			}
		}
	}
	for _, text := range []string{"9007199254740993", "9007199254740992e22", "9007199254740993e1", "9999999999999999999", "18446744073709551615", "0.1", "-0", "-0.0e5", "1e22", "1e23", "1e-22", "1e-23", "00000000000000000001", "1.e5", ".5e1"} {
		f(text)
	}
	for _, text := range []string{"/", ":", "1/", "1:2", "0", "9", "00", "1234567", "12345678", "123456789", "\x80", "1\xb0", "12\x00", "-1", "+1"} {
		f(text)
	}
	for range 100_000 {
		f(strconv.Itoa(r.IntN(1 << r.IntN(31))))
		v := math.Float64frombits(r.Uint64())
		f(strconv.FormatFloat(v, 'g', -1, 64))
		f(strconv.FormatFloat(v, 'g', 1+r.IntN(20), 64))
		f(strconv.FormatUint(r.Uint64()>>r.IntN(64), 10))
		f(fmt.Sprintf("%d.%0*d", r.Uint64()>>(20+r.IntN(44)), 1+r.IntN(9), r.IntN(1000)))
		f(fmt.Sprintf("-%d.%de%d", r.IntN(1e6), r.IntN(1e6), r.IntN(60)-30))
	}
}

// TestDecimalReadsTheUsual: what gateways write does not need strconv.
func TestDecimalReadsTheUsual(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "1", "-1", "1234567890123456789", "0.5", "12345.678", "1.5e+07", "1.372014592e+010", "1e-05"} {
		if _, n := decimal([]byte(text + "\n")); n != len(text) {
			t.Errorf("%s: %d bytes read", text, n)
		}
	}
}
