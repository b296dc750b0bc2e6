package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/registry"
)

// globals are the flags that all commands share.
type globals struct {
	format, file, state   string
	quiet, noColor        bool
	logLevel, logFormat   string
	concurrency           int
	rate                  string
	timeout               time.Duration
	plainHTTP, insecure   bool
	caFile                string
	clientCert, clientKey string
}

const (
	groupWork = "work"
	groupLook = "look"
	groupRest = "rest"
)

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "regkeep",
		Short: "Decide which container images may go, show why, remove exactly those",
		Long: `regkeep decides which container images may go, shows why, removes exactly
those, and proves that everything else still pulls.

  regkeep plan registry.example.com --older-than 30d --keep 5 --output plan.json
  regkeep apply plan.json

Nothing is deleted before "apply", "run", "rm", "undo" or "reclaim".
To see it work without a registry of your own: regkeep demo`,
		SilenceErrors: true, SilenceUsage: true,
		Args:              p.noCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.begin(cmd) },
	}
	root.SetFlagErrorFunc(flagError)
	cobra.EnableCommandSorting = false
	root.AddGroup(
		&cobra.Group{ID: groupWork, Title: "Cleaning up:"},
		&cobra.Group{ID: groupLook, Title: "Looking:"},
		&cobra.Group{ID: groupRest, Title: "More:"},
	)
	f := root.PersistentFlags()
	f.StringVar(&p.flags.format, "format", "text", "output for people (text) or programs (json)")
	f.StringVarP(&p.flags.file, "file", "f", "", "policy and configuration `FILE`")
	f.StringVar(&p.flags.state, "state", "", "keep what runs did in this `FILE` (default $XDG_STATE_HOME/regkeep/state.db)")
	f.BoolVarP(&p.flags.quiet, "quiet", "q", false, "only the answer and errors")
	f.BoolVar(&p.flags.noColor, "no-color", false, "no colours (also NO_COLOR)")
	f.StringVar(&p.flags.logLevel, "log-level", "error", "debug, info, warn or error")
	f.StringVar(&p.flags.logFormat, "log-format", "text", "text or json")
	f.IntVar(&p.flags.concurrency, "concurrency", 0, fmt.Sprintf("most requests in flight `N` (default: found by itself, at most %d)", registry.MostInFlight))
	f.StringVar(&p.flags.rate, "rate", "", "most requests a second, such as 20/s")
	f.DurationVar(&p.flags.timeout, "timeout", 0, "wait this long for an answer to one request")
	f.BoolVar(&p.flags.plainHTTP, "plain-http", false, "speak HTTP without TLS (loopback hosts always do)")
	f.StringVar(&p.flags.caFile, "ca-file", "", "trust the certificate authorities in this `FILE`")
	f.BoolVar(&p.flags.insecure, "insecure-skip-verify", false, "do not check the certificate of the registry")
	f.StringVar(&p.flags.clientCert, "client-cert", "", "client certificate `FILE`")
	f.StringVar(&p.flags.clientKey, "client-key", "", "key `FILE` of the client certificate")
	root.SetHelpCommandGroupID(groupRest)
	root.SetCompletionCommandGroupID(groupRest)
	for _, add := range []struct {
		group   string
		command *cobra.Command
	}{
		{groupWork, p.planCommand()}, {groupWork, p.applyCommand()}, {groupWork, p.runCommand()},
		{groupWork, p.undoCommand()}, {groupWork, p.rmCommand()}, {groupWork, p.reclaimCommand()},
		{groupLook, p.lsCommand()}, {groupLook, p.explainCommand()}, {groupLook, p.inUseCommand()}, {groupLook, p.runsCommand()}, {groupLook, p.doctorCommand()},
		{groupRest, p.policyCommand()}, {groupRest, p.demoCommand()}, {groupRest, p.versionCommand()},
	} {
		add.command.GroupID = add.group
		root.AddCommand(add.command)
	}
	return root
}

// check refuses values of shared flags that mean nothing.
func (g *globals) check() error {
	if g.format != "text" && g.format != "json" {
		return usageError("--format %s: there are text and json", g.format)
	}
	if _, known := logLevels[g.logLevel]; !known {
		return usageError("--log-level %s: there are debug, info, warn and error", g.logLevel)
	}
	if g.logFormat != "text" && g.logFormat != "json" {
		return usageError("--log-format %s: there are text and json", g.logFormat)
	}
	if g.concurrency < 0 {
		return usageError("--concurrency %d: must be at least 1", g.concurrency)
	}
	_, err := g.connection()
	return err
}

func (g *globals) connection() (app.Connection, error) {
	c := app.Connection{
		PlainHTTP: g.plainHTTP, CAFile: g.caFile, InsecureSkipVerify: g.insecure,
		ClientCert: g.clientCert, ClientKey: g.clientKey, Concurrency: g.concurrency, Timeout: g.timeout,
	}
	if g.rate != "" {
		rate, err := strconv.ParseFloat(strings.TrimSuffix(g.rate, "/s"), 64)
		if err != nil || rate <= 0 {
			return c, usageError("--rate %s: write requests a second, such as 20/s", g.rate)
		}
		c.Rate = rate
	}
	return c, nil
}

// noCommand is what a first word that is no command ends in.
func (p *program) noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, command := range cmd.Commands() {
		names = append(names, command.Name())
	}
	return usageError("unknown command %q%s", args[0], meant(config.Nearest(args[0], names)))
}

// flagError adds what was probably meant to a flag that is unknown.
func flagError(cmd *cobra.Command, err error) error {
	word, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	near := config.Nearest(word, names)
	if near != "" {
		near = "--" + near
	}
	return usageError("%v%s", err, meant(near))
}

func meant(near string) string {
	if near == "" {
		return "; see regkeep --help"
	}
	return "; did you mean " + near + "?"
}
