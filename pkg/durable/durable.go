// Package durable writes files that outlive a crash of the machine.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile atomically replaces the file at path. After it returns without an error, a crash of the machine leaves the new
// content; after an error, the old one. The temporary file has a fixed name (path+".new"), so that the next call overwrites
// one that was left by a killed process.
func WriteFile(path string, text []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	if err := Create(temporary, text, mode); err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	return SyncDir(filepath.Dir(path))
}

// Create writes a new file and waits until it is on the disk. It replaces what stands at path, and follows no symbolic
// link. It neither waits for the directory, nor removes an incomplete file.
func Create(path string, text []byte, mode fs.FileMode) error {
	if err := removeIfThere(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	// The umask does not apply to chmod(2).
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SyncDir waits until the names in a directory are on the disk (fsync(2)).
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
