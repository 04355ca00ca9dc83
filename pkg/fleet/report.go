package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"linkd/pkg/pause"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

const (
	// reportPause is the shortest time between two reports of a node.
	reportPause = time.Second
	// mostProblems and longestProblem bound the texts of a report, the latter in bytes, so that etcd has room for those of many nodes.
	mostProblems   = 20
	longestProblem = 400
	// largestReport is the size in bytes up to which a report is read.
	largestReport = 64 << 10
)

// Report is what a node says about itself.
type Report struct {
	Version int       `json:"version"`
	Node    spec.Node `json:"node"`
	// Time is that of the node's clock.
	Time time.Time `json:"time"`
	// Revision is the one whose files the state is about; 0 for none.
	Revision int64 `json:"revision"`
	// State is the overall state (reconcile.Converged and others), and Resources counts the resources in each state.
	State     string                  `json:"state"`
	Resources map[reconcile.State]int `json:"resources,omitempty"`
	// Files are those that are not in force, with the reason.
	Files []spec.FileState `json:"files,omitempty"`
	// Problems are lines of text about resources that are not as declared, one for each cause.
	Problems []string     `json:"problems,omitempty"`
	Probes   []ProbeState `json:"probes,omitempty"`
	Facts    Facts        `json:"facts"`
}

// ProbeState is the last result of a probe.
type ProbeState struct {
	Name   string          `json:"name"`
	State  reconcile.State `json:"state"`
	Reason string          `json:"reason,omitempty"`
}

// Facts describe a machine.
type Facts struct {
	Host   string `json:"host"`
	Kernel string `json:"kernel"`
	Linkd  string `json:"linkd"`
}

// bound cuts what is too long.
func (r *Report) bound() {
	r.Problems = r.Problems[:min(len(r.Problems), mostProblems)]
	for i := range r.Problems {
		r.Problems[i] = cut(r.Problems[i])
	}
	r.Files = r.Files[:min(len(r.Files), mostProblems)]
	for i := range r.Files {
		r.Files[i].Error = cut(r.Files[i].Error)
	}
	r.Probes = r.Probes[:min(len(r.Probes), mostProblems)]
	for i := range r.Probes {
		r.Probes[i].Reason = cut(r.Probes[i].Reason)
	}
}

func cut(text string) string {
	if len(text) <= longestProblem {
		return text
	}
	return strings.ToValidUTF8(text[:longestProblem-3], "") + "..."
}

// publish stores the report whenever it has changed, once in reportPause at most, until ctx ends or etcd does not answer.
func (n *Node) publish(ctx context.Context, s *Store, self spec.Node) error {
	var last []byte
	for {
		r := n.Describe()
		r.Version, r.Node = 1, self
		r.bound()
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if !bytes.Equal(text, last) {
			last = bytes.Clone(text)
			r.Time = time.Now()
			if text, err = json.Marshal(r); err == nil {
				err = s.put(ctx, s.nodeKey(self.Name, "report"), text)
			}
			if err != nil {
				return err
			}
		}
		if !pause.For(ctx, reportPause) {
			return ctx.Err()
		}
		select {
		case <-n.woken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) put(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.Put(ctx, key, string(value))
	return explain(err)
}

// Member is a node as etcd has it.
type Member struct {
	Report
	// Alive: etcd has received something from the node within leaseTime. Since is when it last connected, by its clock.
	Alive bool      `json:"alive"`
	Since time.Time `json:"since,omitzero"`
	// Damaged says why linkd cannot read what the node has stored; "" if it can.
	Damaged string `json:"damaged,omitempty"`
}

// Nodes returns the nodes that have ever reported and not been forgotten, by name.
func (s *Store) Nodes(ctx context.Context) ([]Member, error) {
	members := map[string]*Member{}
	prefix := s.prefix + "/nodes/"
	err := s.each(ctx, prefix, func(key string, value []byte) {
		name, what, _ := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		m := members[name]
		if m == nil {
			m = &Member{}
			members[name] = m
		}
		switch what {
		case "alive":
			var c claim
			m.Alive = true
			if json.Unmarshal(value, &c) == nil {
				m.Since = c.Since
			}
		case "report":
			m.read(value)
		}
		m.Node.Name = name
	})
	if err != nil {
		return nil, err
	}
	var all []Member
	for _, m := range members {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.Node.Name, b.Node.Name) })
	return all, nil
}

// read reads a report. A node that is hostile can store what it likes under its own name.
func (m *Member) read(value []byte) {
	switch {
	case len(value) > largestReport:
		m.Damaged = "the report is too large"
	case json.Unmarshal(value, &m.Report) != nil:
		m.Report = Report{}
		m.Damaged = "the report is damaged"
	}
	m.bound()
}
