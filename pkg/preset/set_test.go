package preset

import (
	"testing"

	"github.com/gaugeway/gaugeway/lua"
)

// TestEmbedded: all presets that are part of the program can be read.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	s, findings, err := LoadSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
	if s.Get("kong") == nil {
		t.Errorf("no kong among %v", s.Names())
	}
}
