package observe

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// modules returns the directory with the modules of the running kernel and the lists of depmod(8), or "".
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

// Unloaded reports whether a part of the kernel is a module that is not loaded, so that a request to it would load
// it.
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

// areModules caches whether a name is that of a module.
var areModules sync.Map
