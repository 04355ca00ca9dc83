package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"

	"linkd/pkg/plain"
)

// journalHandler sends log records to systemd's journal, with each attribute as a field of its own: LINKD_ID,
// LINKD_FILE and so on (systemd.journal-fields(7)).
type journalHandler struct {
	level  slog.Leveler
	fields map[string]string
}

func newJournalHandler(level slog.Leveler) *journalHandler {
	return &journalHandler{level: level, fields: map[string]string{"SYSLOG_IDENTIFIER": "linkd"}}
}

func (h *journalHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *journalHandler) Handle(_ context.Context, r slog.Record) error {
	fields, text := map[string]string{}, plain.Text(r.Message)
	for k, v := range h.fields {
		fields[k] = v
	}
	r.Attrs(func(a slog.Attr) bool {
		value := plain.Text(a.Value.String())
		fields[fieldName(a.Key)] = value
		text += " " + a.Key + "=" + value
		return true
	})
	return journal.Send(text, priority(r.Level), fields)
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := &journalHandler{level: h.level, fields: map[string]string{}}
	for k, v := range h.fields {
		with.fields[k] = v
	}
	for _, a := range attrs {
		with.fields[fieldName(a.Key)] = plain.Text(a.Value.String())
	}
	return with
}

func (h *journalHandler) WithGroup(string) slog.Handler { return h }

func fieldName(key string) string {
	return "LINKD_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

func priority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	case l >= slog.LevelInfo:
		return journal.PriInfo
	}
	return journal.PriDebug
}
