package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/regkeep/regkeep/internal/event"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func setLog(w io.Writer, level, format string) {
	options := &slog.HandlerOptions{Level: logLevels[level]}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	slog.SetDefault(slog.New(handler))
}

// handle is the event handler of every command: the progress and the log.
func (p *program) handle(e event.Event) {
	p.progress.handle(e)
	switch e := e.(type) {
	case event.ScanStarted:
		slog.Info("scan started", "registry", e.Registry, "repositories", e.Repositories)
	case event.RepositoryScanned:
		slog.Debug("repository read", "registry", e.Registry, "repository", e.Repository, "tags", e.Tags, "requests", e.Requests)
	case event.StepFinished:
		slog.Info("step", "seq", e.Seq, "of", e.Of, "registry", e.Registry, "repository", e.Repository, "tag", e.Tag, "status", e.Status)
	case event.Verified:
		level := slog.LevelDebug
		if !e.OK {
			level = slog.LevelWarn
		}
		slog.Log(context.Background(), level, "verified", "registry", e.Registry, "repository", e.Repository, "tag", e.Tag, "ok", e.OK, "unseen", e.Unseen)
	case event.TaskProgress:
		slog.Info("task", "registry", e.Registry, "task", e.Task, "state", e.State)
	case event.Waiting:
		slog.Warn("waiting", "registry", e.Registry, "seconds", e.Seconds, "why", e.Why)
	}
}
