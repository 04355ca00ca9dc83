package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var otherManagers = newCheck("other-managers", "no other manager configures an interface of the files",
	"systemd-networkd and NetworkManager set the addresses, routes and masters of the interfaces that they manage, and remove\nothers. They manage an interface if a `.network` file matches it, or if a connection is active on it.",
	func(ctx context.Context, m *Machine) (map[string]holder, error) {
		if m.Closed != nil {
			return nil, m.Closed
		}
		links, err := m.World.Host().Links(ctx)
		if err != nil {
			return nil, err
		}
		held := map[string]holder{}
		for _, r := range m.Desired.Resources.In(spec.Host, "link") {
			name := r.ID().Key
			if l := links.ByName(name); l != nil {
				held[name] = holderOf(l)
			}
		}
		if len(held) == 0 {
			return nil, needless("the files declare no interface in linkd's own namespace")
		}
		return held, nil
	}, judgeManagers)

// holder is another manager of an interface, and its reason; name is "" if there is none.
type holder struct{ name, by, release string }

// holderOf reads whether one of the two manages an interface: the file by which systemd-networkd configures it (sd-network.h), or
// the connection that NetworkManager uses for it. NetworkManager also reports a connection for a virtual interface of other
// programs, and does not change that.
func holderOf(l *observe.Link) holder {
	networkd := keys(fmt.Sprintf("/run/systemd/netif/links/%d", l.Index))
	if file := networkd["NETWORK_FILE"]; file != "" && networkd["ADMIN_STATE"] != "unmanaged" {
		return holder{"systemd-networkd", "by " + file, "with Unmanaged=yes in the [Link] section of a .network file that comes before"}
	}
	nm := keys(fmt.Sprintf("/run/NetworkManager/devices/%d", l.Index))
	if uuid := nm["connection-uuid"]; uuid != "" && nm["managed"] == "true" && l.Kind == "" {
		return holder{"NetworkManager", "by the connection " + uuid, "with unmanaged-devices=interface-name:NAME in /etc/NetworkManager/conf.d"}
	}
	return holder{}
}

// keys parses lines of KEY=VALUE. It returns none if the file does not exist.
func keys(path string) map[string]string {
	found := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(text)) {
		if key, value, is := strings.Cut(strings.TrimSpace(line), "="); is {
			found[key] = value
		}
	}
	return found
}

func judgeManagers(files *spec.Desired, saw map[string]holder) (findings []Finding) {
	for _, r := range files.Resources.In(spec.Host, "link") {
		if h := saw[r.ID().Key]; h.name != "" {
			findings = append(findings, Finding{
				Level: Warning, Text: fmt.Sprintf("%s is managed by %s too, %s: each may undo what the other sets", r.ID().Key, h.name, h.by),
				Advice: "leave the interface to one of them: remove it from linkd's files, or release it from the other, " + h.release,
			}.of(r))
		}
	}
	return findings
}
