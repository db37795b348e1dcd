# The command line in a container: models and recipes are mounted, see docs/scaling.md.
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY . .
RUN npm ci && npm run build

FROM node:20-bookworm-slim
COPY --from=build /build/dist /opt/kernelscope
COPY LICENSE NOTICE.md /opt/kernelscope/
USER node
WORKDIR /work
ENTRYPOINT ["node", "/opt/kernelscope/cli.js"]
