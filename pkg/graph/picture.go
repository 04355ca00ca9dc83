// Package graph draws the wiring: which interfaces are in which namespaces, and how they are joined. It draws what the
// files want, what there is, or both in one picture, and knows no kind of resource by name: each draws itself.
package graph

// Picture is what is drawn, in the JSON form that `linkd graph -o json` prints. Its lists are in an order that depends
// on nothing but what is in them.
type Picture struct {
	Version    int     `json:"version"`
	Namespaces []*Box  `json:"namespaces"`
	Remotes    []*Box  `json:"remotes,omitempty"`
	Lines      []*Line `json:"lines"`
}

// State is how a thing in the picture stands.
type State string

// The states, from the best to the worst. Wanted is everything in a picture of the files alone; Foreign is what the files
// do not name and linkd did not make.
const (
	OK      State = "ok"
	Wanted  State = "wanted"
	Foreign State = "foreign"
	Leaving State = "leaving"
	Pending State = "pending"
	Missing State = "missing"
	Differs State = "differs"
	Failed  State = "failed"
)

// States are all states, and what each is called below a picture.
var States = []struct {
	State  State
	Legend string
}{
	{OK, "as the files want it"},
	{Wanted, "in the files"},
	{Foreign, "not in the files"},
	{Leaving, "will be removed"},
	{Pending, "pending"},
	{Missing, "will be made"},
	{Differs, "will be changed"},
	{Failed, "failed"},
}

// Mark is a state and why.
type Mark struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Box is a namespace, or a host beyond a tunnel.
type Box struct {
	Name string `json:"name"`
	// Selector is how the namespace is found, where its name does not tell.
	Selector string `json:"selector,omitempty"`
	Mark
	Notes      []Note       `json:"notes,omitempty"`
	Interfaces []*Interface `json:"interfaces,omitempty"`
}

// Interface is a network interface. Details are what it is beside its kind, in a few words each.
type Interface struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
	Mark
	Details []string `json:"details,omitempty"`
	Notes   []Note   `json:"notes,omitempty"`
}

// Note is something on an interface, or in a namespace, that has a state of its own: an address, a route.
type Note struct {
	Text string `json:"text"`
	Mark
}

// Join is what a line stands for.
type Join string

// The joins. A Port leads from an interface to its master, a Parent from an interface to the one that it stands on, and a
// Tunnel to a host beyond; a Cable has two equal ends.
const (
	Cable  Join = "cable"
	Port   Join = "port"
	Parent Join = "parent"
	Tunnel Join = "tunnel"
)

// Line joins two interfaces, or an interface and a host beyond a tunnel.
type Line struct {
	Join Join `json:"join"`
	From End  `json:"from"`
	To   End  `json:"to"`
	Mark
}

// End is an interface in a namespace, or, without a namespace, a host beyond a tunnel.
type End struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// In are the states that occur in the picture, in the order of States.
func (p *Picture) In() (states []State) {
	seen := map[State]bool{}
	for _, boxes := range [][]*Box{p.Namespaces, p.Remotes} {
		for _, b := range boxes {
			seen[b.State] = true
			noteStates(seen, b.Notes)
			for _, i := range b.Interfaces {
				seen[i.State] = true
				noteStates(seen, i.Notes)
			}
		}
	}
	for _, l := range p.Lines {
		seen[l.State] = true
	}
	for _, s := range States {
		if seen[s.State] {
			states = append(states, s.State)
		}
	}
	return states
}

func noteStates(seen map[State]bool, notes []Note) {
	for _, n := range notes {
		seen[n.State] = true
	}
}

// legend is what a state is called below a picture.
func (s State) legend() string {
	for _, known := range States {
		if known.State == s {
			return known.Legend
		}
	}
	return string(s)
}

// rank is the state's place in States: the worst is the last.
func (s State) rank() int {
	for i, known := range States {
		if known.State == s {
			return i
		}
	}
	return len(States)
}
