package engine

import (
	"context"
	"errors"
	"fmt"

	godbus "github.com/godbus/dbus/v5"

	"linkd/pkg/spec"
)

// machined asks systemd-machined over D-Bus for the leader of a machine: the process that has the machine's PID 1
// (org.freedesktop.machine1(5)).
type machined struct{}

var machinedDescription = description{
	scheme: "machine", name: "systemd-machined", noun: "machine",
	advice: "install systemd-container, and run linkd where systemd runs, with access to the system bus",
}

const (
	machinedName = "org.freedesktop.machine1"
	machinedPath = godbus.ObjectPath("/org/freedesktop/machine1")
	noSuchName   = "org.freedesktop.machine1.NoSuchMachine"
)

// bus returns a connection to the system bus, which ends with ctx.
func (machined) bus(ctx context.Context) (*godbus.Conn, error) {
	conn, err := godbus.ConnectSystemBus(godbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("connect to the system bus: %w", err)
	}
	return conn, nil
}

func (m machined) inspect(ctx context.Context, name string) (state, error) {
	conn, err := m.bus(ctx)
	if err != nil {
		return state{}, err
	}
	defer conn.Close()
	var path godbus.ObjectPath
	err = conn.Object(machinedName, machinedPath).CallWithContext(ctx, machinedName+".Manager.GetMachine", 0, name).Store(&path)
	if isNoMachine(err) {
		return state{}, errUnknown
	}
	if err != nil {
		return state{}, err
	}
	var of map[string]godbus.Variant
	err = conn.Object(machinedName, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, machinedName+".Machine").Store(&of)
	if gone := (godbus.Error{}); errors.As(err, &gone) && gone.Name == "org.freedesktop.DBus.Error.UnknownObject" || isNoMachine(err) {
		return state{}, errUnknown
	}
	if err != nil {
		return state{}, err
	}
	leader, _ := of["Leader"].Value().(uint32)
	status, _ := of["State"].Value().(string)
	return state{id: name, name: name, status: status, started: fmt.Sprint(of["TimestampMonotonic"].Value()), pid: int(leader)}, nil
}

func isNoMachine(err error) bool {
	reason := godbus.Error{}
	return errors.As(err, &reason) && reason.Name == noSuchName
}

// events returns an event for each machine that is registered or removed. The leader is known when it is registered.
func (m machined) events(ctx context.Context) (<-chan event, <-chan error) {
	broken := make(chan error, 1)
	conn, err := m.bus(ctx)
	signals := make(chan *godbus.Signal, 64)
	if err == nil {
		conn.Signal(signals)
		err = conn.AddMatchSignalContext(ctx, godbus.WithMatchSender(machinedName), godbus.WithMatchInterface(machinedName+".Manager"), godbus.WithMatchObjectPath(machinedPath))
	}
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		broken <- err
		return nil, broken
	}
	actions := map[string]string{machinedName + ".Manager.MachineNew": "start", machinedName + ".Manager.MachineRemoved": "die"}
	events := make(chan event)
	go func() {
		defer conn.Close()
		for {
			select {
			case s, open := <-signals:
				if !open {
					broken <- errors.New("the system bus closed the connection")
					return
				}
				if len(s.Body) == 0 || actions[s.Name] == "" {
					continue
				}
				name, _ := s.Body[0].(string)
				select {
				case events <- event{action: actions[s.Name], id: name, name: name}:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, broken
}

func (machined) withLabel(context.Context, string) ([]spec.Instance, error) {
	return nil, errors.New("machines have no labels")
}

// ping starts systemd-machined if it does not run.
func (m machined) ping(ctx context.Context) error {
	conn, err := m.bus(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Object(machinedName, machinedPath).CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", 0).Err
}

func (machined) close() {}
