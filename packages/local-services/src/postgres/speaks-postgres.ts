import { connect } from "node:net";

/** The SSLRequest packet: its length and a code no protocol version has. Every Postgres answers it with one byte. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Whether a Postgres answers on 127.0.0.1:`port` within `timeoutMs`. Never throws. */
export function speaksPostgres(port: number, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.once("connect", () => socket.write(SSL_REQUEST));
    socket.once("data", (answer) => settle(answer[0] === 0x4e || answer[0] === 0x53));
  });
}
