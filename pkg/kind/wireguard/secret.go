package wireguard

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

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
	text, err := bounded.ReadSecret(path, keyFileLimit, "other users than root")
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
