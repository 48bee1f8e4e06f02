import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "vite";
import { createBareProject, repository } from "./bare-project.ts";

export type OwnApp = { stop(): Promise<void> };

/**
 * Serves the app of docs/DEVELOP.md with Vite's development server, in a project outside of the repository. Only the two
 * addresses in the text are replaced.
 */
export async function startOwnApp(port: number, urls: { api: string; simulator: string }): Promise<OwnApp> {
  const text = readFileSync(join(repository, "docs/DEVELOP.md"), "utf8");
  const code = /^```tsx\n\/\/ src\/main\.tsx\n(.*?)^```$/ms.exec(text)?.[1];
  if (!code) throw new Error("docs/DEVELOP.md has no src/main.tsx");
  const project = createBareProject();
  for (const name of ["react", "react-dom", "scheduler", "@rollcall/client"]) project.lend(name);
  project.write("index.html", '<div id="root"></div><script type="module" src="/src/main.tsx"></script>');
  project.write(
    "src/main.tsx",
    code.replace("http://127.0.0.1:3000", urls.api).replace("http://127.0.0.1:3002", urls.simulator),
  );
  const server = await createServer({
    root: project.folder,
    configFile: false,
    logLevel: "error",
    // The lent packages are outside of the project.
    server: {
      host: "127.0.0.1",
      port,
      strictPort: true,
      hmr: false,
      fs: { allow: [project.folder, repository] },
    },
  });
  await server.listen();
  return {
    stop: async () => {
      await server.close();
      project.remove();
    },
  };
}
