# The broker in a container: docker build -t mqtt-broker .
#
#   docker run --rm -p 1883:1883 -v mqtt:/data -e MQTT_BROKER__AUTH__ALLOW_ANONYMOUS=true mqtt-broker
#
# Without the last variable it refuses to start, because everybody who reaches the port could read and write: packaging/compose.yaml has
# users and TLS. Every setting of the configuration can be a variable.
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p mqtt-broker

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home mqtt-broker
COPY --from=build /src/target/release/mqtt-broker /usr/bin/mqtt-broker
USER mqtt-broker
WORKDIR /data
VOLUME /data
EXPOSE 1883 8883 8080
ENV MQTT_BROKER__LISTENER__0__ADDRESS=tcp://0.0.0.0:1883 \
    MQTT_BROKER__STORE__DIRECTORY=/data/store
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["mqtt-broker", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["mqtt-broker"]
