package rule

// contents returns what the rule does with the packets that its ID describes, in the words of ip-rule(8).
func contents(r *Rule) (text string, lines []string) { return r.actionText(), nil }
