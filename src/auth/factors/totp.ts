// Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 seconds, as authenticator apps implement them.

import { nodeCrypto, utf8 } from '../encoding.ts'

const STEP_SECONDS = 30
const HMAC = { name: 'HMAC', hash: 'SHA-1' }

/** Returns the code of a step: the number of times that 30 seconds have passed since 1970. */
export async function computeOtp(seed: Uint8Array, step: number): Promise<string> {
  const key = await crypto.subtle.importKey('raw', seed, HMAC, false, ['sign'])
  const counter = new DataView(new ArrayBuffer(8))
  counter.setBigUint64(0, BigInt(step))
  const mac = new DataView(await crypto.subtle.sign('HMAC', key, counter))
  const number = mac.getUint32(mac.getUint8(19) & 15) & 0x7f_ff_ff_ff // RFC 4226 5.3
  return String(number % 1_000_000).padStart(6, '0')
}

/** Returns the digits of a code as people type it, with spaces; undefined for anything else. */
export const parseOtp = (text: string): string | undefined =>
  /^\d{6}$/.exec(text.replaceAll(/\s/g, ''))?.[0]

/** Returns the step of a code of 6 digits, the current one or the one before; undefined for any other code. */
export async function findStep(
  seed: Uint8Array,
  otp: string,
  now: number,
): Promise<number | undefined> {
  const current = Math.floor(now / STEP_SECONDS)
  const isCode = async (step: number) =>
    nodeCrypto().timingSafeEqual(utf8.encode(await computeOtp(seed, step)), utf8.encode(otp))
  const [isCurrent, isPrevious] = [await isCode(current), await isCode(current - 1)]
  return isCurrent ? current : isPrevious ? current - 1 : undefined
}
