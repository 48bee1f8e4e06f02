import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";

/** How the server answers. wrong: with an address at which nothing listens. none: with an error. */
export type NameAnswer = "right" | "wrong" | "none";

/** A DNS server for one process. Every name leads to the server's own address. */
export type NameServer = {
  /** From now on. @param lateMs the delay of each answer */
  answer(how: NameAnswer, lateMs: number): void;
  close(): Promise<void>;
};

const port = 53;
const headerBytes = 12;
const addressType = 1;
/** No machine has an address of this documentation network, and the namespaces have no route to it. */
const wrongAddress = "192.0.2.1";
const serverFailure = 2;

export async function startNameServer(address: string): Promise<NameServer> {
  let how: NameAnswer = "right";
  let lateMs = 0;
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const reply = answerQuery(query, how === "none" ? undefined : how === "wrong" ? wrongAddress : address);
    if (lateMs === 0) send(reply, from);
    else setTimeout(() => send(reply, from), lateMs).unref();
  });
  // The process has gone, or its cable is cut.
  socket.on("error", () => undefined);
  const send = (reply: Buffer, from: RemoteInfo) => {
    socket.send(reply, from.port, from.address, () => undefined);
  };
  socket.bind(port, address);
  await once(socket, "listening");
  return {
    answer: (next, nextLateMs) => {
      how = next;
      lateMs = nextLateMs;
    },
    close: async () => {
      socket.close();
    },
  };
}

/** RFC 1035. The question is repeated, and an answer with a time to live of 0 follows if it asks for an IPv4 address. */
function answerQuery(query: Buffer, address: string | undefined): Buffer {
  let end = headerBytes;
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) end += length + 1;
  const question = query.subarray(headerBytes, end + 5);
  const isForAddress = query.readUInt16BE(end + 1) === addressType;
  const answers = isForAddress && address !== undefined ? 1 : 0;
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (address === undefined ? serverFailure : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers, 6);
  if (answers === 0 || address === undefined) return Buffer.concat([header, question]);
  const record = Buffer.from([
    0xc0,
    headerBytes,
    0,
    addressType,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    4,
    ...address.split(".").map(Number),
  ]);
  return Buffer.concat([header, question, record]);
}
