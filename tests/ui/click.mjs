// Clicks through Temporal's web UI as a person would: click.mjs PROGRAM, where PROGRAM is ./main.go, built, and
// PERDURE_ADDRESS names the server. Each case holds what the page shows against what the API says to the official
// client. The last line counts them; a picture of the page at each failure is left in the working directory.
import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { Browser, serve, until } from './browser.mjs';

const millisecondsMax = 300_000;
const askMillisecondsMax = 30_000;
const dialogMillisecondsMax = 5_000;
const linesOfErrorMax = 24;
const taskQueue = 'ui';
const home = '/namespaces/default';

setTimeout(() => {
  console.log(`no end after ${millisecondsMax} ms\n${passed} passed, ${failed + 1} failed`);
  process.exit(1);
}, millisecondsMax).unref();

let passed = 0;
let failed = 0;
let isStale = false;  // A dialog of a case that failed may be in the way of the next one.
const connection = await Connection.connect({ address: process.env.PERDURE_ADDRESS });
const client = new Client({ connection });
const ui = await serve(process.argv[2]);
const browser = await Browser.start(ui.url);
const { page } = browser;

async function test(name, body) {
  const begin = Date.now();
  try {
    await body();
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - begin} ms)`);
  } catch (error) {
    failed += 1;
    isStale = true;
    const text = stripVTControlCharacters(error.stack).split('\n');
    const place = text.filter((line) => line.includes('click.mjs'));
    console.log([`FAILED  ${name}`, ...text.slice(0, linesOfErrorMax), ...place].join('\n'));
    await page.screenshot({ path: `failed-${failed}.png` }).catch((why) => console.log(`no picture: ${why.message}`));
  }
}

// --- What there is to see --------------------------------------------------------------------------

await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { Customer: 2 } });
await connection.workflowService.registerNamespace({
  namespace: 'depot', description: 'where it is kept', ownerEmail: 'ada@example.com',
  workflowExecutionRetentionPeriod: { seconds: 5 * 86_400 },
});

const start = (type, workflowId, options = {}) => client.workflow.start(type, { taskQueue, workflowId, ...options });

// A run that waits for a signal while two activities are pending: Pack, which fails, and Watch, which is started.
async function order(workflowId) {
  const handle = await start('Order', workflowId, {
    args: [workflowId], memo: { note: `memo of ${workflowId}` }, searchAttributes: { Customer: [`ada-${workflowId}`] },
    staticSummary: `summary of ${workflowId}`,
  });
  await until(`${workflowId} waits`, async () => (await handle.describe()).raw.pendingActivities.length === 2);
  return handle;
}

const ask = (handle) =>
  connection.withDeadline(Date.now() + askMillisecondsMax, () => handle.query('progress'));
const statusOf = async (handle) => (await handle.describe()).status.name;

// EVENT_TYPE_TIMER_STARTED as the page writes it.
const typesOfEvents = (history) => history.events.map(({ eventType }) =>
  eventTypes[eventType].replace('EVENT_TYPE_', '').toLowerCase().replace(/(^|_)(.)/g, (_, gap, first) =>
    (gap && ' ') + first.toUpperCase()));
const { temporal } = (await import('@temporalio/proto')).default;
const eventTypes = temporal.api.enums.v1.EventType;

// Through the list, as a person would, because to load the page anew takes seconds on a busy machine.
async function openRun({ workflowId }, tab) {
  if (isStale) await page.goto('/');
  isStale = false;
  await browser.visible('workflow-button').getByRole('link').click();
  await page.getByRole('link', { name: workflowId, exact: true }).locator('visible=true').click();
  await browser.visible('workflow-id-heading').filter({ hasText: workflowId }).waitFor();
  if (tab) await browser.visible(tab).click();
}

// What the run's page says of its status, in the place beside the heading.
const badge = (status) => browser.visible('execution-status').first().filter({ hasText: status }).waitFor();
const results = () => browser.visible('input-and-result').last();

const lookAt = async (...texts) => {
  for (const text of texts) await page.getByText(text).locator('visible=true').first().waitFor();
};

// A page that is drawn anew between the click and its dialog forgets the click: click again, as a person would.
async function openDialog(modal, click) {
  const box = browser.visible(modal);
  await until(`${modal} is open`, async () => {
    if (await box.isVisible()) return true;
    await click({ timeout: dialogMillisecondsMax });
    return box.waitFor({ timeout: dialogMillisecondsMax }).then(() => true);
  });
  return box;
}

async function choose(testId) {
  await page.getByRole('button', { name: 'More Actions' }).locator('visible=true').click();
  await browser.visible(testId).click();
}

// By its placeholder: the page has two of each dialog, of which one is shown, and the labels lead to the other.
async function confirm(modal, reason = '') {
  const box = browser.visible(modal);
  if (reason) await box.getByPlaceholder('Enter a reason').fill(reason);
  await box.getByTestId('confirm-modal-button').click();
  await box.waitFor({ state: 'hidden' });
}

const plain = (text) => text.replace(/[\s_]/g, '').toLowerCase();

// Of each row of the list: status, id and type of the run.
const listed = () => browser.visible('workflows-summary-configurable-table-row').evaluateAll((rows) =>
  rows.map((row) => {
    const [status, id, , type] = [...row.querySelectorAll('[data-testid=workflows-summary-table-body-cell]')];
    return [status, id, type].map((cell) => cell.innerText).join(' ');
  }));

// The page's rows are the API's answer to the same query, of which there are `count`.
async function shows(query, count) {
  const wanted = [];
  for await (const { workflowId, type, status } of client.workflow.list({ query })) {
    wanted.push(`${status.name} ${workflowId} ${type}`);
  }
  assert.equal(wanted.length, count, `the API on ${query}: ${wanted}`);
  await until(`the list of ${query || 'all'}`, async () => {
    assert.deepEqual((await listed()).map(plain).sort(), wanted.map(plain).sort());
    return true;
  });
}

const queryOfPage = () => new URL(page.url()).searchParams.get('query') ?? '';

const orders = [];
for (const id of ['order-1', 'order-2', 'order-3', 'order-4']) orders.push(await order(id));
const [first, second, third, fourth] = orders;
const doomed = await start('Doomed', 'doomed-1');
await assert.rejects(doomed.result());
const short = await start('Short', 'short-1');
assert.equal(await short.result(), 'short');

// --- The list --------------------------------------------------------------------------------------

const runsInAll = 10;  // Each order has a child.

await test('the list has every run, with its status and type', async () => {
  await page.goto('/');
  await shows('', runsInAll);
});

await test('the counts by status are those of the API', async () => {
  const { groups } = await client.workflow.count('GROUP BY ExecutionStatus');
  assert.deepEqual(groups.map(({ count, groupValues }) => `${groupValues[0]} ${count}`).sort(),
    ['Completed 5', 'Failed 1', 'Running 4']);
  for (const { count, groupValues: [status] } of groups) {
    await browser.visible(`workflow-status-${status}`).filter({ hasText: `${count} ${status}`.toUpperCase() }).waitFor();
  }
});

async function addFilter(attribute) {
  await browser.visible('add-filter-button').click();
  await page.getByRole('menuitem').locator('visible=true').filter({ hasText: attribute }).click();
}

await test('a filter on status', async () => {
  await addFilter('ExecutionStatus');
  await browser.visible('status-dropdown-filter-chip-Running').click();
  await shows('ExecutionStatus = "Running"', 4);
  await browser.visible('status-dropdown-filter-chip-Failed').click();
  await shows('ExecutionStatus = "Running" OR ExecutionStatus = "Failed"', 5);
  await browser.visible('status-dropdown-filter-chip-Running').click();
  await shows('ExecutionStatus = "Failed"', 1);
  await browser.visible('clear-all-filters-button').click();
  await shows('', runsInAll);
});

async function filterBy(attribute, value) {
  await addFilter(attribute);
  await page.getByPlaceholder(/^Enter/).locator('visible=true').fill(value);
  await browser.visible('apply-filter-button').click();
}

await test('a filter on type, then one on status beside it', async () => {
  await filterBy('WorkflowType', 'Child');
  await shows('WorkflowType = "Child"', 4);
  await browser.visible('workflow-status-Completed').click();
  await shows('WorkflowType = "Child" AND ExecutionStatus = "Completed"', 4);
  await browser.visible('clear-all-filters-button').click();
  await shows('', runsInAll);
});

await test('a filter on a search attribute of our own', async () => {
  await filterBy('Customer', 'ada-order-2');
  await shows('Customer = "ada-order-2"', 1);
  await browser.visible('clear-all-filters-button').click();
  await shows('', runsInAll);
});

async function search(query) {
  await browser.visible('workflow-manual-search-input').fill(query);
  await browser.visible('workflow-manual-search-button').click();
}

await test('a query written by hand', async () => {
  await browser.visible('toggle-manual-query').click();
  const query = 'WorkflowId STARTS_WITH "order" AND WorkflowType IN ("Order", "Short")';
  await search(query);
  await shows(query, 4);
});

await test('a query that is wrong is refused, with the reason on the page', async () => {
  const why = /invalid query: .*'Nobody' is not a valid search attribute/;
  const errors = [/^400 GET \S+\/workflows$/, /^400 GET \S+\/workflow-count$/, /^console: Initial count fetch failed/];
  await browser.expecting(errors, async () => {
    await search('Nobody = 1');
    await lookAt(why);
  });
  await search('');
  await shows('', runsInAll);
  const { workflowService } = connection;
  await assert.rejects(workflowService.listWorkflowExecutions({ namespace: 'default', query: 'Nobody = 1' }), why);
});

// --- A run's page ----------------------------------------------------------------------------------

await test('a click on a row opens the page of the run', async () => {
  await openRun(first);
  await badge('Running');
  const { runId, historyLength } = await first.describe();
  assert.ok(page.url().includes(runId), page.url());
  assert.equal((await browser.visible('history-tab').innerText()).match(/\d+/)[0], String(historyLength));
  await results().getByText('"order-1"').waitFor();
});

await test('the timeline shows what happened and what is pending', async () => {
  await browser.visible('timeline-tab').click();
  await lookAt(/Attempt\s+\d+[^]*Pack/, /Attempt\s+1\s[^]*Watch/, /^\s*Child\s*$/, /\(1h\)/);
});

await test('the event history has every event, by id and type', async () => {
  await browser.visible('history-tab').click();
  const wanted = typesOfEvents(await first.fetchHistory());
  await until('every event', async () => {
    const rows = await browser.visible('event-summary-row').evaluateAll((all) =>
      all.map((row) => row.innerText.split(/[\t\n]+/).map((cell) => cell.trim()).filter(Boolean)));
    const seen = rows.map((cells) => `${cells[0]} ${cells[2]}`);
    assert.deepEqual(seen.reverse(), wanted.map((type, index) => `${index + 1} ${type}`));
    return true;
  });
  const pending = await browser.visible('pending-activity-summary-row').allInnerTexts();
  assert.deepEqual(pending.map((text) => /Pack|Watch/.exec(text)?.[0]).sort(), ['Pack', 'Watch']);
});

await test('an event opens to all that it holds', async () => {
  await browser.visible('event-summary-row').filter({ hasText: 'Timer Started' }).first().click();
  await browser.visible('event-summary-row-expanded').getByText('startToFireTimeout', { exact: false })
    .or(browser.visible('event-summary-row-expanded').getByText('Start To Fire Timeout')).first().waitFor();
});

await test('the compact history has a row for each group of events', async () => {
  await browser.visible('compact').click();
  for (const text of ['Weigh', 'Child', 'Pack', 'Watch']) {
    await page.getByTestId('event-summary-table').getByText(text).locator('visible=true').first().waitFor();
  }
});

await test('pending activities: attempts, the last failure, the last heartbeat', async () => {
  await browser.visible('pending-activities-tab').click();
  await lookAt('Pack', 'out of boxes', 'Watch', '"looking"', 'the-ui-worker');
  const pending = (await first.describe()).raw.pendingActivities;
  assert.deepEqual(pending.map(({ activityType }) => activityType.name).sort(), ['Pack', 'Watch']);
});

const pendingOf = async (handle, type) =>
  (await handle.describe()).raw.pendingActivities.find(({ activityType }) => activityType.name === type);

await test('an activity is paused and goes on', async () => {
  await openRun(first, 'pending-activities-tab');
  const pack = page.getByRole('button', { name: /^(Pause|Unpause)$/ }).locator('visible=true').first();
  await pack.click();
  await confirm('activity-pause-confirmation-modal', 'stocktaking');
  await until('Pack is paused', async () => (await pendingOf(first, 'Pack')).paused);
  await pack.filter({ hasText: 'Unpause' }).click();
  await confirm('activity-unpause-confirmation-modal');
  await until('Pack goes on', async () => !(await pendingOf(first, 'Pack')).paused);
  await pack.filter({ hasText: /^\s*Pause/ }).waitFor();
});

await test('a query is answered by the worker', async () => {
  await openRun(first);
  await browser.visible('queries-tab').click();
  await browser.visible('query-select-button').click();
  await page.getByRole('option', { name: 'progress' }).click();
  await page.getByRole('button', { name: /^(Run|Refresh) Query$/ }).click();
  await browser.visible('query-result').getByText('added 0 to order-1').waitFor();
  assert.equal(await ask(first), 'added 0 to order-1');
});

await test('the call stack', async () => {
  await browser.visible('call-stack-tab').click();
  await lookAt(/main\.Order/);
});

await test('relationships, workers, metadata, search attributes and memo', async () => {
  await browser.visible('relationships-tab').click();
  await lookAt(`${first.firstExecutionRunId}_16`);
  await browser.visible('workers-tab').click();
  await lookAt('the-ui-worker');
  await browser.visible('user-metadata-tab').click();
  await until('the summary, in a frame of its own', async () => {
    const texts = await Promise.all(page.frames().map((frame) => frame.locator('body').innerText()));
    return texts.some((text) => text.trim() === 'summary of order-1');
  });
  await browser.visible('search-attributes-tab').click();
  await lookAt(/ada-order-1/);
  await browser.visible('memo-tab').click();
  await lookAt(/memo of order-1/);
});

// --- What is done from a run's page ----------------------------------------------------------------

await test('an update changes the run, and its answer is told', async () => {
  await openRun(first);
  await choose('update-button');
  const box = browser.visible('update-confirmation-modal');
  await box.getByTestId('update-select-button').click();
  await box.getByRole('option', { name: 'add' }).click();
  await box.locator('.cm-content').fill('4');
  await confirm('update-confirmation-modal');
  assert.equal(await ask(first), 'added 4 to order-1');
});

await test('a run is paused, and goes on', async () => {
  await openRun(first);
  await page.getByRole('button', { name: 'Pause Workflow' }).locator('visible=true').click();
  await confirm('workflow-pause-confirmation-modal', 'stocktaking');
  await browser.visible('workflow-paused-alert').getByText('stocktaking').waitFor();
  await badge('Paused');
  assert.equal(await statusOf(first), 'PAUSED');
  await page.getByRole('button', { name: 'Unpause Workflow' }).locator('visible=true').click();
  await confirm('workflow-unpause-confirmation-modal');
  await badge('Running');
  assert.equal(await statusOf(first), 'RUNNING');
  assert.equal(await ask(first), 'added 4 to order-1');  // The worker takes the events of both.
});

await test('a signal with data ends the run', async () => {
  await openRun(first);
  await choose('signal-button');
  const box = browser.visible('signal-confirmation-modal');
  await box.getByTestId('signal-select-button').click();
  await box.getByRole('option', { name: 'done' }).click();
  await box.locator('.cm-content').fill('"ada"');
  await confirm('signal-confirmation-modal');
  await results().getByText('"done by ada"').waitFor();
  await openRun(first);  // What stands beside the heading, the page asks for every ten seconds only.
  await badge('Completed');
  assert.equal(await first.result(), 'done by ada');
});

await test('a page that is open sees what others do', async () => {
  await openRun(second, 'history-tab');
  await badge('Running');
  await browser.visible('feed').click();
  await browser.visible('event-summary-row').first().waitFor();
  await second.signal('done', 'bob');
  // The rows of before may still be there for a moment.
  await browser.visible('event-summary-row').filter({ hasText: 'Workflow Execution Completed' }).first().waitFor();
  await results().getByText('"done by bob"').waitFor();
});

await test('a cancellation is asked for', async () => {
  await openRun(third);
  await choose('request-cancellation-button');
  await confirm('cancel-confirmation-modal');
  await until('the run is cancelled', async () => await statusOf(third) === 'CANCELLED');
  await openRun(third);
  await badge('Canceled');
});

await test('a run is terminated, for a reason', async () => {
  await openRun(fourth, 'history-tab');
  await choose('terminate-button');
  await confirm('terminate-confirmation-modal', 'out of stock');
  await badge('Terminated');
  await browser.visible('event-summary-row').filter({ hasText: 'Workflow Execution Terminated' }).waitFor();
  await results().getByText('out of stock').waitFor();
  assert.equal(await statusOf(fourth), 'TERMINATED');
  const last = (await fourth.fetchHistory()).events.at(-1).workflowExecutionTerminatedEventAttributes;
  assert.equal(last.reason, 'out of stock');
});

await test('a run is reset, and the page leads to the new one', async () => {
  await openRun(fourth);
  const button = page.getByRole('button', { name: 'Reset', exact: true }).locator('visible=true');
  const box = await openDialog('reset-confirmation-modal', (options) => button.click(options));
  await box.getByTestId('workflow-reset-event-id-select-button').click();
  await box.getByRole('option', { name: /^4 - WorkflowTaskCompleted/ }).click();
  await confirm('reset-confirmation-modal', 'once more');
  await browser.visible('workflow-reset-alert').getByRole('link', { name: 'here' }).click();
  await badge('Running');
  const now = client.workflow.getHandle('order-4');
  const { runId, raw } = await now.describe();
  assert.notEqual(runId, fourth.firstExecutionRunId);
  assert.equal(raw.workflowExtendedInfo?.resetRunId ?? '', '');
  await until('the page of the new run', () => page.url().includes(runId));
  await now.signal('done', 'eve');
  assert.equal(await now.result(), 'done by eve');
  await results().getByText('"done by eve"').waitFor();
});

await test('the page of a failed run has its failure', async () => {
  await openRun(doomed, 'history-tab');
  await badge('Failed');
  await results().getByText('no stock').waitFor();
});

await test('a run is started by hand', async () => {
  await browser.visible('workflow-button').getByRole('link').click();
  await page.getByText('Start Workflow', { exact: true }).locator('visible=true').click();
  await page.getByLabel('Workflow ID').fill('by-hand');
  await page.getByLabel('Task Queue').fill(taskQueue);
  await page.getByLabel('Workflow Type').fill('Order');
  await page.locator('.cm-content').first().fill('"a hand"');
  await lookAt('Task Queue is Active');
  await browser.visible('start-workflow-button').click();
  const handle = client.workflow.getHandle('by-hand');
  await until('the run waits', async () => (await handle.describe()).raw.pendingActivities.length === 2);
  assert.equal(await ask(handle), 'added 0 to a hand');
});

await test('one that runs already is refused, with a way to it', async () => {
  const { runId } = await client.workflow.getHandle('by-hand').describe();
  await browser.expecting([/^409 POST \S+\/workflows\/{workflow}$/], async () => {
    await browser.visible('start-workflow-button').click();
    const link = page.getByRole('link', { name: 'View the running workflow' });
    assert.ok((await link.getAttribute('href')).includes(runId));
  });
});

await test('a run is started like another', async () => {
  await openRun(second);
  await choose('start-workflow-button');
  await until('the input is filled in', async () => await page.locator('.cm-content').first().innerText() === '"order-2"');
  assert.equal(await page.getByLabel('Workflow Type').inputValue(), 'Order');
  assert.equal(await page.getByLabel('Task Queue').inputValue(), taskQueue);
  await page.getByLabel('Workflow ID').fill('order-2-again');
  await browser.visible('start-workflow-button').click();
  const handle = client.workflow.getHandle('order-2-again');
  await until('it runs', async () => await statusOf(handle) === 'RUNNING');
  assert.equal(await ask(handle), 'added 0 to order-2');
});

// --- Queues and namespaces -------------------------------------------------------------------------

await test('the page of a task queue has its pollers', async () => {
  await openRun(first, 'history-tab');
  await page.locator(`a[href="${home}/task-queues/${taskQueue}"]:visible`).first().click();
  const row = browser.visible('poller-row');
  await row.getByTestId('poller-identity').filter({ hasText: 'the-ui-worker' }).waitFor();
  for (const kind of ['workflow-poller', 'activity-poller']) await row.getByTestId(kind).locator('svg').waitFor();
});

await test('the namespaces, and what one is set to', async () => {
  await browser.visible('namespace-button').getByRole('link').click();
  await page.getByRole('link', { name: 'depot' }).locator('visible=true').click();
  await lookAt('Namespace: depot', 'ada@example.com', '5 days', 'where it is kept');
  await page.goto(home);
  await lookAt('Namespace: default');
  await page.getByRole('row', { name: /Customer\s+Keyword/ }).locator('visible=true').waitFor();
});

// --- Beneath the page ------------------------------------------------------------------------------

await test('no request failed but those that should, and the page reported no error', () => {
  assert.deepEqual(browser.errors, []);
});

for (const [answer, count] of [...browser.answers].sort()) console.log(`        ${count} x ${answer}`);
await browser.chromium.close();
ui.process.stdin.end();
await connection.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
