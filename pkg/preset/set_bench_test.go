package preset

import (
	"io/fs"
	"testing"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/config"
)

// BenchmarkLoadSet is what the presets cost at the start of a command: with none
// named, with one, and with all, each checked.
func BenchmarkLoadSet(b *testing.B) {
	bench := func(name string, load func(fs.FS, string) (*Set, []config.Finding, error), used ...string) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, _, err := load(lua.Presets, "")
				if err != nil {
					b.Fatal(err)
				}
				for _, preset := range used {
					if s.Get(preset) == nil {
						b.Fatalf("there is no preset %s", preset)
					}
				}
			}
		})
	}
	bench("none", OpenSet)
	bench("kong", OpenSet, "kong")
	bench("envoy", OpenSet, "envoy")
	bench("checked", LoadSet)
}
