// Temporal's web UI, and a worker whose workflows give it something to show, against the server at
// PERDURE_ADDRESS. The port of the UI is any free one; echo prints it. Ends when its standard input does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const queue = "ui"

// Fails for as long as the run lives, so that the page has a pending activity with a failure to show.
func Pack(context.Context, string) error {
	return errors.New("out of boxes")
}

// Heartbeats until it is cancelled: a pending activity that is started.
func Watch(ctx context.Context) error {
	for ticker := time.NewTicker(500 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			activity.RecordHeartbeat(ctx, "looking")
		}
	}
}

func Weigh(context.Context) (int, error) { return 12, nil }

func Child(ctx workflow.Context, text string) (string, error) {
	return "child of " + text, workflow.Sleep(ctx, 10*time.Millisecond)
}

// Order does one of everything that an event group can be drawn from, then waits for the signal "done".
func Order(ctx workflow.Context, name string) (string, error) {
	count := 0
	err := workflow.SetQueryHandler(ctx, "progress", func() (string, error) {
		return fmt.Sprintf("added %d to %s", count, name), nil
	})
	if err != nil {
		return "", err
	}
	err = workflow.SetUpdateHandler(ctx, "add", func(ctx workflow.Context, n int) (int, error) {
		count += n
		return count, nil
	})
	if err != nil {
		return "", err
	}
	brief := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, Summary: "on the small scale"})
	var weight int
	if err := workflow.ExecuteActivity(brief, Weigh).Get(ctx, &weight); err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
		return "", err
	}
	var told string
	if err := workflow.ExecuteChildWorkflow(ctx, Child, name).Get(ctx, &told); err != nil {
		return "", err
	}
	pending, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour, HeartbeatTimeout: 5 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1.5}}))
	defer cancel()
	workflow.ExecuteActivity(pending, Pack, name)
	workflow.ExecuteActivity(pending, Watch)
	workflow.NewTimer(pending, time.Hour)
	selector := workflow.NewSelector(ctx)
	var by string
	selector.AddReceive(workflow.GetSignalChannel(ctx, "done"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, &by)
	})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	selector.Select(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "done by " + by, nil
}

// Fails at once: a run whose failure the page shows.
func Doomed(workflow.Context) error {
	return temporal.NewNonRetryableApplicationError("no stock", "Stock", nil)
}

func Short(workflow.Context) (string, error) { return "short", nil }

func run() error {
	address := os.Getenv("PERDURE_ADDRESS")
	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{Identity: "the-ui-worker"})
	for _, f := range []any{Order, Child, Doomed, Short} {
		w.RegisterWorkflow(f)
	}
	for _, f := range []any{Pack, Watch, Weigh} {
		w.RegisterActivity(f)
	}
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	settings := &config.Config{
		TemporalGRPCAddress: address, Host: "127.0.0.1", EnableUI: true, DefaultNamespace: "default",
		DisableNewsFetch: true, CORS: config.CORS{CookieInsecure: true},
	}
	ui := server.NewServer(server_options.WithConfigProvider(settings))
	defer ui.Stop()
	failed := make(chan error, 1)
	go func() { failed <- ui.Start() }()
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return nil
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "the UI's server ended:", err)
		os.Exit(1)
	}
}
