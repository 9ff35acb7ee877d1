package main

import (
	"github.com/spf13/pflag"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/preset"
)

// addPresetsFlag adds the flag for the folder of a user's own presets.
func addPresetsFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "presets", "", "folder with presets of your own, each a folder with preset.lua; they come beside those of gaugeway, or in their place")
}

// loadPresets returns the presets of gaugeway and those of a folder, which may be
// empty, and what is wrong with the latter. Those of gaugeway are read on demand.
func loadPresets(dir string) (*preset.Set, []config.Finding, error) {
	return preset.OpenSet(lua.Presets, dir)
}
