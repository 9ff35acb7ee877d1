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
