package observe

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// modules is where the modules of the running kernel are, with what depmod(8) knows of them; "" where there is none.
var modules = sync.OnceValue(func() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	dir := filepath.Join("/lib/modules", unix.ByteSliceToString(name.Release[:]))
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
})

// Unloaded tells whether a part of the kernel is a module that nobody has needed yet: to ask the kernel something of it
// would load it.
func Unloaded(module string) bool {
	if _, err := os.Stat("/sys/module/" + module); err == nil || modules() == "" {
		return false
	}
	is, known := areModules.Load(module)
	if !known {
		list, err := os.ReadFile(filepath.Join(modules(), "modules.dep"))
		is = err == nil && bytes.Contains(list, []byte("/"+module+".ko"))
		areModules.Store(module, is)
	}
	return is.(bool)
}

// areModules tells of the names that were asked about whether they are modules.
var areModules sync.Map
