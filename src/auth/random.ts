// Random ids.

/** 128 random bits as base64url (ASVS 7.2.3: a UUIDv4 has but 122). */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
