# The API in an image that holds Node, the libraries it needs, CA certificates, the bundled server and `whoami`: no shell,
# no package manager, nothing to log in to.
ARG NODE_BASE=node:24-trixie-slim

FROM ${NODE_BASE} AS builder
WORKDIR /src
# Manifests first: the dependencies' layer is rebuilt only when they change.
COPY package.json package-lock.json .npmrc ./
COPY backend/package.json backend/
COPY frontend/package.json frontend/
# The host's CA bundle and npm settings come as secrets: they reach no layer.
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=npmrc,target=/root/.npmrc,required=false \
    --mount=type=cache,target=/root/.npm \
    if [ -f /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci -w backend --no-audit --no-fund --loglevel=error
COPY tsconfig.base.json ./
COPY backend backend
RUN npm run build -w backend

# What V8 makes of the sources, so that no start does it anew: an eighth of it. Such a cache is good for one version of Node,
# one user and one path; the server, started without settings, has loaded everything when it says so and ends.
FROM ${NODE_BASE} AS compiled
COPY --from=builder /src/backend/dist /app
ENV NODE_COMPILE_CACHE=/app/compile-cache
# Readable by all and writable by root alone, whatever the modes in the checkout are.
RUN chmod -R u=rwX,go=rX /app && install -d -o 1000 "$NODE_COMPILE_CACHE"
USER 1000:1000
RUN ! node /app/server.js
RUN chmod -R a+rX "$NODE_COMPILE_CACHE"

# What the final image holds besides the server, gathered under /rootfs.
FROM ${NODE_BASE} AS rootfs
RUN set -eu; \
    mkdir -p /rootfs/etc/ssl/certs /rootfs/usr/bin /rootfs/app /rootfs/tmp; \
    cp "$(command -v node)" "$(command -v whoami)" /rootfs/usr/bin/; \
    for library in $(ldd /rootfs/usr/bin/node /rootfs/usr/bin/whoami | grep -o '/[^ )]*\.so[^ )]*' | sort -u); do \
      mkdir -p "/rootfs$(dirname "$library")"; cp -L "$library" "/rootfs$library"; \
    done; \
    # Which packages these files are of, as dpkg tells it: a scanner sees them though there is no dpkg.
    mkdir -p /rootfs/var/lib/dpkg; cp -L /etc/os-release /rootfs/etc/os-release; \
    find /rootfs -name '*.so*' -printf '*/%f\n' -o -name whoami -printf '*/%f\n' | xargs dpkg-query --search \
      | sed -n 's/^\([a-z0-9.+-]*\)\(:[a-z0-9]*\)\?: .*/\1/p' | sort -u | xargs dpkg-query --status > /rootfs/var/lib/dpkg/status; \
    # The authorities that Node was built with: the same on every base, of which some have no file of their own.
    node -p 'require("node:tls").rootCertificates.join("\n")' > /rootfs/etc/ssl/certs/ca-certificates.crt; \
    echo 'kidney-api:x:1000:1000:kidney-genetics API:/app:/nonexistent' > /rootfs/etc/passwd; \
    echo 'kidney-api:x:1000:' > /rootfs/etc/group; \
    echo 'hosts: files dns' > /rootfs/etc/nsswitch.conf; \
    chmod 1777 /rootfs/tmp

FROM scratch
COPY --from=rootfs /rootfs /
COPY --from=compiled --chown=0:0 /app /app
WORKDIR /app
ENV PATH=/usr/bin NODE_ENV=production NODE_COMPILE_CACHE=/app/compile-cache PORT=8000
USER 1000:1000
EXPOSE 8000
# The server drains on SIGTERM: it finishes open requests and closes WebSockets.
STOPSIGNAL SIGTERM
# An update sends the signal of the label `leaves-on` first, so that no connection is kept.

ARG NODE_BASE
ARG APP_VERSION=0.0.0
ARG APP_REVISION=unknown
ENV APP_VERSION=${APP_VERSION} APP_REVISION=${APP_REVISION}
LABEL org.opencontainers.image.title="kidney-genetics-backend" \
      org.opencontainers.image.version="${APP_VERSION}" \
      org.opencontainers.image.revision="${APP_REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${NODE_BASE}" \
      kidney-genetics.leaves-on="SIGUSR2"

CMD ["node", "--enable-source-maps", "/app/server.js"]
