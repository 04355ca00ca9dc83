package sysctl

// contents returns the value.
func contents(s Sysctl) (text string, lines []string) {
	if s.Default {
		return "default", nil
	}
	return "= " + s.Value, nil
}
