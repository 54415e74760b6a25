package perdure;

import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.common.RetryOptions;
import io.temporal.common.SearchAttributeKey;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TemporalFailure;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The workflows of this test, each an interface with its implementation. */
final class Workflows {
  static final SearchAttributeKey<String> CUSTOMER = SearchAttributeKey.forKeyword("JavaCustomer");
  static final SearchAttributeKey<Long> AMOUNT = SearchAttributeKey.forLong("JavaAmount");

  private Workflows() {}

  static final Class<?>[] ALL = {
    RetriesWorkflow.class, ResumesWorkflow.class, SleepsWorkflow.class, LedgerWorkflow.class,
    ParentWorkflow.class, ChildWorkflow.class, CountdownWorkflow.class, CancelledWorkflow.class,
    LocalWorkflow.class, TaggedWorkflow.class, DeclinedWorkflow.class, OpenWorkflow.class,
  };

  private static Activities activities() {
    return Workflow.newActivityStub(
        Activities.class,
        ActivityOptions.newBuilder()
            .setStartToCloseTimeout(Duration.ofSeconds(30))
            .setHeartbeatTimeout(Duration.ofSeconds(30))
            .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED)
            .setRetryOptions(
                RetryOptions.newBuilder().setInitialInterval(Duration.ofMillis(50)).build())
            .build());
  }

  @WorkflowInterface
  public interface Retries {
    @WorkflowMethod
    int run();
  }

  public static class RetriesWorkflow implements Retries {
    @Override
    public int run() {
      return activities().flaky();
    }
  }

  @WorkflowInterface
  public interface Resumes {
    @WorkflowMethod
    String run();
  }

  public static class ResumesWorkflow implements Resumes {
    @Override
    public String run() {
      return activities().countOn();
    }
  }

  @WorkflowInterface
  public interface Sleeps {
    @WorkflowMethod
    long run(long millis);
  }

  public static class SleepsWorkflow implements Sleeps {
    @Override
    public long run(long millis) {
      long begin = Workflow.currentTimeMillis();
      Workflow.sleep(millis);
      return Workflow.currentTimeMillis() - begin;
    }
  }

  /** Writes down what it is told, in order, until it is closed. */
  @WorkflowInterface
  public interface Ledger {
    @WorkflowMethod
    List<String> run();

    @SignalMethod
    void say(String text);

    @SignalMethod
    void close();

    @QueryMethod
    List<String> said();

    @UpdateMethod
    int add(int number);

    @UpdateValidatorMethod(updateName = "add")
    void mayAdd(int number);
  }

  public static class LedgerWorkflow implements Ledger {
    private final List<String> said = new ArrayList<>();
    private int sum;
    private boolean closed;

    @Override
    public List<String> run() {
      Workflow.await(() -> closed);
      return said;
    }

    @Override
    public void say(String text) {
      said.add(text);
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public List<String> said() {
      return said;
    }

    @Override
    public int add(int number) {
      Workflow.sleep(Duration.ofMillis(10));
      sum += number;
      return sum;
    }

    @Override
    public void mayAdd(int number) {
      if (number < 0) throw new IllegalArgumentException("negative");
    }
  }

  @WorkflowInterface
  public interface Parent {
    @WorkflowMethod
    String run(String text);
  }

  public static class ParentWorkflow implements Parent {
    @Override
    public String run(String text) {
      Child child =
          Workflow.newChildWorkflowStub(
              Child.class,
              ChildWorkflowOptions.newBuilder()
                  .setWorkflowId(Workflow.getInfo().getWorkflowId() + "-child")
                  .setParentClosePolicy(ParentClosePolicy.PARENT_CLOSE_POLICY_TERMINATE)
                  .build());
      return child.run(text);
    }
  }

  @WorkflowInterface
  public interface Child {
    @WorkflowMethod
    String run(String text);
  }

  public static class ChildWorkflow implements Child {
    @Override
    public String run(String text) {
      Workflow.sleep(20);
      return activities().shout(text);
    }
  }

  @WorkflowInterface
  public interface Countdown {
    @WorkflowMethod
    String run(int left, int runs);
  }

  public static class CountdownWorkflow implements Countdown {
    @Override
    public String run(int left, int runs) {
      if (left > 0) Workflow.continueAsNew(left - 1, runs + 1);
      return "run " + runs;
    }
  }

  @WorkflowInterface
  public interface Cancelled {
    @WorkflowMethod
    String run();

    @QueryMethod
    String cleaned();
  }

  public static class CancelledWorkflow implements Cancelled {
    private String cleaned = "";

    @Override
    public String run() {
      try {
        activities().untilCancelled();
      } catch (TemporalFailure failure) {
        if (!(failure.getCause() instanceof CanceledFailure)) throw failure;
        Runnable clean = () -> cleaned = activities().shout("cleaned");
        CancellationScope detached = Workflow.newDetachedCancellationScope(clean);
        detached.run();
        throw failure;
      }
      return "not cancelled";
    }

    @Override
    public String cleaned() {
      return cleaned;
    }
  }

  @WorkflowInterface
  public interface Local {
    @WorkflowMethod
    String run(String text);
  }

  public static class LocalWorkflow implements Local {
    @Override
    public String run(String text) {
      Activities local =
          Workflow.newLocalActivityStub(
              Activities.class,
              LocalActivityOptions.newBuilder()
                  .setStartToCloseTimeout(Duration.ofSeconds(10))
                  // Without a most there, or a schedule-to-close timeout, this SDK does not retry.
                  .setRetryOptions(
                      RetryOptions.newBuilder()
                          .setInitialInterval(Duration.ofMillis(20))
                          .setMaximumAttempts(5)
                          .build())
                  .build());
      return local.shout(text) + " " + local.flaky();
    }
  }

  @WorkflowInterface
  public interface Tagged {
    @WorkflowMethod
    void run(String customer);

    @SignalMethod
    void close();

    @QueryMethod
    String customer();
  }

  public static class TaggedWorkflow implements Tagged {
    private boolean closed;

    @Override
    public void run(String customer) {
      Workflow.upsertTypedSearchAttributes(CUSTOMER.valueSet(customer), AMOUNT.valueSet(12L));
      Workflow.await(() -> closed);
      Workflow.upsertTypedSearchAttributes(AMOUNT.valueUnset());
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public String customer() {
      return Workflow.getTypedSearchAttributes().get(CUSTOMER);
    }
  }

  @WorkflowInterface
  public interface Declined {
    @WorkflowMethod
    void run();
  }

  public static class DeclinedWorkflow implements Declined {
    @Override
    public void run() {
      activities().decline();
    }
  }

  @WorkflowInterface
  public interface Open {
    @WorkflowMethod
    String run();
  }

  public static class OpenWorkflow implements Open {
    @Override
    public String run() {
      return activities().leaveOpen();
    }
  }
}
