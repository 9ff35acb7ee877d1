package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseResults(t *testing.T) {
	t.Parallel()
	const printed = `goos: linux
cpu: AMD EPYC
BenchmarkParse/steady/all-2         	   12345	     98765 ns/op	 2500.5 MB/s	 31.2 x-textparse
BenchmarkPlain 	 7	 1.5 ns/op
PASS
`
	got, err := parseResults(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	want := []result{
		{"BenchmarkParse/steady/all", map[string]float64{"ns/op": 98765, "MB/s": 2500.5, "x-textparse": 31.2}},
		{"BenchmarkPlain", map[string]float64{"ns/op": 1.5}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTickRowsNameTheSlowestPart(t *testing.T) {
	t.Parallel()
	rows, err := tickRows(result{"BenchmarkTick", map[string]float64{
		"ms/tick": 400, "ms-select": 30, "ms-compute": 300, "ms-lua": 20, "ms-publish": 50, "alone/together": 2, "promql/alone": 5,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rows[0].ratio, "0.50 x the same programs one by one, 0.10 x Prometheus's engine"; got != want {
		t.Errorf("ratio %q, want %q", got, want)
	}
	if got, want := rows[1].what, "the same, its slowest part: computing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := tickRows(result{"BenchmarkTick", nil}); err == nil {
		t.Error("no error for a benchmark that reports nothing")
	}
}
