import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { lab, needs } from '../../lab/index.js'
import { configuration, plug, unplug, watchUplinks } from '../monitored.js'

needs('chromium', 'nginx')

/** A browser on a busy machine. */
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
const desktop = { width: 1280, height: 900 }
const phone = { width: 360, height: 780 }

let browser: Browser
beforeAll(async () => {
  // On the PATH, in whatever folder.
  const executablePath = process.env
    .PATH!.split(':')
    .map(folder => `${folder}/chromium`)
    .find(existsSync)
  browser = await chromium.launch({ executablePath, args: flags, timeout: 60_000 })
}, 90_000)
afterAll(() => browser.close())

/** The page as somebody sees it; whatever goes wrong in it fails the test. */
async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: desktop, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(patience.timeout)
  const wrong: string[] = []
  page.on('pageerror', ({ message }) => wrong.push(message))
  // What the policy of the page forbids is told here, too.
  page.on('console', message => message.type() === 'error' && wrong.push(message.text()))
  page.on('request', request => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) wrong.push(`asked ${request.url()}`)
  })
  onTestFinished(async () => {
    await context.close()
    // A stream that breaks is opened again; a browser also breaks it by itself when a cable is pulled.
    expect(wrong.filter(text => !/net::ERR_/.test(text))).toEqual([])
  })
  await page.goto(url)
  await page.waitForSelector('.uplink canvas')
  return page
}

const card = (page: Page, name: string) => page.locator('.uplink', { has: page.getByRole('heading', { name }) })
const badge = (page: Page, name: string) => card(page, name).locator('.badge')

/** How many points of the chart have something like this colour of the style sheet. */
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
  test('the page is live, and its events are not held back', async () => {
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
    expect(await page.locator('#summary').textContent()).toBe('2 up')
    expect(await page.title()).toBe('2 up · netvia')
    await expect
      .poll(() => card(page, 'fibre').locator('.facts dd').first().textContent(), patience)
      .toMatch(/^[\d.]+ ms$/)
    await expect.poll(() => painted(page, 'fibre', 'up'), patience).toBeGreaterThan(5)
    await expect.poll(() => painted(page, 'fibre', 'latency'), patience).toBeGreaterThan(2)
    expect(await painted(page, 'fibre', 'down')).toBe(0)
    unplug()
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('down')
    expect(await card(page, 'fibre').locator('.reason').textContent()).toBe('no carrier')
    expect(await badge(page, 'lte').textContent()).toBe('up')
    expect(await page.locator('#summary').textContent()).toBe('1 down, 1 up')
    await expect.poll(() => painted(page, 'fibre', 'down'), patience).toBeGreaterThan(5)
    const newest = page.locator('#events li').first()
    await expect.poll(() => newest.textContent(), patience).toMatch(/fibredown from up: no carrier$/)
    plug()
    await expect.poll(() => badge(page, 'fibre').textContent(), patience).toBe('up')
    await expect.poll(() => newest.textContent(), patience).toMatch(/fibreup from down: 3 good rounds in a row$/)
    expect(await page.locator('#events li').count()).toBe(4)
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
      // Nothing to scroll sideways, and nothing too small to read.
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

  test('the legend tells the newest values, and those that are pointed at; times have a unit', async () => {
    const { url } = await watchUplinks()
    const page = await open(url)
    await expect.poll(() => painted(page, 'fibre', 'latency'), patience).toBeGreaterThan(2)
    const legend = card(page, 'fibre').locator('.u-legend .u-value')
    await expect
      .poll(() => legend.allTextContents(), patience)
      .toEqual([expect.stringMatching(/\d:\d\d/), expect.stringMatching(/^[\d.]+ ms$/), '0 %'])
    const newest = await legend.first().textContent()
    const { x, y, width, height } = (await card(page, 'fibre').locator('.u-over').boundingBox())!
    await page.mouse.move(x + width / 2, y + height / 2)
    await expect.poll(() => legend.first().textContent(), patience).not.toBe(newest)
    await expect.poll(() => legend.nth(1).textContent(), patience).toBe('–')
    await page.mouse.move(0, 0)
    await expect.poll(() => legend.nth(1).textContent(), patience).toMatch(/ ms$/)
  }, 120_000)

  test('shows another stretch of time', async () => {
    const { url } = await watchUplinks()
    const page = await open(url)
    const asked = page.waitForRequest(request => request.url().includes('range=3600'))
    await page.getByText('1 h', { exact: true }).click()
    await asked
    await expect.poll(() => card(page, 'fibre').locator('canvas').count(), patience).toBe(1)
    expect(await badge(page, 'fibre').textContent()).toBe('up')
  }, 120_000)

  test('takes names and reasons as text, whatever they look like', async () => {
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
  }, 120_000)
})
