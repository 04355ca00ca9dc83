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

// A table of the nft backend has chains that the kernel calls for every packet, and the chains of the table nat have all
// connections tracked, also without a rule. iptables-nft makes the tables that it needs, and deletes none. So linkd makes
// a table itself, with a comment by which it knows that again, and deletes it once nobody has a rule in it.

const (
	// tableUserdata is NFTA_TABLE_USERDATA in linux/netfilter/nf_tables.h. Before Linux 5.10 a table has none, and stays.
	tableUserdata = 6
	// tableComment is NFTNL_UDATA_TABLE_COMMENT of libnftnl.
	tableComment = 0
)

// ownTable is the comment of tables that linkd made, as nft(8) stores it: a type, a length, and a text with a zero.
var ownTable = append([]byte{tableComment, byte(len("linkd") + 1)}, "linkd\x00"...)

// inOwnTable makes a change for which a table has to be there. It makes the table where that is not there, and deletes it if
// the change fails.
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
		// iptables-nft makes it as well, or says why that cannot be.
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

// mostTries is how often linkd tries to delete a table while others change rules.
const mostTries = 3

// deleteEmptyTable deletes a table that linkd made if there is nothing in it but what iptables-nft makes with a table.
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
		// There is something else in it, or somebody has deleted it.
		return nil
	case err != nil:
		return fmt.Errorf("delete the empty table %s of nf_tables: %w", name, err)
	}
	return nil
}

// isEmptyOwn tells whether linkd made a table, and all chains of it, which it returns, are built-in ones without a rule
// that accept.
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
