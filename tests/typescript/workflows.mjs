// What the smoke test runs: a retried activity, a timer, a signal, a query, an update, a child workflow.
import * as wf from '@temporalio/workflow';

const { flaky } = wf.proxyActivities({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '50ms' },
});
export const nameSignal = wf.defineSignal('name');
export const stateQuery = wf.defineQuery('state');
export const addUpdate = wf.defineUpdate('add');

export async function child(text) {
  await wf.sleep(20);
  return text.toUpperCase();
}

export async function greeting() {
  let name = '';
  let sum = 0;
  wf.setHandler(nameSignal, (given) => { name = given; });
  wf.setHandler(stateQuery, () => (name === '' ? 'waiting' : 'named'));
  wf.setHandler(addUpdate, (number) => (sum += number), {
    validator: (number) => { if (number < 0) throw new Error('negative'); },
  });
  const attempt = await flaky();
  await wf.condition(() => name !== '');
  await wf.sleep(100);
  const loud = await wf.executeChild(child, { args: [name] });
  return { attempt, loud, sum };
}
