package perdure;

import com.google.protobuf.util.Timestamps;
import io.temporal.activity.ActivityInfo;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.PendingActivityState;
import io.temporal.api.enums.v1.ResetReapplyExcludeType;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflowservice.v1.ResetWorkflowExecutionRequest;
import io.temporal.client.ActivityCompletionClient;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowExecutionDescription;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowQueryException;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.common.converter.GlobalDataConverter;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TerminatedFailure;
import io.temporal.testing.WorkflowReplayer;
import io.temporal.worker.NonDeterministicException;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** The cases, and the worker that all but one share. */
final class Cases {
  /** One case: it returns or throws. */
  interface Case {
    void run() throws Exception;
  }

  private static final String QUEUE = "java";

  private final WorkflowClient client;
  private final Activities.Worker activities = new Activities.Worker();
  private final WorkerFactory factory;

  Cases(WorkflowClient client) {
    this.client = client;
    factory = startWorker(QUEUE);
  }

  Map<String, Case> all() {
    Map<String, Case> cases = new LinkedHashMap<>();
    cases.put("an activity is retried until it succeeds", this::retriedActivity);
    cases.put("a heartbeat's details reach the next attempt", this::heartbeat);
    cases.put("a timer fires, and not early", this::timer);
    cases.put("signals arrive in order", this::signal);
    cases.put("a query sees the state, open and closed", this::query);
    cases.put("an update changes the state, and a rejected one leaves no trace", this::update);
    cases.put("a child workflow's result reaches its parent", this::child);
    cases.put("a workflow continues as new", this::continueAsNew);
    cases.put("a cancelled workflow cancels its activity and cleans up", this::cancellation);
    cases.put("a terminated workflow says why", this::termination);
    cases.put("a local activity leaves a marker", this::localActivity);
    cases.put("upserted search attributes are found", this::searchAttributes);
    cases.put("a workflow's failure has its causes and details", this::failure);
    cases.put("signal-with-start starts once", this::signalWithStart);
    cases.put("update-with-start starts once", this::updateWithStart);
    cases.put("an activity is completed by its token", this::completionByToken);
    cases.put("an activity is completed by its id", this::completionById);
    cases.put("describe shows what is pending", this::describe);
    cases.put("a reset run goes on from where it is reset to", this::reset);
    cases.put("an id that runs is not started again", this::alreadyStarted);
    cases.put("a second worker goes on where the first stopped", this::secondWorker);
    cases.put("the server's history is replayed", this::replay);
    return cases;
  }

  void stop() {
    factory.shutdownNow();
  }

  // --- What the cases share ---

  private WorkerFactory startWorker(String queue) {
    WorkerFactory made = WorkerFactory.newInstance(client);
    Worker worker =
        made.newWorker(
            queue,
            WorkerOptions.newBuilder()
                .setMaxHeartbeatThrottleInterval(Duration.ofMillis(100))
                .build());
    worker.registerWorkflowImplementationTypes(Workflows.ALL);
    worker.registerActivitiesImplementations(activities);
    made.start();
    return made;
  }

  private static WorkflowOptions.Builder options() {
    return WorkflowOptions.newBuilder()
        .setTaskQueue(QUEUE)
        .setWorkflowId("java-" + UUID.randomUUID());
  }

  private WorkflowStub stub(String type) {
    return client.newUntypedWorkflowStub(type, options().build());
  }

  private WorkflowStub started(String type, Object... arguments) {
    WorkflowStub stub = stub(type);
    stub.start(arguments);
    return stub;
  }

  private List<HistoryEvent> history(WorkflowExecution run) {
    return client.fetchHistory(run.getWorkflowId(), run.getRunId()).getEvents();
  }

  private static long count(List<HistoryEvent> events, EventType type) {
    return events.stream().filter(event -> event.getEventType() == type).count();
  }

  private static HistoryEvent only(List<HistoryEvent> events, EventType type) {
    equal(1L, count(events, type), type.name());
    return events.stream().filter(event -> event.getEventType() == type).findFirst().orElseThrow();
  }

  private static void equal(Object expected, Object actual, String what) {
    if (!Objects.equals(expected, actual)) {
      throw new AssertionError(what + ": " + actual + ", not " + expected);
    }
  }

  private static <T extends Throwable> T thrown(Class<T> type, Case one) {
    try {
      one.run();
    } catch (Throwable error) {
      return as(type, error);
    }
    throw new AssertionError("no " + type.getSimpleName() + " was thrown");
  }

  private static <T> T as(Class<T> type, Throwable error) {
    if (!type.isInstance(error)) {
      throw new AssertionError("not a " + type.getSimpleName() + ": " + error, error);
    }
    return type.cast(error);
  }

  private static WorkflowExecutionStatus status(WorkflowStub stub) {
    return stub.describe().getStatus();
  }

  @SuppressWarnings("unchecked")
  private static List<String> said(WorkflowStub ledger) {
    return ledger.query("said", List.class);
  }

  /** Of what activities say, the first that fits; what other cases left behind is dropped. */
  private static <T> T await(BlockingQueue<T> queue, java.util.function.Predicate<T> fits)
      throws InterruptedException {
    while (true) {
      T next = queue.poll(20, TimeUnit.SECONDS);
      if (next == null) throw new AssertionError("the activity did not start");
      if (fits.test(next)) return next;
    }
  }

  private ActivityInfo opened(WorkflowStub stub) throws InterruptedException {
    String id = stub.getExecution().getWorkflowId();
    return await(activities.open, info -> info.getWorkflowId().equals(id));
  }

  // --- The cases ---

  private void retriedActivity() {
    WorkflowStub stub = started("Retries");
    equal(3, stub.getResult(Integer.class), "result");
    List<HistoryEvent> events = history(stub.getExecution());
    only(events, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED);
    var attributes =
        only(events, EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
            .getActivityTaskStartedEventAttributes();
    equal(3, attributes.getAttempt(), "attempt");
    equal("not at attempt 2", attributes.getLastFailure().getMessage(), "last failure");
  }

  private void heartbeat() {
    equal("attempt 2 from 7", started("Resumes").getResult(String.class), "result");
  }

  private void timer() {
    WorkflowStub stub = started("Sleeps", 150);
    long slept = stub.getResult(Long.class);
    if (slept < 150) throw new AssertionError("slept " + slept + " ms");
    List<HistoryEvent> events = history(stub.getExecution());
    HistoryEvent set = only(events, EventType.EVENT_TYPE_TIMER_STARTED);
    HistoryEvent fired = only(events, EventType.EVENT_TYPE_TIMER_FIRED);
    long between =
        Timestamps.toMillis(fired.getEventTime()) - Timestamps.toMillis(set.getEventTime());
    if (between < 149) throw new AssertionError("fired after " + between + " ms");
    equal(
        set.getEventId(),
        fired.getTimerFiredEventAttributes().getStartedEventId(),
        "the event that set it");
  }

  private void signal() {
    WorkflowStub stub = started("Ledger");
    for (String text : List.of("a", "b", "c")) stub.signal("say", text);
    stub.signal("close");
    equal(List.of("a", "b", "c"), stub.getResult(List.class), "result");
    equal(
        4L,
        count(history(stub.getExecution()), EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
        "signals in the history");
    thrown(WorkflowNotFoundException.class, () -> stub.signal("say", "too late"));
  }

  private void query() {
    WorkflowStub stub = started("Ledger");
    equal(List.of(), said(stub), "at first");
    stub.signal("say", "a");
    equal(List.of("a"), said(stub), "after a signal");
    thrown(WorkflowQueryException.class, () -> stub.query("unheardOf", String.class));
    stub.signal("close");
    stub.getResult(List.class);
    equal(List.of("a"), said(stub), "once closed");
  }

  private void update() {
    WorkflowStub stub = started("Ledger");
    equal(4, stub.update("add", Integer.class, 4), "first");
    equal(9, stub.update("add", Integer.class, 5), "second");
    int before = history(stub.getExecution()).size();
    WorkflowUpdateException rejected =
        thrown(WorkflowUpdateException.class, () -> stub.update("add", Integer.class, -1));
    equal(
        "negative",
        as(ApplicationFailure.class, rejected.getCause()).getOriginalMessage(),
        "why it was rejected");
    equal(before, history(stub.getExecution()).size(), "events after the rejected one");
    stub.signal("close");
    stub.getResult(List.class);
    List<HistoryEvent> events = history(stub.getExecution());
    equal(
        2L, count(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), "accepted");
    equal(
        2L, count(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED), "completed");
  }

  private void child() {
    WorkflowStub stub = started("Parent", "ada");
    equal("ADA", stub.getResult(String.class), "result");
    String id = stub.getExecution().getWorkflowId();
    WorkflowExecutionDescription child =
        client.newUntypedWorkflowStub(id + "-child").describe();
    equal(stub.getExecution(), child.getParentExecution(), "the child's parent");
    equal(
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED, child.getStatus(), "status");
    only(history(stub.getExecution()), EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED);
  }

  private void continueAsNew() {
    WorkflowStub stub = stub("Countdown");
    WorkflowExecution first = stub.start(2, 1);
    equal("run 3", stub.getResult(String.class), "result");
    List<HistoryEvent> events = history(first);
    String second =
        only(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
            .getWorkflowExecutionContinuedAsNewEventAttributes()
            .getNewExecutionRunId();
    var began =
        history(first.toBuilder().setRunId(second).build())
            .get(0)
            .getWorkflowExecutionStartedEventAttributes();
    equal(first.getRunId(), began.getContinuedExecutionRunId(), "the run before the second");
    equal(first.getRunId(), began.getFirstExecutionRunId(), "the chain's first run");
    equal(
        3L, client.countWorkflows("WorkflowId = '" + first.getWorkflowId() + "'").getCount(),
        "runs");
  }

  private void cancellation() throws InterruptedException {
    WorkflowStub stub = started("Cancelled");
    String id = stub.getExecution().getWorkflowId();
    await(activities.running, id::equals);
    stub.cancel("changed my mind");
    WorkflowFailedException failed =
        thrown(WorkflowFailedException.class, () -> stub.getResult(String.class));
    as(CanceledFailure.class, failed.getCause());
    equal(
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED, status(stub), "status");
    equal("CLEANED", stub.query("cleaned", String.class), "what cleaned up");
    List<HistoryEvent> events = history(stub.getExecution());
    only(events, EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED);
    equal(
        "changed my mind",
        only(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
            .getWorkflowExecutionCancelRequestedEventAttributes()
            .getCause(),
        "reason");
  }

  private void termination() {
    WorkflowStub stub = started("Ledger");
    stub.terminate("enough");
    WorkflowFailedException failed =
        thrown(WorkflowFailedException.class, () -> stub.getResult(List.class));
    as(TerminatedFailure.class, failed.getCause());
    List<HistoryEvent> events = history(stub.getExecution());
    equal(
        "enough",
        only(events, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
            .getWorkflowExecutionTerminatedEventAttributes()
            .getReason(),
        "reason");
  }

  private void localActivity() {
    WorkflowStub stub = started("Local", "ada");
    equal("ADA 3", stub.getResult(String.class), "result");
    List<HistoryEvent> events = history(stub.getExecution());
    equal(2L, count(events, EventType.EVENT_TYPE_MARKER_RECORDED), "markers");
    equal(0L, count(events, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), "activities");
  }

  private void searchAttributes() {
    String customer = "it's " + UUID.randomUUID();
    WorkflowStub stub = started("Tagged", customer);
    equal(customer, stub.query("customer", String.class), "in the workflow");
    String query =
        String.format("JavaCustomer = '%s' AND JavaAmount > 11", customer.replace("'", "''"));
    var listed = client.listExecutions(query).toList();
    equal(1, listed.size(), "listed");
    equal(stub.getExecution(), listed.get(0).getExecution(), "which");
    equal(
        customer,
        listed.get(0).getTypedSearchAttributes().get(Workflows.CUSTOMER),
        "in the list");
    equal(12L, listed.get(0).getTypedSearchAttributes().get(Workflows.AMOUNT), "amount");
    equal(1L, client.countWorkflows(query).getCount(), "counted");
    stub.signal("close");
    stub.getResult(Void.class);
    equal(0L, client.countWorkflows(query).getCount(), "counted once unset");
    equal(
        1L,
        client.countWorkflows(query.replace("> 11", "IS NULL AND ExecutionStatus = 'Completed'"))
            .getCount(),
        "counted as unset");
  }

  private void failure() {
    WorkflowStub stub = started("Declined");
    WorkflowFailedException failed =
        thrown(WorkflowFailedException.class, () -> stub.getResult(Void.class));
    ActivityFailure activity = as(ActivityFailure.class, failed.getCause());
    equal("Decline", activity.getActivityType(), "activity");
    ApplicationFailure declined = as(ApplicationFailure.class, activity.getCause());
    equal("no money", declined.getOriginalMessage(), "message");
    equal("Declined", declined.getType(), "type");
    equal(true, declined.isNonRetryable(), "not to be retried");
    equal("card", declined.getDetails().get(0, String.class), "first detail");
    equal(42, declined.getDetails().get(1, Integer.class), "second detail");
    ApplicationFailure cause = as(ApplicationFailure.class, declined.getCause());
    equal("the bank is closed", cause.getOriginalMessage(), "the cause's message");
    equal(IllegalArgumentException.class.getName(), cause.getType(), "the cause's type");
    equal(
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED, status(stub), "status");
  }

  private void signalWithStart() {
    WorkflowOptions options = options().build();
    WorkflowStub first = client.newUntypedWorkflowStub("Ledger", options);
    WorkflowStub second = client.newUntypedWorkflowStub("Ledger", options);
    WorkflowExecution run = first.signalWithStart("say", new Object[] {"a"}, new Object[] {});
    equal(
        run, second.signalWithStart("say", new Object[] {"b"}, new Object[] {}), "the second's run");
    first.signal("close");
    equal(List.of("a", "b"), first.getResult(List.class), "result");
  }

  private void updateWithStart() {
    WorkflowOptions options =
        options()
            .setWorkflowIdConflictPolicy(
                WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
            .build();
    WorkflowStub first = client.newUntypedWorkflowStub("Ledger", options);
    WorkflowStub second = client.newUntypedWorkflowStub("Ledger", options);
    equal(4, first.executeUpdateWithStart(add(), new Object[] {4}, new Object[] {}), "first");
    equal(9, second.executeUpdateWithStart(add(), new Object[] {5}, new Object[] {}), "second");
    equal(first.getExecution(), second.getExecution(), "the second's run");
    WorkflowStub third = client.newUntypedWorkflowStub("Ledger", options);
    thrown(
        WorkflowUpdateException.class,
        () -> third.executeUpdateWithStart(add(), new Object[] {-1}, new Object[] {}));
    first.signal("close");
    equal(List.of(), first.getResult(List.class), "result");
  }

  private static UpdateOptions<Integer> add() {
    return UpdateOptions.newBuilder(Integer.class).setUpdateName("add").build();
  }

  private void completionByToken() throws InterruptedException {
    WorkflowStub stub = started("Open");
    ActivityInfo open = opened(stub);
    ActivityCompletionClient completion = client.newActivityCompletionClient();
    completion.complete(open.getTaskToken(), "from elsewhere");
    equal("from elsewhere", stub.getResult(String.class), "result");
    thrown(
        io.temporal.client.ActivityNotExistsException.class,
        () -> completion.complete(open.getTaskToken(), "again"));
  }

  private void completionById() throws InterruptedException {
    WorkflowStub stub = started("Open");
    ActivityInfo open = opened(stub);
    client
        .newActivityCompletionClient()
        .completeExceptionally(
            open.getWorkflowId(),
            Optional.of(open.getWorkflowRunId()),
            open.getActivityId(),
            ApplicationFailure.newNonRetryableFailure("not today", "Refused"));
    WorkflowFailedException failed =
        thrown(WorkflowFailedException.class, () -> stub.getResult(String.class));
    ApplicationFailure refused =
        as(ApplicationFailure.class, as(ActivityFailure.class, failed.getCause()).getCause());
    equal("Refused", refused.getType(), "type");
  }

  private void describe() throws InterruptedException {
    WorkflowStub stub =
        client.newUntypedWorkflowStub(
            "Open",
            options()
                .setMemo(Map.of("note", "for Ada"))
                .setStaticSummary("an open activity")
                .setWorkflowExecutionTimeout(Duration.ofHours(2))
                .build());
    stub.start();
    ActivityInfo open = opened(stub);
    ActivityCompletionClient completion = client.newActivityCompletionClient();
    completion.heartbeat(open.getTaskToken(), "half");
    WorkflowExecutionDescription shown = stub.describe();
    equal(WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING, shown.getStatus(), "status");
    equal("Open", shown.getWorkflowType(), "type");
    equal(QUEUE, shown.getTaskQueue(), "task queue");
    equal("for Ada", shown.getMemo("note", String.class), "memo");
    equal("an open activity", shown.getStaticSummary(), "summary");
    var raw = shown.getRawDescription();
    equal(
        7200L,
        raw.getExecutionConfig().getWorkflowExecutionTimeout().getSeconds(),
        "execution timeout");
    equal(1, raw.getPendingActivitiesCount(), "pending activities");
    PendingActivityInfo pending = raw.getPendingActivities(0);
    equal(PendingActivityState.PENDING_ACTIVITY_STATE_STARTED, pending.getState(), "its state");
    equal("LeaveOpen", pending.getActivityType().getName(), "its type");
    equal(open.getActivityId(), pending.getActivityId(), "its id");
    equal(
        "half",
        GlobalDataConverter.get()
            .fromPayloads(
                0, Optional.of(pending.getHeartbeatDetails()), String.class, String.class),
        "its heartbeat");
    completion.complete(open.getTaskToken(), "done");
    stub.getResult(String.class);
    equal(0, stub.describe().getRawDescription().getPendingActivitiesCount(), "pending at the end");
  }

  private void reset() {
    WorkflowStub stub = started("Ledger");
    WorkflowExecution first = stub.getExecution();
    said(stub); // Its first workflow task has ended.
    stub.signal("say", "a");
    stub.signal("close");
    equal(List.of("a"), stub.getResult(List.class), "result");
    HistoryEvent point =
        history(first).stream()
            .filter(event -> event.getEventType() == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
            .findFirst()
            .orElseThrow();
    String second =
        client
            .getWorkflowServiceStubs()
            .blockingStub()
            .resetWorkflowExecution(
                ResetWorkflowExecutionRequest.newBuilder()
                    .setNamespace("default")
                    .setWorkflowExecution(first)
                    .setReason("said the wrong thing")
                    .setRequestId(UUID.randomUUID().toString())
                    .setWorkflowTaskFinishEventId(point.getEventId())
                    .addResetReapplyExcludeTypes(
                        ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL)
                    .build())
            .getRunId();
    WorkflowStub again = client.newUntypedWorkflowStub(first.getWorkflowId());
    equal(second, again.describe().getExecution().getRunId(), "the run after the reset");
    equal(List.of(), said(again), "after the reset");
    again.signal("say", "b");
    again.signal("close");
    equal(List.of("b"), again.getResult(List.class), "the second run's result");
    var failed =
        only(
                history(first.toBuilder().setRunId(second).build()),
                EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
            .getWorkflowTaskFailedEventAttributes();
    equal(first.getRunId(), failed.getBaseRunId(), "the run it was reset from");
  }

  private void alreadyStarted() {
    WorkflowOptions options = options().build();
    WorkflowStub first = client.newUntypedWorkflowStub("Ledger", options);
    WorkflowExecution run = first.start();
    WorkflowExecutionAlreadyStarted refused =
        thrown(
            WorkflowExecutionAlreadyStarted.class,
            () -> client.newUntypedWorkflowStub("Ledger", options).start());
    equal(run, refused.getExecution(), "the run that has the id");
    first.terminate("the case ends");
    WorkflowExecution next = client.newUntypedWorkflowStub("Ledger", options).start();
    if (next.getRunId().equals(run.getRunId())) throw new AssertionError("the same run again");
    client.newUntypedWorkflowStub(run.getWorkflowId()).terminate("the case ends");
  }

  private void secondWorker() {
    String queue = QUEUE + "-second";
    WorkerFactory one = startWorker(queue);
    WorkflowStub stub =
        client.newUntypedWorkflowStub("Ledger", options().setTaskQueue(queue).build());
    stub.start();
    stub.signal("say", "a");
    equal(4, stub.update("add", Integer.class, 4), "with the first worker");
    one.shutdown();
    one.awaitTermination(10, TimeUnit.SECONDS);
    equal(true, one.isTerminated(), "the first worker stopped");
    WorkerFactory two = startWorker(queue);
    try {
      equal(9, stub.update("add", Integer.class, 5), "with the second worker");
      stub.signal("close");
      equal(List.of("a"), stub.getResult(List.class), "result");
    } finally {
      two.shutdownNow();
    }
  }

  private void replay() throws Exception {
    WorkflowStub stub = started("Cancelled");
    String id = stub.getExecution().getWorkflowId();
    await(activities.running, id::equals);
    stub.cancel();
    thrown(WorkflowFailedException.class, () -> stub.getResult(String.class));
    WorkflowReplayer.replayWorkflowExecution(
        client.fetchHistory(id), Workflows.CancelledWorkflow.class);
    RuntimeException different =
        thrown(
            RuntimeException.class,
            () ->
                WorkflowReplayer.replayWorkflowExecution(
                    client.fetchHistory(id), NotCancelledWorkflow.class));
    // The SDK gives the cause as text only.
    if (!different.getMessage().contains(NonDeterministicException.class.getName())) {
      throw new AssertionError("not for being different", different);
    }
  }

  /** Not what the history is of. */
  public static class NotCancelledWorkflow implements Workflows.Cancelled {
    @Override
    public String run() {
      io.temporal.workflow.Workflow.sleep(1);
      return "";
    }

    @Override
    public String cleaned() {
      return "";
    }
  }
}
