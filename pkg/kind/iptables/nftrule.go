package iptables

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// parseNftRule parses a rule of nf_tables. It treats an unknown condition as one that may hold.
func parseNftRule(attrs map[uint16][]byte) (r nftRule) {
	if handle := attrs[unix.NFTA_RULE_HANDLE]; len(handle) == 8 {
		r.handle = binary.BigEndian.Uint64(handle)
	}
	registers := map[int]nftLoaded{}
	err := observe.EachAttr(attrs[unix.NFTA_RULE_EXPRESSIONS], func(_ uint16, element []byte) error {
		expression, err := observe.Attrs(element)
		if err != nil {
			return err
		}
		data, err := observe.Attrs(expression[unix.NFTA_EXPR_DATA])
		if err != nil {
			return err
		}
		r.add(unix.ByteSliceToString(expression[unix.NFTA_EXPR_NAME]), data, registers)
		return nil
	})
	if err != nil || len(r.tests) > mostNftTests {
		r.tests, r.does, r.lookup = []nftTest{{field: fieldOther}}, nftUnknown, nil
	}
	return r
}

// mostNftTests is how many conditions of a rule linkd follows. nft(8) creates a few for each condition in its input.
const mostNftTests = 32

// add adds an expression to the rule. registers has the fields that earlier expressions have loaded (net/netfilter/nft_*.c).
func (r *nftRule) add(name string, data map[uint16][]byte, registers map[int]nftLoaded) {
	switch name {
	case "meta":
		field, known := map[uint32]nftField{
			unix.NFT_META_IIF: fieldInIndex, unix.NFT_META_OIF: fieldOutIndex, unix.NFT_META_IIFNAME: fieldIn, unix.NFT_META_OIFNAME: fieldOut, unix.NFT_META_NFPROTO: fieldFamily, unix.NFT_META_L4PROTO: fieldProtocol,
		}[bigEndian(data[unix.NFTA_META_KEY])]
		if !known {
			field = fieldOther
		}
		size := 4
		switch field {
		case fieldIn, fieldOut:
			size = longestDeviceName
		case fieldFamily, fieldProtocol:
			size = 1
		}
		registers[slotOf(bigEndian(data[unix.NFTA_META_DREG]))] = nftLoaded{nftTest{field: field}, size}
	case "ct":
		field := fieldOther
		switch bigEndian(data[unix.NFTA_CT_KEY]) {
		case unix.NFT_CT_STATE:
			field = fieldState
		case unix.NFT_CT_STATUS:
			field = fieldStatus
		}
		registers[slotOf(bigEndian(data[unix.NFTA_CT_DREG]))] = nftLoaded{nftTest{field: field}, 4}
	case "fib":
		const typeOfDestination = unix.NFTA_FIB_F_DADDR
		field := fieldOther
		if bigEndian(data[unix.NFTA_FIB_RESULT]) == unix.NFT_FIB_RESULT_ADDRTYPE && bigEndian(data[unix.NFTA_FIB_FLAGS]) == typeOfDestination {
			field = fieldDestinationType
		}
		registers[slotOf(bigEndian(data[unix.NFTA_FIB_DREG]))] = nftLoaded{nftTest{field: field}, 4}
	case "payload":
		field := fieldOther
		offset, length := bigEndian(data[unix.NFTA_PAYLOAD_OFFSET]), bigEndian(data[unix.NFTA_PAYLOAD_LEN])
		if bigEndian(data[unix.NFTA_PAYLOAD_BASE]) == unix.NFT_PAYLOAD_NETWORK_HEADER {
			// saddr and daddr in struct iphdr and struct ipv6hdr. For a network, the rule may load only the first bytes.
			switch {
			case offset == 16 && length <= 4:
				field = fieldDestination4
			case offset == 24 && length <= 16:
				field = fieldDestination6
			case offset == 12 && length <= 4:
				field = fieldSource4
			case offset == 8 && length <= 16:
				field = fieldSource6
			}
		}
		// The destination port is the second 16-bit number in a header of TCP, UDP and SCTP.
		if bigEndian(data[unix.NFTA_PAYLOAD_BASE]) == unix.NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && length == 2 {
			field = fieldPort
		}
		registers[slotOf(bigEndian(data[unix.NFTA_PAYLOAD_DREG]))] = nftLoaded{nftTest{field: field}, int(length)}
	case "bitwise":
		t := registers[slotOf(bigEndian(data[unix.NFTA_BITWISE_SREG]))]
		mask, xor := nftValue(data[unix.NFTA_BITWISE_MASK]), nftValue(data[unix.NFTA_BITWISE_XOR])
		if t.mask = mask; mask == nil || slices.ContainsFunc(xor, func(b byte) bool { return b != 0 }) {
			t.field = fieldOther
		}
		registers[slotOf(bigEndian(data[unix.NFTA_BITWISE_DREG]))] = t
	case "byteorder":
		const source, destination = 1, 2 // NFTA_BYTEORDER_SREG and _DREG
		t := registers[slotOf(bigEndian(data[source]))]
		if t.size != 1 {
			t.field = fieldOther
		}
		registers[slotOf(bigEndian(data[destination]))] = t
	case "cmp":
		t := registers[slotOf(bigEndian(data[unix.NFTA_CMP_SREG]))]
		r.tests = append(r.tests, t.compareTo(nftValue(data[unix.NFTA_CMP_DATA]), bigEndian(data[unix.NFTA_CMP_OP])))
	case "range":
		const source, op, from, to = 1, 2, 3, 4 // NFTA_RANGE_*
		t := registers[slotOf(bigEndian(data[source]))]
		r.tests = append(r.tests, t.within(nftValue(data[from]), nftValue(data[to]), bigEndian(data[op]) != 0))
	case "immediate":
		r.decide(data)
		registers[slotOf(bigEndian(data[unix.NFTA_IMMEDIATE_DREG]))] = nftLoaded{nftTest: nftTest{field: fieldConstant, value: nftValue(data[unix.NFTA_IMMEDIATE_DATA])}}
	case "nat":
		r.does = nftTranslate
		r.isSource = bigEndian(data[unix.NFTA_NAT_TYPE]) == unix.NFT_NAT_SNAT
		r.to = endText(registers[slotOf(bigEndian(data[unix.NFTA_NAT_REG_ADDR_MIN]))].nftTest, registers[slotOf(bigEndian(data[unix.NFTA_NAT_REG_PROTO_MIN]))].nftTest)
	case "masq":
		r.does, r.isSource, r.masquerades = nftTranslate, true, true
	case "redir":
		r.does = nftTranslate
	case "reject":
		r.does = nftDrop
	case "counter", "log":
	case "lookup":
		const inverted = 1 // NFT_LOOKUP_F_INV
		source := slotOf(bigEndian(data[unix.NFTA_LOOKUP_SREG]))
		set, not := unix.ByteSliceToString(data[unix.NFTA_LOOKUP_SET]), bigEndian(data[unix.NFTA_LOOKUP_FLAGS])&inverted != 0
		if t := registers[source]; t.field == fieldState && t.mask == nil && r.states == "" {
			r.states, r.notStates = set, not
			return
		}
		to, maps := data[unix.NFTA_LOOKUP_DREG], bigEndian(data[unix.NFTA_LOOKUP_DREG]) == unix.NFT_REG_VERDICT
		if fields := loadedAt(registers, source); r.lookup == nil && len(fields) > 0 {
			r.lookup = &nftLookup{set: set, fields: fields, not: not, verdict: to != nil && maps}
		} else {
			r.tests = append(r.tests, nftTest{field: fieldOther})
			if to != nil && maps {
				r.does = nftUnknown
			}
		}
		if to != nil && !maps {
			// What the map says, such as a new destination, is not known.
			delete(registers, slotOf(bigEndian(to)))
		}
	default:
		r.tests = append(r.tests, nftTest{field: fieldOther})
		if r.does == nftContinue {
			r.does = nftUnknown
		}
	}
}

// endText returns a new end of a packet as iptables prints it; "" if it is not one address, with or without a port.
func endText(address, port nftTest) string {
	ip, ok := netip.AddrFromSlice(address.value)
	if !ok || address.field != fieldConstant {
		return ""
	}
	if port.field != fieldConstant || len(port.value) != 2 {
		return ip.String()
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port.value)).String()
}

// decide adds a verdict to the rule (enum nft_verdicts in linux/netfilter/nf_tables.h).
func (r *nftRule) decide(data map[uint16][]byte) {
	value, err := observe.Attrs(data[unix.NFTA_IMMEDIATE_DATA])
	if err != nil || value[unix.NFTA_DATA_VERDICT] == nil {
		return
	}
	r.setVerdict(value[unix.NFTA_DATA_VERDICT])
}

func (r *nftRule) setVerdict(data []byte) {
	verdict, err := observe.Attrs(data)
	if err != nil {
		r.does = nftUnknown
		return
	}
	const drop, accept = 0, 1
	r.chain = unix.ByteSliceToString(verdict[unix.NFTA_VERDICT_CHAIN])
	switch int32(bigEndian(verdict[unix.NFTA_VERDICT_CODE])) {
	case drop:
		r.does = nftDrop
	case accept:
		r.does = nftAccept
	case unix.NFT_RETURN:
		r.does = nftReturn
	case unix.NFT_JUMP:
		r.does = nftJump
	case unix.NFT_GOTO:
		r.does = nftGoto
	case unix.NFT_CONTINUE:
	default:
		r.does = nftUnknown
	}
}

// nftValue returns the value in a data attribute.
func nftValue(data []byte) []byte {
	attrs, err := observe.Attrs(data)
	if err != nil {
		return nil
	}
	// Clone it, to release the buffer of the message.
	return bytes.Clone(attrs[unix.NFTA_DATA_VALUE])
}

// mostStates is more than the number of states of a connection.
const mostStates = 32

// resolveStates reads the set or map of states in a rule, and evaluates it for a packet that begins a connection.
func (r *nftRule) resolveStates(proto int, table string) {
	var verdict []byte
	found, known, count := false, true, 0
	err := eachNft(unix.NFT_MSG_GETSETELEM, proto, func(attrs map[uint16][]byte) bool {
		err := observe.EachAttr(attrs[unix.NFTA_SET_ELEM_LIST_ELEMENTS], func(_ uint16, element []byte) error {
			count++
			parts, err := observe.Attrs(element)
			key := nftValue(parts[unix.NFTA_SET_ELEM_KEY])
			if err != nil || len(key) != 4 || parts[unix.NFTA_SET_ELEM_FLAGS] != nil || count > mostStates {
				// It is the end of a range, or the verdict for all other elements.
				known = false
			} else if binary.NativeEndian.Uint32(key) == stateNew {
				data, err := observe.Attrs(parts[unix.NFTA_SET_ELEM_DATA])
				found, known, verdict = true, known && err == nil, data[unix.NFTA_DATA_VERDICT]
			}
			return nil
		})
		known = known && err == nil
		return known
	}, textAttr(unix.NFTA_SET_ELEM_LIST_TABLE, table), textAttr(unix.NFTA_SET_ELEM_LIST_SET, r.states))
	switch {
	case err != nil || !known || count == 0:
		r.tests, r.does = append(r.tests, nftTest{field: fieldOther}), nftUnknown
	case found == r.notStates:
		r.never = true
	case verdict != nil:
		r.setVerdict(verdict)
	}
}
