package rule

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// contents returns what the rule does with the packets that its ID describes, in the words of ip-rule(8).
func contents(r *Rule) (text string, lines []string) {
	if r.Action == unix.FR_ACT_TO_TBL {
		return fmt.Sprintf("lookup %d", r.Table), nil
	}
	return r.Action.String(), nil
}
