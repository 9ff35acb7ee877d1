// Command caddy is the stock Caddy server, built from a module of its own,
// because its dependencies are not those of what the tests are made of.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
