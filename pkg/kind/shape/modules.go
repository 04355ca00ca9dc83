package shape

import "linkd/pkg/spec"

const (
	ingressModule  = "sch_ingress"
	matchallModule = "cls_" + matchall
	policeModule   = "act_" + police
)

func moduleOf(qdisc string) string { return "sch_" + qdisc }

// Modules returns the parts of the kernel that a desired resource needs, called as their modules; none for a resource of another kind.
func Modules(r spec.Resource) []string {
	switch r := r.(type) {
	case *Egress:
		return []string{moduleOf(r.Shape.kind())}
	case *Clsact:
		return []string{ingressModule}
	case *Ingress:
		return []string{matchallModule, policeModule}
	}
	return nil
}
