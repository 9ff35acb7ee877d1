package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/gaugeway/gaugeway/e2e/build"
)

func TestFloorHasTheLibraryOfGaugeway(t *testing.T) {
	t.Parallel()
	root, err := build.Root()
	if err != nil {
		t.Fatal(err)
	}
	requirement := regexp.MustCompile(`(?m)^\t(sigs\.k8s\.io/custom-metrics-apiserver|k8s\.io/\w+) (v\S+)$`)
	versions := func(path ...string) map[string]string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	product := versions("go.mod")
	floor := versions("e2e", "bench", "floor", "go.mod")
	if len(floor) == 0 {
		t.Fatal("no requirements found in the floor's go.mod")
	}
	for module, version := range floor {
		if product[module] != version {
			t.Errorf("%s: the floor has %s, gaugeway %s: the same library is to be compared", module, version, product[module])
		}
	}
}
