# The base is an argument so that it can be pinned by digest, mirrored or replaced from outside.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache /var/cache/npm
COPY tsconfig.json rolldown.config.ts ./
COPY scripts/licences.ts scripts/
COPY src src
RUN npm run --silent build:command && rm -f dist/command/*.map

FROM ${NODE_IMAGE}
WORKDIR /app
# 16 threads: a hung mount holds one, and DNS needs one. Two arenas for all of them: with glibc's 8 a core it takes 7 MiB more.
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 MALLOC_ARENA_MAX=2 WATCHDOG_HTTP_LISTEN=0.0.0.0:9469
COPY package.json LICENSE ./
COPY --from=build /app/dist/command/ ./dist/
RUN printf '#!/bin/sh\nexec node --permission --allow-fs-read=* --max-semi-space-size=1 /app/dist/main.js "$@"\n' > /usr/local/bin/watchdog \
  && chmod 0755 /usr/local/bin/watchdog
USER 1000:1000
EXPOSE 9469
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "--permission", "--allow-fs-read=*", "/app/dist/main.js", "healthcheck"]
# Without the optimizing compilers, which it takes into use itself where there is work worth them: ADR 21.
CMD ["node", "--permission", "--allow-fs-read=*", "--max-semi-space-size=1", "--no-opt", "--no-maglev", "/app/dist/main.js", "run"]
