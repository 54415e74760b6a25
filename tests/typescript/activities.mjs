// What the workflows call, and what the cases learn from it while it runs.
import { EventEmitter, on } from 'node:events';
import { ApplicationFailure, CompleteAsyncError, Context } from '@temporalio/activity';

const events = new EventEmitter();

// A promise of the next activity of that workflow to say it: ask before the workflow is started.
export async function said(what, workflowId, signal = AbortSignal.timeout(20_000)) {
  for await (const [info] of on(events, what, { signal })) {
    if (info.workflowExecution.workflowId === workflowId) return info;
  }
}

// Fails until its third attempt, which it returns.
export async function flaky() {
  const { attempt } = Context.current().info;
  if (attempt < 3) throw new Error(`not at attempt ${attempt}`);
  return attempt;
}

// Heartbeats its progress and fails; the next attempt says where the first one was.
export async function countOn() {
  const { info } = Context.current();
  if (info.attempt === 1) {
    Context.current().heartbeat(7);
    throw new Error('seven is enough');
  }
  return `attempt ${info.attempt} from ${info.heartbeatDetails}`;
}

// Heartbeats until it is told that it is cancelled.
export async function untilCancelled() {
  const context = Context.current();
  events.emit('running', context.info);
  for (;;) {
    context.heartbeat();
    await context.sleep(20);
  }
}

export async function shout(text) {
  return text.toUpperCase();
}

// Fails for good, with details and a cause.
export async function decline() {
  throw ApplicationFailure.create({
    message: 'no money', type: 'Declined', nonRetryable: true, details: ['card', 42],
    cause: ApplicationFailure.create({ message: 'the bank is closed', type: 'Closed' }),
  });
}

// Returns nothing: somebody else completes it.
export async function leaveOpen() {
  events.emit('open', Context.current().info);
  throw new CompleteAsyncError();
}
