# One image for migrate, api and worker. The command selects the process.

FROM node:24-slim AS build
WORKDIR /app
COPY . .
# No dependency needs its install script, so none runs.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
# The package for npm is no part of the image.
RUN npm run build -- --filter='!@rollcall/package'
# Only the packages that run. The omitted optional packages are embedded Postgres' binaries, the compiler (an optional
# peer of valibot) and a native msgpackr that BullMQ works without. The simulator and the local services are removed
# below, because a filtered install also links the dev dependencies of workspaces. apps/console keeps its dist alone, which
# the api serves.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --omit=dev --omit=optional \
      --workspace=@rollcall/api --workspace=@rollcall/worker --workspace=@rollcall/cli \
    && rm -rf apps/*/src packages/*/src apps/console/public apps/standalone apps/rollcall packages/client \
      packages/clerk-simulator packages/local-services \
      node_modules/@rollcall/clerk-simulator node_modules/@rollcall/local-services

FROM node:24-slim
# Two arenas of glibc. With one arena for each thread, a process keeps about 8 MB more, and its resident memory grows slowly.
ENV NODE_ENV=production HOST=0.0.0.0 MALLOC_ARENA_MAX=2
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages ./packages
COPY --from=build /app/apps ./apps
USER node
EXPOSE 3000 3001
CMD ["node", "apps/api/dist/main.js"]
