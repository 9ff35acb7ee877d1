package main

import (
	"github.com/spf13/pflag"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// addLimitFlags adds the budgets of an expression; l holds the defaults.
func addLimitFlags(f *pflag.FlagSet, l *script.Limits) {
	f.IntVar(&l.Steps, "lua-max-steps", l.Steps, "steps that one evaluation of an expression may take")
	f.DurationVar(&l.WallTime, "lua-max-time", l.WallTime, "time that one evaluation may take, as a backstop")
	f.IntVar(&l.Depth, "lua-max-depth", l.Depth, "depth of calls in an expression")
	f.IntVar(&l.Memory, "lua-max-memory", l.Memory, "bytes that the vectors and strings of one evaluation may take")
	f.IntVar(&l.TableEntries, "lua-max-table-entries", l.TableEntries, "entries that one evaluation may store in tables")
	f.IntVar(&l.Items, "lua-max-items", l.Items, "items of a result")
	f.IntVar(&l.StringBytes, "lua-max-string-bytes", l.StringBytes, "length of a string in an expression")
	f.IntVar(&l.SourceBytes, "lua-max-source-bytes", l.SourceBytes, "length of an expression")
}
