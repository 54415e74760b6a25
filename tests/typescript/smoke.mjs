// The official TypeScript SDK as client and worker against the server at PERDURE_ADDRESS.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { Client, Connection, WorkflowUpdateFailedError } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

const address = process.env.PERDURE_ADDRESS;
const taskQueue = 'typescript';
const activities = {
  async flaky() {
    const { attempt } = Context.current().info;
    if (attempt < 3) throw new Error(`not at attempt ${attempt}`);
    return attempt;
  },
};

Runtime.install({ logger: new DefaultLogger('ERROR') });
const native = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection: native,
  taskQueue,
  activities,
  workflowsPath: fileURLToPath(new URL('./workflows.mjs', import.meta.url)),
});
const connection = await Connection.connect({ address });
const client = new Client({ connection });

await worker.runUntil(async () => {
  const handle = await client.workflow.start('greeting', { taskQueue, workflowId: `ts-${randomUUID()}` });
  assert.equal(await handle.query('state'), 'waiting');
  assert.equal(await handle.executeUpdate('add', { args: [4] }), 4);
  await assert.rejects(handle.executeUpdate('add', { args: [-1] }), WorkflowUpdateFailedError);
  await handle.signal('name', 'ada');
  assert.deepEqual(await handle.result(), { attempt: 3, loud: 'ADA', sum: 4 });
  const { status } = await handle.describe();
  assert.equal(status.name, 'COMPLETED');
});
await connection.close();
await native.close();
console.log('the TypeScript SDK runs');
