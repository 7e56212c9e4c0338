import { readFileSync } from 'node:fs'

import { expect, it } from 'vitest'
import { unstable_readConfig as readWranglerConfig } from 'wrangler'

import { draftEnvironment } from '../../../src/cli/cloudflare/wrangler-toml.ts'
import { createProject } from '../project.ts'

const TOML = readFileSync('wrangler.toml', 'utf8')

/** Runs the deployment with this configuration. It has no login, so it ends there at the latest. */
async function deploy(toml: string, args: string[] = []) {
  const project = createProject()
  project.write('wrangler.toml', toml)
  const env = { CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_API_BASE_URL: 'http://127.0.0.1:1' }
  const { code, stdout, stderr } = await project.run('deploy', ['--dry-run', ...args], '', env)
  return { code, output: stdout + stderr, folder: project.folder }
}

it('old versions are not reachable with their old secrets, because version URLs are off', () => {
  const config = readWranglerConfig({}, { hideWarnings: true })
  expect([config.preview_urls, config.upload_source_maps]).toEqual([false, false])
})

it.each([
  ['missing', TOML.replace('preview_urls = false\n', ''), []],
  ['on', TOML.replace('preview_urls = false', 'preview_urls = true'), []],
  [
    'on in the environment that is deployed',
    `${TOML}\n${draftEnvironment(TOML, 'staging').replace('= false', '= true')}\n`,
    ['--env', 'staging'],
  ],
])(
  'a deployment whose preview_urls is %s stops before it reaches Cloudflare',
  async (_, toml, args) => {
    const { code, output } = await deploy(toml, args)
    expect(code).toBe(1)
    expect(output).toContain('Settings failed. Version URLs are on')
    expect(output).toContain('Set preview_urls = false in wrangler.toml')
  },
)

it('a drafted environment passes the check for version URLs', async () => {
  const { output, folder } = await deploy(`${TOML}\n${draftEnvironment(TOML, 'staging')}\n`, [
    '--env',
    'staging',
  ])
  expect(output).toContain('Settings … valid')
  const config = readWranglerConfig(
    { config: `${folder}/wrangler.toml`, env: 'staging' },
    { hideWarnings: true },
  )
  expect(config.preview_urls).toBe(false)
})
