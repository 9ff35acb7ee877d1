package exposition

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
)

// jsonRules returns rules that are written as JSON.
func jsonRules(t testing.TB, text string) *JSONRules {
	t.Helper()
	var data any
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	rules, err := NewJSONRules(data)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rules
}

// Rules for what gateways show, as their presets could have them.
const (
	nginxPlusUpstreams = `[
		{
			"each": [{"path": ".*", "key": "upstream"}, {"path": ".peers[*]", "labels": {"server": "{.server}"}}],
			"metrics": {
				"requests_total": ".requests",
				"active": ".active",
				"header_time_seconds": {"path": ".header_time", "scale": 0.001},
				"response_time_seconds": {"path": ".response_time", "scale": 0.001},
				"max_conns": ".max_conns",
				"up": {"path": ".state", "is": "up"},
				"last_passed": ".health_checks.last_passed"
			}
		},
		{
			"each": [
				{"path": ".*", "key": "upstream"},
				{"path": ".peers[*]", "labels": {"server": "{.server}"}},
				{"path": ".responses['1xx','2xx','3xx','4xx','5xx']", "key": "code"}
			],
			"metrics": {"responses_total": "."}
		}
	]`
	nginxVTS = `[
		{
			"each": {"path": ".serverZones.*", "key": "host"},
			"metrics": {
				"requests_total": ".requestCounter",
				"request_seconds_total": {"path": ".requestMsecCounter", "scale": 0.001},
				"request_seconds": {"bounds": ".requestBuckets.msecs", "counts": ".requestBuckets.counters",
					"sum": ".requestMsecCounter", "count": ".requestCounter", "scale": 0.001}
			}
		},
		{
			"each": [{"path": ".serverZones.*", "key": "host"}, {"path": ".responses['1xx','2xx','3xx','4xx','5xx']", "key": "code"}],
			"metrics": {"responses_total": "."}
		},
		{
			"each": [{"path": ".upstreamZones.*", "key": "upstream"}, {"path": "[*]", "labels": {"backend": "{.server}"}}],
			"metrics": {"upstream_response_seconds": {"path": ".responseMsec", "scale": 0.001}}
		},
		{
			"each": {"path": ".connections['active','reading','writing','waiting']", "key": "status"},
			"metrics": {"connections": "."}
		}
	]`
	rabbitQueues = `[{
		"each": "[*]",
		"labels": {"queue": "{.name}", "vhost": "{.vhost}"},
		"metrics": {
			"messages_ready": ".messages_ready", "head_timestamp": ".head_message_timestamp",
			"published_total": ".message_stats.publish", "durable": ".durable"
		}
	}]`
	envoyClusters = `[{
		"each": [
			{"path": ".cluster_statuses[*]", "labels": {"cluster": "{.name}"}},
			{"path": ".host_statuses[*]", "labels": {"address": "{.address.socket_address.address}:{.address.socket_address.port_value}"}},
			{"path": ".stats[*]", "labels": {"stat": "{.name}"}}
		],
		"metrics": {"host": {"path": ".value", "default": 0}}
	}]`
)

// TestJSON reads what gateways show, and values of all kinds.
func TestJSON(t *testing.T) {
	t.Parallel()
	type m = map[string]float64
	f := func(rules, body string, want m, bad ...string) {
		t.Helper()
		got, stats := parseOnce(t, Options{Format: Json, JSON: jsonRules(t, rules)}, body, "application/json")
		if diff := cmp.Diff(want, got, cmp.Comparer(sameFloat)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		var lines []string
		for _, b := range stats.BadLines {
			lines = append(lines, b.String())
		}
		if diff := cmp.Diff(bad, lines); diff != "" || stats.Dropped != len(bad) {
			t.Errorf("%s: %d dropped (-want +got):\n%s", body, stats.Dropped, diff)
		}
	}
	one := func(v float64) m { return m{`{__name__="x"}`: v} }

	// Gateways. A group without peers does not hide the ones after it.
	f(nginxPlusUpstreams, `{"empty": {"peers": []}, "b": {"peers": [{"server": "10.0.0.1:80", "state": "draining", "active": 2, "requests": 7, "response_time": 35,
		"responses": {"1xx": 0, "2xx": 5, "5xx": 1, "codes": {"200": 5}, "total": 6}, "health_checks": {"last_passed": true}}]}}`, m{
		`{__name__="requests_total", server="10.0.0.1:80", upstream="b"}`:              7,
		`{__name__="active", server="10.0.0.1:80", upstream="b"}`:                      2,
		`{__name__="response_time_seconds", server="10.0.0.1:80", upstream="b"}`:       0.035,
		`{__name__="up", server="10.0.0.1:80", upstream="b"}`:                          0,
		`{__name__="last_passed", server="10.0.0.1:80", upstream="b"}`:                 1,
		`{__name__="responses_total", code="1xx", server="10.0.0.1:80", upstream="b"}`: 0,
		`{__name__="responses_total", code="2xx", server="10.0.0.1:80", upstream="b"}`: 5,
		`{__name__="responses_total", code="5xx", server="10.0.0.1:80", upstream="b"}`: 1,
	})
	f(nginxVTS, `{"serverZones": {"*": {"requestCounter": 9, "requestMsecCounter": 1500, "requestBuckets": {"msecs": [5, 10, 1000], "counters": [1, 4, 8]}},
		"idle": {"requestCounter": 0, "requestBuckets": {"msecs": [], "counters": []}}}}`, m{
		`{__name__="requests_total", host="*"}`:                     9,
		`{__name__="requests_total", host="idle"}`:                  0,
		`{__name__="request_seconds_total", host="*"}`:              1.5,
		`{__name__="request_seconds_bucket", host="*", le="0.005"}`: 1,
		`{__name__="request_seconds_bucket", host="*", le="0.01"}`:  4,
		`{__name__="request_seconds_bucket", host="*", le="1.0"}`:   8,
		`{__name__="request_seconds_bucket", host="*", le="+Inf"}`:  9,
		`{__name__="request_seconds_count", host="*"}`:              9,
		`{__name__="request_seconds_sum", host="*"}`:                1.5,
	})
	f(envoyClusters, `{"cluster_statuses": [{"name": "empty"}, {"name": "c", "host_statuses": [{"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}},
		"stats": [{"name": "rq_error"}, {"value": "12", "name": "rq_total"}]}, {"address": {"pipe": {}}, "stats": [{"name": "rq_total", "value": "1"}]}]}]}`, m{
		`{__name__="host", address="10.0.0.1:80", cluster="c", stat="rq_error"}`: 0,
		`{__name__="host", address="10.0.0.1:80", cluster="c", stat="rq_total"}`: 12,
		`{__name__="host", cluster="c", stat="rq_total"}`:                        1,
	})
	f(`[{"metrics": {"in_flight": "in_flight_requests"}}]`, `{"in_flight_requests": 3}`, m{`{__name__="in_flight"}`: 3})

	// Nothing there, but nothing wrong.
	f(rabbitQueues, ` [ ] `, m{})
	f(nginxPlusUpstreams, `{}`, m{})
	f(envoyClusters, `{"cluster_statuses": []}`, m{})

	// Values.
	const x = `[{"metrics": {"x": ".x"}}]`
	f(x, `{"x": 1}`, one(1))
	f(x, "\ufeff{\"x\": -1.25e2}\r\n", one(-125))
	f(x, `{"x": "42"}`, one(42))
	f(x, `{"x": " 4.5 "}`, one(4.5))
	f(x, `{"x": "NaN"}`, one(math.NaN()))
	f(x, `{"x": "infinity"}`, one(math.Inf(1)))
	f(x, `{"x": true}`, one(1))
	f(x, `{"x": false}`, one(0))
	f(x, `{"x": 18446744073709551615}`, one(18446744073709551615))
	f(x, `{"x": 9007199254740993}`, one(9007199254740992))
	f(x, `{"x": 9223372036854775794}`, one(1<<63))
	f(x, `{"x": null}`, m{})
	f(x, `{"x": ""}`, m{})
	f(x, `{"x": 1, "x": 2}`, one(1))
	f(x, `{"\u0078": 1}`, one(1))
	f(`[{"metrics": {"x": {"path": ".x", "scale": 0.001}}}]`, `{"x": 7}`, one(0.007))
	f(`[{"metrics": {"x": {"path": ".x", "scale": 60}}}]`, `{"x": 7}`, one(420))
	f(`[{"metrics": {"x": {"path": ".x", "default": 5}}}]`, `{"x": null}`, one(5))
	f(`[{"metrics": {"x": {"path": ".x", "is": ["up", "UP"]}}}]`, `{"x": "UP"}`, one(1))
	f(`[{"metrics": {"x": {"path": ".x", "is": "true"}}}]`, `{"x": true}`, one(1))
	f(`[{"metrics": {"x": {"path": ".x", "is": "up"}}}]`, `{"x": null}`, m{})

	// Labels: keys, indices, constants, several paths, numbers as written.
	f(`[{"each": {"path": ".*", "key": "k"}, "metrics": {"x": "."}}]`, `{"b": 1, "a\"\u00e9": 2, "": 3}`, m{
		`{__name__="x", k="b"}`: 1, `{__name__="x", k="a\"é"}`: 2, `{__name__="x"}`: 3,
	})
	f(`[{"each": [{"path": "[*]", "key": "i"}, {"path": "[*]", "key": "j"}], "metrics": {"x": "."}}]`, `[[1, 2], [], [3]]`, m{
		`{__name__="x", i="0", j="0"}`: 1, `{__name__="x", i="0", j="1"}`: 2, `{__name__="x", i="2", j="0"}`: 3,
	})
	f(`[{"labels": {"a": "const", "b": "{.n}-{.t}-{.s}", "c": "{.none}", "d": "{.l[-1]}"}, "metrics": {"x": ".x"}}]`,
		`{"x": 1, "n": 1.50, "t": true, "s": "\ud83d\ude00\ud800", "l": ["p", "q"]}`,
		m{`{__name__="x", a="const", b="1.50-true-😀` + "\ufffd" + `", d="q"}`: 1})
	f(`[{"each": {"path": ".", "key": "k"}, "metrics": {"x": ".x"}}]`, `{"x": 1}`, one(1))

	// Histograms: the last count may be that of +Inf; counts may be apart.
	f(`[{"metrics": {"h": {"bounds": "b", "counts": "c", "cumulative": false}}}]`, `{"b": [1, 2.5], "c": ["3", 4, 5]}`, m{
		`{__name__="h_bucket", le="1.0"}`: 3, `{__name__="h_bucket", le="2.5"}`: 7, `{__name__="h_bucket", le="+Inf"}`: 12, `{__name__="h_count"}`: 12,
	})
	f(`[{"metrics": {"h": {"bounds": "b", "counts": "c", "sum": "s"}}}]`, `{"b": [1], "c": [3], "s": 8}`, m{`{__name__="h_bucket", le="1.0"}`: 3, `{__name__="h_sum"}`: 8})

	// What cannot be used is dropped, the rest is read.
	f(`[{"each": "[*]", "labels": {"n": "{.n}"}, "metrics": {"x": ".x", "y": ".y"}}]`,
		`[{"n": "a", "x": "up", "y": 1}, {"n": {}, "x": 1, "y": 1}, {"n": "b", "x": [1], "y": 1e999}, {"n": "c", "x": 1}]`,
		m{`{__name__="y", n="a"}`: 1, `{__name__="x", n="c"}`: 1},
		`rule 1, x, at [0].x: "up" is not a number`,
		`rule 1, the label n, at [1]: it is an object, not a text: name a field of it`,
		`rule 1, x, at [2].x: it is a list, not a number: name a field of it`,
		`rule 1, y, at [2].y: "1e999" is not a number`)
	f(`[{"metrics": {"x": ".x"}}, {"metrics": {"h": {"bounds": "b", "counts": "c"}}}, {"metrics": {"h": {"bounds": "c", "counts": "b"}}}, {"metrics": {"h": {"bounds": "x", "counts": "b"}}}, {"metrics": {"h": {"bounds": "d", "counts": "d"}}}]`,
		`{"x": 1, "b": [1, 2], "c": [2, 1, 3, 4], "d": ["a"]}`, one(1),
		`rule 2, h, at .: there are 2 bounds and 4 counts`,
		`rule 3, h, at .: there are 4 bounds and 2 counts`,
		`rule 4, h, at .: x is a number, not a list`,
		`rule 5, h, at .: in d "a" is not a number`)
	f(`[{"metrics": {"x": ".x"}}, {"metrics": {"h": {"bounds": "b", "counts": "b"}}}]`, `{"x": 1, "b": [2, 1]}`, one(1),
		`rule 2, h, at .: the bounds do not ascend`)
}

// TestJSONDuplicates: of several values of one series the first counts.
func TestJSONDuplicates(t *testing.T) {
	t.Parallel()
	got, stats := parseOnce(t, Options{Format: Json, JSON: jsonRules(t, `[{"metrics": {"x": ".x[*]", "y": ".x[2]"}}]`)}, `{"x": [1, 2, 3]}`, "")
	if diff := cmp.Diff(map[string]float64{`{__name__="x"}`: 1, `{__name__="y"}`: 3}, got); diff != "" || stats.Duplicates != 2 || stats.Samples != 4 {
		t.Errorf("%+v (-want +got):\n%s", stats, diff)
	}
}

// TestJSONWant: only series that somebody wants are kept.
func TestJSONWant(t *testing.T) {
	t.Parallel()
	got, stats := parseOnce(t, Options{Format: Json, JSON: jsonRules(t, rabbitQueues), Want: func(l labels.Labels) bool {
		return l.Get("__name__") == "messages_ready" && l.Get("queue") == "b"
	}}, `[{"name": "a", "vhost": "/", "messages_ready": 1}, {"name": "b", "vhost": "/", "messages_ready": 2, "durable": true}]`, "")
	if diff := cmp.Diff(map[string]float64{`{__name__="messages_ready", queue="b", vhost="/"}`: 2}, got); diff != "" || stats.Samples != 3 {
		t.Errorf("%+v (-want +got):\n%s", stats, diff)
	}
}

// TestJSONErrors: bodies of which nothing is taken.
func TestJSONErrors(t *testing.T) {
	t.Parallel()
	f := func(rules, body, want string) {
		t.Helper()
		batch, _, err := NewParser(Options{Format: Json, JSON: jsonRules(t, rules)}).Parse([]byte(body), "application/json", 1)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %v", body[:min(len(body), 100)], err, want)
		}
		if batch.Table != nil || batch.IDs != nil {
			t.Errorf("%q: a batch beside the error", body[:min(len(body), 100)])
		}
	}
	const x = `[{"metrics": {"x": ".x"}}]`
	f(x, "", "the body is empty, not JSON: is the path right?")
	f(x, " <!DOCTYPE html><p>", "this is an HTML page: is the path right?")
	f(x, "# HELP a b\na 1\n", "this is an exposition of Prometheus, not JSON: choose the format Auto, or another path")
	f(x, "# pxname,svname\n", "this is HAProxy's CSV: choose the format Csv")
	f(x, "Active connections: 1\n", "this is nginx's stub_status: choose the format StubStatus")
	f(x, "\x1f\x8b\x08", "this is gzip that the server did not declare as such: let it set Content-Encoding")
	f(x, "a_total 1\n", `this is not JSON: invalid character 'a' looking for beginning of value, in line 1 at "a_total 1\n": is the path right?`)
	f(x, "{\n\"x\": 1,\n}", `this is not JSON: invalid character '}' looking for beginning of object key string, in line 3 at "}": is the path right?`)
	f(x, `{"x": 1} {"x": 2}`, `this is not JSON: invalid character '{' after top-level value, in line 1 at "{\"x\": 2}": is the path right?`)
	f(x, `{"x": [1, 2`, "the JSON is truncated, it ends amid a value after 11 bytes: see what breaks the answer off, the gateway or a proxy before it")
	f(x, `{"error": "not_authorised", "reason": "no"}`, "this JSON, an object with error, reason, has nothing that the rules look for: is the path right?")
	f(x, `{}`, "this JSON, an empty object, has nothing that the rules look for: is the path right?")
	f(x, `null`, "this JSON, null, has nothing that the rules look for: is the path right?")
	f(rabbitQueues, `{"error": "not_authorised"}`, "this JSON, an object with error, has nothing that the rules look for: is the path right?")
	f(nginxVTS, `[]`, "this JSON, a list, has nothing that the rules look for: is the path right?")
	f(x, `{"x": "a"}`, `no value can be read (the first of 1 is rule 1, x, at .x: "a" is not a number): is the path right?`)
	f(`[{"each": "..", "metrics": {"x": ".x"}}]`, strings.Repeat("[", maxJSONDepth+1)+strings.Repeat("]", maxJSONDepth+1), "the JSON is nested deeper than 100 levels")
	f(`[{"each": [".."], "metrics": {"x": ".x"}}]`, strings.Repeat("[", 10_001), "this is not JSON: invalid character '[' exceeded max depth, in line 1 at \"[\": is the path right?")
	f(x, "["+strings.Repeat("1,", maxJSONValues)+"1]", "the JSON has more than 4194304 values: let the gateway show less, as by its query")
	f(`[{"each": "[-1]", "metrics": {"x": "."}}`+strings.Repeat(`, {"each": "[-1]", "metrics": {"x": "."}}`, 99)+"]", "["+strings.Repeat("1,", 1<<19)+"1]",
		"the rules look at more than 67108864 values: choose paths that lead straight to what is wanted, with no .. in them")
	f(`[{"each": "[*]", "metrics": {"x": "."}}]`, "["+strings.Repeat(`"a",`, maxDropped+1)+"1]",
		`more than 100000 lines cannot be read (the first is rule 1, x, at [0]: "a" is not a number): is this an exposition?`)

	_, _, err := NewParser(Options{Format: Json}).Parse([]byte("{}"), "", 1)
	if err == nil || err.Error() != "the format Json needs rules: choose a preset that has them" {
		t.Errorf("without rules: %v", err)
	}
}

// TestJSONRules: rules that are wrong are refused with their number and field.
func TestJSONRules(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		var data any
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			t.Fatal(err)
		}
		_, err := NewJSONRules(data)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %v", text, err, want)
		}
	}
	f(`null`, "json is not a list of rules: write json = {{each = ..., metrics = {...}}}")
	f(`{"metrics": {"x": ".x"}}`, "json is not a list of rules: write json = {{each = ..., metrics = {...}}}")
	f(`[1]`, "json: rule 1: 1 is not a table with names")
	f(`[{"metrics": {"x": ".x"}}, {}, {"labels": {"a": ".b"}}]`, "json: rule 2: metrics: there are none: write metrics = {name = path}\n"+
		`json: rule 3: labels: a: ".b" would be a constant: write "{.b}"`)
	f(`[{"for": ".x"}]`, `json: rule 1: unknown field "for": there are each, labels, metrics`)
	f(`[{"metrics": {"x-y": ".x"}}]`, `json: rule 1: metrics: "x-y" is not a metric name: use letters, digits, : and _`)
	f(`[{"metrics": {"x": 1}}]`, `json: rule 1: metrics: x: 1 is not a table with names`)
	f(`[{"metrics": {"x": {}}}]`, `json: rule 1: metrics: x: path is missing`)
	f(`[{"metrics": {"x": ""}}]`, `json: rule 1: metrics: x: the path is empty: write . for the value itself`)
	f(`[{"metrics": {"x": {"path": 1}}}]`, `json: rule 1: metrics: x: path: 1 is not a path`)
	f(`[{"metrics": {"x": {"path": ".", "scale": "a"}}}]`, `json: rule 1: metrics: x: scale: a is not a number`)
	f(`[{"metrics": {"x": {"path": ".", "scale": 0}}}]`, `json: rule 1: metrics: x: scale: 0 is not above 0`)
	f(`[{"metrics": {"x": {"path": ".", "default": true}}}]`, `json: rule 1: metrics: x: default: true is not a number`)
	f(`[{"metrics": {"x": {"path": ".", "is": []}}}]`, `json: rule 1: metrics: x: is: there is no text to compare with`)
	f(`[{"metrics": {"x": {"path": ".", "is": 1}}}]`, `json: rule 1: metrics: x: is: 1 is not a text`)
	f(`[{"metrics": {"x": {"path": ".", "type": "counter"}}}]`, `json: rule 1: metrics: x: unknown field "type": there are path, scale, default, is`)
	f(`[{"metrics": {"x": {"bounds": ".b"}}}]`, `json: rule 1: metrics: x: counts is missing`)
	f(`[{"metrics": {"x": {"bounds": ".b", "counts": ".c", "cumulative": 1}}}]`, `json: rule 1: metrics: x: cumulative: 1 is neither true nor false`)
	f(`[{"metrics": {"x": {"bounds": ".b", "counts": ".c"}}, "labels": {"le": "1"}}]`,
		`json: rule 1: metrics: x: a histogram makes the label "le" itself: choose another name`)
	f(`[{"each": [".a", 1], "metrics": {"x": "."}}]`, `json: rule 1: each: step 2: 1 is not a table with names`)
	f(`[{"each": {"key": "k"}, "metrics": {"x": "."}}]`, `json: rule 1: each: step 1: path is missing`)
	f(`[{"each": {"path": ".a", "key": "__name__"}, "metrics": {"x": "."}}]`, `json: rule 1: each: step 1: key: __name__ is not a label name`)
	f(`[{"each": {"path": ".a", "labels": {"a b": "c"}}, "metrics": {"x": "."}}]`, `json: rule 1: each: step 1: labels: "a b" is not a label name: use letters, digits and _`)
	f(`[{"each": {"path": ".a", "key": "k"}, "labels": {"k": "{.k}"}, "metrics": {"x": "."}}]`, `json: rule 1: the label "k" is given twice`)
	f(`[{"labels": {"k": ""}, "metrics": {"x": "."}}]`, `json: rule 1: labels: k:  is not a text with paths in braces, such as "{.name}"`)
}

func TestJSONRulesNames(t *testing.T) {
	t.Parallel()
	got := jsonRules(t, nginxVTS).Names()
	want := []string{"connections", "request_seconds_bucket", "request_seconds_count", "request_seconds_sum", "request_seconds_total",
		"requests_total", "responses_total", "upstream_response_seconds"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestJSONCaptures compares with what was counted by hand in recorded bodies.
func TestJSONCaptures(t *testing.T) {
	t.Parallel()
	captureNames(t)
	f := func(name, rules string, samples int, want map[string]float64) {
		t.Helper()
		got, stats := parseOnce(t, Options{Format: Json, JSON: jsonRules(t, rules)}, string(readCapture(t, name)), "application/json")
		if stats.Samples != samples || stats.Dropped != 0 || stats.Duplicates != 0 {
			t.Errorf("%s: %+v, want %d samples", name, stats, samples)
		}
		for series, v := range want {
			if g, ok := got[series]; !ok || g != v {
				t.Errorf("%s: %s is %v (found: %v), want %v", name, series, g, ok, v)
			}
		}
	}
	// 8 peers: requests, active and up of each, 5 with times (2 samples each), 2
	// with last_passed, 1 with max_conns, and 5 classes of responses of each.
	f("nginx-plus/DataDog__integrations-core__v7_http_upstreams.json", nginxPlusUpstreams, 8*3+5*2+2+1+8*5, map[string]float64{
		`{__name__="requests_total", server="10.0.0.42:8084", upstream="demo-backend"}`:              18132421,
		`{__name__="response_time_seconds", server="10.0.0.18:8080", upstream="hg-backend"}`:         0.007,
		`{__name__="responses_total", code="4xx", server="10.0.0.12:8080", upstream="lxr-backend"}`:  1873,
		`{__name__="max_conns", server="10.0.0.13:8080", upstream="lxr-backend"}`:                    42,
		`{__name__="up", server="10.0.0.11:8080", upstream="trac-backend"}`:                          1,
		`{__name__="responses_total", code="2xx", server="10.0.0.10:8080", upstream="trac-backend"}`: 740787,
	})
	// 3 zones with 5 classes each.
	f("nginx-plus/DataDog__integrations-core__v7_http_server_zones.json",
		`[{"each": [{"path": ".*", "key": "zone"}, {"path": ".responses['1xx','2xx','3xx','4xx','5xx']", "key": "code"}], "metrics": {"responses_total": "."}}]`, 15,
		map[string]float64{`{__name__="responses_total", code="3xx", zone="trac.nginx.org"}`: 10003})
	// 2 zones with a counter and 5 classes each, 1 peer, 4 connections. Neither sums nor
	// buckets are in that version.
	f("nginx-vts/DataDog__integrations-core__vts.json", nginxVTS, 2+2*5+1+4, map[string]float64{
		`{__name__="requests_total", host="*"}`:                      9,
		`{__name__="responses_total", code="4xx", host="localhost"}`: 4,
		`{__name__="upstream_response_seconds", upstream="backend"}`: 0.485,
		`{__name__="connections", status="waiting"}`:                 2,
		`{__name__="responses_total", code="2xx", host="*"}`:         5,
		`{__name__="requests_total", host="localhost"}`:              9,
		`{__name__="connections", status="active"}`:                  3,
		`{__name__="connections", status="writing"}`:                 1,
		`{__name__="responses_total", code="5xx", host="localhost"}`: 0,
		`{__name__="connections", status="reading"}`:                 0,
		`{__name__="responses_total", code="1xx", host="localhost"}`: 0,
		`{__name__="responses_total", code="3xx", host="*"}`:         0,
	})
}

// TestJSONQueues compares RabbitMQ's queues with encoding/json's reading.
func TestJSONQueues(t *testing.T) {
	t.Parallel()
	captureNames(t)
	body := readCapture(t, "rabbitmq/DataDog__integrations-core__mgmt_queues.json")
	var queues []struct {
		Name, Vhost   string
		MessagesReady *float64 `json:"messages_ready"`
		HeadTimestamp *float64 `json:"head_message_timestamp"`
		Durable       bool
		MessageStats  *struct{ Publish *float64 } `json:"message_stats"`
	}
	if err := json.Unmarshal(body, &queues); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	for _, q := range queues {
		set := func(name string, v float64) {
			want[fmt.Sprintf(`{__name__=%q, queue=%q, vhost=%q}`, name, q.Name, q.Vhost)] = v
		}
		set("durable", 0)
		if q.Durable {
			set("durable", 1)
		}
		if q.MessagesReady != nil {
			set("messages_ready", *q.MessagesReady)
		}
		if q.HeadTimestamp != nil {
			set("head_timestamp", *q.HeadTimestamp)
		}
		if q.MessageStats != nil && q.MessageStats.Publish != nil {
			set("published_total", *q.MessageStats.Publish)
		}
	}
	got, stats := parseOnce(t, Options{Format: Json, JSON: jsonRules(t, rabbitQueues)}, string(body), "application/json")
	if diff := cmp.Diff(want, got); diff != "" || stats.Dropped != 0 || len(queues) < 10 {
		t.Errorf("%d queues, %+v (-want +got):\n%s", len(queues), stats, diff)
	}
}

// BenchmarkJSON reads the queues of a recorded body, fifty times over.
func BenchmarkJSON(b *testing.B) {
	captureNames(b)
	body := readCapture(b, "rabbitmq/DataDog__integrations-core__mgmt_queues.json")
	inner := strings.TrimSpace(string(body))
	inner = inner[1 : len(inner)-1]
	var all strings.Builder
	all.WriteString("[")
	for i := range 50 {
		if i > 0 {
			all.WriteString(",")
		}
		all.WriteString(strings.ReplaceAll(inner, `"name": "`, fmt.Sprintf(`"name": "%d-`, i)))
	}
	all.WriteString("]")
	text := []byte(all.String())
	p := NewParser(Options{Format: Json, JSON: jsonRules(b, rabbitQueues)})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, stats, err := p.Parse(text, "application/json", 1); err != nil || stats.Duplicates != 0 {
			b.Fatal(stats, err)
		}
	}
}
