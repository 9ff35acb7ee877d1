package promath_test

import (
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestLabelReplace(t *testing.T) {
	t.Parallel()
	const vector = `x{pod="kong-1"} 1; x{pod="nginx-2"} h2`
	f := func(dst, replacement, src, regex, want string) {
		t.Helper()
		check(t, text(promath.LabelReplace(vectorOf(t, vector), dst, replacement, src, regex)), want)
	}
	f("app", "$1", "pod", "(.*)-.*", `{__name__="x", app="kong", pod="kong-1"} 1; {__name__="x", app="nginx", pod="nginx-2"} h2`)
	f("app", "${app}!", "pod", "(?P<app>k.*)-.*", `{__name__="x", app="kong!", pod="kong-1"} 1; {__name__="x", pod="nginx-2"} h2`)
	f("app", "x", "pod", "kong", `{__name__="x", pod="kong-1"} 1; {__name__="x", pod="nginx-2"} h2`) // anchored
	f("app", "x", "none", "", `{__name__="x", app="x", pod="kong-1"} 1; {__name__="x", app="x", pod="nginx-2"} h2`)
	check(t, text(promath.LabelReplace(vectorOf(t, `{a="x\ny"} 1`), "a", "z", "a", "x.y")), `{a="z"} 1`)
	f("pod", "", "pod", "kong.*", `{__name__="x"} 1; {__name__="x", pod="nginx-2"} h2`)
	f("__name__", "y", "pod", "kong.*", `{__name__="y", pod="kong-1"} 1; {__name__="x", pod="nginx-2"} h2`)
	f("app", "$1", "pod", "(", "error: invalid regular expression \"(\" in label_replace: error parsing regexp: missing closing ): `^(?s:()$`")
	f("", "$1", "pod", ".*", `error: destination of label_replace: "" is no label name: give one that is not empty, in UTF-8`)
	f("\xff", "$1", "pod", ".*", `error: destination of label_replace: "\xff" is no label name: give one that is not empty, in UTF-8`)
}

func TestLabelJoin(t *testing.T) {
	t.Parallel()
	const vector = `x{pod="a", port="1"} 1; x{pod="b"} 2`
	f := func(dst, separator string, src []string, want string) {
		t.Helper()
		check(t, text(promath.LabelJoin(vectorOf(t, vector), dst, separator, src...)), want)
	}
	f("id", ":", []string{"pod", "port"}, `{__name__="x", id="a:1", pod="a", port="1"} 1; {__name__="x", id="b:", pod="b"} 2`)
	f("port", "", nil, `{__name__="x", pod="a"} 1; {__name__="x", pod="b"} 2`)
	f("", "", nil, `error: destination of label_join: "" is no label name: give one that is not empty, in UTF-8`)
	f("id", "", []string{"pod", ""}, `error: source of label_join: "" is no label name: give one that is not empty, in UTF-8`)
}
