package fleet

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/spec"
)

func end(address string) spec.MemberEnd {
	return spec.MemberEnd{Kind: "vxlan", Local: netip.MustParseAddr(address)}
}

// A node takes the ends of the links that it has itself, and only those that it can send to. They are there again after a restart.
func TestMembersOfALink(t *testing.T) {
	dir := t.TempDir()
	m := newMembers(dir)
	m.setOwn(ends{"a": end("10.0.0.1")}, true)
	all := map[string]ends{
		"n1": {"a": end("10.0.0.1")},
		"n2": {"a": end("10.0.0.2"), "b": end("10.0.0.2")},
		"n3": {"a": end("2001:db8::3")},
		"n4": {"a": {Kind: "geneve", Local: netip.MustParseAddr("10.0.0.4")}},
		"n5": {"a": end("224.0.0.1")},
		"n6": {"a": end("127.0.0.1")},
		"n7": {"a": {Kind: "vxlan"}},
		"n8": {"a": end("10.0.0.1")},
		"n9": {"a": end("10.0.0.2")},
	}
	if changed, err := m.setOthers(all, "n1"); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if changed, err := m.setOthers(all, "n1"); changed || err != nil {
		t.Error("the same again is a change: ", err)
	}
	for name, m := range map[string]*members{"now": m, "after a restart": newMembers(dir)} {
		got := fmt.Sprint(m.of("a", end("10.0.0.1")), m.of("b", end("10.0.0.1")))
		if d := cmp.Diff("[10.0.0.2] []", got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// While not all files are known, an end is added and none is taken back.
func TestOwnEnds(t *testing.T) {
	m := newMembers(t.TempDir())
	var got []string
	set := func(own ends, complete bool) {
		_, _, before := m.ends()
		m.setOwn(own, complete)
		has, known, _ := m.ends()
		told := false
		select {
		case <-before:
			told = true
		default:
		}
		got = append(got, fmt.Sprint(len(has), known, told))
	}
	set(nil, false)
	set(ends{"a": end("10.0.0.1")}, true)
	set(nil, false)
	set(ends{"b": end("10.0.0.1")}, false)
	set(ends{"b": end("10.0.0.1")}, true)
	set(ends{"b": end("10.0.0.1")}, true)
	set(nil, true)
	want := []string{"0 false false", "1 true true", "1 true false", "2 true true", "1 true true", "1 true false", "0 true true"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("number, known, told (-want +got):\n%s", d)
	}
}

// What etcd has under the name of a node is nothing if it is damaged or too large.
func TestDecodeEnds(t *testing.T) {
	for _, text := range []string{"", "x", "[]", `{"a":{"local":"nowhere"}}`, string(make([]byte, largestMembers+1))} {
		if of := decodeEnds([]byte(text)); of != nil {
			t.Errorf("%.20q: %v", text, of)
		}
	}
}
