package shape

import (
	"strings"

	"linkd/pkg/graph"
)

var _ graph.Drawn = &Egress{}

// Draw writes the rate, the delay and the loss on the interface. The lengths of the queue would be more than a picture has room for.
func (e *Egress) Draw(p *graph.Pen) {
	if e.Shape == nil {
		return
	}
	words := []string{"egress"}
	for _, q := range e.Shape.parameters() {
		switch {
		case q.value == "" || q.name == "burst" || q.name == "latency" || q.name == "limit":
		case q.name == "rate":
			words = append(words, q.value)
		default:
			words = append(words, q.name+" "+q.value)
		}
	}
	p.Note(e.Dev, strings.Join(words, " "))
}
