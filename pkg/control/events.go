package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"linkd/pkg/reconcile"
)

// maxNonRootStreams is the number of event streams of users other than root at a time. It is half of all, so that root can
// always listen.
const maxNonRootStreams = 8

// stream answers with one line of JSON for each event. The first line has the present state, and the last one says that the
// daemon stops. A client that does not read loses events, and delays nobody. nonRoot has an element for each stream of a user
// other than root.
func stream(w http.ResponseWriter, r *http.Request, d Daemon, nonRoot chan struct{}) {
	if p, _ := r.Context().Value(peerKey{}).(peer); p.uid != 0 {
		select {
		case nonRoot <- struct{}{}:
			defer func() { <-nonRoot }()
		default:
			http.Error(w, reconcile.ErrTooMany.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	query := r.URL.Query()
	listener, err := d.Listen(query["id"], query.Has("recent"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer listener.Close()
	status := current(r.Context(), d)
	if status == nil {
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	// An earlier request on this connection may have set a deadline. A stream has none: it may last for days.
	if flush.SetWriteDeadline(time.Time{}) != nil {
		return
	}
	events := []reconcile.Event{{Version: 1, Time: time.Now(), Event: reconcile.Listening, State: status.State}}
	for err == nil {
		for i := range events {
			if err := out.Encode(&events[i]); err != nil {
				return
			}
		}
		if err := flush.Flush(); err != nil {
			return
		}
		events, err = listener.Next(r.Context())
	}
}

// Events calls handle with each event about the resources with these IDs, or with all events if there are no IDs, until
// handle returns false. With recent, it begins with the last events that deserve attention. The error is reconcile.ErrEnded when
// the daemon stops, and ErrNoDaemon if no daemon is running or it was killed.
func (c *Client) Events(ctx context.Context, ids []string, recent bool, handle func(*reconcile.Event) (more bool)) error {
	query := url.Values{"id": ids}
	if recent {
		query.Set("recent", "")
	}
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var ev reconcile.Event
		if err := in.Decode(&ev); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w any more (%s): %w", ErrNoDaemon, c.path, err)
		}
		if !handle(&ev) {
			return nil
		}
		if ev.Event == reconcile.Stopping {
			return reconcile.ErrEnded
		}
	}
}
