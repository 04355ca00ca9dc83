package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/control"
	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
)

// listen has all that the daemon tells about the resources sent to a channel, a line each, and then why it ended.
func (d *daemon) listen(ctx context.Context, ids ...string) <-chan string {
	heard := make(chan string, 100)
	go func() {
		defer close(heard)
		err := d.client.Events(ctx, ids, false, func(ev *reconcile.Event) bool {
			heard <- strings.Join(strings.Fields(ev.String()), " ")
			return true
		})
		heard <- err.Error()
	}()
	return heard
}

func TestEventsUntilTheDaemonStops(t *testing.T) {
	d := start(t, bridge)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	status, err := d.client.Wait(ctx, nil)
	is(t, "converged lab/link/br0=ok", status, err)
	all, one, none := d.listen(ctx), d.listen(ctx, "lab/link/br1"), d.listen(ctx, "lab/link/br2")
	for _, heard := range []<-chan string{all, one, none} {
		if first := <-heard; first != "listening converged" {
			t.Errorf("first of all: %s", first)
		}
	}
	d.write(t, bridge+"---\nlinks: {br1: {kind: bridge, netns: name:lab}}\n")
	_, err = d.client.Reload(ctx)
	conform.Must(t, err)
	d.stop()
	made := []string{"op create lab/link/br1 " + d.file + ":3", "state lab/link/br1 is ok " + d.file + ":3"}
	end := []string{"stopping the daemon; everything stays configured", "the daemon has stopped"}
	for _, test := range []struct {
		heard <-chan string
		want  []string
	}{
		{all, append(append([]string{"reload ok"}, made...), end...)},
		{one, append(append([]string(nil), made...), end...)},
		{none, end},
	} {
		var got []string
		for line := range test.heard {
			got = append(got, line)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("heard (-want +got):\n%s", d)
		}
	}
}

func TestEventsOfNoDaemon(t *testing.T) {
	err := control.NewClient(t.TempDir()).Events(t.Context(), nil, false, func(*reconcile.Event) bool { return true })
	if !errors.Is(err, control.ErrNoDaemon) {
		t.Errorf("events: %v", err)
	}
}

func TestNoMoreListenThanMay(t *testing.T) {
	d := start(t, bridge)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var err error
	for range 100 {
		heard := make(chan error, 1)
		go func() {
			first := true
			heard <- d.client.Events(ctx, nil, false, func(*reconcile.Event) bool {
				if first {
					heard <- nil
				}
				first = false
				return true
			})
		}()
		if err = <-heard; err != nil {
			break
		}
	}
	if err == nil || err.Error() != reconcile.ErrTooMany.Error() {
		t.Errorf("of a hundred the last hears: %v", err)
	}
}
