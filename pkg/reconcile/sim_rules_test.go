package reconcile

import (
	"fmt"

	"linkd/pkg/spec"
)

// violate records the first thing that linkd must not have done.
func (w *simWorld) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
	}
}

// setVerdict checks that linkd may do that to an object.
func (w *simWorld) setVerdict(o *simObject, what string) {
	if w.writer == nil {
		return
	}
	op := w.writer.op
	// What the file itself names as the source is not what a mark led to.
	forged := op.Have != nil && w.forged(op) && !w.comesFromSource(o)
	switch {
	case forged && o.space.id != op.Have.(*simPiece).space:
		w.violate("%s %s: only a mark that others have set in %s led to that", o, what, op.Have.(*simPiece).space)
	case !o.foreign, forged:
	case o.mark != "" && o.space.foreign && op.Have != nil && o.space.id == op.Have.(*simPiece).space:
		// Others say there that it is linkd's.
	case w.writer.remembered && o.at() == o.known && !o.card:
		// It was linkd's, has its name again, and is known by its index.
	case o.card && what == "moves":
	case o.kind == "note" && o.resourcesOn != nil && o.resourcesOn.card && (op.source != nil || op.Have != nil && op.Have.(*simPiece).origin != spec.ID{}):
		// The plan says what is on a card that leaves.
	case o.kind != "box" && op.kind.Name == "space" && !o.space.foreign:
		// Only boxes keep a namespace that linkd made.
	case op.kind.Name == "rule" && w.writer.remembered:
		// It stands in the place of linkd's.
		o.foreign = false
	case op.Want != nil && op.Want.(*simPiece).adopt && o == w.find(op.Want.ID()):
		o.foreign, o.known = false, o.at()
	case !w.writer.seen[simSight{o, o.space.id}]:
		// It came since linkd looked.
	default:
		w.violate("%s %s: %s", o, what, op)
	}
}

// forged tells whether others put linkd's mark on what the op is about, in a namespace that they rule.
func (w *simWorld) forged(op *Op) bool {
	p := op.Have.(*simPiece)
	return p.object != nil && p.object.foreign && p.mark != "" && p.object.space.foreign && p.object.fetched == ""
}

// comesFromSource tells whether an object is what the op fetches by the word of a file, or is on that.
func (w *simWorld) comesFromSource(o *simObject) bool {
	p, is := w.writer.op.source.(*simPiece)
	return is && w.writer.op.source != w.writer.op.Have && (o == p.object || o.resourcesOn == p.object)
}

// judgeMove checks that linkd may take an object somewhere: from where a file says, or back to where it was.
func (w *simWorld) judgeMove(o *simObject, origin spec.ID, back bool) {
	switch here := w.find(origin) == o; {
	case back && o.fetched == "":
		w.violate("%s is put back to %s, and linkd never fetched it", o, origin)
	case back && o.fetched != origin.String():
		w.violate("%s is put back to %s, and was fetched from %s", o, origin, o.fetched)
	case !back && !here && o.fetched != origin.String() && o.isReturned != origin.String() && !w.writer.op.Want.(*simPiece).adopt:
		w.violate("%s is fetched as %s, which it is not", o, origin)
	}
	w.setVerdict(o, "moves")
}
