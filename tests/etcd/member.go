package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// runMember runs a member until SIGTERM or SIGINT. It prints "ready" when it serves clients.
func runMember(args []string) error {
	flags := flag.NewFlagSet("member", flag.ContinueOnError)
	name := flags.String("name", "e1", "name of the member")
	dir := flags.String("dir", "", "directory of its data")
	host := flags.String("host", "127.0.0.1", "address on which it listens")
	port := flags.Int("port", 2379, "port for clients; the next one is for the other members")
	certs := flags.String("certs", "", "directory of certificates made by etcd certs; without it, there is no TLS")
	cluster := flags.String("cluster", "", "all members as NAME=IP:PORT,..., with the ports for members; by default this one alone")
	quota := flags.Int64("quota", 0, "largest size of the data in bytes; 0 for etcd's default")
	if err := flags.Parse(args); err != nil {
		return err
	}
	scheme := "http"
	c := embed.NewConfig()
	if *certs != "" {
		scheme = "https"
		tls := transport.TLSInfo{
			CertFile: filepath.Join(*certs, *name+".pem"), KeyFile: filepath.Join(*certs, *name+".key"),
			TrustedCAFile: filepath.Join(*certs, "ca.pem"), ClientCertAuth: true,
		}
		c.ClientTLSInfo, c.PeerTLSInfo = tls, tls
	}
	at := func(port int) []url.URL { return []url.URL{{Scheme: scheme, Host: fmt.Sprintf("%s:%d", *host, port)}} }
	c.Name, c.Dir = *name, *dir
	c.ListenClientUrls, c.AdvertiseClientUrls = at(*port), at(*port)
	c.ListenPeerUrls, c.AdvertisePeerUrls = at(*port+1), at(*port+1)
	c.InitialCluster = fmt.Sprintf("%s=%s://%s:%d", *name, scheme, *host, *port+1)
	if *cluster != "" {
		c.InitialCluster = ""
		for _, member := range strings.Split(*cluster, ",") {
			name, address, _ := strings.Cut(member, "=")
			c.InitialCluster += fmt.Sprintf(",%s=%s://%s", name, scheme, address)
		}
		c.InitialCluster = c.InitialCluster[1:]
	}
	c.LogLevel, c.LogOutputs = "error", []string{"stderr"}
	c.QuotaBackendBytes = *quota
	// The data live as long as a test.
	c.UnsafeNoFsync = true
	server, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-server.Server.ReadyNotify():
		fmt.Println("ready")
	case err := <-server.Err():
		return err
	case <-stop:
		server.Close()
		return errors.New("stopped before it was ready")
	}
	select {
	case err := <-server.Err():
		return err
	case <-stop:
		server.Close()
	}
	return nil
}
