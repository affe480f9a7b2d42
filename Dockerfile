# One image for `docker run IMAGE train` and `docker run IMAGE serve`, on a laptop and in SageMaker.
#   docker build -t forecastle .                            with MXNet; on arm64, for which MXNet has no wheel, without
#   docker build -t forecastle --build-arg VARIANT=lean .   without MXNet
ARG VARIANT=full

# Kernels are compiled when the image is built, for a CPU level instead of the build machine's CPU; numba looks them up by
# these two values.
FROM python:3.11-slim-bookworm AS base-amd64
ENV NUMBA_CPU_NAME=x86-64-v3 \
    NUMBA_CPU_FEATURES=+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave

FROM python:3.11-slim-bookworm AS base-arm64
ENV NUMBA_CPU_NAME=generic \
    NUMBA_CPU_FEATURES=+neon

FROM base-${TARGETARCH} AS base
# The base image has no bytecode, and a container may not be able to write any.
RUN python -m compileall -q -x '/(site-packages|ensurepip|idlelib|lib2to3|pydoc_data|test|tkinter|turtledemo)/' /usr/local/lib/python3.11


# The full variant has MXNet, which requires numpy 1 and has no wheel for arm64. Packages are installed into the new
# environment from outside, so that it has no pip; then files that nothing imports are removed.
FROM base AS packages
ARG VARIANT TARGETARCH
WORKDIR /opt/forecastle
RUN --mount=type=bind,source=requirements.lock,target=/tmp/lean.lock \
    --mount=type=bind,source=requirements-mxnet.lock,target=/tmp/full.lock \
    --mount=type=cache,target=/root/.cache/pip \
    lock=/tmp/lean.lock; [ $VARIANT-$TARGETARCH != full-amd64 ] || lock=/tmp/full.lock; \
    python -m venv --without-pip venv \
 && python -m pip --python venv/bin/python install --disable-pip-version-check --require-hashes -r $lock \
 && cd venv/lib/python3.11/site-packages \
 && find . -type d -name tests -prune -exec rm -r {} + \
 && find . -type f -regex '.*\.\(a\|c\|cc\|cpp\|h\|hpp\|pxd\|pxi\|pyx\)' -delete \
 && rm -r pyarrow/*flight* pyarrow/*substrait*


FROM packages AS kernels
ARG VARIANT
WORKDIR /src
COPY forecastle forecastle
COPY kernels kernels
COPY contract contract
COPY formats formats
COPY algorithms algorithms
COPY container/__init__.py container/compile.py container/
# Kernels that have not changed since the last build on this machine are not compiled again.
RUN --mount=type=cache,target=/cache,sharing=locked \
    NUMBA_CACHE_DIR=/cache/$VARIANT-$NUMBA_CPU_NAME \
    /opt/forecastle/venv/bin/python -m forecastle.container.compile /opt/forecastle/kernels \
 && chmod -R a+rX /opt/forecastle/kernels


FROM packages AS project
RUN --mount=type=bind,source=requirements-build.lock,target=/tmp/requirements.lock \
    --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --disable-pip-version-check --root-user-action=ignore --require-hashes -r /tmp/requirements.lock
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY forecastle forecastle
COPY kernels kernels
COPY contract contract
COPY formats formats
COPY algorithms algorithms
COPY training training
COPY serving serving
COPY region region
COPY container container
RUN python -m hatchling build --target wheel --directory /wheel \
 && python -m pip --python /opt/forecastle/venv/bin/python install --disable-pip-version-check --no-deps --no-index \
    --ignore-installed --root /project /wheel/*.whl


FROM base
ARG VARIANT TARGETARCH
# System libraries that MXNet links against.
RUN --mount=type=cache,target=/var/cache/apt \
    --mount=type=cache,target=/var/lib/apt/lists \
    [ $VARIANT-$TARGETARCH != full-amd64 ] \
 || { apt-get update && apt-get install -y --no-install-recommends libgomp1 libquadmath0 \
      && rm -f /var/log/apt/* /var/log/dpkg.log; }
COPY --from=packages /opt/forecastle/venv /opt/forecastle/venv
COPY --from=kernels /opt/forecastle/kernels /opt/forecastle/kernels
COPY --from=project /project /
# MALLOC_…: return the memory of a large request to the system once it is answered.
ENV PATH=/opt/forecastle/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FORECASTLE_HOST=0.0.0.0 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=4194304 \
    NUMBA_CACHE_DIR=/opt/forecastle/kernels

ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
      com.amazonaws.sagemaker.capabilities.multi-models=true \
      org.opencontainers.image.title=forecastle \
      org.opencontainers.image.description="SageMaker's DeepAR, Random Cut Forest and Sequence to Sequence without SageMaker" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.source=$SOURCE

# Relative output paths are temporary.
WORKDIR /tmp
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s CMD ["python", "-m", "forecastle.container.healthcheck"]
# SageMaker passes train or serve, the command's verb; the command is PID 1 and receives the signals.
ENTRYPOINT ["forecastle"]
CMD ["serve"]
