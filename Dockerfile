# The gateway: API, worker or both, as ROLE says. It writes nothing to the root file system, so it can run read-only. The
# embedded Redis and Postgres are not included, so REDIS_URL and DATABASE_URL must be set.
ARG NODE_VERSION=24.21

# Compiles. Dependencies of the compiler stay in this stage.
FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional --ignore-scripts
COPY tsconfig.json knexfile.ts ./
COPY src ./src
RUN npm run build

# Run-time dependencies, without compilers and the embedded Postgres, which are optional dependencies.
FROM node:${NODE_VERSION}-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:${NODE_VERSION}-bookworm-slim AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="credit-gateway" \
      org.opencontainers.image.description="Credit holds for AI products: decided in Redis, remembered in Postgres" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3001 \
    OPERATIONS_HOST=0.0.0.0 \
    OPERATIONS_PORT=3002
WORKDIR /app
# Owned by root: the program cannot change its own files.
COPY package.json ./
COPY bin ./bin
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist/knexfile.js ./dist/knexfile.js
COPY --from=build /app/dist/src ./dist/src
COPY --from=build /app/src/stores/postgres/migrations ./src/stores/postgres/migrations
COPY lua ./lua
# The console shows it.
COPY docs/runbook.md ./docs/runbook.md
# The roles in Postgres and the rights in Redis, for operators: both are set up outside of this image.
COPY deploy/postgres ./deploy/postgres
COPY deploy/redis ./deploy/redis
# Readable for the account below, also in an image of a checkout that only its owner may read (umask 077).
RUN chmod -R go+rX package.json bin src lua docs deploy
# The command of operators: docker compose exec gateway credit-gateway keys list
RUN ln -s /app/bin/credit-gateway.mjs /usr/local/bin/credit-gateway
# The account `node` of the base image, by number: from a name Kubernetes cannot tell that it is not root.
USER 1000:1000
EXPOSE 3001 3002
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "bin/healthcheck.mjs"]
CMD ["node", "bin/credit-gateway.mjs", "serve"]
