package wireguard

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
	"linkd/pkg/spec"
)

// KeyFile is the path of a file with a secret key, in YAML.
type KeyFile string

// DecodeWord accepts an absolute path. It quotes nothing, because somebody may have written the key itself.
func (f *KeyFile) DecodeWord(word string) error {
	if _, err := parseKey(word); err == nil || !filepath.IsAbs(word) {
		return fmt.Errorf("expected the absolute path of a file with the key, and not the key itself")
	}
	*f = KeyFile(word)
	return nil
}

func (KeyFile) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "key file", Pattern: "^/",
		Doc: "The absolute path of a file that only root can read, with one key in base64, as `wg genkey` and `wg genpsk` print it.",
	}
}

// keyFileLimit is the largest size of a key file in bytes: a key, and blanks.
const keyFileLimit = 1 << 10

// readKey reads the key in a file. Errors say neither the key nor any other text of the file.
func readKey(path string) (key [keySize]byte, err error) {
	// The open must not block, as it would on a pipe without a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return key, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return key, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return key, fmt.Errorf("%s is no regular file", path)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return key, fmt.Errorf("%s belongs to another user, who knows the key: run chown root %[1]s", path)
	case st.Mode&0o077 != 0:
		return key, fmt.Errorf("%s can be read by other users than root: run chmod 600 %[1]s", path)
	}
	text, err := bounded.ReadAll(f, path, keyFileLimit)
	if err != nil {
		return key, err
	}
	defer clear(text)
	key, err = parseKey(strings.TrimSpace(string(text)))
	if err == nil && bytes.Equal(key[:], make([]byte, keySize)) {
		err = errNoKey
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return key, err
}
