# One image for `docker run IMAGE train` and `docker run IMAGE serve`, on a laptop and in SageMaker.
FROM python:3.11-slim-bookworm AS base
# What MXNet links against.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libquadmath0 && rm -rf /var/lib/apt/lists/*


FROM base AS build

WORKDIR /opt/forecastle
RUN python -m venv --without-pip venv
COPY requirements.lock requirements-build.lock /tmp/
# Into the new environment from outside, so that pip itself stays behind.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python venv/bin/python install --disable-pip-version-check --require-hashes -r /tmp/requirements.lock \
 && python -m pip install --disable-pip-version-check --root-user-action=ignore --require-hashes -r /tmp/requirements-build.lock

COPY pyproject.toml README.md LICENSE /src/
COPY contract /src/contract
COPY algorithms /src/algorithms
COPY training /src/training
COPY serving /src/serving
COPY container /src/container
RUN python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheel /src \
 && python -m pip --python venv/bin/python install --disable-pip-version-check --no-deps --no-index /wheel/*.whl

# The kernels are compiled here, for any CPU of the x86-64-v3 level (AVX2 and FMA), and not by the first request.
ENV NUMBA_CACHE_DIR=/opt/forecastle/kernels \
    NUMBA_CPU_NAME=x86-64-v3 \
    NUMBA_CPU_FEATURES=+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave
RUN venv/bin/python -m container.compile && chmod -R a+rX kernels


FROM base

COPY --from=build /opt/forecastle /opt/forecastle
# MALLOC_…: what a large request took goes back to the system when it is answered.
ENV PATH=/opt/forecastle/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FORECASTLE_HOST=0.0.0.0 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    MALLOC_TRIM_THRESHOLD_=4194304 \
    NUMBA_CACHE_DIR=/opt/forecastle/kernels \
    NUMBA_CPU_NAME=x86-64-v3 \
    NUMBA_CPU_FEATURES=+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave

LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
      org.opencontainers.image.title=forecastle \
      org.opencontainers.image.description="SageMaker's DeepAR and Random Cut Forest without SageMaker" \
      org.opencontainers.image.licenses=Apache-2.0

EXPOSE 8080
# The word that SageMaker gives, train or serve, is the command's verb; the command is PID 1 and gets the signals.
ENTRYPOINT ["forecastle"]
CMD ["serve"]
