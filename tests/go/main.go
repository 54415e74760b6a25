// The official Go SDK as client and worker against the server at PERDURE_ADDRESS: a retried activity, a
// timer, a signal, a query, an update and a child workflow.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const queue = "go"

func Flaky(ctx context.Context) (int32, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt < 3 {
		return 0, fmt.Errorf("not at attempt %d", attempt)
	}
	return attempt, nil
}

func Child(ctx workflow.Context, text string) (string, error) {
	if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
		return "", err
	}
	return strings.ToUpper(text), nil
}

type Result struct {
	Attempt int32
	Loud    string
	Sum     int
}

func Greeting(ctx workflow.Context) (Result, error) {
	var result Result
	name := ""
	err := workflow.SetQueryHandler(ctx, "state", func() (string, error) {
		if name == "" {
			return "waiting", nil
		}
		return "named", nil
	})
	if err != nil {
		return result, err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, "add",
		func(ctx workflow.Context, number int) (int, error) {
			result.Sum += number
			return result.Sum, nil
		},
		workflow.UpdateHandlerOptions{Validator: func(number int) error {
			if number < 0 {
				return errors.New("negative")
			}
			return nil
		}})
	if err != nil {
		return result, err
	}
	activities := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
	})
	if err := workflow.ExecuteActivity(activities, Flaky).Get(ctx, &result.Attempt); err != nil {
		return result, err
	}
	workflow.GetSignalChannel(ctx, "name").Receive(ctx, &name)
	if err := workflow.Sleep(ctx, 100*time.Millisecond); err != nil {
		return result, err
	}
	err = workflow.ExecuteChildWorkflow(ctx, Child, name).Get(ctx, &result.Loud)
	return result, err
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	c, err := client.Dial(client.Options{HostPort: os.Getenv("PERDURE_ADDRESS"), Logger: quiet})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(Greeting)
	w.RegisterWorkflow(Child)
	w.RegisterActivity(Flaky)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	handle, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "go-greeting", TaskQueue: queue}, Greeting)
	if err != nil {
		return err
	}
	state, err := c.QueryWorkflow(ctx, handle.GetID(), "", "state")
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	var text string
	if err := state.Get(&text); err != nil || text != "waiting" {
		return fmt.Errorf("query: %q, %v", text, err)
	}
	update := func(number int) (sum int, err error) {
		u, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: handle.GetID(), UpdateName: "add", Args: []any{number},
			WaitForStage: client.WorkflowUpdateStageCompleted})
		if err != nil {
			return 0, err
		}
		err = u.Get(ctx, &sum)
		return sum, err
	}
	if sum, err := update(4); err != nil || sum != 4 {
		return fmt.Errorf("update: %d, %v", sum, err)
	}
	if _, err := update(-1); err == nil {
		return errors.New("update: a negative number was taken")
	}
	if err := c.SignalWorkflow(ctx, handle.GetID(), "", "name", "ada"); err != nil {
		return fmt.Errorf("signal: %w", err)
	}
	var result Result
	if err := handle.Get(ctx, &result); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if result != (Result{Attempt: 3, Loud: "ADA", Sum: 4}) {
		return fmt.Errorf("result: %+v", result)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "the Go SDK does not run:", err)
		os.Exit(1)
	}
	fmt.Println("the Go SDK runs")
}
