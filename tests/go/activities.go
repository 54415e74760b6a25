package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Activities are what the workflows call, and what the cases learn from it while it runs.
type Activities struct {
	running chan activity.Info
	open    chan activity.Info
}

// Flaky fails until its third attempt, which it returns.
func (a *Activities) Flaky(ctx context.Context) (int32, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt < 3 {
		return 0, fmt.Errorf("not at attempt %d", attempt)
	}
	return attempt, nil
}

// CountOn heartbeats its progress and fails; the next attempt says where the first one was.
func (a *Activities) CountOn(ctx context.Context) (string, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt == 1 {
		activity.RecordHeartbeat(ctx, 7)
		return "", errors.New("seven is enough")
	}
	reached := 0
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &reached); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("attempt %d from %d", attempt, reached), nil
}

// UntilCancelled heartbeats until it is told that it is cancelled.
func (a *Activities) UntilCancelled(ctx context.Context) error {
	a.running <- activity.GetInfo(ctx)
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for {
		activity.RecordHeartbeat(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
		}
	}
}

// Shout is Upper Case.
func (a *Activities) Shout(_ context.Context, text string) (string, error) {
	return strings.ToUpper(text), nil
}

// Decline fails for good, with details and a cause.
func (a *Activities) Decline(context.Context) error {
	cause := temporal.NewApplicationError("the bank is closed", "Closed")
	return temporal.NewNonRetryableApplicationError("no money", "Declined", cause, "card", 42)
}

// LeaveOpen returns nothing: somebody else completes it.
func (a *Activities) LeaveOpen(ctx context.Context) (string, error) {
	a.open <- activity.GetInfo(ctx)
	return "", activity.ErrResultPending
}
