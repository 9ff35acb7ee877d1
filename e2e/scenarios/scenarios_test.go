// Package scenarios_test runs gaugeway and the stock HPA controller against real
// gateways, one scenario after the other on one control plane. Each scenario is
// a folder with its manifests and a file <name>_test.go; README.md in the folder
// above shows how to write one.
package scenarios_test

import (
	"os"
	"slices"
	"testing"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// scenarios are called as their folders; they run in this order.
var scenarios = []struct {
	name string
	run  func(s *cluster.Scenario)
}{
	{"rig", rig},
	{"queue", queue},
	{"llm", llm},
	{"silence", silence},
	{"rollout", rollout},
	{"outage", outage},
	{"tenants", tenants},
	{"lifecycle", lifecycle},
	{"helm", helm},
	{"rps", rps},
	{"latency", latency},
	{"flash-sale", flashSale},
	{"custom-metrics", customMetrics},
	{"rbac", rbac},
}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

func TestScenarios(t *testing.T) {
	c := cluster.Start(t)
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) { scenario.run(c.Scenario(t, scenario.name)) })
	}
}

func TestEveryFolderIsAScenario(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders, names []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	slices.Sort(names)
	if !slices.Equal(folders, names) {
		t.Errorf("the folders are %v, the scenarios %v", folders, names)
	}
}
