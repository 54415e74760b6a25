// The official TypeScript SDK as client and worker against the server at PERDURE_ADDRESS. Prints a line for each case,
// and how many passed; exits 1 if one failed.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  ActivityNotFoundError, Client, Connection, QueryNotRegisteredError, WithStartWorkflowOperation, WorkflowFailedError,
  WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, WorkflowUpdateFailedError,
} from '@temporalio/client';
import {
  ActivityFailure, ApplicationFailure, CancelledFailure, TerminatedFailure, defaultPayloadConverter,
  defineSearchAttributeKey,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import { DefaultLogger, NativeConnection, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import * as activities from './activities.mjs';

const { temporal } = proto;
const { IndexedValueType, PendingActivityState, ResetReapplyExcludeType } = temporal.api.enums.v1;
const CASE_MAX_MS = 30_000;
const QUEUE = 'typescript';
const CUSTOMER = defineSearchAttributeKey('TypeScriptCustomer', 'KEYWORD');
const AMOUNT = defineSearchAttributeKey('TypeScriptAmount', 'INT');

const address = process.env.PERDURE_ADDRESS;
const logger = new DefaultLogger('ERROR');
Runtime.install({ logger });
const native = await NativeConnection.connect({ address });
const connection = await Connection.connect({ address });
const client = new Client({ connection });
const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('./workflows.mjs', import.meta.url)), logger,
});

// --- What the cases share ---

const { said: activitySaid, ...functions } = activities;

function newWorker(taskQueue) {
  return Worker.create({
    connection: native, taskQueue, workflowBundle, activities: functions, maxHeartbeatThrottleInterval: '100ms',
    shutdownGraceTime: '1s',
  });
}

const newId = () => `ts-${randomUUID()}`;

function start(type, { args = [], workflowId = newId(), ...options } = {}) {
  return client.workflow.start(type, { taskQueue: QUEUE, workflowId, args, ...options });
}

// The attributes of a run's events, of those that have these.
async function attributes(handle, field, runId = handle.firstExecutionRunId) {
  const { events } = await client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
  return events.filter((event) => event[field]).map((event) => ({ event, ...event[field] }));
}

async function only(handle, field, runId = handle.firstExecutionRunId) {
  const found = await attributes(handle, field, runId);
  assert.equal(found.length, 1, field);
  return found[0];
}

async function length(handle) {
  return (await client.workflow.getHandle(handle.workflowId).fetchHistory()).events.length;
}

async function rejected(promise, type) {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof type, `not a ${type.name}: ${error.stack}`);
    return error;
  }
  return assert.fail(`no ${type.name} was thrown`);
}

const milliseconds = ({ seconds, nanos }) => Number(seconds) * 1000 + nanos / 1e6;

async function openActivity(options = {}) {
  const workflowId = newId();
  const opened = activitySaid('open', workflowId);
  const handle = await start('open', { workflowId, ...options });
  return { handle, info: await opened };
}

// --- The cases ---

const cases = {
  async 'an activity is retried until it succeeds'() {
    const handle = await start('retries');
    assert.equal(await handle.result(), 3);
    await only(handle, 'activityTaskScheduledEventAttributes');
    const started = await only(handle, 'activityTaskStartedEventAttributes');
    assert.equal(started.attempt, 3);
    assert.equal(started.lastFailure.message, 'not at attempt 2');
  },

  async "a heartbeat's details reach the next attempt"() {
    assert.equal(await (await start('resumes')).result(), 'attempt 2 from 7');
  },

  async 'a timer fires, and not early'() {
    const handle = await start('sleeps', { args: [150] });
    assert((await handle.result()) >= 150);
    const set = await only(handle, 'timerStartedEventAttributes');
    const fired = await only(handle, 'timerFiredEventAttributes');
    assert.equal(Number(fired.startedEventId), Number(set.event.eventId));
    assert(milliseconds(fired.event.eventTime) - milliseconds(set.event.eventTime) >= 149);
  },

  async 'signals arrive in order'() {
    const handle = await start('ledger');
    for (const text of ['a', 'b', 'c']) await handle.signal('say', text);
    await handle.signal('close');
    assert.deepEqual(await handle.result(), ['a', 'b', 'c']);
    assert.equal((await attributes(handle, 'workflowExecutionSignaledEventAttributes')).length, 4);
    await rejected(handle.signal('say', 'too late'), WorkflowNotFoundError);
  },

  async 'a query sees the state, open and closed'() {
    const handle = await start('ledger');
    assert.deepEqual(await handle.query('said'), []);
    await handle.signal('say', 'a');
    assert.deepEqual(await handle.query('said'), ['a']);
    await rejected(handle.query('unheardOf'), QueryNotRegisteredError);
    await handle.signal('close');
    await handle.result();
    assert.deepEqual(await handle.query('said'), ['a']);
  },

  async 'an update changes the state, and a rejected one leaves no trace'() {
    const handle = await start('ledger');
    assert.equal(await handle.executeUpdate('add', { args: [4] }), 4);
    assert.equal(await handle.executeUpdate('add', { args: [5] }), 9);
    const before = await length(handle);
    const { cause } = await rejected(handle.executeUpdate('add', { args: [-1] }), WorkflowUpdateFailedError);
    assert.equal(cause.message, 'negative');
    assert.equal(await length(handle), before);
    await handle.signal('close');
    await handle.result();
    assert.equal((await attributes(handle, 'workflowExecutionUpdateAcceptedEventAttributes')).length, 2);
    assert.equal((await attributes(handle, 'workflowExecutionUpdateCompletedEventAttributes')).length, 2);
  },

  async "a child workflow's result reaches its parent"() {
    const handle = await start('parent', { args: ['ada'] });
    assert.equal(await handle.result(), 'ADA');
    const child = await client.workflow.getHandle(`${handle.workflowId}-child`).describe();
    assert.equal(child.parentExecution.workflowId, handle.workflowId);
    assert.equal(child.parentExecution.runId, handle.firstExecutionRunId);
    assert.equal(child.status.name, 'COMPLETED');
    await only(handle, 'childWorkflowExecutionCompletedEventAttributes');
  },

  async 'a workflow continues as new'() {
    const handle = await start('countdown', { args: [2, 1] });
    assert.equal(await handle.result(), 'run 3');
    const first = handle.firstExecutionRunId;
    const { newExecutionRunId } = await only(handle, 'workflowExecutionContinuedAsNewEventAttributes');
    const began = await only(handle, 'workflowExecutionStartedEventAttributes', newExecutionRunId);
    assert.equal(began.continuedExecutionRunId, first);
    assert.equal(began.firstExecutionRunId, first);
    assert.equal((await client.workflow.count(`WorkflowId = '${handle.workflowId}'`)).count, 3);
  },

  async 'a cancelled workflow cancels its activity and cleans up'() {
    const workflowId = newId();
    const running = activitySaid('running', workflowId);
    const handle = await start('cancelled', { workflowId });
    await running;
    await handle.cancel();
    const { cause } = await rejected(handle.result(), WorkflowFailedError);
    assert(cause instanceof CancelledFailure);
    assert.equal((await handle.describe()).status.name, 'CANCELLED');
    assert.equal(await handle.query('cleaned'), 'CLEANED');
    await only(handle, 'activityTaskCanceledEventAttributes');
    await only(handle, 'workflowExecutionCancelRequestedEventAttributes');
  },

  async 'a terminated workflow says why'() {
    const handle = await start('ledger');
    await handle.terminate('enough');
    const { cause } = await rejected(handle.result(), WorkflowFailedError);
    assert(cause instanceof TerminatedFailure);
    assert.equal(cause.message, 'enough');
    assert.equal((await only(handle, 'workflowExecutionTerminatedEventAttributes')).reason, 'enough');
  },

  async 'a local activity leaves a marker'() {
    const handle = await start('locally', { args: ['ada'] });
    assert.equal(await handle.result(), 'ADA 3');
    assert.equal((await attributes(handle, 'markerRecordedEventAttributes')).length, 2);
    assert.equal((await attributes(handle, 'activityTaskScheduledEventAttributes')).length, 0);
  },

  async 'upserted search attributes are found'() {
    const customer = `it's ${randomUUID()}`;
    const handle = await start('tagged', { args: [customer] });
    assert.equal(await handle.query('customer'), customer);
    const mine = `TypeScriptCustomer = '${customer.replace("'", "''")}'`;
    const query = `${mine} AND TypeScriptAmount > 11`;
    const listed = [];
    for await (const info of client.workflow.list({ query })) listed.push(info);
    assert.deepEqual(listed.map(({ runId }) => runId), [handle.firstExecutionRunId]);
    assert.equal(listed[0].typedSearchAttributes.get(CUSTOMER), customer);
    assert.equal(listed[0].typedSearchAttributes.get(AMOUNT), 12);
    assert.equal((await client.workflow.count(query)).count, 1);
    await handle.signal('close');
    await handle.result();
    assert.equal((await client.workflow.count(query)).count, 0);
    const unset = `${mine} AND TypeScriptAmount IS NULL AND ExecutionStatus = 'Completed'`;
    assert.equal((await client.workflow.count(unset)).count, 1);
  },

  async "a workflow's failure has its causes and details"() {
    const handle = await start('declined');
    const { cause: activity } = await rejected(handle.result(), WorkflowFailedError);
    assert(activity instanceof ActivityFailure);
    assert.equal(activity.activityType, 'decline');
    const declined = activity.cause;
    assert(declined instanceof ApplicationFailure);
    assert.equal(declined.message, 'no money');
    assert.equal(declined.type, 'Declined');
    assert.equal(declined.nonRetryable, true);
    assert.deepEqual(declined.details, ['card', 42]);
    assert(declined.cause instanceof ApplicationFailure);
    assert.equal(declined.cause.message, 'the bank is closed');
    assert.equal(declined.cause.type, 'Closed');
    assert.equal((await handle.describe()).status.name, 'FAILED');
  },

  async 'signal-with-start starts once'() {
    const options = { taskQueue: QUEUE, workflowId: newId(), args: [], signal: 'say' };
    const first = await client.workflow.signalWithStart('ledger', { ...options, signalArgs: ['a'] });
    const second = await client.workflow.signalWithStart('ledger', { ...options, signalArgs: ['b'] });
    assert.equal(second.signaledRunId, first.signaledRunId);
    await first.signal('close');
    assert.deepEqual(await first.result(), ['a', 'b']);
  },

  async 'update-with-start starts once'() {
    const workflowId = newId();
    const add = async (number) => {
      const startWorkflowOperation = new WithStartWorkflowOperation('ledger', {
        taskQueue: QUEUE, workflowId, args: [], workflowIdConflictPolicy: 'USE_EXISTING',
      });
      const sum = await client.workflow.executeUpdateWithStart('add', { args: [number], startWorkflowOperation });
      return { sum, handle: await startWorkflowOperation.workflowHandle() };
    };
    const first = await add(4);
    const second = await add(5);
    assert.deepEqual([first.sum, second.sum], [4, 9]);
    await rejected(add(-1), WorkflowUpdateFailedError);
    assert.equal((await client.workflow.count(`WorkflowId = '${workflowId}'`)).count, 1);
    await first.handle.signal('close');
    assert.deepEqual(await second.handle.result(), []);
  },

  async 'an activity is completed by its token'() {
    const { handle, info } = await openActivity();
    await client.activity.complete(info.taskToken, 'from elsewhere');
    assert.equal(await handle.result(), 'from elsewhere');
    await rejected(client.activity.complete(info.taskToken, 'again'), ActivityNotFoundError);
  },

  async 'an activity is completed by its id'() {
    const { handle, info } = await openActivity();
    await client.activity.fail(
      { workflowId: handle.workflowId, runId: handle.firstExecutionRunId, activityId: info.activityId },
      ApplicationFailure.nonRetryable('not today', 'Refused'));
    const { cause } = await rejected(handle.result(), WorkflowFailedError);
    assert(cause instanceof ActivityFailure);
    assert.equal(cause.cause.type, 'Refused');
  },

  async 'describe shows what is pending'() {
    const { handle, info } = await openActivity({
      memo: { note: 'for Ada' }, staticSummary: 'an open activity', workflowExecutionTimeout: '2h',
    });
    await client.activity.heartbeat(info.taskToken, 'half');
    const shown = await handle.describe();
    assert.equal(shown.status.name, 'RUNNING');
    assert.equal(shown.type, 'open');
    assert.equal(shown.taskQueue, QUEUE);
    assert.deepEqual(shown.memo, { note: 'for Ada' });
    assert.equal(await shown.staticSummary(), 'an open activity');
    assert.equal(Number(shown.raw.executionConfig.workflowExecutionTimeout.seconds), 7200);
    assert.equal(shown.raw.pendingActivities.length, 1);
    const [pending] = shown.raw.pendingActivities;
    assert.equal(pending.state, PendingActivityState.PENDING_ACTIVITY_STATE_STARTED);
    assert.equal(pending.activityType.name, 'leaveOpen');
    assert.equal(pending.activityId, info.activityId);
    assert.equal(defaultPayloadConverter.fromPayload(pending.heartbeatDetails.payloads[0]), 'half');
    await client.activity.complete(info.taskToken, 'done');
    await handle.result();
    assert.equal((await handle.describe()).raw.pendingActivities.length, 0);
  },

  async 'a reset run goes on from where it is reset to'() {
    const handle = await start('ledger');
    await handle.query('said'); // Its first workflow task has ended.
    await handle.signal('say', 'a');
    await handle.signal('close');
    assert.deepEqual(await handle.result(), ['a']);
    const first = handle.firstExecutionRunId;
    const [{ event: point }] = await attributes(handle, 'workflowTaskCompletedEventAttributes');
    const { runId: second } = await connection.workflowService.resetWorkflowExecution({
      namespace: 'default', workflowExecution: { workflowId: handle.workflowId, runId: first },
      reason: 'said the wrong thing', requestId: randomUUID(), workflowTaskFinishEventId: point.eventId,
      resetReapplyExcludeTypes: [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
    });
    const again = client.workflow.getHandle(handle.workflowId);
    assert.equal((await again.describe()).runId, second);
    assert.deepEqual(await again.query('said'), []);
    await again.signal('say', 'b');
    await again.signal('close');
    assert.deepEqual(await again.result(), ['b']);
    assert.equal((await only(handle, 'workflowTaskFailedEventAttributes', second)).baseRunId, first);
  },

  async 'an id that runs is not started again'() {
    const { workflowId, firstExecutionRunId } = await start('ledger');
    await rejected(start('ledger', { workflowId }), WorkflowExecutionAlreadyStartedError);
    await client.workflow.getHandle(workflowId).terminate('the case goes on');
    const next = await start('ledger', { workflowId });
    assert.notEqual(next.firstExecutionRunId, firstExecutionRunId);
    await rejected(
      start('ledger', { workflowId, workflowIdReusePolicy: 'REJECT_DUPLICATE' }), WorkflowExecutionAlreadyStartedError);
    await next.terminate('the case ends');
  },

  async 'a second worker goes on where the first stopped'() {
    const taskQueue = `${QUEUE}-second`;
    const handle = await start('ledger', { taskQueue });
    await handle.signal('say', 'a');
    const sum = await (await newWorker(taskQueue)).runUntil(handle.executeUpdate('add', { args: [4] }));
    assert.equal(sum, 4);
    const said = await (await newWorker(taskQueue)).runUntil(async () => {
      assert.equal(await handle.executeUpdate('add', { args: [5] }), 9);
      await handle.signal('close');
      return handle.result();
    });
    assert.deepEqual(said, ['a']);
  },

  async "the server's history is replayed"() {
    const handle = await start('cancelled', { args: [] });
    await handle.query('cleaned');
    await handle.cancel();
    await rejected(handle.result(), WorkflowFailedError);
    const history = await handle.fetchHistory();
    await Worker.runReplayHistory({ workflowBundle }, history, handle.workflowId);
  },
};

// --- How they are run ---

await connection.operatorService.addSearchAttributes({
  namespace: 'default',
  searchAttributes: {
    [CUSTOMER.name]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    [AMOUNT.name]: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  },
});
let passed = 0;
let failed = 0;
const worker = await newWorker(QUEUE);
await worker.runUntil(async () => {
  for (const [name, run] of Object.entries(cases)) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end after ${CASE_MAX_MS} ms`)), CASE_MAX_MS);
    });
    try {
      await Promise.race([run(), late]);
      passed += 1;
      console.log(`passed ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}: ${error.stack}`);
    } finally {
      clearTimeout(timer);
    }
  }
});
await connection.close();
await native.close();
console.log(`${passed} passed, ${failed} failed`);
// A case that did not end would keep the process.
process.exit(failed === 0 && passed > 0 ? 0 : 1);
