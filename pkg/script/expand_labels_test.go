package script

import (
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// renamed is a gateway whose labels have had other names.
const renamed = `return {
  name = "edge",
  metrics = {
    requests_per_second = {
      labels = {model = {"model_name", "name"}, route = {{label = "cluster", before = "route/"}, "path"}, upstream = "peer"},
      value = function(where, window, by) return rps(requests_total{where}[window], by) end,
    },
  },
  unavailable = {},
}`

func TestLabelsOfSeveralVersions(t *testing.T) {
	t.Parallel()
	module, err := ParseModule(renamed)
	if err != nil {
		t.Fatal(err)
	}
	request := func(labels string, perSecond float64) metric.Series {
		return newSeries(`requests_total{`+labels+`}`, counter(13, 0, 5*perSecond)...)
	}
	env := environment(
		request(`pod="new",model_name="llama",cluster="route/pay"`, 1),
		request(`pod="new",model_name="qwen",cluster="route/cart",name="llama"`, 2),
		request(`pod="old",name="llama",path="pay"`, 4),
		request(`pod="old",name="qwen",path="cart"`, 8),
		request(`pod="old",path="pay"`, 16),
	)
	f := func(source, want string) {
		t.Helper()
		p, err := Compile(source, Options{Name: "test", Clock: testClock, Modules: map[string]*Module{"edge": module}})
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			return
		}
		v, err := p.Run(env)
		got := formatAll(v)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`edge.requests_per_second{}`, "31 over 1m")
	f(`edge.requests_per_second{model="llama"}`, "5 over 1m") // a newer name stands before an older one
	f(`edge.requests_per_second{model="qwen"}`, "10 over 1m")
	f(`edge.requests_per_second{model=neq"llama"}`, "26 over 1m")
	f(`edge.requests_per_second{model=re"llama|qwen"}`, "15 over 1m")
	f(`edge.requests_per_second{model=nre"llama|qwen"}`, "16 over 1m")
	f(`edge.requests_per_second{model=""}`, "16 over 1m")
	f(`edge.requests_per_second{model=neq""}`, "15 over 1m")
	f(`edge.requests_per_second{model={neq"llama", neq""}}`, "10 over 1m")
	f(`edge.requests_per_second{route="pay"}`, "21 over 1m")
	f(`edge.requests_per_second{route="pay", model="llama"}`, "5 over 1m")
	f(`edge.requests_per_second{route=neq"pay", model=neq"llama"}`, "10 over 1m")
	f(`edge.requests_per_second({}, "1m", by("model"))`, `[{} 16, {model="llama"} 5, {model="qwen"} 10] over 1m`)
	f(`edge.requests_per_second({route="pay"}, "1m", by("model", "route"))`,
		`[{model="llama", route="pay"} 5, {route="pay"} 16] over 1m`)
	f(`edge.requests_per_second({model="llama"}, "1m", by("pod"))`, `[{pod="new"} 1, {pod="old"} 4] over 1m`)
}

func TestLabelsOfSeveralVersionsAreRefused(t *testing.T) {
	t.Parallel()
	f := func(labels, want string) {
		t.Helper()
		_, err := ParseModule(strings.Replace(renamed, `model = {"model_name", "name"}`, labels, 1))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s is refused with %v, not %s", labels, err, want)
		}
	}
	f(`model = {"a", ""}`, "line 5: what the label model is at the gateway is not said")
	f(`model = {"a", 1}`, "line 5: what the label model is at the gateway is not said")
	f(`model = {"a", label = "b"}`, "line 5: a table has elements with names and without")
	f(`model = {"a", "b", "c", "d", "e"}`, "line 5: the labels of requests_per_second can be called in 10 ways, more than 8")
}
