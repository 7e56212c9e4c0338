// Examples of responses, in the shape of src/contract/responses.ts.

export const TOKENS = {
  access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.cmVmcmVzaA',
  refresh_expires_in: 604_800,
}

export const ADA = {
  username: 'ada',
  roles: ['editor'],
  created_at: 1_800_000_000,
  disabled_at: null,
}

export const RECOVERY_CODE = '7k2q-9m4x-0c8t-rwde-5bvn-3gh1'

export const SESSIONS = {
  sessions: [
    {
      id: 'q83vEjRWeJCrze8SNFZ4kA',
      created_at: 1_800_000_000,
      refreshed_at: 1_800_000_600,
      expires_at: 1_800_605_400,
      user_agent: 'Firefox',
      country: 'NL',
      current: true,
    },
  ],
  next: null,
}

export const EVENTS = {
  events: [
    {
      id: '1800000000.000000',
      time: 1_800_000_000,
      event: 'password.reset',
      username: 'cosmo',
      by: 'ada',
      session: null,
      address: '203.0.113.7',
      country: 'NL',
    },
  ],
  next: null,
}
