package provider

import (
	"slices"
	"strings"
	"testing"
)

func TestEdits(t *testing.T) {
	t.Parallel()
	f := func(a, b string, want int) {
		t.Helper()
		if got := edits(a, b); got != want {
			t.Errorf("edits(%q, %q) = %d, want %d", a, b, got, want)
		}
		if got := edits(b, a); got != want {
			t.Errorf("edits(%q, %q) = %d, want %d", b, a, got, want)
		}
	}
	f("", "", 0)
	f("", "rps", 3)
	f("rps", "rps", 0)
	f("rps", "rp", 1)
	f("rps", "rpx", 1)
	f("rps", "xrps", 1)
	f("kitten", "sitting", 3)
	f("abc", "xyz", 3)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	f := func(name string, names []string, want ...string) {
		t.Helper()
		if got := nearest(name, names); !slices.Equal(got, want) {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
	names := []string{"checkout_p95_seconds", "checkout_rps", "queue_depth", "tokens_per_second"}
	f("checkout_rsp", names, "checkout_rps", "checkout_p95_seconds", "queue_depth")
	f("checkout_p95", names, "checkout_rps", "checkout_p95_seconds", "queue_depth")
	f("a", []string{"b", "c"}, "b", "c")
	f("a", nil)
	f(strings.Repeat("a", 1<<20), names, names[:3]...)
}
