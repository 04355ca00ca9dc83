package tests

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goVulnerabilities is the Go project's database (https://go.dev/doc/security/vuln/database); GOVULNDB names another, which
// may be file:///DIRECTORY.
const goVulnerabilities = "https://vuln.go.dev"

// vulnerable is govulncheck's exit status when linkd calls what is known to be vulnerable.
const vulnerable = 3

// TestNoKnownVulnerability is skipped where nobody can tell: the default database is on the network. One that was asked for
// has to answer.
func TestNoKnownVulnerability(t *testing.T) {
	t.Parallel()
	database := cmp.Or(os.Getenv("GOVULNDB"), goVulnerabilities)
	if err := answers(t.Context(), database); database == goVulnerabilities && err != nil {
		t.Skipf("the database of vulnerabilities does not answer, and GOVULNDB names no other: %v", err)
	}
	if out, err := govulncheck(t, database, "./cmd/linkd"); err != nil {
		t.Errorf("govulncheck: %v\n%s", err, out)
	}
}

func answers(ctx context.Context, database string) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, database+"/index/db.json", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func govulncheck(t *testing.T, database, what string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "govulncheck", "-db", database, what)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAVulnerabilityIsFound: in a database in which what linkd does best is one, it is found. This needs no network.
func TestAVulnerabilityIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const id, at = "GO-2000-0001", "2000-01-01T00:00:00Z"
	for name, text := range map[string]string{
		"index/db.json":      fmt.Sprintf(`{"modified": %q}`, at),
		"index/modules.json": fmt.Sprintf(`[{"path": "golang.org/x/sys", "vulns": [{"id": %q, "modified": %q}]}]`, id, at),
		"index/vulns.json":   fmt.Sprintf(`[{"id": %q, "modified": %q}]`, id, at),
		"ID/" + id + ".json": fmt.Sprintf(`{"schema_version": "1.3.1", "id": %q, "modified": %q, "published": %[2]q,
			"summary": "Threads change places", "database_specific": {"url": "https://pkg.go.dev/vuln/"}, "affected": [{
				"package": {"name": "golang.org/x/sys", "ecosystem": "Go"},
				"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
				"ecosystem_specific": {"imports": [{"path": "golang.org/x/sys/unix", "symbols": ["Setns"]}]}}]}`, id, at),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	out, err := govulncheck(t, "file://"+dir, "./pkg/observe")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != vulnerable || !strings.Contains(out, "calls unix.Setns") {
		t.Errorf("govulncheck: %v\n%s", err, out)
	}
}
