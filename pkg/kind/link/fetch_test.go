package link

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestFetchMark(t *testing.T) {
	for _, m := range []fetchMark{
		{"wan0", spec.Selector{Scheme: "host"}, "eth1"},
		{"wan0", spec.Selector{Scheme: "name", Value: "blue"}, "eth1"},
		{"up:link@home", spec.Selector{Scheme: "path", Value: "/run/docker/netns/5%"}, "eth0.100@x"},
		{"wan0", spec.Selector{Scheme: "process", Value: "sh -c 'a: @b'"}, "eth1"},
	} {
		text := m.String()
		if strings.ContainsAny(text, "/ \t") {
			t.Errorf("ip(8) does not take %q", text)
		}
		if got, ok := parseFetchMark(text); !ok || got != m {
			t.Errorf("%q is read as %+v, %v", text, got, ok)
		}
	}
	for _, other := range []string{"", "enp0s3", "linkd:", "linkd:wan0", "linkd:wan0@host", "linkd:wan0@host:", "linkd:wan0@host:a/b", "linkd:wan0@%zz:eth1"} {
		if m, ok := parseFetchMark(other); ok {
			t.Errorf("%q is read as %+v", other, m)
		}
	}
}

// journey is the fetch of an interface, eth0 in the lab, into the host as wan0.
type journey struct {
	t      *testing.T
	lab    *conform.Lab
	want   *Link
	before string
}

func setOut(t *testing.T, setup string) *journey {
	t.Helper()
	j := &journey{t: t, lab: conform.Open(t)}
	j.lab.IP(t, "link add eth0 type veth peer name eth9\nlink set eth9 addrgenmode none up\nlink add eth1 type veth peer name eth8\nlink set eth8 up\nlink set eth1 up\n"+setup)
	links := conform.Read(t, language, "namespaces: {lab: {}}\nlinks: {wan0: {kind: existing, from: lab, from_name: eth0}}")
	j.want = links[0].(*Link)
	t.Cleanup(func() { conform.IP(t, "-n lab link del eth9") })
	return j
}

func (j *journey) find(ns *observe.NS, name string) *Link {
	j.t.Helper()
	ns.Forget()
	found, err := kind{}.observeAll(j.t.Context(), ns)
	conform.Must(j.t, err)
	for _, l := range found {
		if l.Name == name {
			if origin, _, claims := l.claim(); claims {
				// As the journal would.
				kind{}.Confirm(l, origin, spec.Selector{})
			}
			return l
		}
	}
	return nil
}

func (j *journey) fetch() error {
	j.t.Helper()
	have := j.find(j.lab.NS, "eth0")
	var err error
	j.before, _, err = kind{}.Record(j.t.Context(), j.lab.NS, j.want, have)
	conform.Must(j.t, err)
	return kind{}.Update(j.t.Context(), j.lab.World.Host(), j.want, have)
}

func (j *journey) putBack() error {
	j.t.Helper()
	host := j.lab.World.Host()
	return kind{}.PutBack(j.t.Context(), host, j.find(host, "wan0"), j.before)
}

// passing matches state that the kernel changes a moment later.
var passing = regexp.MustCompile(`NO-CARRIER,|,LOWER_UP|,M-DOWN| state \w+`)

// state returns all that ip(8) shows in the lab, without the routes and addresses that the kernel creates.
func (j *journey) state() (lines []string) {
	j.t.Helper()
	for _, what := range []string{"-o link", "-o address", "-4 route show table all", "-6 route show table all", "neighbour show nud permanent", "neighbour show proxy"} {
		for line := range strings.Lines(conform.IP(j.t, "-n lab "+what)) {
			if !strings.Contains(line, " proto kernel ") && !strings.Contains(line, " inet6 fe80:") {
				lines = append(lines, passing.ReplaceAllString(line, ""))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestWhatIsPutBack(t *testing.T) {
	for name, setup := range map[string]string{
		"of one that is down": `link set eth0 mtu 1400 txqueuelen 7 address 02:00:00:00:00:08 group 7 alias theirs
address add 10.0.0.1/24 dev eth0`,
		"of a port": `link add br0 address 02:00:00:00:00:0b type bridge
link set br0 up
link set eth0 master br0 up`,
		"of one with all that there is": `link set eth0 up
address add 10.0.0.1/24 dev eth0
address add 10.0.0.2/24 broadcast 10.0.0.9 label eth0:a dev eth0
address add 10.1.0.1 peer 10.1.0.2 scope link dev eth0
address add 10.2.0.1/24 metric 50 noprefixroute dev eth0
address add fd00::1/64 nodad dev eth0
address add fd01::1 peer fd01::2 nodad metric 77 dev eth0
address add 10.3.0.1/24 dev eth1
neighbour add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0
neighbour add fd00::9 lladdr 02:00:00:00:00:09 router dev eth0
neighbour add proxy 10.0.0.8 dev eth0
neighbour add proxy fd00::8 dev eth0
route add default via 10.0.0.254
route add 10.9.0.0/16 via 10.8.0.1 dev eth0 onlink metric 5 mtu 1300
route add 10.7.0.0/16 dev eth0 scope link src 10.0.0.1 proto static
route add 10.6.0.0/16 via 10.7.0.1 dev eth0
route add 10.6.0.0/16 dev eth0 table 77
route add local 10.5.0.1 dev eth0 table 77
route add 10.4.0.0/16 nexthop via 10.0.0.254 dev eth0 weight 3 nexthop via 10.3.0.254 dev eth1
route add 10.3.9.0/24 nexthop via 10.0.0.254 dev eth0 nexthop via 10.0.0.253 dev eth0
route add default via fd00::9 dev eth0 metric 9
route add fd07::/48 dev eth0 src fd00::1
route add fd08::/48 via fe80::1 dev eth0 table 77`,
	} {
		t.Run(name, func(t *testing.T) {
			j := setOut(t, setup)
			before := j.state()
			conform.Must(t, j.fetch())
			if have := j.find(j.lab.World.Host(), "wan0"); len(differences(j.want, have)) > 0 || j.find(j.lab.NS, "eth0") != nil {
				t.Fatalf("fetched, and yet: %q", differences(j.want, have))
			}
			conform.Must(t, j.putBack())
			if d := conform.Differences(before, j.state()); d != "" {
				t.Errorf("the lab (-before +after):\n%s", d)
			}
		})
	}
}

// PutBack does not restore what a program or the kernel sets again, what has expired, and what would replace another object.
func TestWhatIsNotPutBack(t *testing.T) {
	j := setOut(t, `link set eth0 up
address add 10.0.0.1/24 dev eth0
nexthop add id 7 via 10.0.0.9 dev eth0
route add 10.1.0.0/16 nhid 7
route add 10.2.0.0/16 via 10.0.0.9 proto bird
route add 10.3.0.0/16 via 10.0.0.9
route add 10.4.0.0/16 via 10.0.0.9
address add 10.5.0.1/24 dev eth0 valid_lft 1 preferred_lft 1
address add 10.6.0.1/24 dev eth0 valid_lft 600 preferred_lft 0`)
	conform.Must(t, j.fetch())
	j.lab.IP(t, "address add 10.8.0.1/24 dev eth1\nroute add 10.3.0.0/16 via 10.8.0.9\n")
	r := parseSnapshot(j.before, nil)
	r.At -= 2 * time.Second
	var err error
	j.before, err = r.text()
	conform.Must(t, err)
	conform.Must(t, j.putBack())
	want := `10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 
10.3.0.0/16 via 10.8.0.9 dev eth1 
10.4.0.0/16 via 10.0.0.9 dev eth0 
10.6.0.0/24 dev eth0 proto kernel scope link src 10.6.0.1 
10.8.0.0/24 dev eth1 proto kernel scope link src 10.8.0.1 
`
	if d := conform.Differences(want, conform.IP(t, "-n lab route show")); d != "" {
		t.Errorf("routes (-want +got):\n%s", d)
	}
}

// A route waits until its source address is no longer tentative, and an entry that cannot be restored does not keep others from it.
// The mark stays until all entries are restored.
func TestPutBackIsTriedAgain(t *testing.T) {
	j := setOut(t, "link set eth0 up\naddress add fd00::1/64 nodad dev eth0\naddress add 10.0.0.1/24 dev eth0\n"+
		"address add 10.1.0.1/24 dev eth1\nroute add 10.9.0.0/16 dev eth0 src 10.1.0.1\nroute add fd09::/48 dev eth0 src fd00::1\n")
	before := j.state()
	conform.Must(t, j.fetch())
	j.lab.IP(t, "address del 10.1.0.1/24 dev eth1")
	err := j.putBack()
	if want := "it is in lab, but not all that it had there: route 10.9.0.0/16: invalid argument"; err == nil || !strings.HasPrefix(err.Error(), want) ||
		!strings.HasSuffix(err.Error(), "; to leave it so: ip link property del dev eth0 altname linkd:wan0@name:lab:eth0") {
		t.Fatalf("put back: %v", err)
	}
	have := j.find(j.lab.NS, "eth0")
	if origin, fetched := have.FetchedFrom(); !fetched || origin != have.ID() {
		t.Errorf("it has lost its mark")
	}
	j.lab.IP(t, "address add 10.1.0.1/24 dev eth1")
	conform.Must(t, kind{}.PutBack(t.Context(), j.lab.NS, have, j.before))
	if d := conform.Differences(before, j.state()); d != "" {
		t.Errorf("the lab (-before +after):\n%s", d)
	}
}

func TestARouteWaitsForItsSource(t *testing.T) {
	j := setOut(t, "link set eth0 up\naddress add fd00::1/64 nodad dev eth0\nroute add fd09::/48 dev eth0 src fd00::1\n")
	conform.Must(t, j.fetch())
	// As if the kernel had found another host with that address.
	r := parseSnapshot(j.before, nil)
	for _, e := range r.Entries {
		if e.Type == unix.RTM_NEWADDR {
			attrs, err := observe.Attrs(e.Message[unix.SizeofIfAddrmsg:])
			conform.Must(t, err)
			attrs[unix.IFA_FLAGS][0] &^= unix.IFA_F_NODAD
		}
	}
	var err error
	j.before, err = r.text()
	conform.Must(t, err)
	if err := j.putBack(); !errors.Is(err, observe.ErrPending) || !strings.Contains(err.Error(), "it is in lab, but not all that it had there yet: route fd09::/48 waits for its source address, which is still tentative") {
		t.Errorf("put back: %v", err)
	}
}

// If the name is in use, linkd moves nothing and leaves no mark.
func TestFetchWhereSomethingStands(t *testing.T) {
	j := setOut(t, "link set eth0 up\naddress add 10.0.0.1/24 dev eth0\n")
	before := j.state()
	conform.IP(t, "link add wan0 type bridge")
	t.Cleanup(func() { conform.IP(t, "link del wan0") })
	if err := j.fetch(); !errors.Is(err, unix.EEXIST) {
		t.Errorf("fetch: %v", err)
	}
	if d := conform.Differences(before, j.state()); d != "" {
		t.Errorf("the lab (-before +after):\n%s", d)
	}
}

// Between the observation and the move, another interface may take the name.
func TestFetchSparesWhatCameLater(t *testing.T) {
	j := setOut(t, "")
	have := j.find(j.lab.NS, "eth0")
	j.lab.IP(t, "link set eth0 name eth5\nlink add eth0 type bridge\n")
	if err := (kind{}).Update(t.Context(), j.lab.World.Host(), j.want, have); !errors.Is(err, unix.ENODEV) {
		t.Errorf("fetch: %v", err)
	}
	if j.find(j.lab.NS, "eth0") == nil || j.find(j.lab.NS, "eth5") == nil {
		t.Error("one of them is gone")
	}
	if err := (kind{}).Delete(t.Context(), j.lab.NS, &Link{NS: "lab", Name: "eth5", found: &found{link: have.found.link, origin: have.ID()}}); err == nil {
		t.Error("what linkd did not make was deleted")
	}
}

func TestAnotherNameWhereItIs(t *testing.T) {
	j := setOut(t, "link set eth0 up\naddress add 10.0.0.1/24 dev eth0\nroute add default via 10.0.0.9\n")
	j.want = conform.Read(t, language, "namespaces: {lab: {}}\nlinks: {wan0: {kind: existing, netns: lab, from: lab, from_name: eth0}}")[0].(*Link)
	before := j.state()
	have := j.find(j.lab.NS, "eth0")
	var err error
	j.before, _, err = kind{}.Record(t.Context(), j.lab.NS, j.want, have)
	conform.Must(t, err)
	conform.Must(t, kind{}.Update(t.Context(), j.lab.NS, j.want, have))
	if routes := conform.IP(t, "-n lab route"); !strings.Contains(routes, "default via 10.0.0.9 dev wan0") {
		t.Errorf("routes:\n%s", routes)
	}
	conform.Must(t, kind{}.PutBack(t.Context(), j.lab.NS, j.find(j.lab.NS, "wan0"), j.before))
	if d := conform.Differences(before, j.state()); d != "" {
		t.Errorf("the lab (-before +after):\n%s", d)
	}
}
