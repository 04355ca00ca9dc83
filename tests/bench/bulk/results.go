package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// results are the rows of the table, in the order in which they were first added.
type results struct{ rows []*row }

type row struct {
	job, beside   string
	most          float64 // the wanted ratio; 0 is none
	linkd, others []spent
}

// add notes one run of linkd, and one of the programs that it is compared with.
func (r *results) add(job, beside string, most float64, linkd, other spent) {
	i := slices.IndexFunc(r.rows, func(one *row) bool { return one.job == job })
	if i < 0 {
		i = len(r.rows)
		r.rows = append(r.rows, &row{job: job, beside: beside, most: most})
	}
	r.rows[i].linkd, r.rows[i].others = append(r.rows[i].linkd, linkd), append(r.rows[i].others, other)
}

func (r *results) String() string {
	var b strings.Builder
	b.WriteString("| one namespace | wanted | wall time | CPU time | beside | wall time | CPU time |\n|" + strings.Repeat(" --- |", 7) + "\n")
	for _, row := range r.rows {
		wanted := ""
		if row.most > 0 {
			wanted = fmt.Sprintf("at most %gx", row.most)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.job, wanted,
			against(row.linkd, row.others, wall), against(row.linkd, row.others, cpu), row.beside, span(row.others, wall), span(row.others, cpu))
	}
	return b.String()
}

func wall(s spent) time.Duration { return s.wall }
func cpu(s spent) time.Duration  { return s.cpu }

// against is the median of linkd, its ratio to the median of the others, and how far linkd's runs are apart.
func against(linkd, others []spent, of func(spent) time.Duration) string {
	return fmt.Sprintf("%.2fx, %s", median(linkd, of).Seconds()/median(others, of).Seconds(), span(linkd, of))
}

// span is the median, and the smallest and the largest of all runs.
func span(all []spent, of func(spent) time.Duration) string {
	sorted := inOrder(all, of)
	if len(sorted) == 1 {
		return fmt.Sprintf("%.3f s (1 run)", sorted[0].Seconds())
	}
	return fmt.Sprintf("%.3f s (%d runs, %.3f to %.3f)", median(all, of).Seconds(), len(all), sorted[0].Seconds(), sorted[len(sorted)-1].Seconds())
}

func median(all []spent, of func(spent) time.Duration) time.Duration {
	return inOrder(all, of)[(len(all)-1)/2]
}

func inOrder(all []spent, of func(spent) time.Duration) []time.Duration {
	var sorted []time.Duration
	for _, s := range all {
		sorted = append(sorted, of(s))
	}
	slices.Sort(sorted)
	return sorted
}
