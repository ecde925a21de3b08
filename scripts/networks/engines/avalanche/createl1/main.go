// Command createl1 makes an L1 with one chain on a running local network, validated by the nodes it is given.
//
//	createl1 GENESIS VM_ID NODE_URL...
//
// GENESIS is the chain's genesis file and VM_ID the plugin that runs it. The first node takes the transactions;
// all of them become validators of equal weight. Paid for with the funded key of avalanchego's local network,
// which is public. Prints {"subnet": ID, "chain": ID}.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ava-labs/avalanchego/api/info"
	"github.com/ava-labs/avalanchego/genesis"
	"github.com/ava-labs/avalanchego/ids"
	"github.com/ava-labs/avalanchego/utils/units"
	"github.com/ava-labs/avalanchego/vms/platformvm/txs"
	"github.com/ava-labs/avalanchego/vms/secp256k1fx"
	"github.com/ava-labs/avalanchego/wallet/subnet/primary"
)

const (
	// chainName is shown by the node alone.
	chainName = "chainbill"
	// weight is each validator's share in the votes.
	weight = 20
	// balance pays a validator's continuous fee, at its minimum for some thirty years.
	balance = units.Avax
	// patience bounds the whole of it; it takes two seconds.
	patience = time.Minute
)

// created is what came of it.
type created struct {
	Subnet ids.ID `json:"subnet"`
	Chain  ids.ID `json:"chain"`
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: createl1 GENESIS VM_ID NODE_URL...")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	made, err := create(ctx, os.Args[1], os.Args[2], os.Args[3:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(made)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "createl1:", err)
		os.Exit(1)
	}
}

func create(ctx context.Context, genesisFile, vm string, urls []string) (created, error) {
	chainGenesis, err := os.ReadFile(genesisFile)
	if err != nil {
		return created{}, err
	}
	vmID, err := ids.FromString(vm)
	if err != nil {
		return created{}, fmt.Errorf("VM id %q: %w", vm, err)
	}
	members, err := validators(ctx, urls)
	if err != nil {
		return created{}, err
	}
	keys := secp256k1fx.NewKeychain(genesis.EWOQKey)
	wallet, err := primary.MakePWallet(ctx, urls[0], keys, primary.WalletConfig{})
	if err != nil {
		return created{}, err
	}
	owner := &secp256k1fx.OutputOwners{Threshold: 1, Addrs: []ids.ShortID{genesis.EWOQKey.Address()}}
	subnet, err := wallet.IssueCreateSubnetTx(owner)
	if err != nil {
		return created{}, fmt.Errorf("create subnet: %w", err)
	}
	// A wallet knows the subnets that there were when it was made.
	config := primary.WalletConfig{SubnetIDs: []ids.ID{subnet.ID()}}
	if wallet, err = primary.MakePWallet(ctx, urls[0], keys, config); err != nil {
		return created{}, err
	}
	chain, err := wallet.IssueCreateChainTx(subnet.ID(), chainGenesis, vmID, nil, chainName)
	if err != nil {
		return created{}, fmt.Errorf("create chain: %w", err)
	}
	if _, err = wallet.IssueConvertSubnetToL1Tx(subnet.ID(), chain.ID(), nil, members); err != nil {
		return created{}, fmt.Errorf("convert subnet to L1: %w", err)
	}
	return created{Subnet: subnet.ID(), Chain: chain.ID()}, nil
}

// validators asks each node who it is. They come in the order of their node ids, which the transaction demands.
func validators(ctx context.Context, urls []string) ([]*txs.ConvertSubnetToL1Validator, error) {
	members := make([]*txs.ConvertSubnetToL1Validator, len(urls))
	for i, url := range urls {
		nodeID, signer, err := info.NewClient(url).GetNodeID(ctx)
		if err != nil {
			return nil, fmt.Errorf("node at %s: %w", url, err)
		}
		members[i] = &txs.ConvertSubnetToL1Validator{
			NodeID: nodeID.Bytes(), Weight: weight, Balance: balance, Signer: *signer,
		}
	}
	slices.SortFunc(members, func(a, b *txs.ConvertSubnetToL1Validator) int {
		return bytes.Compare(a.NodeID, b.NodeID)
	})
	return members, nil
}
