package iptables

import "testing"

// Each change of a legacy table changes the stamp, without an event, and traffic does not.
func TestLegacyStamp(t *testing.T) {
	onEachBackend(t, func(l lab) {
		if l.backend != "legacy" {
			// The nft backend announces its changes.
			return
		}
		ns := l.open()
		stamp := func() (text string) {
			l.Helper()
			if err := ns.Do(func() (err error) { text, err = legacyStamps(ipv4, ipv6); return err }); err != nil {
				l.Fatal(err)
			}
			return text
		}
		if s := stamp(); s != stampEnd+stampEnd {
			l.Errorf("a stamp without a table: %q", s)
		}
		l.sh("ip link set lo up")
		last := ""
		for _, change := range []string{
			"iptables -A INPUT -s 192.0.2.1 -j DROP",
			"iptables -A INPUT -i lo -m limit --limit 5/s -j ACCEPT",
			"iptables -R INPUT 1 -s 192.0.2.2 -j DROP",
			"iptables -P FORWARD DROP",
			"iptables -N LINKD-FORWARD",
			"iptables -t nat -A OUTPUT -p tcp --dport 80 -j DNAT --to-destination 192.0.2.1:80",
			"iptables -t nat -R OUTPUT 1 -p tcp --dport 80 -j DNAT --to-destination 192.0.2.1:81",
			"ip6tables -A INPUT -s 2001:db8::1 -j DROP",
			"ip6tables -R INPUT 1 -s 2001:db8::2 -j DROP",
			"ip6tables -F",
		} {
			l.sh(change)
			now := stamp()
			if now == last {
				l.Errorf("%s does not change the stamp", change)
			}
			l.sh("ping -c 2 -i 0.1 127.0.0.1")
			if last = stamp(); last != now {
				l.Errorf("packets change the stamp after %s", change)
			}
		}
	})
}
