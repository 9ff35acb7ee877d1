// Package scenarios_test runs gaugeway and the stock HPA controller against real
// gateways, on one control plane. Each scenario is
// a folder with its manifests and a file <name>_test.go; README.md in the folder
// above shows how to write one.
package scenarios_test

import (
	"os"
	"slices"
	"testing"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// scenarios are called as their folders. Those that disturb what all share, or
// that measure times, run alone and first, in this order; the others then run
// beside each other, each in its own namespace. Of these, testing starts the first
// one and then the last ones: the longest are there, so that the end waits for none.
var scenarios = []struct {
	name  string
	run   func(s *cluster.Scenario)
	alone bool
}{
	{name: "silence", run: silence},
	{name: "rbac", run: rbac},
	{name: "rig", run: rig},
	{name: "tenants", run: tenants},
	{name: "queue", run: queue},
	{name: "custom-metrics", run: customMetrics},
	{name: "rollout", run: rollout},
	{name: "rps", run: rps},
	{name: "llm", run: llm},
	{name: "outage", run: outage, alone: true},
	{name: "replicas", run: replicas, alone: true},
	{name: "lifecycle", run: lifecycle, alone: true},
	{name: "helm", run: helm, alone: true},
	{name: "doctor", run: doctor, alone: true},
	{name: "beside", run: beside, alone: true},
	{name: "latency", run: latency, alone: true},
	{name: "flash-sale", run: flashSale, alone: true},
}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

func TestScenarios(t *testing.T) {
	c := cluster.Start(t)
	for _, scenario := range scenarios {
		t.Run(scenario.name, func(t *testing.T) {
			if !scenario.alone {
				t.Parallel()
			}
			scenario.run(c.Scenario(t, scenario.name))
		})
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
