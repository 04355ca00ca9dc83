// Command linkd configures network namespaces from YAML files: the host's, named ones and those of containers. It
// keeps them as the files declare.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/fleet"
	"linkd/pkg/kind"
	"linkd/pkg/observe"
	"linkd/pkg/observe/engine"
	"linkd/pkg/pool"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The exit codes of the commands.
const (
	exitOK       = 0
	exitFailed   = 1
	exitInvalid  = 2
	exitNoDaemon = 3
)

// exitError is an error with the exit code of the program. If err is nil, the command has printed its message already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code, err} }

// errNotRoot means that a command that only root can run was started by another user.
var errNotRoot = errors.New("permission denied: run linkd as root")

// isOrdinaryUser reports whether err is due to the rights of a user other than root.
func isOrdinaryUser(err error) bool { return errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 }

// daemonError gives the error of a request to the daemon its exit code.
func daemonError(err error) error {
	if errors.Is(err, control.ErrNoDaemon) {
		return exit(exitNoDaemon, fmt.Errorf("%w\nStart the daemon: systemctl start linkd", err))
	}
	return exit(exitFailed, err)
}

// execute runs the command that the arguments name, and returns the exit code.
func execute() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	o := &options{keepAgain: time.NewTimer(0), engines: engine.All()}
	for _, e := range o.engines {
		o.finders = append(o.finders, e)
	}
	root := newRoot(o)
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], cobra.ShellCompRequestCmd) {
		removeBackquotes(root)
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if text := err.Error(); text != "" {
		printMessage(text)
	}
	var coded *exitError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitInvalid
}

// options are the global flags, and the container engines that commands ask.
type options struct {
	config     []string
	runtimeDir string
	stateDir   string
	output     string
	logLevel   string
	logFormat  string
	// fleetFile is the fleet's configuration, given reports whether the command line has a flag, and node is the daemon's node; nil for a
	// command.
	fleetFile string
	given     func(flag string) bool
	node      *fleet.Node

	engines []*engine.Finder
	finders []observe.Finder

	book *pool.Book
	// lease returns the leases of the daemon's DHCP clients; nil for a command.
	lease func(spec.LeaseClient) (*spec.Lease, string)
	// keepAgain makes the daemon try again to keep addresses of pools.
	keepAgain *time.Timer
}

// pools returns the book of the addresses of pools. A command that keeps addresses calls its Write first.
func (o *options) pools() *pool.Book {
	if o.book == nil {
		o.book = pool.Look(filepath.Join(o.stateDir, pool.FileName))
	}
	return o.book
}

// language returns the language of the files, with a function that asks the engines for the containers of a template.
func (o *options) language() spec.Language {
	lang := kind.Language()
	lang.Instances = func(template spec.Selector) ([]spec.Instance, error) { return observe.Instances(o.finders, template) }
	lang.Pools = func() *spec.PoolState { return o.pools().State() }
	lang.Lease = o.leaseOf
	lang.Node, lang.Members = o.self, o.membersOf
	return lang
}

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:           "linkd COMMAND",
		Short:         "Configure network namespaces from YAML files",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return errors.Join(
				spec.OneOf("--output", o.output, "text", "json"),
				spec.OneOf("--log-format", o.logFormat, "text", "json", "journal"),
				o.level(new(slog.LevelVar)),
			)
		},
	}
	// Completions contain names of namespaces, which other users may have chosen.
	root.SetOut(stdout)
	root.SetErr(stderr)
	flags := root.PersistentFlags()
	flags.StringArrayVar(&o.config, "config", []string{"/etc/linkd.d"}, "`PATH` of a YAML file, or of a directory of them; may be repeated")
	flags.StringVar(&o.fleetFile, "fleet", fleet.DefaultConfig, "`FILE` that names this machine's fleet; with --config, linkd is in a fleet only if you name it")
	o.given = flags.Changed
	flags.StringVar(&o.runtimeDir, "runtime-dir", "/run/linkd", "`DIR` with the control socket, the journal and the lock")
	flags.StringVar(&o.stateDir, "state-dir", "/var/lib/linkd", "`DIR` with what outlives a reboot: the history, which end has which address of a pool, and the leases")
	flags.StringVarP(&o.output, "output", "o", "text", "`FORMAT` of the output: text or json")
	flags.StringVar(&o.logLevel, "log-level", "info", "`LEVEL` of the log: debug, info, warn or error")
	flags.StringVar(&o.logFormat, "log-format", "text", "`FORMAT` of the log: text, json or journal")
	completeFlags(root)
	root.AddCommand(
		newRun(o), newApply(o), newDiff(o), newValidate(o), newStatus(o), newReload(o), newTry(o), newConfirm(o), newRevert(o), newHistory(o), newInit(o),
		newWait(o), newWeb(o), newEvents(o), newMetrics(o), newShow(o), newGraph(o), newTeardown(o), newDoctor(o), newProbe(o), newSchema(),
		newFleet(o),
		newVersion(o),
	)
	describeUsage(root)
	return root
}

// noArguments refuses arguments. A user who gives one usually means a file.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no argument, and got %q\nName a file with --config", cmd.CommandPath(), args[0])
}

// level sets v to the log level of the flags.
func (o *options) level(v *slog.LevelVar) error {
	if err := v.UnmarshalText([]byte(o.logLevel)); err != nil {
		return fmt.Errorf("--log-level %q is not one of debug, info, warn, error", o.logLevel)
	}
	return nil
}

// logger returns a logger in the format of the flags. It writes to w, or to systemd's journal for the format journal.
func (o *options) logger(w io.Writer) *slog.Logger {
	level := new(slog.LevelVar)
	_ = o.level(level)
	opts := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts))
	case "journal":
		if journal.Enabled() {
			return slog.New(newJournalHandler(level))
		}
		fmt.Fprintln(stderr, "systemd's journal is not available: linkd logs as text")
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func (o *options) json() bool { return o.output == "json" }

func (o *options) inRuntimeDir(name string) string { return filepath.Join(o.runtimeDir, name) }

// Files in the runtime directory.
const (
	journalFile  = "journal.jsonl"
	lastGoodFile = "files.json"
)

// newWorld opens linkd's own namespace. The caller closes the World. The runtime directory tells this linkd from others on
// the machine.
func (o *options) newWorld() (*observe.World, error) {
	instance, err := filepath.Abs(o.runtimeDir)
	if err != nil {
		return nil, err
	}
	world, err := observe.NewWorld(o.finders...)
	if err == nil {
		world.Instance = instance
	}
	return world, err
}

// lookingWorld returns a World that changes nothing in the system. The caller closes it.
func (o *options) lookingWorld(ctx context.Context) (*observe.World, error) {
	world, err := o.newWorld()
	if err != nil {
		return nil, err
	}
	if err := world.LookOnly(ctx); err != nil {
		world.Close()
		return nil, err
	}
	return world, nil
}

// newEngine returns an engine and the World in which it works. The caller closes the World.
func (o *options) newEngine(kinds []reconcile.Registered, journal *reconcile.Journal, log *slog.Logger) (*reconcile.Engine, *observe.World, error) {
	world, err := o.newWorld()
	if err != nil {
		return nil, nil, err
	}
	return reconcile.NewEngine(kinds, world, journal, log), world, nil
}
