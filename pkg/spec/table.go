package spec

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"
)

// Table is the number of a routing table. In YAML it may be a name, which is looked up when the file is read.
type Table uint32

func (Table) Syntax() Syntax {
	return Syntax{
		Name: "routing table",
		Doc:  "Its number, or its name: `main`, `local`, `default`, or one from `/etc/iproute2/rt_tables` or `rt_tables.d` of the machine that reads the file.",
		Min:  1, Max: 1<<32 - 1,
		Pattern: "^[^0-9-].*$",
	}
}

// DecodeNode decodes a number or a name. A name that this machine does not know is an error, because its number is
// known nowhere else.
func (t *Table) DecodeNode(c *Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	if text == "" || text[0] >= '0' && text[0] <= '9' || text[0] == '-' {
		if c.Decode(n, (*uint32)(t)) && *t == 0 {
			return errors.New("there is no table 0")
		}
		return nil
	}
	names, err := c.tableNames()
	if err != nil {
		return err
	}
	number, named := names[text]
	if !named {
		return fmt.Errorf("no table is called %q in /etc/iproute2/rt_tables: name it there, or write its number%s", text, c.DidYouMean(text, maps.Keys(names)))
	}
	*t = number
	return nil
}

// EncodeNode returns a number, or one of the names that every machine knows.
func (t Table) EncodeNode() *yaml.Node {
	switch t {
	case unix.RT_TABLE_MAIN:
		return Word("main")
	case unix.RT_TABLE_LOCAL:
		return Word("local")
	case unix.RT_TABLE_DEFAULT:
		return Word("default")
	}
	return Number(uint64(t))
}

// tableDirs are the directories in which ip-route(8) has names for numbers. Since iproute2 6.5 the distribution's
// names are in the first; a file in the second replaces a file of the same name in the first.
var tableDirs = []string{"/usr/share/iproute2", "/etc/iproute2"}

// tableNames reads the names of tables: the built-in names, then rt_tables, then rt_tables.d/*.conf in name order.
// Later names replace earlier ones, as in rtnl_rttable_init of iproute2's lib/rt_names.c.
func tableNames() (map[string]Table, error) {
	names := map[string]Table{"default": unix.RT_TABLE_DEFAULT, "main": unix.RT_TABLE_MAIN, "local": unix.RT_TABLE_LOCAL}
	files := map[string]string{}
	for _, dir := range tableDirs {
		more, _ := filepath.Glob(dir + "/rt_tables.d/*.conf")
		for _, path := range append(more, dir+"/rt_tables") {
			if _, err := os.Stat(path); err == nil {
				files[strings.TrimPrefix(path, dir)] = path
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := readTables(files[file], names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// readTables reads lines of a number and a name. It ignores other lines.
func readTables(path string, names map[string]Table) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) != 2 {
			continue
		}
		if number, err := strconv.ParseUint(words[0], 0, 32); err == nil && number != 0 {
			names[words[1]] = Table(number)
		}
	}
	return lines.Err()
}
