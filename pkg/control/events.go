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

// mostMembers is how many that are not root may listen to events at a time: half of all, so that root can.
const mostMembers = 8

// stream answers with a line of JSON for each event, from one that says how everything stands to one that says that the
// daemon stops. A reader that does not read is left behind, and holds nobody up.
//
// Members are those of its readers who are not root.
func stream(w http.ResponseWriter, r *http.Request, d Daemon, members chan struct{}) {
	if p, _ := r.Context().Value(peerKey{}).(peer); p.uid != 0 {
		select {
		case members <- struct{}{}:
			defer func() { <-members }()
		default:
			http.Error(w, reconcile.ErrTooMany.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	listener, err := d.Listen(r.URL.Query()["id"])
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
	// What was asked before on this connection may have left a deadline. Somebody who reads on after hours is welcome.
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

// Events calls heard with each event, of all or of the resources with these IDs, until that returns false. It ends with
// reconcile.ErrEnded when the daemon stops, and with ErrNoDaemon where there is none or it was killed.
func (c *Client) Events(ctx context.Context, ids []string, heard func(*reconcile.Event) (more bool)) error {
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", url.Values{"id": ids})
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
		if !heard(&ev) {
			return nil
		}
		if ev.Event == reconcile.Stopping {
			return reconcile.ErrEnded
		}
	}
}
