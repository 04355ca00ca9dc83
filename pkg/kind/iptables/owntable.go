package iptables

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// The kernel calls the base chains of an nft table for every packet, and tracks all connections if there is a table nat, even
// without a rule. iptables-nft creates the tables that it needs, and deletes none. So linkd creates a table itself, with a comment
// that identifies it as linkd's, and deletes it when no program has a rule in it.

const (
	// tableUserdata is NFTA_TABLE_USERDATA in linux/netfilter/nf_tables.h. Kernels before 5.10 do not store it, so linkd deletes no
	// table there.
	tableUserdata = 6
	// tableComment is NFTNL_UDATA_TABLE_COMMENT of libnftnl.
	tableComment = 0
)

// ownTable is the comment of linkd's tables, as nft(8) stores it: a type, a length, and a zero-terminated text.
var ownTable = append([]byte{tableComment, byte(len("linkd") + 1)}, "linkd\x00"...)

// inOwnTable calls change, which needs a table. It creates the table if it does not exist, and deletes it again if change fails.
func (b *backend) inOwnTable(name string, change func() error) error {
	if b.legacy {
		return change()
	}
	born, err := b.born()
	if err != nil || slices.Contains(born, name) {
		return errors.Join(err, change())
	}
	request := nftRequest(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, b.family.inet,
		textAttr(unix.NFTA_TABLE_NAME, name), nl.NewRtAttr(tableUserdata, ownTable).Serialize())
	if err := sendBatch(nil, request); err != nil {
		// iptables-nft creates it, too, or reports why it cannot.
		return change()
	}
	if err = change(); err == nil {
		return nil
	}
	if wrong := b.deleteEmptyTable(name); wrong != nil {
		err = errors.Join(err, wrong)
	}
	return err
}

// mostTries is how often linkd tries to delete a table while other programs change rules.
const mostTries = 3

// deleteEmptyTable deletes a table of linkd's that has nothing but what iptables-nft creates together with a table.
func (b *backend) deleteEmptyTable(name string) (err error) {
	if b.legacy || observe.Unloaded("nf_tables") {
		return nil
	}
	for range mostTries {
		err = b.tryDeleteEmptyTable(name)
		if !errors.Is(err, unix.ERESTART) && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return nil
}

func (b *backend) tryDeleteEmptyTable(name string) error {
	generation, err := nftGeneration()
	if err != nil {
		return err
	}
	empty, chains, err := b.isEmptyOwn(name)
	if err != nil || !empty {
		return err
	}
	const flags = unix.NLM_F_NONREC | unix.NLM_F_ACK
	var requests []*nl.NetlinkRequest
	for _, chain := range chains {
		requests = append(requests, nftRequest(unix.NFT_MSG_DELCHAIN, flags, b.family.inet, textAttr(unix.NFTA_CHAIN_TABLE, name), textAttr(unix.NFTA_CHAIN_NAME, chain)))
	}
	requests = append(requests, nftRequest(unix.NFT_MSG_DELTABLE, flags, b.family.inet, textAttr(unix.NFTA_TABLE_NAME, name)))
	switch err := sendBatch(generation, requests...); {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOENT):
		// The table has other contents, or another program has deleted it.
		return nil
	case err != nil:
		return fmt.Errorf("delete the empty table %s of nf_tables: %w", name, err)
	}
	return nil
}

// isEmptyOwn reports whether a table is linkd's, and has only built-in chains without rules and with the policy ACCEPT. It returns
// these chains.
func (b *backend) isEmptyOwn(name string) (empty bool, chains []string, err error) {
	err = eachNft(unix.NFT_MSG_GETTABLE, b.family.inet, func(attrs map[uint16][]byte) bool {
		empty = unix.ByteSliceToString(attrs[unix.NFTA_TABLE_NAME]) == name && slices.Equal(attrs[tableUserdata], ownTable)
		return !empty
	})
	if err != nil || !empty {
		return false, nil, err
	}
	const accept = 1 // NF_ACCEPT in linux/netfilter.h
	err = eachNft(unix.NFT_MSG_GETCHAIN, b.family.inet, func(attrs map[uint16][]byte) bool {
		if unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_TABLE]) != name {
			return true
		}
		chain := unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_NAME])
		empty = slices.Contains(hooks[name], chain) && bigEndian(attrs[unix.NFTA_CHAIN_USE]) == 0 && bigEndian(attrs[unix.NFTA_CHAIN_POLICY]) == accept
		chains = append(chains, chain)
		return empty
	})
	return empty, chains, err
}
