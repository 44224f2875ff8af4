# The page and the nginx that serves it, hands /api/ and /ws/ to the backend and answers /health.
ARG NODE_BASE=node:24-trixie-slim
ARG NGINX_BASE=nginx:1.30-trixie

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
    npm ci -w frontend --no-audit --no-fund --loglevel=error
COPY tsconfig.base.json ./
COPY frontend frontend
ARG VITE_API_BASE_URL=/api
ARG VITE_WS_URL=/ws
RUN npm run build -w frontend

# What the final image adds, gathered under /rootfs: one layer, readable by all and writable by root alone, whatever the
# modes in the checkout are.
FROM builder AS rootfs
COPY deploy/nginx /rootfs/etc/nginx
RUN set -eu; \
    mkdir -p /rootfs/usr/share/nginx; \
    cp -R frontend/dist /rootfs/usr/share/nginx/html; \
    # nginx has no brotli module.
    find /rootfs/usr/share/nginx/html -name '*.br' -delete; \
    chown -R root:root /rootfs; \
    chmod -R u=rwX,go=rX /rootfs; \
    chmod 0755 /rootfs/etc/nginx/*.sh

FROM ${NGINX_BASE}
# The base's own site and page.
RUN rm -rf /etc/nginx/conf.d /usr/share/nginx/html
COPY --from=rootfs /rootfs /

# The name stands for uid 101. Port 80 needs no capability: the engine lets every user of a container bind it.
USER nginx
# A configuration that nginx refuses makes no image. Tried as a copy on another port, because a build, unlike a container,
# does not let this user bind port 80; the tmpfs keeps what that writes out of the layer.
RUN --mount=type=tmpfs,target=/tmp \
    cp -R /etc/nginx /tmp && sed -i 's/listen 80 /listen 8080 /; /listen-ipv6/d' /tmp/nginx/nginx.conf && \
    /etc/nginx/entrypoint.sh nginx -e stderr -t -c /tmp/nginx/nginx.conf
EXPOSE 80
# Graceful: open requests are finished first. SIGTERM would cut them.
STOPSIGNAL SIGQUIT

ARG NGINX_BASE
ARG APP_VERSION=0.0.0
ARG APP_REVISION=unknown
LABEL org.opencontainers.image.title="kidney-genetics-frontend" \
      org.opencontainers.image.version="${APP_VERSION}" \
      org.opencontainers.image.revision="${APP_REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${NGINX_BASE}"

# Not the base's entrypoint: it fills in templates, which needs a root that can be written. `daemon off` is in nginx.conf.
ENTRYPOINT ["/etc/nginx/entrypoint.sh"]
CMD ["nginx", "-e", "stderr"]
