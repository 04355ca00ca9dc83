// Package graph draws the interfaces of namespaces and the links between them: the desired state, the observed state, or both
// in one picture. It knows no kind of resource by name: each resource draws itself, see Drawn.
//
// A Builder collects what resources draw and makes a Picture, and Formats write a Picture as text.
package graph

// Picture is what `linkd graph -o json` prints. The order of its lists depends only on their elements.
type Picture struct {
	Version    int     `json:"version"`
	Namespaces []*Node `json:"namespaces"`
	Remotes    []*Node `json:"remotes,omitempty"`
	Lines      []*Line `json:"lines"`
}

// State is the state of something in the picture.
type State string

// The states, from the best to the worst. In a picture of the files alone, everything is Wanted. Foreign is what the files do
// not declare and linkd did not make.
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

// States are all states in order, each with its text in the legend.
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

// Status is a state and the reason for it.
type Status struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Node is a namespace, or the remote end of a tunnel.
type Node struct {
	Name string `json:"name"`
	// Selector says how linkd finds the namespace; "" if that follows from its name.
	Selector string `json:"selector,omitempty"`
	Status
	Notes      []Note       `json:"notes,omitempty"`
	Interfaces []*Interface `json:"interfaces,omitempty"`
}

// Interface is a network interface. Details are its properties beside its kind, each in a few words.
type Interface struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
	Status
	Details []string `json:"details,omitempty"`
	Notes   []Note   `json:"notes,omitempty"`
}

// Note is something on an interface or in a namespace with a status of its own, such as an address or a route.
type Note struct {
	Text string `json:"text"`
	Status
}

// Join is the kind of a line.
type Join string

// The kinds of lines. A Cable has two equal ends, as a veth has. A Port leads from an interface to its master, a Parent to its
// parent, and a Tunnel to the remote end of its tunnel.
const (
	Cable  Join = "cable"
	Port   Join = "port"
	Parent Join = "parent"
	Tunnel Join = "tunnel"
)

// Line is a line between two interfaces, or between an interface and the remote end of its tunnel.
type Line struct {
	Join Join `json:"join"`
	From End  `json:"from"`
	To   End  `json:"to"`
	Status
}

// End is an interface in a namespace or, without a namespace, the remote end of a tunnel.
type End struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// UsedStates returns the states that occur in the picture, in the order of States.
func (p *Picture) UsedStates() (states []State) {
	seen := map[State]bool{}
	for _, nodes := range [][]*Node{p.Namespaces, p.Remotes} {
		for _, b := range nodes {
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

// Legend returns the text for a state in the legend.
func (s State) Legend() string {
	for _, known := range States {
		if known.State == s {
			return known.Legend
		}
	}
	return string(s)
}

// rank returns the index of the state in States: a higher rank is worse.
func (s State) rank() int {
	for i, known := range States {
		if known.State == s {
			return i
		}
	}
	return len(States)
}
