package iptables

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// The tree finds the same first entry as a comparison with all earlier entries.
func TestPublishedPorts(t *testing.T) {
	addresses := []netip.Prefix{{}, netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")}
	port := rapid.OneOf(rapid.Uint16Range(1, 20), rapid.Uint16Range(65500, 65535), rapid.Uint16Range(1, 65535))
	rapid.Check(t, func(t *rapid.T) {
		published := publishedPorts{}
		var entries []publish
		for i := range rapid.IntRange(1, 30).Draw(t, "entries") {
			p := publish{Protocol: rapid.SampledFrom([]string{"", "tcp", "udp"}).Draw(t, "protocol")}
			p.Address.prefix = rapid.SampledFrom(addresses).Draw(t, "address")
			a, b := port.Draw(t, "a"), port.Draw(t, "b")
			p.Port = ports{first: min(a, b), last: max(a, b)}
			want, hidden := 0, false
			for j, before := range entries {
				sameAddress := !before.Address.prefix.IsValid() || before.Address.prefix == p.Address.prefix
				overlap := p.Port.first <= before.Port.last && before.Port.first <= p.Port.last
				if p.protocol() == before.protocol() && sameAddress && overlap {
					want, hidden = j, true
					break
				}
			}
			got, found := published.hides(p)
			if found != hidden || found && got != want {
				t.Fatalf("entry %d (%s %s): hidden %v by %d, want %v by %d", i, p.Address.prefix, p.Port, found, got, hidden, want)
			}
			published.add(p, i)
			entries = append(entries, p)
		}
	})
}
