package main

import (
	"fmt"
	"slices"
)

// table is what was measured: a row for each event, a column for each size.
type table struct {
	rows   []string
	wanted map[string]string
	cells  map[string]map[int]string
	sizes  []int
}

func (t *table) add(row string, size int, cell, wanted string) {
	if t.cells == nil {
		t.cells, t.wanted = map[string]map[int]string{}, map[string]string{}
	}
	if t.cells[row] == nil {
		t.rows = append(t.rows, row)
		t.cells[row], t.wanted[row] = map[int]string{}, wanted
	}
	if !slices.Contains(t.sizes, size) {
		t.sizes = append(t.sizes, size)
	}
	t.cells[row][size] = cell
	fmt.Printf("# %s, N = %d: %s\n", row, size, cell)
}

func (t *table) print() {
	slices.Sort(t.sizes)
	fmt.Print("\n| the daemon's CPU time | wanted |")
	for _, n := range t.sizes {
		fmt.Printf(" N = %d |", n)
	}
	fmt.Print("\n| --- | --- |")
	for range t.sizes {
		fmt.Print(" --- |")
	}
	fmt.Println()
	for _, row := range t.rows {
		fmt.Printf("| %s | %s |", row, t.wanted[row])
		for _, n := range t.sizes {
			fmt.Printf(" %s |", t.cells[row][n])
		}
		fmt.Println()
	}
}
