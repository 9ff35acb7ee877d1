// Command etcd is the stock etcd server, built from a module of its own, because
// its dependencies are not those of the Kubernetes that it serves.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
