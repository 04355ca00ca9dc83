package main

import (
	"context"
	"log/slog"
	"maps"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"

	"linkd/pkg/plain"
)

// journalHandler is a slog.Handler that sends records to systemd's journal, with each attribute as a field: LINKD_ID,
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
	text, fields := h.entry(r)
	return journal.Send(text, priority(r.Level), fields)
}

// entry returns a record as the journal gets it: the message with all attributes as text for people, and the same
// attributes as fields for searches.
func (h *journalHandler) entry(r slog.Record) (text string, fields map[string]string) {
	text, fields = r.Message, maps.Clone(h.fields)
	r.Attrs(func(a slog.Attr) bool {
		setField(fields, a)
		text += " " + a.Key + "=" + a.Value.String()
		return true
	})
	return plain.Text(text), fields
}

func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := &journalHandler{level: h.level, fields: maps.Clone(h.fields)}
	for _, a := range attrs {
		setField(with.fields, a)
	}
	return with
}

func (h *journalHandler) WithGroup(string) slog.Handler { return h }

// setField adds an attribute to the fields. FILE:LINE becomes two fields, as the journal's own CODE_FILE and CODE_LINE,
// so that one can search for all entries about a file.
func setField(fields map[string]string, a slog.Attr) {
	name, value := "LINKD_"+strings.ToUpper(strings.ReplaceAll(a.Key, "-", "_")), plain.Text(a.Value.String())
	if at := strings.LastIndexByte(value, ':'); a.Key == "file" && at >= 0 {
		if _, err := strconv.ParseUint(value[at+1:], 10, 32); err == nil {
			fields["LINKD_LINE"], value = value[at+1:], value[:at]
		}
	}
	fields[name] = value
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
