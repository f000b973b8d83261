# healthd in a container: docker build -t healthd . && docker run -v healthd:/var/lib/healthd -p 9808:9808 healthd
# /var/lib/healthd holds healthd.yml, the inventory and the database. To be reached from outside the container,
# healthd.yml says web: {listen: "0.0.0.0:9808", ...} with tokens and TLS.

FROM python:3.11-slim-bookworm AS build
# Where pip gets packages, if not from its default: docker build --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
# healthd/data links to these two.
COPY config/rules config/rules
COPY docs/runbooks docs/runbooks
COPY healthd healthd
COPY probes probes
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv /opt/healthd \
    && /opt/healthd/bin/pip install --no-cache-dir -c constraints.txt /wheels/*.whl

FROM python:3.11-slim-bookworm
# The font that reports as PDF are set in; without it the other formats are made.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/healthd /opt/healthd
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/healthd healthd
ENV PATH=/opt/healthd/bin:$PATH PYTHONUNBUFFERED=1
# With web.tls: https. The certificate is not checked: it is this container asking itself.
ENV HEALTHD_HEALTH_URL=http://127.0.0.1:9808/-/healthy

# Pings need no privilege: Docker opens unprivileged ICMP sockets to every group (net.ipv4.ping_group_range) unless the
# container shares the host's network. Then set that sysctl on the host; in Kubernetes it is one of the safe sysctls.
# No capability is given to the interpreter: a file with capabilities does not start where they are dropped.
USER 10001
WORKDIR /var/lib/healthd
VOLUME /var/lib/healthd
EXPOSE 9808
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os, ssl, urllib.request as u; u.urlopen(os.environ['HEALTHD_HEALTH_URL'], timeout=4, context=ssl._create_unverified_context())"]
ENTRYPOINT ["healthd"]
CMD ["run", "-c", "/var/lib/healthd/healthd.yml"]
