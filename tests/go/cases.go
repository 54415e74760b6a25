package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
)

var cases = []struct {
	name string
	run  func(*T)
}{
	{"an activity is retried until it succeeds", (*T).retriedActivity},
	{"a heartbeat's details reach the next attempt", (*T).heartbeat},
	{"a timer fires, and not early", (*T).timer},
	{"signals arrive in order", (*T).signal},
	{"a query sees the state, open and closed", (*T).query},
	{"an update changes the state, and a rejected one leaves no trace", (*T).update},
	{"a child workflow's result reaches its parent", (*T).child},
	{"a workflow continues as new", (*T).continueAsNew},
	{"a cancelled workflow cancels its activity and cleans up", (*T).cancellation},
	{"a terminated workflow says why", (*T).termination},
	{"a local activity leaves a marker", (*T).localActivity},
	{"upserted search attributes are found", (*T).searchAttributes},
	{"a workflow's failure has its causes and details", (*T).failure},
	{"signal-with-start starts once", (*T).signalWithStart},
	{"update-with-start starts once", (*T).updateWithStart},
	{"an activity is completed by its token", (*T).completionByToken},
	{"an activity is completed by its id", (*T).completionByID},
	{"describe shows what is pending", (*T).describe},
	{"a reset run goes on from where it is reset to", (*T).reset},
	{"an id that runs is not started again", (*T).alreadyStarted},
	{"a second worker goes on where the first stopped", (*T).secondWorker},
	{"the server's history is replayed", (*T).replay},
}

// T is what a case has.
type T struct {
	ctx        context.Context
	c          client.Client
	activities *Activities
}

// --- What the cases share ---

func must(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func equal[V any](what string, actual, expected V) {
	if !reflect.DeepEqual(actual, expected) {
		fail("%s: %+v, not %+v", what, actual, expected)
	}
}

// as finds an error of that type in the chain.
func as[E error](what string, err error) E {
	var found E
	if !errors.As(err, &found) {
		fail("%s: no %T in %T: %v", what, found, err, err)
	}
	return found
}

func newOptions() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: "go-" + uuid.NewString(), TaskQueue: queue, WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

func (t *T) start(workflow any, arguments ...any) client.WorkflowRun {
	return t.startWith(newOptions(), workflow, arguments...)
}

func (t *T) startWith(options client.StartWorkflowOptions, workflow any, arguments ...any) client.WorkflowRun {
	started, err := t.c.ExecuteWorkflow(t.ctx, options, workflow, arguments...)
	must("start", err)
	return started
}

func result[V any](t *T, one client.WorkflowRun) (value V) {
	must("result", one.Get(t.ctx, &value))
	return value
}

func (t *T) say(one client.WorkflowRun, texts ...string) {
	for _, text := range texts {
		must("signal", t.c.SignalWorkflow(t.ctx, one.GetID(), "", "say", text))
	}
}

func (t *T) close(one client.WorkflowRun) {
	must("signal", t.c.SignalWorkflow(t.ctx, one.GetID(), "", "close", nil))
}

func query[V any](t *T, one client.WorkflowRun, name string) (value V) {
	answer, err := t.c.QueryWorkflow(t.ctx, one.GetID(), "", name)
	must("query", err)
	must("query's answer", answer.Get(&value))
	return value
}

func (t *T) add(one client.WorkflowRun, number int) (sum int, err error) {
	handle, err := t.c.UpdateWorkflow(t.ctx, client.UpdateWorkflowOptions{
		WorkflowID: one.GetID(), UpdateName: "add", Args: []any{number}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return 0, err
	}
	err = handle.Get(t.ctx, &sum)
	return sum, err
}

func (t *T) addsUpTo(one client.WorkflowRun, number, expected int) {
	sum, err := t.add(one, number)
	must("update", err)
	equal("sum", sum, expected)
}

func (t *T) history(id, runID string) []*historypb.HistoryEvent {
	var events []*historypb.HistoryEvent
	all := t.c.GetWorkflowHistory(t.ctx, id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		must("history", err)
		events = append(events, event)
	}
	return events
}

func (t *T) events(one client.WorkflowRun, kind enumspb.EventType) []*historypb.HistoryEvent {
	return of(t.history(one.GetID(), one.GetRunID()), kind)
}

func of(events []*historypb.HistoryEvent, kind enumspb.EventType) (found []*historypb.HistoryEvent) {
	for _, event := range events {
		if event.EventType == kind {
			found = append(found, event)
		}
	}
	return found
}

func (t *T) only(one client.WorkflowRun, kind enumspb.EventType) *historypb.HistoryEvent {
	found := t.events(one, kind)
	equal(kind.String(), len(found), 1)
	return found[0]
}

func (t *T) status(one client.WorkflowRun) enumspb.WorkflowExecutionStatus {
	shown, err := t.c.DescribeWorkflowExecution(t.ctx, one.GetID(), "")
	must("describe", err)
	return shown.WorkflowExecutionInfo.Status
}

func (t *T) count(query string) int64 {
	counted, err := t.c.CountWorkflow(t.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	must("count", err)
	return counted.Count
}

// await drops what other cases left behind.
func (t *T) await(infos chan activity.Info, one client.WorkflowRun) activity.Info {
	for {
		select {
		case info := <-infos:
			if info.WorkflowExecution.ID == one.GetID() {
				return info
			}
		case <-t.ctx.Done():
			fail("the activity did not start")
		}
	}
}

// --- The cases ---

func (t *T) retriedActivity() {
	one := t.start(Retries)
	equal("result", result[int](t, one), 3)
	t.only(one, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
	started := t.only(one, enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED).GetActivityTaskStartedEventAttributes()
	equal("attempt", started.Attempt, 3)
	equal("last failure", started.LastFailure.GetMessage(), "not at attempt 2")
}

func (t *T) heartbeat() {
	equal("result", result[string](t, t.start(Resumes)), "attempt 2 from 7")
}

func (t *T) timer() {
	one := t.start(Sleeps, 150*time.Millisecond)
	if slept := result[time.Duration](t, one); slept < 150*time.Millisecond {
		fail("slept %v", slept)
	}
	set := t.only(one, enumspb.EVENT_TYPE_TIMER_STARTED)
	fired := t.only(one, enumspb.EVENT_TYPE_TIMER_FIRED)
	equal("the event that set it", fired.GetTimerFiredEventAttributes().StartedEventId, set.EventId)
	if between := fired.EventTime.AsTime().Sub(set.EventTime.AsTime()); between < 149*time.Millisecond {
		fail("fired after %v", between)
	}
}

func (t *T) signal() {
	one := t.start(Ledger)
	t.say(one, "a", "b", "c")
	t.close(one)
	equal("result", result[[]string](t, one), []string{"a", "b", "c"})
	equal("signals", len(t.events(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)), 4)
	err := t.c.SignalWorkflow(t.ctx, one.GetID(), "", "say", "too late")
	as[*serviceerror.NotFound]("a signal too late", err)
}

func (t *T) query() {
	one := t.start(Ledger)
	equal("at first", query[[]string](t, one, "said"), []string{})
	t.say(one, "a")
	equal("after a signal", query[[]string](t, one, "said"), []string{"a"})
	_, err := t.c.QueryWorkflow(t.ctx, one.GetID(), "", "unheardOf")
	as[*serviceerror.QueryFailed]("an unknown query", err)
	t.close(one)
	result[[]string](t, one)
	equal("once closed", query[[]string](t, one, "said"), []string{"a"})
}

func (t *T) update() {
	one := t.start(Ledger)
	t.addsUpTo(one, 4, 4)
	t.addsUpTo(one, 5, 9)
	before := len(t.history(one.GetID(), ""))
	_, err := t.add(one, -1)
	equal("why it was rejected", as[*temporal.ApplicationError]("rejected", err).Message(), "negative")
	equal("events after the rejected one", len(t.history(one.GetID(), "")), before)
	t.close(one)
	result[[]string](t, one)
	equal("accepted", len(t.events(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)), 2)
	equal("completed", len(t.events(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)), 2)
}

func (t *T) child() {
	one := t.start(Parent, "ada")
	equal("result", result[string](t, one), "ADA")
	shown, err := t.c.DescribeWorkflowExecution(t.ctx, one.GetID()+"-child", "")
	must("describe", err)
	info := shown.WorkflowExecutionInfo
	equal("the parent's id", info.ParentExecution.GetWorkflowId(), one.GetID())
	equal("the parent's run", info.ParentExecution.GetRunId(), one.GetRunID())
	equal("status", info.Status, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	t.only(one, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED)
}

func (t *T) continueAsNew() {
	one := t.start(Countdown, 2, 1)
	first := one.GetRunID()
	equal("result", result[string](t, one), "run 3")
	ended := of(t.history(one.GetID(), first), enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
	equal("continued", len(ended), 1)
	second := ended[0].GetWorkflowExecutionContinuedAsNewEventAttributes().NewExecutionRunId
	began := t.history(one.GetID(), second)[0].GetWorkflowExecutionStartedEventAttributes()
	equal("the run before the second", began.ContinuedExecutionRunId, first)
	equal("the chain's first run", began.FirstExecutionRunId, first)
	equal("runs", t.count(fmt.Sprintf("WorkflowId = '%s'", one.GetID())), 3)
}

func (t *T) cancellation() {
	one := t.start(Cancelled)
	t.await(t.activities.running, one)
	must("cancel", t.c.CancelWorkflowWithOptions(t.ctx, client.CancelWorkflowOptions{
		WorkflowID: one.GetID(), Reason: "changed my mind",
	}))
	as[*temporal.CanceledError]("result", one.Get(t.ctx, nil))
	equal("status", t.status(one), enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	equal("what cleaned up", query[string](t, one, "cleaned"), "CLEANED")
	t.only(one, enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED)
	asked := t.only(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
	equal("reason", asked.GetWorkflowExecutionCancelRequestedEventAttributes().Cause, "changed my mind")
}

func (t *T) termination() {
	one := t.start(Ledger)
	must("terminate", t.c.TerminateWorkflow(t.ctx, one.GetID(), "", "enough"))
	as[*temporal.TerminatedError]("result", one.Get(t.ctx, nil))
	ended := t.only(one, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
	equal("reason", ended.GetWorkflowExecutionTerminatedEventAttributes().Reason, "enough")
}

func (t *T) localActivity() {
	one := t.start(Local, "ada")
	equal("result", result[string](t, one), "ADA 3")
	equal("markers", len(t.events(one, enumspb.EVENT_TYPE_MARKER_RECORDED)), 2)
	equal("activities", len(t.events(one, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)), 0)
}

func (t *T) searchAttributes() {
	name := "it's " + uuid.NewString()
	one := t.start(Tagged, name)
	equal("in the workflow", query[string](t, one, "customer"), name)
	mine := fmt.Sprintf("GoCustomer = '%s'", strings.ReplaceAll(name, "'", "''"))
	filter := mine + " AND GoAmount > 11"
	listed, err := t.c.ListWorkflow(t.ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: filter})
	must("list", err)
	equal("listed", len(listed.Executions), 1)
	equal("which", listed.Executions[0].Execution.GetRunId(), one.GetRunID())
	indexed := listed.Executions[0].SearchAttributes.GetIndexedFields()
	var text string
	must("customer", converter.GetDefaultDataConverter().FromPayload(indexed[customer.GetName()], &text))
	equal("customer", text, name)
	var number int
	must("amount", converter.GetDefaultDataConverter().FromPayload(indexed[amount.GetName()], &number))
	equal("amount", number, 12)
	equal("counted", t.count(filter), 1)
	t.close(one)
	must("result", one.Get(t.ctx, nil))
	equal("counted once unset", t.count(filter), 0)
	equal("counted as unset", t.count(mine+" AND GoAmount IS NULL AND ExecutionStatus = 'Completed'"), 1)
}

func (t *T) failure() {
	one := t.start(Declined)
	failed := as[*temporal.ActivityError]("result", one.Get(t.ctx, nil))
	equal("activity", failed.ActivityType().GetName(), "Decline")
	declined := as[*temporal.ApplicationError]("cause", failed.Unwrap())
	equal("message", declined.Message(), "no money")
	equal("type", declined.Type(), "Declined")
	equal("not to be retried", declined.NonRetryable(), true)
	var text string
	var number int
	must("details", declined.Details(&text, &number))
	equal("first detail", text, "card")
	equal("second detail", number, 42)
	cause := as[*temporal.ApplicationError]("the cause's cause", declined.Unwrap())
	equal("the cause's message", cause.Message(), "the bank is closed")
	equal("the cause's type", cause.Type(), "Closed")
	equal("status", t.status(one), enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
}

func (t *T) signalWithStart() {
	options := newOptions()
	first, err := t.c.SignalWithStartWorkflow(t.ctx, options.ID, "say", "a", options, Ledger)
	must("first", err)
	second, err := t.c.SignalWithStartWorkflow(t.ctx, options.ID, "say", "b", options, Ledger)
	must("second", err)
	equal("the second's run", second.GetRunID(), first.GetRunID())
	t.close(first)
	equal("result", result[[]string](t, first), []string{"a", "b"})
}

func (t *T) updateWithStart() {
	options := newOptions()
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	options.WorkflowExecutionErrorWhenAlreadyStarted = false
	add := func(number int) (sum int, one client.WorkflowRun, err error) {
		operation := t.c.NewWithStartWorkflowOperation(options, Ledger)
		handle, err := t.c.UpdateWithStartWorkflow(t.ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: operation,
			UpdateOptions: client.UpdateWorkflowOptions{
				UpdateName: "add", Args: []any{number}, WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err != nil {
			return 0, nil, err
		}
		if err := handle.Get(t.ctx, &sum); err != nil {
			return 0, nil, err
		}
		one, err = operation.Get(t.ctx)
		return sum, one, err
	}
	sum, first, err := add(4)
	must("first", err)
	equal("first", sum, 4)
	sum, second, err := add(5)
	must("second", err)
	equal("second", sum, 9)
	equal("the second's run", second.GetRunID(), first.GetRunID())
	_, _, err = add(-1)
	equal("third", as[*temporal.ApplicationError]("third", err).Message(), "negative")
	t.close(first)
	equal("result", result[[]string](t, first), []string{})
}

func (t *T) completionByToken() {
	one := t.start(Open)
	info := t.await(t.activities.open, one)
	must("complete", t.c.CompleteActivity(t.ctx, info.TaskToken, "from elsewhere", nil))
	equal("result", result[string](t, one), "from elsewhere")
	err := t.c.CompleteActivity(t.ctx, info.TaskToken, "again", nil)
	as[*serviceerror.NotFound]("again", err)
}

func (t *T) completionByID() {
	one := t.start(Open)
	info := t.await(t.activities.open, one)
	refused := temporal.NewNonRetryableApplicationError("not today", "Refused", nil)
	err := t.c.CompleteActivityByID(t.ctx, "default", one.GetID(), one.GetRunID(), info.ActivityID, nil, refused)
	must("complete", err)
	failed := as[*temporal.ActivityError]("result", one.Get(t.ctx, nil))
	equal("type", as[*temporal.ApplicationError]("cause", failed.Unwrap()).Type(), "Refused")
}

func (t *T) describe() {
	options := newOptions()
	options.Memo = map[string]any{"note": "for Ada"}
	options.StaticSummary = "an open activity"
	options.WorkflowExecutionTimeout = 2 * time.Hour
	one := t.startWith(options, Open)
	info := t.await(t.activities.open, one)
	must("heartbeat", t.c.RecordActivityHeartbeat(t.ctx, info.TaskToken, "half"))
	shown, err := t.c.DescribeWorkflowExecution(t.ctx, one.GetID(), "")
	must("describe", err)
	read := func(what string, payload *commonpb.Payload) (text string) {
		must(what, converter.GetDefaultDataConverter().FromPayload(payload, &text))
		return text
	}
	execution := shown.WorkflowExecutionInfo
	equal("status", execution.Status, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	equal("type", execution.Type.GetName(), "Open")
	equal("memo", read("memo", execution.Memo.GetFields()["note"]), "for Ada")
	config := shown.ExecutionConfig
	equal("task queue", config.TaskQueue.GetName(), queue)
	equal("summary", read("summary", config.UserMetadata.GetSummary()), "an open activity")
	equal("execution timeout", config.WorkflowExecutionTimeout.AsDuration(), 2*time.Hour)
	equal("pending activities", len(shown.PendingActivities), 1)
	pending := shown.PendingActivities[0]
	equal("its state", pending.State, enumspb.PENDING_ACTIVITY_STATE_STARTED)
	equal("its type", pending.ActivityType.GetName(), "LeaveOpen")
	equal("its id", pending.ActivityId, info.ActivityID)
	equal("its heartbeats", len(pending.HeartbeatDetails.GetPayloads()), 1)
	equal("its heartbeat", read("its heartbeat", pending.HeartbeatDetails.GetPayloads()[0]), "half")
	must("complete", t.c.CompleteActivity(t.ctx, info.TaskToken, "done", nil))
	result[string](t, one)
	shown, err = t.c.DescribeWorkflowExecution(t.ctx, one.GetID(), "")
	must("describe", err)
	equal("pending at the end", len(shown.PendingActivities), 0)
}

func (t *T) reset() {
	one := t.start(Ledger)
	query[[]string](t, one, "said") // Its first workflow task has ended.
	t.say(one, "a")
	t.close(one)
	equal("result", result[[]string](t, one), []string{"a"})
	point := t.events(one, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)[0]
	answer, err := t.c.ResetWorkflowExecution(t.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 "default",
		WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: one.GetID(), RunId: one.GetRunID()},
		Reason:                    "said the wrong thing",
		RequestId:                 uuid.NewString(),
		WorkflowTaskFinishEventId: point.EventId,
		ResetReapplyExcludeTypes:  []enumspb.ResetReapplyExcludeType{enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL},
	})
	must("reset", err)
	again := t.c.GetWorkflow(t.ctx, one.GetID(), "")
	equal("the run after the reset", again.GetRunID(), answer.RunId)
	equal("after the reset", query[[]string](t, again, "said"), []string{})
	t.say(again, "b")
	t.close(again)
	equal("the second run's result", result[[]string](t, again), []string{"b"})
	failed := t.only(again, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED).GetWorkflowTaskFailedEventAttributes()
	equal("the run it was reset from", failed.BaseRunId, one.GetRunID())
}

func (t *T) alreadyStarted() {
	options := newOptions()
	one := t.startWith(options, Ledger)
	_, err := t.c.ExecuteWorkflow(t.ctx, options, Ledger)
	refused := as[*serviceerror.WorkflowExecutionAlreadyStarted]("a second start", err)
	equal("the run that has the id", refused.RunId, one.GetRunID())
	must("terminate", t.c.TerminateWorkflow(t.ctx, one.GetID(), "", "the case goes on"))
	next := t.startWith(options, Ledger)
	if next.GetRunID() == one.GetRunID() {
		fail("the same run again")
	}
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	_, err = t.c.ExecuteWorkflow(t.ctx, options, Ledger)
	as[*serviceerror.WorkflowExecutionAlreadyStarted]("a third start", err)
	must("terminate", t.c.TerminateWorkflow(t.ctx, one.GetID(), "", "the case ends"))
}

func (t *T) secondWorker() {
	options := newOptions()
	options.TaskQueue = queue + "-second"
	one := t.startWith(options, Ledger)
	t.say(one, "a")
	first := newWorker(t.c, options.TaskQueue, t.activities)
	must("the first worker", first.Start())
	t.addsUpTo(one, 4, 4)
	first.Stop()
	// What the process keeps of the workflow would spare the second worker the history.
	worker.PurgeStickyWorkflowCache()
	second := newWorker(t.c, options.TaskQueue, t.activities)
	must("the second worker", second.Start())
	defer second.Stop()
	t.addsUpTo(one, 5, 9)
	t.close(one)
	equal("result", result[[]string](t, one), []string{"a"})
}

func (t *T) replay() {
	one := t.start(Cancelled)
	t.await(t.activities.running, one)
	must("cancel", t.c.CancelWorkflow(t.ctx, one.GetID(), ""))
	as[*temporal.CanceledError]("result", one.Get(t.ctx, nil))
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(Cancelled)
	history := &historypb.History{Events: t.history(one.GetID(), one.GetRunID())}
	must("replay", replayer.ReplayWorkflowHistory(quiet, history))
}
