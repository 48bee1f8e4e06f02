import { connect } from "node:net";

/**
 * The pid of the Redis on 127.0.0.1:`port` that answers PING with PONG. Undefined while Redis loads its data, when no
 * answer comes within `timeoutMs`, or when the program is not Redis. Never throws.
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
    // Inline commands; INFO names the process that answered.
    socket.once("connect", () => socket.write("PING\r\nINFO server\r\n"));
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (answer.startsWith("-")) return settle(undefined);
      const pid = /^\+PONG\r\n[\s\S]*\bprocess_id:(\d+)\r\n/.exec(answer)?.[1];
      if (pid !== undefined) settle(Number(pid));
    });
  });
}
