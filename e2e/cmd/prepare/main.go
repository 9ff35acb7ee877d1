// Command prepare builds what the end-to-end tests run, as far as it is not in
// the cache, and says how long it takes. The tests would build it as well, but go
// test counts that into its timeout.
package main

import (
	"fmt"
	"os"

	"github.com/gaugeway/gaugeway/e2e/build"
)

func main() {
	if err := build.All(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
