package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"

	"linkd/pkg/spec"
)

// systemd is asked over D-Bus for the main process of a service (org.freedesktop.systemd1(5)).
type systemd struct{}

func (systemd) ask(ctx context.Context, unit string) (state, error) {
	conn, err := dbus.NewWithContext(ctx)
	if err != nil {
		return state{}, err
	}
	defer conn.Close()
	// systemd loads a unit to tell of it, and so tells of one that there is not, too.
	of, err := conn.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return state{}, err
	}
	if of["LoadState"] == "not-found" {
		return state{}, errUnknown
	}
	service, err := conn.GetUnitTypePropertiesContext(ctx, unit, "Service")
	if err != nil {
		return state{}, err
	}
	pid, _ := service["MainPID"].(uint32)
	return state{
		id: fmt.Sprint(of["Id"]), name: unit, is: fmt.Sprint(of["ActiveState"]),
		started: fmt.Sprint(service["ExecMainStartTimestampMonotonic"]), pid: int(pid),
	}, nil
}

// follow hears of every unit whose properties change: systemd tells of all or of none.
func (systemd) follow(ctx context.Context) (<-chan event, <-chan error) {
	updates, errs, broken := make(chan *dbus.PropertiesUpdate, 64), make(chan error, 1), make(chan error, 1)
	conn, err := dbus.NewWithContext(ctx)
	if err == nil {
		conn.SetPropertiesSubscriber(updates, errs)
		err = conn.Subscribe()
	}
	if err != nil {
		broken <- err
		return nil, broken
	}
	heard := make(chan event)
	go func() {
		defer conn.Close()
		for {
			select {
			case u, open := <-updates:
				if !open {
					broken <- errors.New("the connection to systemd has ended")
					return
				}
				if _, is := u.Changed["MainPID"]; !is {
					continue
				}
				select {
				case heard <- event{action: "start", name: u.UnitName}:
				case <-ctx.Done():
					return
				}
			case err := <-errs:
				// An update was lost.
				broken <- err
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return heard, broken
}

func (systemd) labelled(context.Context, string) ([]spec.Instance, error) {
	return nil, errors.New("units have no labels")
}

func (systemd) reach(ctx context.Context) error {
	conn, err := dbus.NewWithContext(ctx)
	if err == nil {
		conn.Close()
	}
	return err
}

func (systemd) close() {}
