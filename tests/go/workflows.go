package main

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

var (
	customer = temporal.NewSearchAttributeKeyKeyword("GoCustomer")
	amount   = temporal.NewSearchAttributeKeyInt64("GoAmount")

	// Activities by their methods' names; nothing is called on it.
	a *Activities
)

var workflows = []any{
	Retries, Resumes, Sleeps, Ledger, Parent, Child, Countdown, Cancelled, Local, Tagged, Declined, Open,
}

func withActivities(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		HeartbeatTimeout:    30 * time.Second,
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
	})
}

func Retries(ctx workflow.Context) (attempt int, err error) {
	err = workflow.ExecuteActivity(withActivities(ctx), a.Flaky).Get(ctx, &attempt)
	return attempt, err
}

func Resumes(ctx workflow.Context) (text string, err error) {
	err = workflow.ExecuteActivity(withActivities(ctx), a.CountOn).Get(ctx, &text)
	return text, err
}

func Sleeps(ctx workflow.Context, duration time.Duration) (time.Duration, error) {
	begin := workflow.Now(ctx)
	err := workflow.Sleep(ctx, duration)
	return workflow.Now(ctx).Sub(begin), err
}

// Ledger writes down what it is told, in order, until it is closed.
func Ledger(ctx workflow.Context) ([]string, error) {
	said := []string{}
	sum := 0
	if err := workflow.SetQueryHandler(ctx, "said", func() ([]string, error) { return said, nil }); err != nil {
		return nil, err
	}
	add := func(ctx workflow.Context, number int) (int, error) {
		if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
		sum += number
		return sum, nil
	}
	may := func(number int) error {
		if number < 0 {
			return errors.New("negative")
		}
		return nil
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, "add", add, workflow.UpdateHandlerOptions{Validator: may})
	if err != nil {
		return nil, err
	}
	closed := false
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(workflow.GetSignalChannel(ctx, "say"), func(c workflow.ReceiveChannel, _ bool) {
		var text string
		c.Receive(ctx, &text)
		said = append(said, text)
	})
	selector.AddReceive(workflow.GetSignalChannel(ctx, "close"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(ctx, nil)
		closed = true
	})
	for !closed || selector.HasPending() {
		selector.Select(ctx)
	}
	return said, nil
}

func Parent(ctx workflow.Context, text string) (loud string, err error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "-child",
	})
	err = workflow.ExecuteChildWorkflow(ctx, Child, text).Get(ctx, &loud)
	return loud, err
}

func Child(ctx workflow.Context, text string) (loud string, err error) {
	if err := workflow.Sleep(ctx, 20*time.Millisecond); err != nil {
		return "", err
	}
	err = workflow.ExecuteActivity(withActivities(ctx), a.Shout, text).Get(ctx, &loud)
	return loud, err
}

func Countdown(ctx workflow.Context, left, runs int) (string, error) {
	if left > 0 {
		return "", workflow.NewContinueAsNewError(ctx, Countdown, left-1, runs+1)
	}
	return fmt.Sprintf("run %d", runs), nil
}

func Cancelled(ctx workflow.Context) error {
	cleaned := ""
	if err := workflow.SetQueryHandler(ctx, "cleaned", func() (string, error) { return cleaned, nil }); err != nil {
		return err
	}
	failed := workflow.ExecuteActivity(withActivities(ctx), a.UntilCancelled).Get(ctx, nil)
	if temporal.IsCanceledError(failed) {
		detached, _ := workflow.NewDisconnectedContext(ctx)
		if err := workflow.ExecuteActivity(withActivities(detached), a.Shout, "cleaned").Get(detached, &cleaned); err != nil {
			return err
		}
	}
	return failed
}

func Local(ctx workflow.Context, text string) (string, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond},
	})
	var loud string
	if err := workflow.ExecuteLocalActivity(ctx, a.Shout, text).Get(ctx, &loud); err != nil {
		return "", err
	}
	var attempt int
	err := workflow.ExecuteLocalActivity(ctx, a.Flaky).Get(ctx, &attempt)
	return fmt.Sprintf("%s %d", loud, attempt), err
}

func Tagged(ctx workflow.Context, name string) error {
	err := workflow.SetQueryHandler(ctx, "customer", func() (string, error) {
		found, _ := workflow.GetTypedSearchAttributes(ctx).GetKeyword(customer)
		return found, nil
	})
	if err != nil {
		return err
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, customer.ValueSet(name), amount.ValueSet(12)); err != nil {
		return err
	}
	workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
	return workflow.UpsertTypedSearchAttributes(ctx, amount.ValueUnset())
}

func Declined(ctx workflow.Context) error {
	return workflow.ExecuteActivity(withActivities(ctx), a.Decline).Get(ctx, nil)
}

func Open(ctx workflow.Context) (text string, err error) {
	err = workflow.ExecuteActivity(withActivities(ctx), a.LeaveOpen).Get(ctx, &text)
	return text, err
}
