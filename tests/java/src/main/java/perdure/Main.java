package perdure;

import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.api.operatorservice.v1.AddSearchAttributesRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.serviceclient.OperatorServiceStubs;
import io.temporal.serviceclient.OperatorServiceStubsOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The official Java SDK as client and worker against the server at PERDURE_ADDRESS. Prints a line for each case, and
 * how many passed; exits 1 if one failed.
 */
final class Main {
  private static final long CASE_MAX_SECONDS = 30;

  private Main() {}

  private static void addSearchAttributes(String address) {
    OperatorServiceStubs operator =
        OperatorServiceStubs.newServiceStubs(
            OperatorServiceStubsOptions.newBuilder().setTarget(address).validateAndBuildWithDefaults());
    try {
      operator
          .blockingStub()
          .addSearchAttributes(
              AddSearchAttributesRequest.newBuilder()
                  .setNamespace("default")
                  .putSearchAttributes(
                      Workflows.CUSTOMER.getName(), IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
                  .putSearchAttributes(
                      Workflows.AMOUNT.getName(), IndexedValueType.INDEXED_VALUE_TYPE_INT)
                  .build());
    } finally {
      operator.shutdownNow();
    }
  }

  /** Whether the case passed. */
  private static boolean run(ExecutorService executor, String name, Cases.Case one) {
    Future<Void> end =
        executor.submit(
            () -> {
              one.run();
              return null;
            });
    try {
      end.get(CASE_MAX_SECONDS, TimeUnit.SECONDS);
      System.out.println("passed " + name);
      return true;
    } catch (ExecutionException failed) {
      System.out.println("FAILED " + name + ": " + failed.getCause());
      failed.getCause().printStackTrace(System.out);
    } catch (TimeoutException late) {
      System.out.println("FAILED " + name + ": no end after " + CASE_MAX_SECONDS + " s");
      end.cancel(true);
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
    return false;
  }

  public static void main(String[] arguments) {
    String address = System.getenv("PERDURE_ADDRESS");
    if (address == null) throw new IllegalStateException("PERDURE_ADDRESS is not set");
    WorkflowServiceStubs service =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(address).validateAndBuildWithDefaults());
    addSearchAttributes(address);
    Cases cases = new Cases(WorkflowClient.newInstance(service));
    // A case that does not end keeps its thread; the next has one of its own.
    ExecutorService executor = Executors.newCachedThreadPool();
    int passed = 0;
    int failed = 0;
    for (Map.Entry<String, Cases.Case> one : cases.all().entrySet()) {
      if (run(executor, one.getKey(), one.getValue())) passed++;
      else failed++;
    }
    System.out.println(passed + " passed, " + failed + " failed");
    cases.stop();
    service.shutdownNow();
    System.exit(failed == 0 && passed > 0 ? 0 : 1);
  }
}
