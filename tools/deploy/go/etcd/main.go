// Command etcd is etcd as its own main makes it, which its module publishes as a library only.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
