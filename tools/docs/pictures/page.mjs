// Saves a page as a PNG: `node page.mjs <url> <file>`. It runs in the monitor's namespace.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const [url, path] = process.argv.slice(2)
const executablePath = process.env.PATH.split(':')
  .map(folder => `${folder}/chromium`)
  .find(existsSync)
const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update']
const browser = await chromium.launch({ executablePath, args: flags })
const page = await browser.newPage({ viewport: { width: 1100, height: 900 } })
await page.goto(url)
await page.waitForSelector('canvas')
// Wait for the first events, and until the charts are drawn.
await page.waitForTimeout(3000)
const bottom = await page.evaluate(() => {
  return Math.max(...[...document.querySelectorAll('body *')].map(element => element.getBoundingClientRect().bottom))
})
await page.screenshot({ path, clip: { x: 0, y: 0, width: 1100, height: Math.ceil(bottom) + 32 }, fullPage: true })
await browser.close()
