package preset

import (
	"testing"

	"github.com/gaugeway/gaugeway/lua"
)

// FuzzPreset: whatever a preset.lua says, it is read or refused with findings that
// have a message, and what was read can be shown.
func FuzzPreset(f *testing.F) {
	s, _, err := LoadSet(lua.Presets, "")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range s.All() {
		text, err := lua.Presets.ReadFile(p.Name + "/" + presetFileName)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(text{"metrics": "{}", "json": "{}", "format": `"Json"`}.written("gw"))
	f.Add("return {name = 1, metrics = {{}}, unavailable = {1}, signature = {a = 1}, params = {{}}}")
	f.Fuzz(func(t *testing.T, source string) {
		p, file := readPreset("gw", "gw/preset.lua", source)
		for _, found := range file.findings {
			if found.Message == "" || found.File == "" {
				t.Errorf("finding %+v", found)
			}
		}
		if len(file.findings) == 0 {
			p.Readme()
		}
	})
}
