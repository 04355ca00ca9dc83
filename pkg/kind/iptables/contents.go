package iptables

// contents returns the policy, or the rules of a chain in their order, as iptables-save(8) would print them.
func contents(r Resource) (text string, lines []string) {
	switch r := r.(type) {
	case *Policy:
		return r.Target, nil
	case *Chain:
		for _, rule := range r.Rules {
			lines = append(lines, rule.text())
		}
	}
	return "", lines
}
