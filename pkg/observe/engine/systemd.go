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
	conn, ended, err := lasting(ctx)
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
			case u := <-updates:
				// systemd tells of a unit and of it as a service at the same moment; only what it tells of the unit comes through.
				if _, is := u.Changed["SubState"]; !is {
					continue
				}
				select {
				case heard <- event{action: "start", id: u.UnitName, name: u.UnitName}:
				case <-ctx.Done():
					return
				}
			case err := <-errs:
				// An update was lost.
				broken <- err
				return
			case <-ended:
				broken <- errors.New("the connection to systemd has ended")
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return heard, broken
}

// lasting connects to systemd, through the bus or, where there is none, directly. Whoever waits for what is told on a
// connection has to be told of its end, which package dbus of go-systemd does not do.
func lasting(ctx context.Context) (conn *dbus.Conn, ended <-chan struct{}, err error) {
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
			// Of the two connections that are made, the second is the one that signals come by.
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

func (systemd) labelled(context.Context, string) ([]spec.Instance, error) {
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
