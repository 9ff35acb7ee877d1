package script

import "testing"

// TestPodOf maps the values of a label to pods, whatever way a gateway writes
// addresses.
func TestPodOf(t *testing.T) {
	t.Parallel()
	env := func(value string) Env {
		e := environment(newSeries(`x{pod="gateway-0",source="kong",upstream="`+value+`"}`, 1))
		e.PodOf = Addresses{"10.0.0.7": "a", "10.0.0.8:81": "b", "fd00::7": "c"}.Pod
		e.Namespace = "shop"
		return e
	}
	f := func(value, want string) {
		t.Helper()
		if got := run(t, `scalar(filter(pod_of(x, "upstream"), function(_, l) return l.pod == "`+want+`" and l.namespace == "shop" and l.source == "kong" end))`, env(value)); got != "1" {
			t.Errorf("%q: got %s, not the pod %s", value, run(t, `pod_of(x, "upstream")`, env(value)), want)
		}
	}
	none := func(value string) {
		t.Helper()
		if got := run(t, `pod_of(x, "upstream")`, env(value)); got != "[]" {
			t.Errorf("%q: got %s", value, got)
		}
	}
	f("10.0.0.7", "a")
	f("10.0.0.7:80", "a")
	f(" 10.0.0.7:80 ", "a")
	f("10.0.0.8:81", "b")
	f("[fd00::7]:80", "c")
	f("[fd00::7]", "c")
	f("fd00:0::7", "c")
	f("::ffff:10.0.0.7", "a")
	f("http://10.0.0.7:8000/v1", "a")
	f("192.0.2.1:80 : 10.0.0.7:80", "a")
	none("10.0.0.8:80")
	none("192.0.2.1")
	none("")
	none("-")
	none("unix:/run/10.0.0.7")
	none("10.0.0.7:80 : kong")

	// Commas separate labels in parseLabels, so these go round it.
	for value, want := range map[string]string{
		"192.0.2.1:80, 10.0.0.7:80":                "10.0.0.7:80",
		"192.0.2.1:80, unix:/x : 10.0.0.7:80":      "10.0.0.7:80",
		"10.0.0.7:80 : 192.0.2.1:80, [fd00::7]:81": "[fd00::7]:81",
		"10.0.0.7:80, -":                           "",
	} {
		if got := lastAddress(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

// TestPodOfWithoutPods: where no pods are known there is no data, and a
// namespace that is not known is not made up.
func TestPodOfWithoutPods(t *testing.T) {
	t.Parallel()
	env := environment(newSeries(`x{namespace="gateways",upstream="10.0.0.7"}`, 1))
	if got := run(t, `pod_of(x, "upstream")`, env); got != "[]" {
		t.Error(got)
	}
	env.PodOf = Addresses{"10.0.0.7": "a"}.Pod
	if got := run(t, `pod_of(x, "upstream")`, env); got != `[{pod="a", upstream="10.0.0.7"} 1]` {
		t.Error(got)
	}
	if got := run(t, `pod_of(x, "none")`, env); got != "[]" {
		t.Error(got)
	}
}

func TestWhatIsKnownOfAProgram(t *testing.T) {
	t.Parallel()
	f := func(source string, mapsPods, remembers bool, line, column int) {
		t.Helper()
		p := compile(t, source)
		if p.MapsPods() != mapsPods {
			t.Errorf("%s: MapsPods is %t", source, p.MapsPods())
		}
		if l, c, ok := p.Remembers(); l != line || c != column || ok != remembers {
			t.Errorf("%s: Remembers gives %d:%d, %t", source, l, c, ok)
		}
	}
	f(`sum(up)`, false, false, 0, 0)
	f(`pod_of(up, "upstream")`, true, false, 0, 0)
	f(`local f = pod_of return f(up, "upstream")`, true, false, 0, 0)
	f("local a = sum(up)\nlocal b = max(last_over_time(metric\"x\"[\"1m\"]))\nreturn a + b + max(last_over_time(self[\"1m\"]))", false, true, 2, 39)
}
