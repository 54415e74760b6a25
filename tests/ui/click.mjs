// Clicks through Temporal's web UI as a person would: click.mjs PROGRAM, where PROGRAM is ./main.go, built, and
// PERDURE_ADDRESS names the server. Each case holds what the page shows against what the API says to the official
// client. The last line counts them; a picture of the page at each failure is left in the working directory.
import assert from 'node:assert/strict';
import { Client, Connection } from '@temporalio/client';
import { Browser, serve, until } from './browser.mjs';

const millisecondsMax = 120_000;
const taskQueue = 'ui';
const home = '/namespaces/default';

setTimeout(() => {
  console.log(`no end after ${millisecondsMax} ms\n${passed} passed, ${failed + 1} failed`);
  process.exit(1);
}, millisecondsMax).unref();

let passed = 0;
let failed = 0;
const connection = await Connection.connect({ address: process.env.PERDURE_ADDRESS });
const client = new Client({ connection });
const ui = await serve(process.argv[2]);
const browser = await Browser.start(ui.url);
const { page } = browser;

async function test(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
    await page.screenshot({ path: `failed-${failed}.png` }).catch((why) => console.log(`no picture: ${why.message}`));
  }
}

// --- What there is to see --------------------------------------------------------------------------

await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { Customer: 2 } });

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

const statusOf = async (handle) => (await handle.describe()).status.name;
const pathOf = (handle) => `${home}/workflows/${handle.workflowId}/${handle.firstExecutionRunId}`;

// EVENT_TYPE_TIMER_STARTED as the page writes it.
const typesOfEvents = (history) => history.events.map(({ eventType }) =>
  eventTypes[eventType].replace('EVENT_TYPE_', '').toLowerCase().replace(/(^|_)(.)/g, (_, gap, first) =>
    (gap && ' ') + first.toUpperCase()));
const { temporal } = (await import('@temporalio/proto')).default;
const eventTypes = temporal.api.enums.v1.EventType;

async function openRun(handle, tab) {
  await page.goto(pathOf(handle) + (tab ? `/${tab}` : ''));
  await browser.visible('workflow-id-heading').filter({ hasText: handle.workflowId }).waitFor();
}

// What the run's page says of its status, in the place beside the heading.
const badge = (status) => browser.visible('execution-status').first().filter({ hasText: status }).waitFor();
const results = () => browser.visible('input-and-result').last();

async function choose(testId) {
  await page.getByRole('button', { name: 'More Actions' }).locator('visible=true').click();
  await browser.visible(testId).click();
}

async function confirm(modal, filled = {}) {
  const box = page.getByTestId(modal);
  for (const [label, text] of Object.entries(filled)) await box.getByLabel(label).fill(text);
  await box.getByTestId('confirm-modal-button').click();
  await box.getByTestId('confirm-modal-button').waitFor({ state: 'hidden' });
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
  await browser.expecting(/^400 GET .*\/workflows/, async () => {
    await search('Nobody = 1');
    await page.getByText(/Nobody/).locator('visible=true').first().waitFor();
    await page.getByText(/invalid|not (a )?valid/i).locator('visible=true').first().waitFor();
  });
  await assert.rejects(async () => { for await (const _ of client.workflow.list({ query: 'Nobody = 1' })); });
});

// --- A run's page ----------------------------------------------------------------------------------

await test('a click on a row opens the page of the run', async () => {
  await page.goto(`${home}/workflows`);
  await page.getByRole('link', { name: 'order-1', exact: true }).click();
  await browser.visible('workflow-id-heading').filter({ hasText: 'order-1' }).waitFor();
  await badge('Running');
  const { runId, historyLength } = await first.describe();
  assert.ok(page.url().includes(runId), page.url());
  assert.equal((await browser.visible('history-tab').innerText()).match(/\d+/)[0], String(historyLength));
  await results().getByText('"order-1"').waitFor();
});

await test('the timeline shows what happened and what is pending', async () => {
  await browser.visible('timeline-tab').click();
  const timeline = page.locator('svg').filter({ hasText: /Attempt \d+ .* Watch/ }).first();
  for (const text of [/Attempt \d+ .* Pack/, /Attempt 1 .* Watch/, /Child/, /1h/]) {
    await timeline.getByText(text).first().waitFor();
  }
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
  for (const text of ['Pack', 'out of boxes', 'Watch', '"looking"', 'the-ui-worker']) {
    await page.getByText(text).locator('visible=true').first().waitFor();
  }
  const pending = (await first.describe()).raw.pendingActivities;
  assert.deepEqual(pending.map(({ activityType }) => activityType.name).sort(), ['Pack', 'Watch']);
});

for (const [answer, count] of [...browser.answers].sort()) console.log(`        ${count} x ${answer}`);
await browser.chromium.close();
ui.process.stdin.end();
await connection.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
