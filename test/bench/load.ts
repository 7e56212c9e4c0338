// A load generator with keep-alive connections over plain sockets, one request at a time per connection.

import { connect, type Socket } from 'node:net'

/** Serialises a request for the wire. */
export const toWire = (
  url: URL,
  { method = 'GET', path = '/protected', token = '', body = '' },
): string =>
  [
    `${method} ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(token && [`Authorization: Bearer ${token}`]),
    ...(body && ['Content-Type: application/json', `Content-Length: ${body.length}`]),
    '',
    body,
  ].join('\r\n')

class Connection {
  readonly #socket: Socket
  #received = ''
  #resolve: (body: string) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor({ hostname, port }: URL) {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk: string) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#reject(error))
    this.#socket.on('close', () => this.#reject(new Error('The connection was closed')))
  }

  /** Returns the response body. Throws on any status except 200, and when the connection is closed. */
  send(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#socket.closed) reject(new Error('The connection is closed'))
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#received += chunk
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.slice(0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    const body = this.#received.slice(end + 4)
    if (body.length < length) return
    this.#received = ''
    if (head.startsWith('HTTP/1.1 200 ') && body.length === length) this.#resolve(body)
    else this.#reject(new Error(`${head.split('\r\n')[0]} ${body}`))
  }
}

/** Returns the next request for a connection; `body` is the last response body on it. */
export type NextRequest = (connection: number, body: string) => string

/** Sends requests over a fixed number of connections. */
export class Client {
  readonly #url: URL
  /** The last response body of each connection, kept between runs. */
  readonly #bodies: string[]

  constructor(url: URL, connections: number) {
    this.#url = url
    this.#bodies = Array.from({ length: connections }, () => '')
  }

  /**
   * Sends `requests` requests and returns their latencies in milliseconds, in ascending order. Each run
   * opens new connections, because workerd closes those that are idle for five seconds.
   */
  async run(requests: number, next: NextRequest): Promise<number[]> {
    const times: number[] = []
    let sent = 0
    const work = async (_: string, number: number) => {
      const connection = new Connection(this.#url)
      while (sent < requests) {
        sent += 1
        const request = next(number, this.#bodies[number] ?? '')
        const startMs = performance.now()
        this.#bodies[number] = await connection.send(request)
        times.push(performance.now() - startMs)
      }
      connection.close()
    }
    await Promise.all(this.#bodies.map(work))
    return times.toSorted((a, b) => a - b)
  }
}
