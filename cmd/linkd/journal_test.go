package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnEntryOfTheJournal(t *testing.T) {
	h := newJournalHandler(slog.LevelInfo)
	for _, test := range []struct {
		attrs      []any
		text       string
		wantFields map[string]string
	}{
		{
			[]any{"id", "host/link/veth0", "op", "update", "why", "mtu: 1 -> 2", "file", "/etc/linkd.d/a:b.yaml:14"},
			"update id=host/link/veth0 op=update why=mtu: 1 -> 2 file=/etc/linkd.d/a:b.yaml:14",
			map[string]string{
				"SYSLOG_IDENTIFIER": "linkd", "LINKD_ID": "host/link/veth0", "LINKD_OP": "update", "LINKD_WHY": "mtu: 1 -> 2",
				"LINKD_FILE": "/etc/linkd.d/a:b.yaml", "LINKD_LINE": "14",
			},
		},
		{
			[]any{"state", "kept", "file", "/etc/linkd.d/a:b.yaml"},
			"update state=kept file=/etc/linkd.d/a:b.yaml",
			map[string]string{"SYSLOG_IDENTIFIER": "linkd", "LINKD_STATE": "kept", "LINKD_FILE": "/etc/linkd.d/a:b.yaml"},
		},
	} {
		r := slog.NewRecord(time.Now(), slog.LevelInfo, "update", 0)
		r.Add(test.attrs...)
		text, fields := h.entry(r)
		if d := cmp.Diff(test.text, text); d != "" {
			t.Errorf("text (-want +got):\n%s", d)
		}
		if d := cmp.Diff(test.wantFields, fields); d != "" {
			t.Errorf("fields (-want +got):\n%s", d)
		}
	}
}
