package main

import (
	"context"
	"flag"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// connect returns a client with the certificate of a user in a directory made by etcd certs.
func connect(certs, user, endpoint string) (*clientv3.Client, error) {
	info := transport.TLSInfo{
		CertFile: filepath.Join(certs, user+".pem"), KeyFile: filepath.Join(certs, user+".key"), TrustedCAFile: filepath.Join(certs, "ca.pem"),
	}
	tls, err := info.ClientConfig()
	if err != nil {
		return nil, err
	}
	return clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: tls, Logger: zap.NewNop()})
}

// callTime bounds a request.
const callTime = 10 * time.Second

// withClient calls f with a client that the arguments -config DIR USER URL describe, and with the arguments after these.
func withClient(args []string, f func(ctx context.Context, c *clientv3.Client, args []string) error) error {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	certs := flags.String("config", "", "directory of certificates made by etcd certs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() < 2 {
		return errUsage
	}
	c, err := connect(*certs, flags.Arg(0), flags.Arg(1))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	return f(ctx, c, flags.Args()[2:])
}

// put stores a value under a key.
func put(ctx context.Context, c *clientv3.Client, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	_, err := c.Put(ctx, args[0], args[1])
	return err
}

// compact drops all earlier revisions of etcd.
func compact(ctx context.Context, c *clientv3.Client, _ []string) error {
	answer, err := c.Get(ctx, "/")
	if err == nil {
		_, err = c.Compact(ctx, answer.Header.Revision, clientv3.WithCompactPhysical())
	}
	return err
}
