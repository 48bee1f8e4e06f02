import { connect } from "node:net";

/**
 * The pid of the Redis on 127.0.0.1:`port` that answers PING with PONG; undefined while it loads its data, when nothing
 * answers within `timeoutMs`, or when it is no Redis. Never throws.
 */
export function askRedisPid(port: number, timeoutMs = 2_000): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let answer = "";
    const settle = (pid: number | undefined) => {
      socket.destroy();
      resolve(pid);
    };
    socket.setTimeout(timeoutMs, () => settle(undefined));
    socket.once("error", () => settle(undefined));
    socket.once("close", () => settle(undefined));
    // Inline commands: INFO tells whose PONG it is.
    socket.once("connect", () => socket.write("PING\r\nINFO server\r\n"));
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (answer.startsWith("-")) return settle(undefined);
      const pid = /^\+PONG\r\n[\s\S]*\bprocess_id:(\d+)\r\n/.exec(answer)?.[1];
      if (pid !== undefined) settle(Number(pid));
    });
  });
}
