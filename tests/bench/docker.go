package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

const (
	benchImage = "linkd-bench"
	benchGroup = "linkd-bench"
	notes      = "/run/linkd-bench-notes" // where each probe leaves a file
	gateway    = "172.17.0.1"             // docker0's address, unless told otherwise
)

// docker is an engine in the sandbox, with docker0 and rules of its own.
type docker struct {
	api     *client.Client
	process *background
	mu      sync.Mutex
	started map[string]time.Time // by the container's name, from the engine's own event
}

// startDocker runs the engine in a folder that tests/install-engines has filled, with one image: the probe.
func startDocker(engines, probe string) (*docker, error) {
	libraries, err := filepath.Glob(engines + "/usr/lib/*-linux-gnu")
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"PATH":            os.Getenv("PATH") + ":" + engines + "/usr/bin:" + engines + "/usr/sbin",
		"LD_LIBRARY_PATH": strings.Join(libraries, ":"),
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(notes, 0o755); err != nil {
		return nil, err
	}
	api, err := client.New()
	if err != nil {
		return nil, err
	}
	d := &docker{api: api, started: map[string]time.Time{}}
	d.process, err = inBackground(exec.Command("dockerd", "--log-level=error", "--data-root=/run/docker-data", "--storage-driver=vfs", "--cgroup-parent=/"+benchGroup))
	if err != nil {
		return nil, err
	}
	for limit := time.Now().Add(patience); ; time.Sleep(pause) {
		if _, err = api.Ping(context.Background(), client.PingOptions{}); err == nil {
			break
		}
		if time.Now().After(limit) {
			return nil, errors.Join(fmt.Errorf("start Docker: %w", err), d.process.end())
		}
	}
	if err := d.importImage(probe); err != nil {
		return nil, errors.Join(err, d.process.end())
	}
	go d.listen()
	return d, nil
}

func (d *docker) importImage(probe string) error {
	program, err := os.ReadFile(probe)
	if err != nil {
		return err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return err
	}
	if _, err := w.Write(program); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	answer, err := d.api.ImageImport(context.Background(), client.ImageImportSource{Source: &files, SourceName: "-"}, benchImage, client.ImageImportOptions{})
	if err != nil {
		return fmt.Errorf("import the image: %w", err)
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return err
}

// listen notes when the engine says that a container has started, until the engine ends.
func (d *docker) listen() {
	from := d.api.Events(context.Background(), client.EventsListOptions{Filters: make(client.Filters).Add("event", "start")})
	for {
		select {
		case m := <-from.Messages:
			d.mu.Lock()
			d.started[m.Actor.Attributes["name"]] = time.Unix(0, m.TimeNano)
			d.mu.Unlock()
		case <-from.Err:
			return
		}
	}
}

// create makes a container without a network, to be started later.
func (d *docker) create(name string, labels map[string]string) error {
	_, err := d.api.ContainerCreate(context.Background(), client.ContainerCreateOptions{
		Name:   name,
		Config: &container.Config{Image: benchImage, Labels: labels, Entrypoint: []string{"/probe", gateway, filepath.Join(notes, name)}},
		HostConfig: &container.HostConfig{
			NetworkMode: network.NetworkNone,
			Binds:       []string{notes + ":" + notes},
		},
	})
	return err
}

// start starts a container, and returns how long after the event its first ping was answered.
func (d *docker) start(name string) (time.Duration, error) {
	if _, err := d.api.ContainerStart(context.Background(), name, client.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	for limit := time.Now().Add(3 * patience); time.Now().Before(limit); time.Sleep(pause) {
		text, err := os.ReadFile(filepath.Join(notes, name))
		d.mu.Lock()
		at, told := d.started[name]
		d.mu.Unlock()
		if errors.Is(err, os.ErrNotExist) || !told {
			// The event can be later than what it is about.
			continue
		}
		if err != nil {
			return 0, err
		}
		var answered int64
		if _, err := fmt.Sscan(string(text), &answered); err != nil {
			return 0, fmt.Errorf("what %s noted: %w", name, err)
		}
		return time.Unix(0, answered).Sub(at), nil
	}
	return 0, fmt.Errorf("%s has no network, or its start was not told", name)
}

// remove takes containers away, and what they noted.
func (d *docker) remove(names []string) error {
	for _, name := range names {
		if _, err := d.api.ContainerRemove(context.Background(), name, client.ContainerRemoveOptions{Force: true}); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(notes, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.started)
	return nil
}
