package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"linkd/pkg/reconcile"
	"linkd/pkg/trial"
)

// maxTrialSize is the number of bytes of a request for a trial: 16 MiB of files, in base64.
const maxTrialSize = 24 << 20

// Decided is the answer to a confirmation or a reversion. Error says why nothing was done.
// None: there is no trial.
type Decided struct {
	Files []string `json:"files,omitempty"`
	Error string   `json:"error,omitempty"`
	None  bool     `json:"none,omitempty"`
}

func decided(files []string, err error) Decided {
	if err == nil {
		return Decided{Files: files}
	}
	return Decided{Error: err.Error(), None: errors.Is(err, trial.ErrNone)}
}

func handleTrials(mux *http.ServeMux, trials *trial.Keeper) {
	mux.HandleFunc("POST /v1/try", func(w http.ResponseWriter, r *http.Request) {
		// Everything is read, because the server notices only then that the client has closed the connection.
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTrialSize))
		var request trial.Request
		if err == nil {
			err = json.Unmarshal(text, &request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		steps, written := make(chan trial.Step, 4), make(chan struct{})
		go func() {
			defer close(written)
			writeSteps(w, steps)
		}()
		trials.Try(r.Context(), request, func(s trial.Step) { steps <- s })
		close(steps)
		<-written
	})
	mux.HandleFunc("POST /v1/confirm", func(w http.ResponseWriter, r *http.Request) {
		answer(w, decided(trials.Confirm(r.URL.Query().Get("by"))))
	})
	mux.HandleFunc("POST /v1/revert", func(w http.ResponseWriter, r *http.Request) {
		answer(w, decided(nil, trials.Revert("linkd revert, by "+r.URL.Query().Get("by"))))
	})
}

// writeSteps writes a line of JSON for each step. A trial has at most three, so a client that does not read holds up none.
func writeSteps(w http.ResponseWriter, steps <-chan trial.Step) {
	w.Header().Set("Content-Type", "application/jsonl")
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	for step := range steps {
		setWriteDeadline(w)
		_ = out.Encode(step)
		_ = flush.Flush()
		_ = flush.SetWriteDeadline(time.Time{})
	}
}

// Try has the daemon try files, and calls tell with each step. It returns when the trial has ended. The trial is reverted if
// ctx ends, or the process.
func (c *Client) Try(ctx context.Context, r trial.Request, tell func(trial.Step)) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	resp, err := c.sendBody(ctx, http.MethodPost, "/v1/try", nil, bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for in := json.NewDecoder(resp.Body); ; {
		var step trial.Step
		if err := in.Decode(&step); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w (%s): %w", errDaemonGone, c.path, err)
		}
		tell(step)
		switch step.Step {
		case "refused", "invalid", "confirmed", "reverted":
			return nil
		}
	}
}

var errDaemonGone = errors.New("the daemon has ended; when it starts again, everything is as before the trial, unless somebody has confirmed it")

// Confirm has the daemon install the files of the trial that runs, and returns their paths.
func (c *Client) Confirm(ctx context.Context, by string) ([]string, error) {
	return c.decide(ctx, "confirm", by)
}

// Revert has the daemon end the trial that runs.
func (c *Client) Revert(ctx context.Context, by string) error {
	_, err := c.decide(ctx, "revert", by)
	return err
}

// ErrNoTrial says that no trial runs.
var ErrNoTrial = trial.ErrNone

// noTrial is ErrNoTrial in the daemon's words.
type noTrial struct{ text string }

func (e *noTrial) Error() string { return e.text }
func (e *noTrial) Unwrap() error { return ErrNoTrial }

func (c *Client) decide(ctx context.Context, command, by string) ([]string, error) {
	reply, err := request[Decided](ctx, c, http.MethodPost, command, url.Values{"by": {by}})
	switch {
	case err != nil:
		return nil, err
	case reply.None:
		return nil, &noTrial{reply.Error}
	case reply.Error != "":
		return nil, errors.New(reply.Error)
	}
	return reply.Files, nil
}

// withTrial returns a status with the trial that runs.
func withTrial(s *reconcile.Status, trials *trial.Keeper) *reconcile.Status {
	if now := trials.Current(); now != nil {
		with := *s
		with.Trial = now
		return &with
	}
	return s
}
