package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"linkd/pkg/kind/conform"
	"linkd/pkg/program"
)

// fakePodman puts a script in the place of podman(1).
func fakePodman(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	conform.WriteProgram(t, filepath.Join(dir, "podman"), []byte("#!/bin/sh\n"+script+"\n"))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestPodmanProgram(t *testing.T) {
	for _, test := range []struct{ script, err string }{
		{`echo '[{"Id": "1", "Name": "a", "State": {"Running": true, "Pid": 7}}]'`, ""},
		{"echo no such container >&2; exit 125", errUnknown.Error()},
		{"echo database is read-only >&2; exit 125", "database is read-only (linkd needs podman's service here: systemctl enable --now podman.socket)"},
		{"kill -SEGV $$", "signal: segmentation fault (linkd needs podman's service here: systemctl enable --now podman.socket)"},
		{"yes", "podman: too much output: more than 16 MiB, so linkd stopped it"},
	} {
		fakePodman(t, test.script)
		s, err := podmanCLI{}.inspect(t.Context(), "a")
		if test.err != "" && (err == nil || err.Error() != test.err) || test.err == "" && (err != nil || s.pid != 7) {
			t.Errorf("%s: %+v, %v", test.script, s, err)
		}
	}
	fakePodman(t, "sleep 1000 & wait")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := (podmanCLI{}).withLabel(ctx, "a"); !errors.Is(err, program.ErrNoAnswer) {
		t.Errorf("it hangs: %v", err)
	}
}

func TestPodmanEvents(t *testing.T) {
	for script, want := range map[string]string{
		"":                                "EOF",
		"echo why >&2; exit 1":            "why (linkd needs podman's service",
		"echo '\"'; cat /dev/zero":        "",
		"printf '\"'; yes a | tr -d '\n'": "unexpected EOF",
	} {
		fakePodman(t, `echo '{"ID": "1", "Name": "a", "Status": "start"}'`+"\n"+script)
		events, broken := podmanCLI{}.events(t.Context())
		if e := <-events; e.name != "a" || e.action != "start" {
			t.Errorf("%s: heard %+v", script, e)
		}
		if err := <-broken; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
