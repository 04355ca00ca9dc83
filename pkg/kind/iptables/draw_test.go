package iptables_test

import (
	"slices"
	"testing"

	"linkd/pkg/graph"
	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// A picture has each entry of the files once, in their order, whichever rules linkd makes of it.
func TestThePictureHasTheEntries(t *testing.T) {
	file := spec.File{Path: "a.yaml", Text: []byte(`
namespaces:
  host:
    sysctls: {net.ipv4.ip_forward: 1, net.ipv4.tcp_syncookies: 1}
    iptables:
      publish:
        - {port: 8080, to: "10.18.0.2:80"}
        - {protocol: udp, address: 127.0.0.1, port: 53, to: 10.18.0.2}
        - {address: 192.0.2.1, port: 22-23, to: 10.18.0.2}
      masquerade: [{source: 10.18.0.0/24, out: "!br-web"}]
      policies: {FORWARD: DROP, INPUT: ACCEPT}
      forward: [{in: br-web, protocol: tcp, port: 80}, {in: br-web, action: REJECT}, {action: DROP}]
      rules: [{table: mangle, chain: FORWARD, args: [-p, tcp, -j, MARK, --set-mark, 1]}]
    ip6tables:
      masquerade: [{out: eth0}]
      policies: {FORWARD: DROP}
`)}
	desired, errs := spec.Compile(kind.Language(), []spec.File{file})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	builder := graph.NewBuilder(func(remark string) { t.Error(remark) })
	builder.AddDesired(desired)
	var have []string
	for _, n := range builder.Picture().Namespaces[0].Notes {
		have = append(have, n.Text)
	}
	want := []string{
		"net.ipv4.ip_forward 1",
		"publish tcp 8080 to 10.18.0.2:80",
		"publish udp 53 on 127.0.0.1 to 10.18.0.2",
		"publish tcp 22-23 on 192.0.2.1 to 10.18.0.2",
		"masquerade -s 10.18.0.0/24 ! -o br-web",
		"policy FORWARD DROP",
		"policy INPUT ACCEPT",
		"forward -i br-web -p tcp -m tcp --dport 80",
		"forward REJECT -i br-web",
		"forward DROP",
		"rule mangle FORWARD -p tcp -j MARK --set-mark 1",
		"ip6tables masquerade -o eth0",
		"ip6tables policy FORWARD DROP",
	}
	if !slices.Equal(have, want) {
		t.Errorf("have %q\nwant %q", have, want)
	}
}
