// Random ids.

import { toBase64url } from './base64url.ts'

/** 128 random bits as base64url (ASVS 7.2.3: a UUIDv4 has but 122). */
export const randomId = (): string => toBase64url(crypto.getRandomValues(new Uint8Array(16)))
