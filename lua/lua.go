// Package lua holds the presets: what is known of each gateway, and how the
// names of its statistics become those of the shared vocabulary. A folder is a
// preset:
//
//	kong/preset.lua    what it is, and its functions
//	kong/test.yaml     what they give: `gaugeway test lua/`
//	kong/testdata/     recordings that the tests read
//	kong/README.md     written by `make generate`
//
// docs/presets.md tells how one is written.
package lua

import "embed"

//go:generate go run ../hack/presets

// Presets holds the preset.lua of every gateway, each in its folder.
//
//go:embed */preset.lua
var Presets embed.FS
