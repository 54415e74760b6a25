package perdure;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInfo;
import io.temporal.activity.ActivityInterface;
import io.temporal.client.ActivityCompletionException;
import io.temporal.failure.ApplicationFailure;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** What the workflows of this test call. */
@ActivityInterface
public interface Activities {
  /** Fails until its third attempt, which it returns. */
  int flaky();

  /** Heartbeats its progress and fails; the next attempt says where the first one was. */
  String countOn();

  /** Heartbeats until it is told that it is cancelled. */
  void untilCancelled();

  String shout(String text);

  /** Fails for good, with details and a cause. */
  void decline();

  /** Returns nothing: somebody else completes it. */
  String leaveOpen();

  /** The implementation, and what the cases learn from it while it runs. */
  class Worker implements Activities {
    final BlockingQueue<String> running = new LinkedBlockingQueue<>();
    final BlockingQueue<ActivityInfo> open = new LinkedBlockingQueue<>();

    @Override
    public int flaky() {
      int attempt = Activity.getExecutionContext().getInfo().getAttempt();
      if (attempt < 3) throw new IllegalStateException("not at attempt " + attempt);
      return attempt;
    }

    @Override
    public String countOn() {
      ActivityExecutionContext context = Activity.getExecutionContext();
      int attempt = context.getInfo().getAttempt();
      int reached = context.getHeartbeatDetails(Integer.class).orElse(0);
      if (attempt == 1) {
        context.heartbeat(7);
        throw new IllegalStateException("seven is enough");
      }
      return "attempt " + attempt + " from " + reached;
    }

    @Override
    public void untilCancelled() {
      ActivityExecutionContext context = Activity.getExecutionContext();
      running.add(context.getInfo().getWorkflowId());
      try {
        while (true) {
          context.heartbeat(null);
          Thread.sleep(20);
        }
      } catch (ActivityCompletionException cancelled) {
        throw cancelled;
      } catch (InterruptedException stopped) {
        throw new IllegalStateException("the worker stops before the activity is cancelled", stopped);
      }
    }

    @Override
    public String shout(String text) {
      return text.toUpperCase(java.util.Locale.ROOT);
    }

    @Override
    public void decline() {
      throw ApplicationFailure.newNonRetryableFailureWithCause(
          "no money", "Declined", new IllegalArgumentException("the bank is closed"), "card", 42);
    }

    @Override
    public String leaveOpen() {
      ActivityExecutionContext context = Activity.getExecutionContext();
      open.add(context.getInfo());
      context.doNotCompleteOnReturn();
      return null;
    }
  }
}
