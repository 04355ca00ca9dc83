package iptables

import (
	"fmt"
	"strings"
	"testing"
)

// The rules that Docker 20.10 and Docker 28 create for FORWARD.
const (
	docker20 = `
		:FORWARD DROP [0:0]
		:DOCKER - [0:0]
		:DOCKER-ISOLATION-STAGE-1 - [0:0]
		:DOCKER-ISOLATION-STAGE-2 - [0:0]
		:DOCKER-USER - [0:0]
		[0:0] -A FORWARD -j DOCKER-USER
		[0:0] -A FORWARD -j DOCKER-ISOLATION-STAGE-1
		[0:0] -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		[0:0] -A FORWARD -o docker0 -j DOCKER
		[0:0] -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
		[0:0] -A FORWARD -i docker0 -o docker0 -j ACCEPT
		[0:0] -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
		[0:0] -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
		[0:0] -A DOCKER-ISOLATION-STAGE-1 -j RETURN
		[0:0] -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
		[0:0] -A DOCKER-ISOLATION-STAGE-2 -j RETURN
		[0:0] -A DOCKER-USER -j RETURN`
	docker28 = `
		:FORWARD DROP [0:0]
		:DOCKER - [0:0]
		:DOCKER-BRIDGE - [0:0]
		:DOCKER-CT - [0:0]
		:DOCKER-FORWARD - [0:0]
		:DOCKER-USER - [0:0]
		[0:0] -A FORWARD -j DOCKER-USER
		[0:0] -A FORWARD -j DOCKER-FORWARD
		[0:0] -A DOCKER ! -i docker0 -o docker0 -j DROP
		[0:0] -A DOCKER-BRIDGE -o docker0 -j DOCKER
		[0:0] -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		[0:0] -A DOCKER-FORWARD -j DOCKER-CT
		[0:0] -A DOCKER-FORWARD -j DOCKER-BRIDGE
		[0:0] -A DOCKER-FORWARD -i docker0 -j ACCEPT`
)

// linkd does not follow chains that jump to each other several times to their end: that would take 4^16 steps.
func TestVerdictIsBounded(t *testing.T) {
	rules := ":FORWARD DROP [0:0]\n:C0 - [0:0]\n[0:0] -A FORWARD -j C0\n"
	for i := range deepest {
		rules += fmt.Sprintf(":C%d - [0:0]\n", i+1) + strings.Repeat(fmt.Sprintf("[0:0] -A C%d -p tcp -j C%d\n", i, i+1), 4)
	}
	tables, err := readTables(strings.NewReader("*filter\n" + rules + "COMMIT\n"))
	if err != nil {
		t.Fatal(err)
	}
	if verdict, by := tables[filter].verdict("br0", ""); verdict != Unsure || by != "" {
		t.Errorf("have %v, %q", verdict, by)
	}
}

// linkd reports only what certainly happens to a packet.
func TestFate(t *testing.T) {
	for _, test := range []struct{ name, rules, in, out, want string }{
		{"nothing", ":FORWARD ACCEPT [0:0]", "br0", "", "accepted"},
		{"a policy", ":FORWARD DROP [0:0]", "br0", "", "dropped: " + policyDrops(false)},
		{"Docker 20.10, from docker0", docker20, "docker0", "", "accepted"},
		{"Docker 20.10, within docker0", docker20, "docker0", "docker0", "accepted"},
		{"Docker 20.10, from another", docker20, "br0", "", "unsure"},
		{"Docker 20.10, from another to beyond", docker20, "br0", "eth0", "dropped: " + policyDrops(true)},
		{"Docker 20.10, within another", docker20, "br0", "br0", "dropped: " + policyDrops(true)},
		{"Docker 28, from docker0", docker28, "docker0", "", "accepted"},
		{"Docker 28, within docker0", docker28, "docker0", "docker0", "accepted"},
		{"Docker 28, from another", docker28, "br0", "", "dropped: " + policyDrops(true)},
		{"established ones begin nothing", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "br0", "", "dropped: " + policyDrops(false)},
		{"all but established ones", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT", "br0", "", "accepted"},
		{"new ones", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -m state --state NEW,ESTABLISHED -j ACCEPT", "br0", "", "accepted"},
		{"some of them accepted", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -s 10.8.0.0/24 -j ACCEPT", "br0", "", "unsure"},
		{"some of them dropped", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -p tcp -j DROP", "br0", "", "unsure"},
		{"a rule that drops", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -i br0 -j DROP", "br0", "", "dropped: a rule in FORWARD drops it: -i br0 -j DROP"},
		{"a rule that says so", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -j REJECT --reject-with icmp-port-unreachable", "br0", "", "dropped: a rule in FORWARD drops it: -j REJECT --reject-with icmp-port-unreachable"},
		{"one for others", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD ! -i br+ -j DROP", "br0", "", "accepted"},
		{"one behind an accept", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -i br+ -j ACCEPT\n[0:0] -A FORWARD -j DROP", "br0", "", "accepted"},
		{"not out again", ":FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -o br0 -j DROP", "br0", "", "accepted"},
		{"maybe out there", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -i br0 -o eth0 -j ACCEPT", "br0", "", "unsure"},
		{"not out there", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -i br0 -o eth0 -j ACCEPT", "br0", "br0", "dropped: " + policyDrops(false)},
		{"a chain that some leave", ":FORWARD DROP [0:0]\n:C - [0:0]\n[0:0] -A FORWARD -j C\n[0:0] -A C -p udp -j RETURN\n[0:0] -A C -j DROP", "br0", "", "unsure"},
		{"what only counts", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -p tcp\n[0:0] -A FORWARD -j LOG", "br0", "", "dropped: " + policyDrops(false)},
		{"a comment", ":FORWARD DROP [0:0]\n[0:0] -A FORWARD -i br0 -m comment --comment \"! -i br0\" -j ACCEPT", "br0", "", "accepted"},
	} {
		tables, err := readTables(strings.NewReader("*filter\n" + strings.ReplaceAll(test.rules, "\t", "") + "\nCOMMIT\n"))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		verdict, by := tables[filter].verdict(test.in, test.out)
		have := [...]string{"unsure", "accepted", "dropped: "}[verdict] + by
		if have != test.want {
			t.Errorf("%s: have %q, want %q", test.name, have, test.want)
		}
	}
}
