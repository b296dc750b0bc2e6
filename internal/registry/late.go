package registry

import (
	"context"
	"errors"
	"time"
)

// ErrLate: a request was held back for so long that it was not sent.
var ErrLate = errors.New("held back too long, and not sent")

type sendByKey struct{}

// SendWithin marks requests that must not be sent later than that. Whoever keeps
// the pace of a registry may hold a request back for minutes, because the registry
// asked for patience or because others are in front; what was looked at before it
// has grown old by then. One whose time is over when its turn comes fails with
// ErrLate.
func SendWithin(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, sendByKey{}, time.Now().Add(d))
}

// SendBy is until when a request may be sent; ok is false where it may at any time.
func SendBy(ctx context.Context) (by time.Time, ok bool) {
	by, ok = ctx.Value(sendByKey{}).(time.Time)
	return by, ok
}

// Late says whether the time of a request is over.
func Late(ctx context.Context) bool {
	by, ok := SendBy(ctx)
	return ok && time.Now().After(by)
}
