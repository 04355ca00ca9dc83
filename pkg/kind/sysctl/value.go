package sysctl

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// inKernelForm converts a value to the form in which the kernel prints it, so that the two can be compared. It returns an invalid
// value unchanged, and the kernel refuses that.
func inKernelForm(setting, value string) string {
	if write := forms[path.Base(setting)]; write != nil {
		if text, ok := write(value); ok {
			return text
		}
		return value
	}
	words := strings.Fields(value)
	for i, word := range words {
		// The kernel takes 0x10 and 020 for 16 (proc_get_long in kernel/sysctl.c). A 64-bit value may be larger than an int64.
		if n, err := strconv.ParseInt(word, 0, 64); err == nil && !strings.Contains(word, "_") && !isPrefixed(word, 'b', 'o') {
			words[i] = strconv.FormatInt(n, 10)
		}
	}
	return strings.Join(words, " ")
}

// isPrefixed reports whether a number has a prefix that Go knows and the kernel does not.
func isPrefixed(word string, prefixes ...byte) bool {
	word = strings.ToLower(strings.TrimLeft(word, "+-"))
	return len(word) > 1 && word[0] == '0' && slices.Contains(prefixes, word[1])
}

// forms are the settings that the kernel prints in a form of their own, by the last part of their names.
var forms = map[string]func(value string) (text string, ok bool){
	"ip_local_reserved_ports": portRanges,
	"stable_secret":           wholeAddress,
	"tcp_fastopen_key":        fastopenKeys,
}

// portRanges sorts a list of ports and ranges, and joins adjacent ones (proc_do_large_bitmap in kernel/sysctl.c).
func portRanges(value string) (string, bool) {
	const ports = 1 << 16
	var reserved [ports]bool
	for _, item := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		low, high, isRange := strings.Cut(item, "-")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 16)
		last, err2 := strconv.ParseUint(high, 10, 16)
		if err != nil || err2 != nil || first > last {
			return "", false
		}
		for p := first; p <= last; p++ {
			reserved[p] = true
		}
	}
	var ranges []string
	for first := 0; first < ports; first++ {
		if !reserved[first] {
			continue
		}
		last := first
		for last+1 < ports && reserved[last+1] {
			last++
		}
		if first == last {
			ranges = append(ranges, strconv.Itoa(first))
		} else {
			ranges = append(ranges, fmt.Sprintf("%d-%d", first, last))
		}
		first = last
	}
	return strings.Join(ranges, ","), true
}

// wholeAddress writes an IPv6 address with all its digits (addrconf_sysctl_stable_secret in net/ipv6/addrconf.c, %pI6).
func wholeAddress(value string) (string, bool) {
	a, err := netip.ParseAddr(value)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return "", false
	}
	return a.StringExpanded(), true
}

// fastopenKeys writes each key as four groups of eight digits (proc_tcp_fastopen_key in net/ipv4/sysctl_net_ipv4.c).
func fastopenKeys(value string) (string, bool) {
	keys := strings.Split(value, ",")
	for i, key := range keys {
		groups := strings.Split(key, "-")
		if len(groups) != 4 {
			return "", false
		}
		for j, group := range groups {
			n, err := strconv.ParseUint(group, 16, 32)
			if err != nil {
				return "", false
			}
			groups[j] = fmt.Sprintf("%08x", n)
		}
		keys[i] = strings.Join(groups, "-")
	}
	return strings.Join(keys, ","), true
}
