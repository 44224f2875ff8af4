# The official image's contract (or its stand-in's) plus this app's configuration and its own first start.
ARG POSTGRES_BASE=postgres:17-trixie
FROM ${POSTGRES_BASE}

# Modes are said here: those of the checkout depend on its user's umask.
RUN install -d -m 0755 /etc/postgresql
COPY --chmod=0444 deploy/postgres/*.conf /etc/postgresql/
COPY --chmod=0555 deploy/postgres/docker-entrypoint.sh /usr/local/sbin/

# Run as postgres from the start: the entrypoint then has nothing to chown and needs no capability, also on later starts.
USER 999:999

ARG APP_VERSION=0.0.0
ARG APP_REVISION=unknown
ARG POSTGRES_BASE
LABEL org.opencontainers.image.title="kidney-genetics-postgres" \
      org.opencontainers.image.version="${APP_VERSION}" \
      org.opencontainers.image.revision="${APP_REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${POSTGRES_BASE}"

ENTRYPOINT ["/usr/local/sbin/docker-entrypoint.sh"]
CMD ["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"]
