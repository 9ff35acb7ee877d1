package main

import (
	"reflect"
	"testing"
)

func TestSumsAddsUpTheSeriesOfWholeNames(t *testing.T) {
	t.Parallel()
	const exposition = "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2 3\"} 2\na_total{x=\"1\"} 5\nb 7\nc 9\n"
	got, err := sums(exposition, []string{"a", "b", "d"})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]float64{"a": 3, "b": 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
