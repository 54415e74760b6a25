// The workflows of the cases. What they share with cases.mjs are names: this file runs in a sandbox of its own.
import { defineSearchAttributeKey } from '@temporalio/common';
import * as wf from '@temporalio/workflow';

const { flaky, countOn, untilCancelled, shout, decline, leaveOpen } = wf.proxyActivities({
  startToCloseTimeout: '30s',
  heartbeatTimeout: '30s',
  cancellationType: wf.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '50ms' },
});
const local = wf.proxyLocalActivities({ startToCloseTimeout: '10s', retry: { initialInterval: '20ms' } });

export async function retries() {
  return flaky();
}

export async function resumes() {
  return countOn();
}

export async function sleeps(milliseconds) {
  const begin = Date.now();
  await wf.sleep(milliseconds);
  return Date.now() - begin;
}

// Writes down what it is told, in order, until it is closed.
export async function ledger() {
  const said = [];
  let sum = 0;
  let closed = false;
  wf.setHandler(wf.defineSignal('say'), (text) => { said.push(text); });
  wf.setHandler(wf.defineSignal('close'), () => { closed = true; });
  wf.setHandler(wf.defineQuery('said'), () => said);
  wf.setHandler(wf.defineUpdate('add'), async (number) => {
    await wf.sleep(10);
    return (sum += number);
  }, {
    validator: (number) => { if (number < 0) throw new Error('negative'); },
  });
  await wf.condition(() => closed);
  return said;
}

export async function parent(text) {
  return wf.executeChild(child, {
    args: [text],
    workflowId: `${wf.workflowInfo().workflowId}-child`,
    parentClosePolicy: wf.ParentClosePolicy.TERMINATE,
  });
}

export async function child(text) {
  await wf.sleep(20);
  return shout(text);
}

export async function countdown(left, runs) {
  if (left > 0) await wf.continueAsNew(left - 1, runs + 1);
  return `run ${runs}`;
}

export async function cancelled() {
  let cleaned = '';
  wf.setHandler(wf.defineQuery('cleaned'), () => cleaned);
  try {
    await untilCancelled();
  } catch (error) {
    if (!wf.isCancellation(error)) throw error;
    await wf.CancellationScope.nonCancellable(async () => { cleaned = await shout('cleaned'); });
    throw error;
  }
  return 'not cancelled';
}

export async function locally(text) {
  return `${await local.shout(text)} ${await local.flaky()}`;
}

export async function tagged(customer) {
  const amount = defineSearchAttributeKey('TypeScriptAmount', 'INT');
  const name = defineSearchAttributeKey('TypeScriptCustomer', 'KEYWORD');
  let closed = false;
  wf.setHandler(wf.defineSignal('close'), () => { closed = true; });
  wf.setHandler(wf.defineQuery('customer'), () => wf.workflowInfo().typedSearchAttributes.get(name));
  wf.upsertSearchAttributes([{ key: name, value: customer }, { key: amount, value: 12 }]);
  await wf.condition(() => closed);
  wf.upsertSearchAttributes([{ key: amount, value: null }]);
}

export async function declined() {
  await decline();
}

export async function open() {
  return leaveOpen();
}
