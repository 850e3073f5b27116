// A person at a browser: opens the URL in Chromium, without a window, signs in and consents
// where an authorization server asks, and tells in JSON where that ended.
//
//   node browser.mjs [options] URL
//
//   --user NAME         as whom to sign in (operator)
//   --deny              say no in place of consenting
//   --no-javascript     with JavaScript off
//   --screenshot FILE   save a picture of the last page (PNG)
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000; // milliseconds for a page, on a machine with other things to do
const PAGES = 10; // more than a person would put up with

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    user: { type: 'string', default: 'operator' },
    deny: { type: 'boolean', default: false },
    'no-javascript': { type: 'boolean', default: false },
    screenshot: { type: 'string' },
  },
});

function executable() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'chromium')).find((path) => existsSync(path));
  if (!found) throw new Error('make deps installs Chromium');
  return found;
}

// Presses a button that leads to another page.
async function press(page, button) {
  const before = page.url();
  await Promise.all([page.waitForURL((url) => url.href !== before, { waitUntil: 'load' }), button.click()]);
}

// Does what the page asks for; false where it asks for nothing.
async function answer(page) {
  const signIn = page.getByRole('button', { name: 'Sign in', exact: true });
  const decide = page.getByRole('button', { name: values.deny ? 'Deny' : 'Consent', exact: true });
  if (await signIn.isVisible()) {
    await page.getByLabel('User name').fill(values.user);
    await press(page, signIn);
  } else if (await decide.isVisible()) {
    await press(page, decide);
  } else {
    return false;
  }
  return true;
}

async function visit(page, url) {
  const arrived = { loaded: [], complaints: [] };
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => arrived.complaints.push(message.text()));
  page.on('pageerror', (problem) => arrived.complaints.push(problem.message));
  page.on('request', (request) => {
    if (request.isNavigationRequest()) Object.assign(arrived, { loaded: [], complaints: [] });
    else arrived.loaded.push(request.url());
  });
  page.on('response', (response) => {
    const isPage = response.request().isNavigationRequest() && response.frame() === page.mainFrame();
    if (isPage) arrived.response = response;
  });
  await page.goto(url, { waitUntil: 'load' });
  let pages = 1;
  while (await answer(page)) if (++pages > PAGES) throw new Error('the pages have no end');
  const { response, loaded, complaints } = arrived;
  return {
    url: page.url(),
    title: await page.title(),
    text: await page.innerText('body'),
    status: response.status(),
    headers: await response.allHeaders(),
    javascript: !values['no-javascript'],
    pages,
    loaded, // what the last page asked for besides itself
    complaints, // what the browser said of it
  };
}

// As root, and in containers with little shared memory, it would not start otherwise.
const browser = await chromium.launch({
  executablePath: executable(),
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
try {
  const page = await browser.newPage({ javaScriptEnabled: !values['no-javascript'] });
  console.log(JSON.stringify(await visit(page, positionals[0])));
  if (values.screenshot) await page.screenshot({ path: values.screenshot, fullPage: true });
} finally {
  await browser.close();
}
