import { connect, type Socket } from 'node:net';

export type RawAnswer = { readonly status: number; readonly body: string };

/**
 * One keep-alive connection that sends prepared bytes and reads just enough of the answer to find its end. A client that
 * costs as much as the server would measure itself: this one costs a tenth of `fetch`.
 */
export type RawConnection = {
  /** One request at a time. Rejects when the connection is lost before the answer is complete. */
  exchange(request: Buffer): Promise<RawAnswer>;
  close(): void;
};

const HEADERS_END = '\r\n\r\n';
const LENGTH = '\r\ncontent-length: ';
/** Position of the status in `HTTP/1.1 201 Created`. */
const STATUS_FROM = 9;
const STATUS_TO = 12;

export async function openConnection(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return overSocket(socket);
}

function overSocket(socket: Socket): RawConnection {
  let received = '';
  let waiting: { readonly resolve: (answer: RawAnswer) => void; readonly reject: (error: Error) => void } | undefined;

  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  // Bodies of both servers are ASCII, so characters are bytes.
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    const answer = parse(received);
    if (answer === undefined) return;
    received = '';
    waiting?.resolve(answer);
    waiting = undefined;
  });
  socket.on('error', fail);
  socket.on('close', () => { fail(new Error('connection closed')); });

  return {
    exchange: (request) => new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.write(request);
    }),
    close: () => { socket.destroy(); },
  };
}

/** Undefined: the answer is not complete yet. */
function parse(text: string): RawAnswer | undefined {
  const headersEnd = text.indexOf(HEADERS_END);
  if (headersEnd < 0) return undefined;
  const headers = text.slice(0, headersEnd).toLowerCase();
  const lengthAt = headers.indexOf(LENGTH);
  if (lengthAt < 0) throw new Error(`an answer without Content-Length: ${headers}`);
  const length = Number.parseInt(headers.slice(lengthAt + LENGTH.length), 10);
  const bodyFrom = headersEnd + HEADERS_END.length;
  if (text.length < bodyFrom + length) return undefined;
  return { status: Number(text.slice(STATUS_FROM, STATUS_TO)), body: text.slice(bodyFrom, bodyFrom + length) };
}
