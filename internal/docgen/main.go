// Command docgen writes what is generated of linkd's documents. Run it in the project's directory:
//
//	go run ./internal/docgen -docs docs            # the reference, the JSON Schema, the picture, the page about doctor
//	go run ./internal/docgen -share build/share    # manual pages and shell completions
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	docs := flag.String("docs", "", "write what is generated in docs to this `DIR`")
	share := flag.String("share", "", "write the manual pages and completions to this `DIR`")
	flag.Parse()
	if flag.NArg() > 0 || *docs == "" && *share == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*docs, *share); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func write(docs, share string) error {
	if docs != "" {
		if err := writeDocs(docs); err != nil {
			return err
		}
	}
	if share == "" {
		return nil
	}
	return writeShare(share)
}

func writeDocs(dir string) error {
	files, err := generate(".")
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeShare runs the other main of linkd, which knows the commands. It is built for this machine, whatever linkd itself is
// built for.
func writeShare(dir string) error {
	cmd := exec.Command("go", "run", "-tags", "docgen", "./cmd/linkd", dir)
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("manual pages and completions: %w", err)
	}
	return nil
}
