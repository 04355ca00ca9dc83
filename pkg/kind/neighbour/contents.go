package neighbour

// contents returns the link-layer address, in the words of ip-neighbour(8). A proxy entry has none.
func contents(n *Neighbour) (text string, lines []string) {
	if n.MAC == "" {
		return "", nil
	}
	return "lladdr " + n.MAC, nil
}
