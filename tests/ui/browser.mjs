// Temporal's web UI as a process, a page of it in a headless Chromium, and what both must never do.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chromium } from 'playwright-core';

const actionMillisecondsMax = 30_000;
const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

// Starts the program that serves the UI; resolves to its URL. It ends with us: its standard input closes.
export function serve(program) {
  const ui = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] });
  const log = createWriteStream('webui.log');
  return new Promise((resolve, reject) => {
    let text = '';
    for (const stream of [ui.stdout, ui.stderr]) {
      stream.on('data', (data) => {
        log.write(data);
        text = (text + data).slice(-4096);
        const started = /server started on ([\d.]+:\d+)\s/.exec(text);
        if (started) resolve({ url: `http://${started[1]}`, process: ui });
      });
    }
    ui.on('error', reject);
    ui.on('exit', (code) => reject(new Error(`the UI's server ended with ${code}:\n${text}`)));
  });
}

// What a request asks for, without the ids in it.
function route(request) {
  const { pathname } = new URL(request.url());
  return `${request.method()} ${pathname
    .replace(/(\/workflows\/)[^/]+/, '$1{workflow}')
    .replace(/(\/task-queues\/)[^/]+/, '$1{queue}')}`;
}

export class Browser {
  // Every answer's route to how often it came.
  answers = new Map();
  // What went wrong beneath the page, whatever it then showed.
  errors = [];
  #expected = [];

  static async start(url) {
    const self = new Browser();
    self.chromium = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
    self.page = await self.chromium.newPage({ viewport: { width: 1600, height: 1200 }, baseURL: url });
    self.page.setDefaultTimeout(actionMillisecondsMax);
    self.page.on('response', (response) => self.#answered(response, url));
    self.page.on('requestfailed', (request) => {
      // The page takes back what it has no more use for, long polls above all.
      if (request.failure()?.errorText === 'net::ERR_ABORTED' || !request.url().startsWith(url)) return;
      self.errors.push(`${route(request)}: ${request.failure()?.errorText}`);
    });
    self.page.on('pageerror', (error) => self.errors.push(`the page threw: ${error.message}`));
    self.page.on('console', (message) => {
      // Chromium says this of each answer that is an error; #answered has it with its text.
      if (message.type() !== 'error' || message.text().startsWith('Failed to load resource')) return;
      self.#report(`console: ${message.text()}`);
    });
    return self;
  }

  async #answered(response, url) {
    if (!response.url().startsWith(url)) return;
    const name = `${response.status()} ${route(response.request())}`;
    if (name.includes('/api/')) this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
    if (response.status() < 400) return;
    // Told at once, completed with its text when that has come.
    const index = this.#report(name);
    const text = await response.text().catch((error) => `(its text did not come: ${error.message})`);
    if (index >= 0) this.errors[index] += `: ${text.slice(0, 300)}`;
  }

  #report(text) {
    const expected = this.#expected.find((one) => one.pattern.test(text));
    if (expected) {
      expected.count += 1;
      return -1;
    }
    return this.errors.push(text) - 1;
  }

  // Runs `act`, which is to make an error come for each pattern; only these are right, and only until all have come.
  async expecting(patterns, act) {
    this.#expected = patterns.map((pattern) => ({ pattern, count: 0 }));
    try {
      await act();
      await until('the errors that should come', () => {
        const missing = this.#expected.filter(({ count }) => count === 0);
        if (missing.length > 0) throw new Error(`missing: ${missing.map(({ pattern }) => pattern)}`);
        return true;
      });
    } finally {
      this.#expected = [];
    }
  }

  visible(testId) {
    return this.page.locator(`[data-testid="${testId}"]:visible`);
  }
}

// Looks again and again until `holds` returns something true; returns that. What it threw last is what failed.
export async function until(what, holds) {
  const deadline = Date.now() + actionMillisecondsMax;
  for (;;) {
    let seen;
    try {
      const value = await holds();
      if (value) return value;
      seen = JSON.stringify(value);
    } catch (error) {
      seen = error.message;
    }
    if (Date.now() > deadline) throw new Error(`not within ${actionMillisecondsMax} ms: ${what} (last: ${seen})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
