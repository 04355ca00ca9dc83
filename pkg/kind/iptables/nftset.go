package iptables

import (
	"bytes"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// nftLoaded is a field in the registers of a rule, and its size in bytes.
type nftLoaded struct {
	nftTest
	size int
}

// nftLookup is a condition of a rule that a field, or several one after the other, are in a set. A map has a verdict for each
// element.
type nftLookup struct {
	set     string
	fields  []nftLoaded
	not     bool
	verdict bool
}

// slotOf returns the place of a register in units of four bytes: the first four of an old register are a new one each
// (nft_parse_register in net/netfilter/nf_tables_api.c).
func slotOf(number uint32) int {
	const oldest, newest = 4, 8 // NFT_REG_4 and NFT_REG32_00
	if number <= oldest {
		return int(number) * 4
	}
	return int(number) - newest + 4
}

// slotsFor returns how many such places a field of that size takes.
func slotsFor(size int) int { return (size + 3) / 4 }

// loadedAt returns the fields in the registers from a place on.
func loadedAt(registers map[int]nftLoaded, at int) (fields []nftLoaded) {
	for {
		field, loaded := registers[at]
		if !loaded || field.size == 0 {
			return fields
		}
		fields = append(fields, field)
		at += slotsFor(field.size)
	}
}

const (
	// mostElements is how many elements of a set linkd reads. It cannot follow a rule with a larger one.
	mostElements = 256
	// intervalEnd is NFT_SET_ELEM_INTERVAL_END: the element is the first value after an interval.
	intervalEnd = 1
)

// nftElement is an element of a set: the values from first to last, and the verdict for them.
type nftElement struct {
	first, last []byte
	ends        bool
	verdict     []byte
}

// readElements returns the elements of a set; known is false if linkd cannot follow them.
func readElements(proto int, table, set string) (elements []nftElement, known bool) {
	known = true
	intervals := false
	err := eachNft(unix.NFT_MSG_GETSETELEM, proto, func(attrs map[uint16][]byte) bool {
		err := observe.EachAttr(attrs[unix.NFTA_SET_ELEM_LIST_ELEMENTS], func(_ uint16, element []byte) error {
			parts, err := observe.Attrs(element)
			if err != nil {
				return err
			}
			const keyEnd = 10 // NFTA_SET_ELEM_KEY_END
			flags := bigEndian(parts[unix.NFTA_SET_ELEM_FLAGS])
			e := nftElement{first: nftValue(parts[unix.NFTA_SET_ELEM_KEY]), last: nftValue(parts[keyEnd]), ends: flags&intervalEnd != 0}
			if e.last == nil {
				e.last = e.first
			}
			data, err := observe.Attrs(parts[unix.NFTA_SET_ELEM_DATA])
			e.verdict = bytes.Clone(data[unix.NFTA_DATA_VERDICT])
			// An element with another flag is the verdict for all that no other has.
			known = known && err == nil && e.first != nil && flags&^intervalEnd == 0 && len(elements) < mostElements
			intervals = intervals || e.ends
			elements = append(elements, e)
			return nil
		})
		known = known && err == nil
		return known
	}, textAttr(unix.NFTA_SET_ELEM_LIST_TABLE, table), textAttr(unix.NFTA_SET_ELEM_LIST_SET, set))
	if err != nil || !known {
		return nil, false
	}
	if intervals {
		elements = joinIntervals(elements)
	}
	return elements, true
}

// joinIntervals makes one element of the start of each interval and the first value after it.
func joinIntervals(elements []nftElement) (joined []nftElement) {
	slices.SortFunc(elements, func(a, b nftElement) int {
		if order := bytes.Compare(a.first, b.first); order != 0 || a.ends == b.ends {
			return order
		} else if a.ends {
			return -1
		}
		return 1
	})
	open := false
	for _, e := range elements {
		if open {
			joined[len(joined)-1].last = added(e.first, -1)
		}
		if open = !e.ends; open {
			e.last = bytes.Repeat([]byte{0xff}, len(e.first))
			joined = append(joined, e)
		}
	}
	return joined
}

// added returns a number in network byte order plus n, which is 1 or -1.
func added(number []byte, n int) []byte {
	sum := slices.Clone(number)
	for i := len(sum) - 1; i >= 0; i-- {
		sum[i] += byte(n)
		if n > 0 && sum[i] != 0 || n < 0 && sum[i] != 0xff {
			break
		}
	}
	return sum
}

// inNetworkOrder are the fields whose values have the order of their bytes.
var inNetworkOrder = []nftField{fieldProtocol, fieldPort, fieldSource4, fieldSource6, fieldDestination4, fieldDestination6}

// within returns the condition that a field is between two values.
func (t nftTest) within(first, last []byte, not bool) nftTest {
	t.value, t.not = first, not
	if bytes.Equal(first, last) {
		return t
	}
	if t.last = last; t.mask != nil || !slices.Contains(inNetworkOrder, t.field) {
		t.field = fieldOther
	}
	return t
}

// compareTo adds the comparison of a field with a value to a test (enum nft_cmp_ops in linux/netfilter/nf_tables.h).
func (t nftTest) compareTo(value []byte, op uint32) nftTest {
	lowest, highest := make([]byte, len(value)), bytes.Repeat([]byte{0xff}, len(value))
	switch op {
	case unix.NFT_CMP_EQ:
		return t.within(value, value, false)
	case unix.NFT_CMP_NEQ:
		return t.within(value, value, true)
	case unix.NFT_CMP_LTE:
		return t.within(lowest, value, false)
	case unix.NFT_CMP_GT:
		return t.within(lowest, value, true)
	case unix.NFT_CMP_GTE:
		return t.within(value, highest, false)
	case unix.NFT_CMP_LT:
		return t.within(value, highest, true)
	}
	t.field = fieldOther
	return t
}

// tests returns the conditions that the fields are in an element; ok is false if the element does not have the form of the fields.
func (l nftLookup) tests(e nftElement, not bool) (tests []nftTest, ok bool) {
	at := 0
	for _, field := range l.fields {
		if at+field.size > len(e.first) || len(e.last) != len(e.first) {
			break
		}
		tests = append(tests, field.within(e.first[at:at+field.size], e.last[at:at+field.size], not))
		at += slotsFor(field.size) * 4
		if at >= len(e.first) {
			return tests, true
		}
	}
	return nil, false
}

// expand returns the rules that stand for one with a lookup: one for each element, in any order, because no two have a value in
// common. A rule for what is not in a set of one field has a condition for each element.
func (r nftRule) expand(elements []nftElement, known bool) []nftRule {
	l := *r.lookup
	r.lookup = nil
	unknown := r
	unknown.tests, unknown.does = append(slices.Clone(r.tests), nftTest{field: fieldOther}), nftUnknown
	if !known || l.not && l.verdict {
		return []nftRule{unknown}
	}
	if l.not {
		for _, e := range elements {
			tests, ok := l.tests(e, true)
			if !ok || len(tests) != 1 {
				return []nftRule{unknown}
			}
			r.tests = append(slices.Clone(r.tests), tests...)
		}
		return []nftRule{r}
	}
	var rules []nftRule
	for _, e := range elements {
		tests, ok := l.tests(e, false)
		if !ok {
			return []nftRule{unknown}
		}
		one := r
		one.tests = append(slices.Clone(r.tests), tests...)
		if l.verdict {
			one.does = nftContinue
			one.setVerdict(e.verdict)
		}
		rules = append(rules, one)
	}
	return rules
}

// holds reports whether a value is one of those in the test.
func (t nftTest) holds(have []byte) bool {
	if t.last == nil {
		return slices.Equal(have, t.value)
	}
	return bytes.Compare(have, t.value) >= 0 && bytes.Compare(have, t.last) <= 0
}
