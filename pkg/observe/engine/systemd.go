package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"linkd/pkg/spec"
)

// systemd asks systemd over D-Bus for the main process of a service (org.freedesktop.systemd1(5)).
type systemd struct{}

var systemdDescription = description{
	scheme: "unit", name: "systemd", noun: "unit", advice: "run linkd where systemd runs, with access to its D-Bus socket",
}

func (systemd) inspect(ctx context.Context, unit string) (state, error) {
	conn, err := dbus.NewWithContext(ctx)
	if err != nil {
		return state{}, err
	}
	defer conn.Close()
	// systemd loads a unit that it is asked for, so it answers for units that do not exist, too.
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
		id: fmt.Sprint(of["Id"]), name: unit, status: fmt.Sprint(of["ActiveState"]),
		started: fmt.Sprint(service["ExecMainStartTimestampMonotonic"]), pid: int(pid),
	}, nil
}

// events returns an event for every unit whose properties change. systemd cannot be asked for the events of some units only.
func (systemd) events(ctx context.Context) (<-chan event, <-chan error) {
	updates, errs, broken := make(chan *dbus.PropertiesUpdate, 64), make(chan error, 1), make(chan error, 1)
	conn, ended, err := connect(ctx)
	if err == nil {
		conn.SetPropertiesSubscriber(updates, errs)
		err = conn.Subscribe()
	}
	if err != nil {
		broken <- err
		return nil, broken
	}
	events := make(chan event)
	go func() {
		defer conn.Close()
		for {
			select {
			case u := <-updates:
				// systemd sends a change of the unit and one of the service at the same time. One of them is enough.
				if _, is := u.Changed["SubState"]; !is {
					continue
				}
				select {
				case events <- event{action: "start", id: u.UnitName, name: u.UnitName}:
				case <-ctx.Done():
					return
				}
			case err := <-errs:
				// The channel was full, and an update was lost.
				broken <- err
				return
			case <-ended:
				broken <- errors.New("systemd closed the connection")
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, broken
}

// connect connects to systemd through the bus or, if there is none, directly. ended is closed when the connection ends: package
// dbus of go-systemd does not report that.
func connect(ctx context.Context) (conn *dbus.Conn, ended <-chan struct{}, err error) {
	dial := func(to func(...godbus.ConnOption) (*godbus.Conn, error), greet func(*godbus.Conn) error) func() (*godbus.Conn, error) {
		return func() (*godbus.Conn, error) {
			c, err := to(godbus.WithContext(ctx))
			if err != nil {
				return nil, err
			}
			if err := errors.Join(c.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Getuid()))}), greet(c)); err != nil {
				c.Close()
				return nil, err
			}
			// dbus.NewConnection opens two connections. Signals come on the second.
			ended = c.Context().Done()
			return c, nil
		}
	}
	conn, err = dbus.NewConnection(dial(godbus.SystemBusPrivate, (*godbus.Conn).Hello))
	if err != nil && os.Geteuid() == 0 {
		direct := func(options ...godbus.ConnOption) (*godbus.Conn, error) {
			return godbus.Dial("unix:path=/run/systemd/private", options...)
		}
		conn, err = dbus.NewConnection(dial(direct, func(*godbus.Conn) error { return nil }))
	}
	return conn, ended, err
}

func (systemd) withLabel(context.Context, string) ([]spec.Instance, error) {
	return nil, errors.New("units have no labels")
}

func (systemd) ping(ctx context.Context) error {
	conn, err := dbus.NewWithContext(ctx)
	if err == nil {
		conn.Close()
	}
	return err
}

func (systemd) close() {}
