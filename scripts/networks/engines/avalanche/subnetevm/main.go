// Command subnetevm is the EVM of an L1 as a plugin of avalanchego.
//
// It is subnet-evm's own plugin but for the number of open files that it asks for: that one wants 32,768 and
// does not start where a container or a user's limit allows fewer.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ava-labs/avalanchego/utils/logging"
	"github.com/ava-labs/avalanchego/utils/ulimit"
	"github.com/ava-labs/avalanchego/vms/rpcchainvm"
	"github.com/ava-labs/subnet-evm/plugin/evm"
)

// openFiles is as many as the launcher gives the node itself (--fd-limit).
const openFiles = 4096

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "subnetevm:", err)
		os.Exit(1)
	}
}

func run() error {
	evm.RegisterAllLibEVMExtras()
	if err := ulimit.Set(openFiles, logging.NoLog{}); err != nil {
		return err
	}
	return rpcchainvm.Serve(context.Background(), &evm.VM{})
}
