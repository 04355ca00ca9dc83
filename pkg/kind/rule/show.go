package rule

import (
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the rules as YAML, in the order in which the kernel evaluates them.
func (kind) Show(doc *spec.Document, found []*Rule, _ reconcile.JournalLookup) {
	for _, r := range found {
		e := r.entry()
		err := spec.Unwritable(r.NS, "", e)
		switch {
		case r.Proto == unix.RTPROT_KERNEL:
		case !r.Proto.IsAdministrators():
			doc.LeaveOut(r.NS, "", "policy rule", "of "+r.Proto.String()+", which looks after them itself")
		case r.Extra != "":
			doc.LeaveOut(r.NS, "", "policy rule", "with"+r.Extra+", which cannot be written")
		case r.Sibling != "":
			doc.LeaveOut(r.NS, "", "policy rule", "beside one that asks for the same, which cannot be written")
		case err != nil:
			doc.LeaveOut(r.NS, "", "policy rule", "that cannot be written: "+err.Error())
		default:
			spec.Append(doc.Namespace(r.NS), keyName, e)
		}
	}
}

func (r *Rule) entry() entry {
	e := entry{
		Priority: r.Priority, From: subnet{r.From}, To: subnet{r.To}, IIF: spec.IfName(r.IIF), OIF: spec.IfName(r.OIF),
	}
	if r.Mark.Mask != 0 {
		e.FwMark = &r.Mark
	}
	if r.TOS != 0 {
		e.TOS = &r.TOS
	}
	if r.IPProto != 0 {
		e.IPProto = &r.IPProto
	}
	if r.SPort != (Ports{}) {
		e.SPort = &r.SPort
	}
	if r.DPort != (Ports{}) {
		e.DPort = &r.DPort
	}
	if r.UIDs.Given {
		e.UIDRange = &r.UIDs
	}
	if r.Not {
		e.Not = &r.Not
	}
	switch r.Action {
	case unix.FR_ACT_TO_TBL:
		e.Table = &r.Table
	case unix.FR_ACT_GOTO:
		e.Goto = &r.Goto
	default:
		e.Action = &r.Action
	}
	if r.Suppress.Given {
		e.Suppress = &r.Suppress.Length
	}
	if inet6 := "inet6"; r.Inet6 && e.family() != inet6 {
		e.Family = &inet6
	}
	return e
}

// EncodeNode writes a mark; one with the full mask is a number.
func (m Mark) EncodeNode() *yaml.Node {
	n := spec.Word(m.String())
	if !strings.Contains(n.Value, "/") {
		n.Tag = "!!int"
	}
	return n
}
