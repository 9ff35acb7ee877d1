package exposition

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStubStatus(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/stub_status.txt")
	if err != nil {
		t.Fatal(err)
	}
	f := func(body string, want map[string]float64) {
		t.Helper()
		got, stats := parseOnce(t, Options{Format: StubStatus}, body, "text/plain")
		named := map[string]float64{}
		for name, v := range want {
			named[`{__name__="`+name+`"}`] = v
		}
		if diff := cmp.Diff(named, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
		if stats.Samples != len(want) || stats.Dropped != 0 {
			t.Errorf("%q: %+v", body, stats)
		}
	}
	nginx := map[string]float64{
		"nginx_connections_active":   25,
		"nginx_connections_accepted": 7933,
		"nginx_connections_handled":  7933,
		"nginx_http_requests_total":  7933,
		"nginx_connections_reading":  0,
		"nginx_connections_writing":  25,
		"nginx_connections_waiting":  0,
	}
	f(string(recorded), nginx)
	f(strings.TrimSpace(string(recorded)), nginx)
	f(strings.ReplaceAll(string(recorded), "\n", "\r\n"), nginx)
	f("Active connections: 1 \nserver accepts handled requests request_time\n 2 3 4 5\nReading: 6 Writing: 7 Waiting: 8 \n", map[string]float64{
		"nginx_connections_active":                   1,
		"nginx_connections_accepted":                 2,
		"nginx_connections_handled":                  3,
		"nginx_http_requests_total":                  4,
		"nginx_http_request_time_milliseconds_total": 5,
		"nginx_connections_reading":                  6,
		"nginx_connections_writing":                  7,
		"nginx_connections_waiting":                  8,
	})
}

// TestStubStatusCaptures reads what nginx showed before and after a reload and a
// restart.
func TestStubStatusCaptures(t *testing.T) {
	t.Parallel()
	captureNames(t)
	f := func(name string, active, requests, writing float64) {
		t.Helper()
		got, stats := parseOnce(t, Options{Format: StubStatus}, string(readCapture(t, "nginx-stub-status/local/local__"+name+".txt")), "text/plain")
		want := map[string]float64{
			`{__name__="nginx_connections_active"}`:   active,
			`{__name__="nginx_connections_accepted"}`: requests,
			`{__name__="nginx_connections_handled"}`:  requests,
			`{__name__="nginx_http_requests_total"}`:  requests,
			`{__name__="nginx_connections_reading"}`:  0,
			`{__name__="nginx_connections_writing"}`:  writing,
			`{__name__="nginx_connections_waiting"}`:  0,
		}
		if diff := cmp.Diff(want, got); diff != "" || stats.Samples != 7 || stats.Dropped != 0 {
			t.Errorf("%s: %+v (-want +got):\n%s", name, stats, diff)
		}
	}
	f("t0", 25, 3312, 25)
	f("t1", 25, 7933, 25)
	f("t2_after_nginx_reload", 24, 9217, 24)
	f("t3_backend_b_gone", 25, 16634, 25)
	f("t4_after_restart", 25, 1631, 25)
}

func TestStubStatusErrors(t *testing.T) {
	t.Parallel()
	f := func(body, want string) {
		t.Helper()
		batch, stats, err := NewParser(Options{Format: StubStatus}).Parse([]byte(body), "text/plain", 0)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", body, err, want)
		}
		if len(batch.IDs) != 0 || stats.Samples != 0 {
			t.Errorf("%q: samples beside the error", body)
		}
	}
	const (
		active  = "Active connections: 1\n"
		server  = "server accepts handled requests\n"
		numbers = " 1 2 3\n"
		reading = "Reading: 0 Writing: 1 Waiting: 2\n"
	)
	f("", `stub_status has 4 lines, found 1, the first of them "": is the path right?`)
	f("a 1\nb 2\n", `stub_status has 4 lines, found 2, the first of them "a 1": is the path right?`)
	f(active+server+numbers+reading+"more", `stub_status has 4 lines, found 5, the first of them "Active connections: 1": is the path right?`)
	f("Active: 1\n"+server+numbers+reading, `line 1 of stub_status is "Active connections: #", found "Active: 1": the number of words differs`)
	f(active+"server accepts handled answers\n"+numbers+reading, `line 2 of stub_status is "server accepts handled requests", found "server accepts handled answers": "answers" is not "requests"`)
	f(active+server+"1 2\n"+reading, `line 3 of stub_status is "# # #", found "1 2": the number of words differs`)
	f(active+server+"1 2 -3\n"+reading, `line 3 of stub_status is "# # #", found "1 2 -3": "-3" is not a count`)
	f(active+server+numbers+"Reading: 0 Writing: NaN Waiting: 2\n",
		`line 4 of stub_status is "Reading: # Writing: # Waiting: #", found "Reading: 0 Writing: NaN Waiting: 2": "NaN" is not a count`)
	f(active+"server accepts handled requests request_time\n"+numbers+reading, `line 3 of stub_status is "# # # #", found " 1 2 3": the number of words differs`)
}
