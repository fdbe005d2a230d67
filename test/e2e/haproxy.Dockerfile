# Stands in for the published image where none can be pulled.
ARG NODE_IMAGE=node:24-slim
FROM ${NODE_IMAGE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
