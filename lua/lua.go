// Package lua holds the presets: what is known of each gateway, and how the
// names of its statistics become those of the shared vocabulary. A folder is a
// preset:
//
//	kong/preset.lua    what it is, and its functions
//	kong/test.yaml     what they give: `gaugeway test lua/`
//	kong/testdata/     recordings that the tests read
//	kong/README.md     written by `make generate`
//
// index.json, which `make generate` writes too, says of all of them what is to be
// known before one is read.
//
// docs/presets.md tells how one is written.
package lua

import "embed"

//go:generate go run ../hack/presets

// Presets holds the preset.lua of every gateway, each in its folder, and their
// index.
//
//go:embed */preset.lua index.json
var Presets embed.FS
