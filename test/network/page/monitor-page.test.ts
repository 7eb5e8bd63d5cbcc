import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { readHistory } from '../../../src/cli/report/read.js'
import { lab, needs } from '../../lab/index.js'
import { hasSqlite } from '../has-sqlite.js'
import { configuration, plug, unplug, watchUplinks } from '../monitored.js'

needs('chromium', 'nginx')

/** Generous, for a browser on a busy machine. */
const patience = { timeout: 60_000 }
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const desktop = { width: 1400, height: 900 }
const phone = { width: 390, height: 780 }

const twoChecks = configuration.replace(
  `checks: [{ type: ping, host: ${lab.server.address4} }]`,
  `checks: [{ type: ping, host: ${lab.server.address4} }, { type: ping, host: ${lab.wan1.gateway4} }]`,
)
/** 200 uplinks. The first two have the names of the laboratory's uplinks. One has no device. */
const many = [
  'interval: 5s',
  'uplinks:',
  ...Array.from({ length: 200 }, (_, index) => {
    const name = ['fibre', 'site1', 'lte'][index] ?? `site${index}`
    const device = index === 1 ? 'wan9' : 'wan1'
    const checks = `[{ type: ping, host: ${lab.server.address4} }]`
    return `  - { name: ${name}, device: ${device}, priority: ${1 + (index % 2)}, checks: ${checks} }`
  }),
].join('\n')

let browser: Browser
beforeAll(async () => {
  // Find chromium on the PATH.
  const executablePath = process.env
    .PATH!.split(':')
    .map(folder => `${folder}/chromium`)
    .find(existsSync)
  browser = await chromium.launch({ executablePath, args: flags, timeout: 60_000 })
}, 90_000)
afterAll(() => browser.close())

/** Opens the page in a browser. Errors on the page fail the test. `asked` is called for each request. */
async function open(
  url: string,
  options: BrowserContextOptions = {},
  asked: (url: string) => void = () => {},
  sign = '.uplink canvas',
): Promise<Page> {
  const context = await browser.newContext({ viewport: desktop, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(patience.timeout)
  const wrong: string[] = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  // The console also reports violations of the page's content security policy.
  page.on('console', message => message.type() === 'error' && wrong.push(message.text()))
  page.on('request', request => {
    asked(request.url())
    if (!request.url().startsWith(url.replace(/#.*/, '')) && !request.url().startsWith('data:'))
      wrong.push(`asked ${request.url()}`)
  })
  onTestFinished(async () => {
    await context.close()
    // The page reopens a broken event stream. The browser itself breaks it when a cable is pulled.
    expect(wrong.filter(text => !/net::ERR_/.test(text))).toEqual([])
  })
  await page.goto(url)
  await page.waitForSelector(sign)
  return page
}

const card = (page: Page, name: string) => page.locator('.uplink', { has: page.getByRole('heading', { name }) })
const badge = (page: Page, name: string) => card(page, name).locator('.badge')

/** The values of the facts by name. */
function facts(page: Page, name: string): Promise<Record<string, string>> {
  return card(page, name)
    .locator('.facts > div')
    .evaluateAll(all =>
      Object.fromEntries(all.map(({ children: [title, value] }) => [title!.textContent, value!.textContent])),
    )
}

/** The number of painted pixels in the first and in the last column of the chart. */
function edges(page: Page, name: string): Promise<number[]> {
  return card(page, name)
    .locator('canvas')
    .evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext('2d')!
      return [0, canvas.width - 1].map(x => {
        const { data } = context.getImageData(x, 0, 1, canvas.height)
        return data.filter((value, index) => index % 4 === 3 && value > 0).length
      })
    })
}

/** The number of pixels in the chart that are close to this colour of the style sheet. */
function painted(page: Page, name: string, color: string): Promise<number> {
  return card(page, name)
    .locator('canvas')
    .evaluate((canvas: HTMLCanvasElement, color) => {
      const probe = document.createElement('canvas').getContext('2d')!
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${color}`)
      probe.fillRect(0, 0, 1, 1)
      const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      let found = 0
      for (let at = 0; at < data.length; at += 4) {
        const far = Math.abs(data[at]! - red!) + Math.abs(data[at + 1]! - green!) + Math.abs(data[at + 2]! - blue!)
        if (data[at + 3]! > 200 && far < 24) found++
      }
      return found
    }, color)
}

describe('behind nginx, below a path', () => {
  test('the page is live, and nginx does not buffer its events', async () => {
    const { url } = await watchUplinks()
    await lab.nginx(
      `server { listen 127.0.0.1:8080; location /uplinks/ { proxy_buffering on; proxy_pass ${url}; } }`,
      'router',
    )
    const page = await open('http://127.0.0.1:8080/uplinks/')
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('up')
    expect(new URL(page.url()).pathname).toBe('/uplinks/')
  })
})

describe('the page', () => {
  test('shows a failover as it happens: state, chart and event', async () => {
    const { url } = await watchUplinks()
    const page = await open(url)
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('up')
    expect(await page.locator('#summary').textContent()).toBe('2 up; new connections take fibre')
    expect(await page.title()).toBe(`2 up · ${hostname()}`)
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(hostname())
    const using = () => page.locator('.uplink:has(.use:not([hidden])) h2').allTextContents()
    expect(await using()).toEqual(['fibre'])
    await expect
      .poll(() => facts(page, 'fibre'), patience)
      .toMatchObject({
        'Uptime, 5 minutes': '100 %',
        Priority: '1',
        Address: expect.stringContaining(lab.wan1.address4),
        Gateway: expect.stringContaining(lab.wan1.gateway4),
      })
    await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(5)
    await expect.poll(() => painted(page, 'fibre', 'latency'), patience).toBeGreaterThan(2)
    expect(await painted(page, 'fibre', 'down')).toBe(0)
    unplug()
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('down')
    expect(await card(page, 'fibre').locator('.reason').textContent()).toBe('no carrier')
    expect(await badge(page, 'lte').textContent()).toBe('up')
    expect(await page.locator('#summary').textContent()).toBe('1 down, 1 up; new connections take lte')
    expect(await using()).toEqual(['lte'])
    await expect.poll(() => painted(page, 'fibre', 'down'), patience).toBeGreaterThan(5)
    const newest = page.locator('#events li').first()
    await expect.poll(() => newest.textContent(), patience).toMatch(/fibredown from up: no carrier$/)
    plug()
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('up')
    await expect.poll(() => newest.textContent(), patience).toMatch(/fibreup from down: 3 good rounds in a row$/)
    expect(await page.locator('#events li').count()).toBe(4)
    const outages = card(page, 'fibre').locator('.outages li')
    await expect
      .poll(() => outages.allTextContents(), patience)
      .toEqual([expect.stringMatching(/\d (s|min)no carrier$/)])
    expect((await facts(page, 'fibre'))['Uptime, 5 minutes']).toMatch(/^\d+(\.\d+)? %$/)
    expect(await card(page, 'lte').locator('section h3').last().textContent()).toBe('No outage, 5 minutes')
  }, 120_000)

  test.each([
    ['a desktop, light', { viewport: desktop, colorScheme: 'light' }, 2],
    ['a desktop, dark', { viewport: desktop, colorScheme: 'dark' }, 2],
    [
      'a phone, light',
      { viewport: phone, colorScheme: 'light', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
      1,
    ],
    [
      'a phone, dark',
      { viewport: phone, colorScheme: 'dark', deviceScaleFactor: 2, hasTouch: true, isMobile: true },
      1,
    ],
  ] as [string, BrowserContextOptions, number][])(
    'fits %s',
    async (name, options, columns) => {
      const { url } = await watchUplinks()
      const page = await open(url, options)
      await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(5)
      const { width, background, text, smallest } = await page.evaluate(() => {
        const style = getComputedStyle(document.body)
        const sizes = [...document.querySelectorAll('.uplink *, #events *')].map(
          node => getComputedStyle(node).fontSize,
        )
        return {
          width: document.documentElement.scrollWidth,
          background: style.backgroundColor,
          text: style.color,
          smallest: Math.min(...sizes.map(Number.parseFloat)),
        }
      })
      // The page needs no horizontal scrolling, and no text is too small to read.
      expect(width).toBe(options.viewport!.width)
      expect(smallest).toBeGreaterThanOrEqual(12)
      const brightness = (color: string) =>
        [...color.matchAll(/\d+/g)].slice(0, 3).reduce((sum, [part]) => sum + Number(part), 0)
      const dark = options.colorScheme === 'dark'
      expect(brightness(background) < 150).toBe(dark)
      expect(brightness(text) > 600).toBe(dark)
      const boxes = await page
        .locator('.uplink')
        .evaluateAll(cards => cards.map(card => card.getBoundingClientRect().x))
      expect(new Set(boxes).size).toBe(columns)
      if (process.env.NETVIA_SCREENSHOTS) {
        const path = `${process.env.NETVIA_SCREENSHOTS}/${name.replaceAll(/\W+/g, '-')}.png`
        await page.screenshot({ path, fullPage: true })
      }
    },
    120_000,
  )

  test('changes the colours of its charts with the system', async () => {
    const { url } = await watchUplinks()
    const page = await open(url, { colorScheme: 'light' })
    await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(5)
    await page.emulateMedia({ colorScheme: 'dark' })
    await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(5)
  }, 120_000)

  test('each check has its own figures and chart, and pointing at a time shows its figures', async () => {
    const { url } = await watchUplinks([], {}, twoChecks)
    const page = await open(url)
    const checks = card(page, 'fibre').locator('.check')
    await expect
      .poll(() => checks.locator('h3').allTextContents(), patience)
      .toEqual([`ping ${lab.server.address4}`, `ping ${lab.wan1.gateway4}`])
    expect(await checks.locator('canvas').count()).toBe(2)
    const texts = () => checks.first().locator('dd').allTextContents()
    const time = expect.stringMatching(/^[\d.]+ ms$/)
    await expect.poll(texts, patience).toEqual([time, time, time, time, '0 %'])
    expect(await checks.first().locator('.when').textContent()).toBe('now')
    const { x, y, width, height } = (await checks.first().locator('.u-over').boundingBox())!
    await page.mouse.move(x + width / 2, y + height / 2)
    await expect.poll(() => checks.first().locator('.when').textContent(), patience).toMatch(/:\d\d:\d\d/)
    // At that time, nothing had been measured yet.
    await expect.poll(texts, patience).toEqual(['–', '–', '–', '–', '–'])
    await page.mouse.move(0, 0)
    await expect.poll(() => checks.first().locator('.when').textContent(), patience).toBe('now')
  }, 120_000)

  test('a chart without data says so, and a chart with a single step shows it', async () => {
    const none = `  - { name: none, device: wan9, checks: [{ type: ping, host: ${lab.server.address4} }] }`
    const { url } = await watchUplinks([], {}, configuration + none)
    const page = await open(`${url}#range=24h`)
    const note = (name: string) => card(page, name).locator('.empty')
    await expect.poll(() => note('none').textContent(), patience).toBe('No data in this time')
    expect(await note('fibre').textContent()).toBe('')
    // It is a dot, or a line if the next step has started.
    await expect.poll(() => painted(page, 'fibre', 'latency'), patience).toBeGreaterThan(0)
  }, 120_000)

  test('no axis label is cut off', async () => {
    const { url } = await watchUplinks()
    const page = await open(url, { viewport: phone })
    for (const range of ['5 min', '1 h', '24 h']) {
      await page.getByText(range, { exact: true }).click()
      await expect.poll(() => painted(page, 'fibre', 'quiet'), patience).toBeGreaterThan(20)
      // Labels must leave the first and last columns of the picture empty.
      expect(await edges(page, 'fibre')).toEqual([0, 0])
    }
  }, 120_000)

  test('a URL opens an uplink and a time range, and follows the selection', async () => {
    const { url } = await watchUplinks()
    const asked: string[] = []
    const page = await open(`${url}#uplink=lte&range=1h`, {}, request => asked.push(request))
    await expect.poll(() => page.evaluate(() => document.activeElement!.textContent), patience).toMatch(/lte/)
    expect(await page.getByLabel('an hour', { exact: true }).isChecked()).toBe(true)
    await expect.poll(() => asked.some(one => /uplink=lte&range=3600/.test(one)), patience).toBe(true)
    await page.getByText('24 h', { exact: true }).click()
    await expect.poll(() => page.url(), patience).toBe(`${url}#uplink=lte&range=24h`)
    await expect.poll(() => asked.some(one => /uplink=lte&range=86400/.test(one)), patience).toBe(true)
    expect(await card(page, 'fibre').getByText('Link to this').getAttribute('href')).toBe('#uplink=fibre&range=24h')
    await card(page, 'fibre').getByText('Link to this').click()
    await expect.poll(() => page.evaluate(() => document.activeElement!.textContent), patience).toMatch(/fibre/)
  }, 120_000)

  test('works with the keyboard alone', async () => {
    const { url } = await watchUplinks()
    const page = await open(url)
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowRight')
    expect(await page.getByLabel('an hour', { exact: true }).isChecked()).toBe(true)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect.poll(() => card(page, 'fibre').getAttribute('open'), patience).toBe(null)
  }, 120_000)

  test('with many uplinks, those in trouble come first, the others are folded, and a search finds some', async () => {
    const { url } = await watchUplinks([], {}, many)
    const page = await open(url, {}, undefined, '.group')
    await expect
      .poll(() => page.locator('.group > summary').allTextContents(), patience)
      .toEqual(['100 up, priority 1', '99 up, priority 2'])
    const first = page.locator('#uplinks > .cards > .uplink')
    expect(await first.locator('h2').allTextContents()).toEqual(['site1'])
    expect(await first.locator('.brief').textContent()).toBe('no such device')
    expect(await page.locator('canvas').count()).toBe(0)
    await page.getByRole('searchbox').fill('site42')
    const visible = page.locator('.uplink:not([hidden]) h2')
    await expect.poll(() => visible.allTextContents(), patience).toEqual(['site42'])
    expect(await page.locator('.group:not([hidden]) > summary').allTextContents()).toEqual(['1 of 100 up, priority 1'])
    await page.locator('.uplink:not([hidden]) > summary').click()
    await expect.poll(() => painted(page, 'site42', 'up'), patience).toBeGreaterThan(5)
    await page.getByRole('searchbox').fill('nowhere')
    await expect.poll(() => page.locator('#none').isVisible(), patience).toBe(true)
  }, 180_000)

  // history.test.ts tests Node 20, which has no SQLite.
  if (hasSqlite) {
    test('shows days if a history is kept', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'netvia-page-'))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      const file = join(folder, 'history.db')
      const { monitor, url } = await watchUplinks([], {}, `history: ${file}\n${configuration}`)
      const day = 86_400_000
      const period = () => ({ from: Date.now() - day, to: Date.now() + day })
      await expect.poll(() => readHistory(file, period())[0]!.upMs, patience).toBeGreaterThan(0)
      const page = await open(`${url}#range=30d`)
      await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(0)
      expect((await facts(page, 'fibre'))['Uptime, 30 days']).toBe('100 %')
      // Node 22 would print an ExperimentalWarning for SQLite.
      expect(monitor.said()).not.toContain('Warning')
    }, 240_000)
  }

  test('shows no days without a history, and says how to keep one', async () => {
    const { url } = await watchUplinks()
    const page = await open(url)
    expect(await page.getByText('30 d', { exact: true }).isVisible()).toBe(false)
    expect(await page.locator('#ranges').getAttribute('title')).toMatch(/"history"/)
  }, 120_000)

  test('shows names and reasons as text, whatever they contain', async () => {
    const name = '<img src=x onerror=alert(1)> fibre'
    const { url } = await watchUplinks([], {}, configuration.replace('name: fibre', `name: "${name}"`))
    const page = await open(url)
    expect(await page.locator('.uplink h2').first().textContent()).toBe(name)
    expect(await page.locator('img').count()).toBe(0)
  }, 120_000)

  test('works behind a token, and says so when the monitor is gone', async () => {
    const token = 'not easily guessed'
    const { monitor, url } = await watchUplinks([], { NETVIA_TOKEN: token })
    const page = await open(url, { httpCredentials: { username: 'me', password: token } })
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('up')
    expect(await page.getByRole('alert').isVisible()).toBe(false)
    monitor.child.kill('SIGTERM')
    await expect.poll(() => page.getByRole('alert').isVisible(), patience).toBe(true)
    expect(await page.title()).toMatch(/^old, \d\d:\d\d:\d\d: 2 up · /)
  }, 120_000)
})
